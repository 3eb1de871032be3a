//! What readers see of an app and of a rotation: words for people, and one word or moment each for machines. Prints of
//! credentials, never values. Pure.

mod app;
mod org;
mod rotation;
mod words;

pub use app::app_page;
pub(super) use app::names;
pub(super) use org::switches;
pub(super) use rotation::rotation_page;
pub use words::AppView;

use crate::clock::Timestamp;

/// To the second, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
