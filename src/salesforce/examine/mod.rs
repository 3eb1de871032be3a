//! The probes of `rekeyd doctor` (salesforce-metadata.md §9): what an org and its apps are fit for, asked read-only.
//!
//! Only GETs, SOAP calls that read, and our own login go out of here, and for `creation` a deploy that is judged and not
//! applied. What an answer means for a method is `doctor`'s.
//! Not here: the stores, and what the token endpoint makes of a pair (`engine/examine`).

mod connected;
mod creation;
mod external;
mod rights;
mod touched;

use std::sync::Arc;

use async_trait::async_trait;

use super::org::Org;
use super::switch::Switch;
use crate::doctor::observed::{AppSeen, Kind, LoginSeen, OrgSeen, Seen, Subject, Touched};
use crate::port::{Examiner, Fault, SecretsSwitch};

/// Examines one org and its apps.
pub struct Clinic {
    org: Arc<Org>,
}

impl Clinic {
    /// Sends nothing.
    pub fn new(org: Arc<Org>) -> Clinic {
        Clinic { org }
    }

    async fn newest(&self) -> Result<u32, Fault> {
        let offered = self.org.offered().await?;
        let newest = offered.into_iter().max();
        newest.ok_or_else(|| Fault::Unusable("the org lists no API version".into()))
    }

    async fn login(&self) -> Result<LoginSeen, Fault> {
        let session = self.org.session().await?;
        Ok(LoginSeen {
            org: session.org.as_ref().map(|id| id.as_str().to_owned()),
            jwt: session.jwt,
        })
    }
}

#[async_trait]
impl Examiner for Clinic {
    async fn org(&self) -> OrgSeen {
        let newest = self.newest().await.into();
        let login: Seen<LoginSeen> = self.login().await.into();
        let (rights, types, switch) = match login.is() {
            // SOAP would only say once more what is known of the token.
            Some(login) if login.jwt => {
                let rights = rights::rights(&self.org).await.into();
                (rights, Seen::unasked(), Seen::unasked())
            }
            Some(_) => {
                let types = self
                    .org
                    .described()
                    .await
                    .map(|described| described.types.clone());
                let switch = Switch::new(self.org.clone()).is_on().await.into();
                (rights::rights(&self.org).await.into(), types.into(), switch)
            }
            None => (Seen::unasked(), Seen::unasked(), Seen::unasked()),
        };
        OrgSeen {
            newest,
            login,
            rights,
            types,
            switch,
            api: self.org.limits().map(|limits| (limits.used, limits.limit)),
        }
    }

    async fn creation(&self) -> Seen<bool> {
        match self.login().await {
            Ok(login) if login.jwt => Seen::unasked(),
            Ok(_) => creation::possible(&self.org).await.into(),
            Err(fault) => fault.into(),
        }
    }

    async fn touched(&self, subject: &Subject) -> Touched {
        touched::touched(&self.org, subject).await
    }

    async fn app(&self, subject: &Subject) -> AppSeen {
        let soap = self.org.session().await.is_ok_and(|session| !session.jwt);
        match subject.kind {
            Kind::External => AppSeen::External(Box::new(external::look(&self.org, subject, soap).await)),
            Kind::Connected => AppSeen::Connected(connected::look(&self.org, subject, soap).await),
        }
    }
}
