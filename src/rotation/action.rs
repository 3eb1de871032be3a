//! What the machine asks of the engine.

use crate::clock::Timestamp;
use crate::rotation::{Effect, Subject};

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Perform these; their intents are among the events of the same step. More than one: at the same time.
    Perform(Vec<Effect>),
    /// Look at something; nothing outside changes.
    Look(Look),
    /// Nothing before this time.
    Wait(Timestamp),
    /// Effects are still out: give their answers.
    Await,
    /// Nothing, until a person speaks or for good.
    Rest,
}

/// A read-only look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Look {
    /// Everything that a rotation starts from, the current pair judged differentially.
    Baseline,
    /// Generate a value of our own and say its print.
    Choose,
    /// The same facts again, right before the cutover.
    Recheck,
    /// The same facts again, right before the old pair is ended.
    Superseded,
    /// Did this effect take?
    Took(Effect),
    /// Judge a pair at the token endpoint; `control` asks for the corrupted one beside it.
    Probe {
        /// Which pair.
        subject: Subject,
        /// Whether the control (or companion) is sent too.
        control: bool,
    },
}
