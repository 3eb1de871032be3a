//! One org.
use std::sync::Arc;

use super::settings::{OrgSettings, SetupError};
use crate::clock::Clock;
use crate::random::Random;

/// Requests used and allowed in 24 hours, as the org last said (`Sforce-Limit-Info`). Approximate, and lags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// Used so far.
    pub used: u64,
    /// Allowed in all.
    pub limit: u64,
}

/// One org: shared by its apps.
pub struct Org {
    _settings: OrgSettings,
    _clock: Arc<dyn Clock>,
    _random: Arc<dyn Random>,
}

impl Org {
    /// Builds the client. Sends nothing.
    ///
    /// # Errors
    /// [`SetupError`]
    pub fn new(
        settings: OrgSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Arc<Org>, SetupError> {
        Ok(Arc::new(Org {
            _settings: settings,
            _clock: clock,
            _random: random,
        }))
    }

    /// Where a consumer of this org's apps logs in.
    pub fn token_url(&self) -> String {
        String::new()
    }

    /// What the org last said of its request quota.
    pub fn limits(&self) -> Option<ApiLimits> {
        None
    }
}
