//! The org switch "Allow access to External Client App consumer secrets via REST API", through the Metadata API
//! (salesforce-metadata.md §3, §4).
//!
//! It is a field of a component, so a write carries the whole of it, read again right before: what an administrator set
//! there stays as it is. Not here: when to open and close it (`engine/window`).

use std::sync::Arc;

use async_trait::async_trait;

use super::metadata::{self, ORG_SETTINGS_NAME, OrgSettings};
use super::org::Org;
use crate::port::{Fault, Outcome, Refusal, SecretsSwitch};

/// The switch of one org.
pub struct Switch {
    org: Arc<Org>,
}

impl Switch {
    /// Sends nothing.
    pub fn new(org: Arc<Org>) -> Switch {
        Switch { org }
    }

    async fn read(&self) -> Result<(OrgSettings, bool), Fault> {
        let settings = metadata::read_org_settings(&self.org).await?;
        let shown = settings.and_then(|settings| {
            let on = settings.serves_secrets()?;
            Some((settings, on))
        });
        shown.ok_or_else(|| {
            Fault::Unusable(
                "the org does not show its External Client App settings through the Metadata API".into(),
            )
        })
    }
}

#[async_trait]
impl SecretsSwitch for Switch {
    async fn is_on(&self) -> Result<bool, Fault> {
        Ok(self.read().await?.1)
    }

    async fn set(&self, on: bool) -> Outcome<()> {
        let settings = match self.read().await {
            Ok((settings, now)) if now != on => settings,
            Ok(_) => {
                let word = if on { "on" } else { "off" };
                return Outcome::Refused(Refusal::Conflict(format!(
                    "somebody else has just turned it {word}"
                )));
            }
            Err(fault) => return Outcome::NotNow(fault),
        };
        metadata::update(&self.org, ORG_SETTINGS_NAME, settings.with(on)).await
    }
}
