//! When an app's next rotation is due, for the commands that show it.

use chrono::{DateTime, SecondsFormat, Utc};

pub(super) use crate::engine::due::{Due, of};

/// To the second, in UTC.
pub(super) fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
