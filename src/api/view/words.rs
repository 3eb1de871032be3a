//! Where an app stands, in words: for the command line and the API alike.

use serde::Serialize;

use super::moment;
use crate::clock::Timestamp;
use crate::engine::ledger::AppLedger;
use crate::engine::tell;
use crate::rotation::RotationId;

/// What is known of one app, in words. Prints, never values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppView {
    /// Where it stands.
    pub state: String,
    /// A person is wanted.
    pub held: bool,
    /// What that person can do.
    pub remedy: Option<String>,
    /// Print of the current credential.
    pub current: Option<String>,
    /// Since when it is current, as RFC 3339; `None` where nobody knows.
    pub since: Option<String>,
    /// When a rotation last published everywhere, as RFC 3339.
    pub last_rotated: Option<String>,
    /// The rotation under way, or the last one.
    pub rotation: Option<RotationId>,
}

impl AppView {
    /// What the ledger says.
    pub fn of(app: &str, ledger: &AppLedger, now: Timestamp) -> AppView {
        let (state, remedy) = tell::status_words(ledger, app, now);
        AppView {
            state,
            held: tell::wants_a_person(ledger),
            remedy,
            current: ledger.current.map(|print| print.to_string()),
            since: ledger.since.map(moment),
            last_rotated: ledger.last_success.map(moment),
            rotation: ledger.run.as_ref().map(|run| run.state.id),
        }
    }
}
