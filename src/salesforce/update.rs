//! Signatures first.
use std::sync::Arc;

use async_trait::async_trait;

use super::org::Org;
use super::settings::SetupError;
use crate::port::{Cutover, Fault, Minted, Outcome, ProbeReport, Survey, Target};
use crate::rotation::{Capabilities, Tri};
use crate::secret::Credential;

/// A Connected App, its secret changed in place.
#[derive(Clone, Debug)]
pub struct UpdateSettings {
    /// Its full name.
    pub name: String,
    /// The certificate (PEM) to send with every write; `None` is the explicit `certificate = "none"`.
    pub certificate: Option<String>,
    /// The app has the client-credentials flow and a run-as user: a real login may be the probe.
    pub client_credentials: bool,
}

/// Method `update`.
pub struct UpdateTarget {
    _org: Arc<Org>,
}

impl UpdateTarget {
    /// Sends nothing.
    ///
    /// # Errors
    /// [`SetupError::Name`], [`SetupError::Certificate`]
    pub fn new(org: Arc<Org>, _settings: UpdateSettings) -> Result<Self, SetupError> {
        Ok(UpdateTarget { _org: org })
    }

    /// What the last write changed besides the secret, by element; empty if nothing or not known yet.
    pub fn last_diff(&self) -> Vec<String> {
        Vec::new()
    }
}

#[async_trait]
impl Target for UpdateTarget {
    fn capabilities(&self) -> Capabilities {
        todo!()
    }
    async fn survey(&self) -> Result<Survey, Fault> {
        todo!()
    }
    async fn mint(&self) -> Outcome<Minted> {
        todo!()
    }
    async fn staged_value(&self, _id: &str) -> Result<Option<Credential>, Fault> {
        todo!()
    }
    async fn cutover(&self, _order: &Cutover) -> Outcome<()> {
        todo!()
    }
    async fn undo(&self, _old: &Credential) -> Outcome<()> {
        todo!()
    }
    async fn delete_staged(&self, _id: &str) -> Outcome<()> {
        todo!()
    }
    async fn probe(&self, _pair: &Credential) -> ProbeReport {
        todo!()
    }
    async fn probe_differentially(&self, _pair: &Credential) -> (ProbeReport, ProbeReport) {
        todo!()
    }
    fn remember_proves_early(&self, _known: Tri) {}
}
