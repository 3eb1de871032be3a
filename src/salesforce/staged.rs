//! Method `staged`: an External Client App through its staged slot (salesforce-oauth-rest.md §1).

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::consumer::{Consumer, obstacle};
use super::id::RecordId;
use super::org::Org;
use super::probe::Prober;
use super::rest;
use super::settings::SetupError;
use crate::document::RecordIds;
use crate::port::{Cutover, Fault, Minted, Outcome, ProbeReport, Refusal, Survey, Target};
use crate::rotation::{Capabilities, Tri};
use crate::secret::Credential;

/// An External Client App, rotated through its staged slot.
#[derive(Clone, Debug)]
pub struct StagedSettings {
    /// Its developer name.
    pub name: String,
    /// Which consumer, where it has several: by id, name or key.
    pub consumer: Option<String>,
    /// The app has the client-credentials flow and a run-as user: a real login may be the probe.
    pub client_credentials: bool,
}

/// One consumer of an External Client App.
pub struct StagedTarget {
    org: Arc<Org>,
    consumer: Consumer,
    prober: Prober,
    proves_early: Mutex<Tri>,
}

impl StagedTarget {
    /// Sends nothing.
    ///
    /// # Errors
    /// [`SetupError::Name`] for a name with characters that no name has.
    pub fn new(org: Arc<Org>, settings: StagedSettings) -> Result<Self, SetupError> {
        Ok(StagedTarget {
            prober: Prober::new(org.clone(), settings.client_credentials),
            consumer: Consumer::new(org.clone(), settings.name, settings.consumer)?,
            org,
            proves_early: Mutex::new(Tri::Unknown),
        })
    }
}

#[async_trait]
impl Target for StagedTarget {
    fn capabilities(&self) -> Capabilities {
        let known = *self.proves_early.lock().unwrap_or_else(PoisonError::into_inner);
        Capabilities::staged(known)
    }

    fn record(&self) -> Option<RecordIds> {
        self.consumer.record()
    }

    async fn revoke_tokens(&self) -> Outcome<String> {
        self.consumer.end_tokens().await
    }

    async fn survey(&self) -> Result<Survey, Fault> {
        let mut survey = Survey {
            key: None,
            live: None,
            staged: None,
            our_user: self.org.user().await?.map(|user| user.short().to_owned()),
            own_login: false,
            identity: None,
            modified: None,
            server_time: None,
            obstacles: Vec::new(),
            switched_off: false,
        };
        if let Err(fault) = self.consumer.look(&mut survey).await {
            obstacle(&mut survey, fault)?;
        }
        Ok(survey)
    }

    async fn mint(&self) -> Outcome<Minted> {
        let ids = match self.consumer.ids().await {
            Ok(ids) => ids,
            Err(fault) => return Outcome::NotNow(fault),
        };
        let row = match rest::stage(&self.org, &ids).await {
            Outcome::Done(row) => row,
            Outcome::Partly(why) => return Outcome::Partly(why),
            Outcome::Refused(why) => return Outcome::Refused(why),
            Outcome::NotNow(fault) => return Outcome::NotNow(fault),
            Outcome::Unknown(why) => return Outcome::Unknown(why),
        };
        match row.entry() {
            Some(entry) => Outcome::Done(Minted {
                id: entry.id,
                credential: row.credential(),
                key: entry.key,
            }),
            None => Outcome::Unknown("staged, but the answer does not name one entry".into()),
        }
    }

    async fn staged_value(&self, id: &str) -> Result<Option<Credential>, Fault> {
        let ids = self.consumer.ids().await?;
        let id = record(id).map_err(Fault::Unusable)?;
        let row = rest::staged_entry(&self.org, &ids, &id).await?;
        Ok(row.credential())
    }

    async fn cutover(&self, order: &Cutover) -> Outcome<()> {
        let Some(id) = &order.staged else {
            return Outcome::Refused(Refusal::Invalid("no staged entry is named".into()));
        };
        let id = match record(id) {
            Ok(id) => id,
            Err(text) => return Outcome::Refused(Refusal::Invalid(text)),
        };
        let ids = match self.consumer.ids().await {
            Ok(ids) => ids,
            Err(fault) => return Outcome::NotNow(fault),
        };
        let rows = match rest::staged(&self.org, &ids).await {
            Ok((rows, _)) => rows,
            Err(fault) => return Outcome::NotNow(fault),
        };
        let conflict = |text: &str| Outcome::Refused(Refusal::Conflict(text.into()));
        let mut fitting = rows.iter().filter(|row| row.key() == Some(&order.new.client_id));
        let Some(row) = fitting.next() else {
            return conflict("the staged slot does not hold the pair to put in force");
        };
        if row.id().is_none_or(|found| found != id) {
            return conflict("the pair to put in force stands in another staged entry");
        }
        if row.state() != "active" {
            return conflict("the staged pair is no longer active");
        }
        rest::rotate(&self.org, &ids, &id).await
    }

    async fn undo(&self, _old: &Credential) -> Outcome<()> {
        Outcome::Refused(Refusal::Unsupported(
            "a promoted pair stays: the old one is used on until it is deleted".into(),
        ))
    }

    async fn delete_staged(&self, id: &str) -> Outcome<()> {
        let id = match record(id) {
            Ok(id) => id,
            Err(text) => return Outcome::Refused(Refusal::Invalid(text)),
        };
        match self.consumer.ids().await {
            Ok(ids) => rest::delete(&self.org, &ids, &id).await,
            Err(fault) => Outcome::NotNow(fault),
        }
    }

    async fn probe(&self, pair: &Credential) -> ProbeReport {
        self.prober.once(pair).await
    }

    async fn probe_differentially(&self, pair: &Credential) -> (ProbeReport, ProbeReport) {
        self.prober.differentially(pair).await
    }

    fn remember_proves_early(&self, known: Tri) {
        *self.proves_early.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

fn record(id: &str) -> Result<RecordId, String> {
    RecordId::parse(id).ok_or_else(|| "the id of the staged entry is not one".to_owned())
}
