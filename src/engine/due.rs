//! When an app's next rotation is due, and why: what the schedule says, unless a person has to speak first. For those
//! who look on; the supervisor decides by itself.

use chrono::{DateTime, Utc};

use crate::engine::ledger::AppLedger;
use crate::engine::tell;
use crate::schedule::{Decision, Timing, decide};

/// The schedule's word on one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// A rotation would start now.
    pub now: bool,
    /// When the next one becomes due, or may start; `None` where nobody knows.
    pub next: Option<DateTime<Utc>>,
    /// Why, for a person.
    pub why: String,
}

/// Decides as the engine does.
pub fn of(timing: &Timing, ledger: &AppLedger, now: DateTime<Utc>) -> Due {
    if tell::wants_a_person(ledger) {
        return Due {
            now: false,
            next: None,
            why: "nothing new starts while it is held".into(),
        };
    }
    let mut known = ledger.for_schedule();
    // What is left of a rotation that has published does not move the next one, but for the grace.
    known.running = ledger.running().is_some_and(|run| !run.state.is_rotated());
    let decision = decide(timing, &known, now);
    Due {
        now: matches!(decision, Decision::Due { .. }) && ledger.running().is_none(),
        next: decision.next(),
        why: decision.reason().to_owned(),
    }
}
