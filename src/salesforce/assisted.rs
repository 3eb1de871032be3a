//! Method `assisted`: a person rotates in Setup (salesforce-oauth-rest.md §2); nothing is written by rekeyd.
//!
//! What another method's adapter can read of the app helps, and is not needed: in a default org of 2026 most Connected Apps
//! show nothing over any API. So what would stop a method that writes stops nothing here; only an org that cannot be
//! reached, or that refuses our login, does.

use std::sync::Arc;

use async_trait::async_trait;

use super::org::Org;
use crate::document::RecordIds;
use crate::port::{Cutover, Fault, Minted, Outcome, ProbeReport, Refusal, Survey, Target};
use crate::rotation::{Capabilities, Tri};
use crate::secret::Credential;

/// An app that a person rotates.
pub struct AssistedTarget {
    org: Arc<Org>,
    /// Reads and probes; never writes.
    shown: Arc<dyn Target>,
    key_changes: bool,
}

impl AssistedTarget {
    /// `shown` is an adapter for the same app. Without `key_changes` a pair with another client id is turned away.
    pub fn new(org: Arc<Org>, shown: Arc<dyn Target>, key_changes: bool) -> Self {
        AssistedTarget {
            org,
            shown,
            key_changes,
        }
    }
}

fn theirs<T>() -> Outcome<T> {
    Outcome::Refused(Refusal::Unsupported("a person does this in Setup".into()))
}

#[async_trait]
impl Target for AssistedTarget {
    fn capabilities(&self) -> Capabilities {
        Capabilities::assisted(self.key_changes)
    }

    fn record(&self) -> Option<RecordIds> {
        self.shown.record()
    }

    async fn survey(&self) -> Result<Survey, Fault> {
        let unseen = Survey {
            key: None,
            live: None,
            staged: None,
            our_user: None,
            own_login: false,
            identity: None,
            modified: None,
            server_time: None,
            obstacles: Vec::new(),
            switched_off: false,
        };
        match self.shown.survey().await {
            Ok(seen) => Ok(Survey {
                obstacles: Vec::new(),
                ..seen
            }),
            Err(Fault::Forbidden(_) | Fault::SwitchedOff(_) | Fault::NotFound(_) | Fault::Unusable(_)) => {
                Ok(unseen)
            }
            Err(fault @ (Fault::Unavailable(_) | Fault::Throttled { .. } | Fault::Unauthorized(_))) => {
                Err(fault)
            }
        }
    }

    fn is_own_login(&self, client_id: &str) -> bool {
        self.org.is_own_login(client_id)
    }

    async fn mint(&self) -> Outcome<Minted> {
        theirs()
    }

    async fn staged_value(&self, _id: &str) -> Result<Option<Credential>, Fault> {
        Ok(None)
    }

    async fn cutover(&self, _order: &Cutover) -> Outcome<()> {
        theirs()
    }

    async fn undo(&self, _old: &Credential) -> Outcome<()> {
        theirs()
    }

    async fn delete_staged(&self, _id: &str) -> Outcome<()> {
        theirs()
    }

    async fn revoke_tokens(&self) -> Outcome<String> {
        self.shown.revoke_tokens().await
    }

    async fn probe(&self, pair: &Credential) -> ProbeReport {
        self.shown.probe(pair).await
    }

    async fn probe_differentially(&self, pair: &Credential) -> (ProbeReport, ProbeReport) {
        self.shown.probe_differentially(pair).await
    }

    fn remember_proves_early(&self, _known: Tri) {}
}
