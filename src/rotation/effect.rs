//! The effects of a rotation: steps outside, each holding at most one mutating request.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One step outside. `usize` is the place of a store in the app's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Salesforce makes a new pair.
    Mint,
    /// Delete a staged pair that no reader was ever given.
    Discard,
    /// Write the new pair as *pending*.
    Store(usize),
    /// Salesforce starts to take the new pair as primary.
    Cutover,
    /// A store's *current* becomes the new pair.
    Publish(usize),
    /// Put the old pair back in force.
    Undo,
    /// End a store's *pending*.
    Clear(usize),
    /// Set a store's *pending* aside, readable by name.
    Quarantine(usize),
    /// End the old pair.
    Revoke,
    /// Reset what the cutover left set.
    Reset,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::Mint => f.write_str("mint"),
            Effect::Discard => f.write_str("discard"),
            Effect::Store(store) => write!(f, "store[{store}]"),
            Effect::Cutover => f.write_str("cutover"),
            Effect::Publish(store) => write!(f, "publish[{store}]"),
            Effect::Undo => f.write_str("undo"),
            Effect::Clear(store) => write!(f, "clear[{store}]"),
            Effect::Quarantine(store) => write!(f, "quarantine[{store}]"),
            Effect::Revoke => f.write_str("revoke"),
            Effect::Reset => f.write_str("reset"),
        }
    }
}

/// How far one effect has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Progress {
    /// Never sent, or known not to have been applied.
    #[default]
    Open,
    /// The intent is journaled; the request may be on its way.
    Intent(crate::clock::Timestamp),
    /// Sent at about this time, outcome unknown: only a probe may follow.
    Unknown(crate::clock::Timestamp),
    /// Applied; known since.
    Done(crate::clock::Timestamp),
}

impl Progress {
    /// Applied for certain.
    pub fn is_done(self) -> bool {
        match self {
            Progress::Done(_) => true,
            Progress::Open | Progress::Intent(_) | Progress::Unknown(_) => false,
        }
    }

    /// Certainly without trace outside.
    pub fn is_open(self) -> bool {
        match self {
            Progress::Open => true,
            Progress::Done(_) | Progress::Intent(_) | Progress::Unknown(_) => false,
        }
    }

    /// Sent, and nobody knows.
    pub fn is_unknown(self) -> bool {
        match self {
            Progress::Unknown(_) => true,
            Progress::Done(_) | Progress::Intent(_) | Progress::Open => false,
        }
    }

    /// Being performed in this process.
    pub fn is_intent(self) -> bool {
        match self {
            Progress::Intent(_) => true,
            Progress::Done(_) | Progress::Unknown(_) | Progress::Open => false,
        }
    }
}
