//! Signatures first.
use std::sync::Arc;

use async_trait::async_trait;

use super::org::Org;
use super::settings::SetupError;
use crate::port::{Cutover, Fault, Minted, Outcome, ProbeReport, Survey, Target};
use crate::rotation::{Capabilities, Tri};
use crate::secret::Credential;

/// An External Client App, rotated through its staged slot.
#[derive(Clone, Debug)]
pub struct StagedSettings {
    /// Its developer name.
    pub name: String,
    /// Which consumer, where it has several: id, name or key.
    pub consumer: Option<String>,
    /// The app has the client-credentials flow and a run-as user: a real login may be the probe.
    pub client_credentials: bool,
}

/// Method `staged`.
pub struct StagedTarget {
    _org: Arc<Org>,
}

impl StagedTarget {
    /// Sends nothing.
    ///
    /// # Errors
    /// [`SetupError::Name`]
    pub fn new(org: Arc<Org>, _settings: StagedSettings) -> Result<Self, SetupError> {
        Ok(StagedTarget { _org: org })
    }
}

#[async_trait]
impl Target for StagedTarget {
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
