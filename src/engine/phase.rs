//! Where an app stands, in one word: for machines, which should not read sentences.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::engine::ledger::AppLedger;

/// One of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Not adopted: no rotation starts.
    Unadopted,
    /// Nothing is under way.
    Idle,
    /// A rotation is under way.
    Rotating,
    /// Rotated; the previous credential is left usable for a while.
    Grace,
    /// A rotation waits for what a person was asked to do in Setup.
    Asking,
    /// A person is wanted, or stopped it.
    Held,
    /// The last attempt ended so that another would end likewise: a person is wanted.
    Stopped,
}

impl Phase {
    /// All of them.
    pub const ALL: [Phase; 7] = [
        Phase::Unadopted,
        Phase::Idle,
        Phase::Rotating,
        Phase::Grace,
        Phase::Asking,
        Phase::Held,
        Phase::Stopped,
    ];

    /// Of an app.
    pub fn of(ledger: &AppLedger, now: Timestamp) -> Phase {
        if ledger.hold.is_some() {
            return Phase::Held;
        }
        match ledger.running() {
            Some(run) if run.state.hold().is_some() => return Phase::Held,
            Some(run) if run.state.asks() && run.state.asked.is_some() => return Phase::Asking,
            Some(_) if ledger.grace_until().is_some_and(|until| now < until) => return Phase::Grace,
            Some(_) => return Phase::Rotating,
            None => {}
        }
        if ledger.stopped_by().is_some() {
            return Phase::Stopped;
        }
        match ledger.adopted_at {
            Some(_) => Phase::Idle,
            None => Phase::Unadopted,
        }
    }

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Unadopted => "unadopted",
            Phase::Idle => "idle",
            Phase::Rotating => "rotating",
            Phase::Grace => "grace",
            Phase::Asking => "asking",
            Phase::Held => "held",
            Phase::Stopped => "stopped",
        }
    }
}
