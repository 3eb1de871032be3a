//! The name of a rotation, and its idempotency key everywhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A rotation's id. Goes into the value itself, into store versions and into each log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RotationId(Uuid);

impl From<Uuid> for RotationId {
    fn from(uuid: Uuid) -> Self {
        RotationId(uuid)
    }
}

impl fmt::Display for RotationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.hyphenated())
    }
}

/// The text is not a rotation id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a rotation id: a UUID is wanted")]
pub struct NotAnId;

impl FromStr for RotationId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Uuid::try_parse(text).map(RotationId).map_err(|_| NotAnId)
    }
}
