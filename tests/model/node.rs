//! A node of the graph and an edge of it: where the core and the world stand, and what may happen next.

use rekeyd::clock::Timestamp;
use rekeyd::rotation::{Effect, Event, Look, State};

use crate::foreign::Edit;
use crate::promise::Breach;
use crate::world::{Gen, World, Write};

/// What the process is about to do, or waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Doing {
    /// These effects' intents are journaled, their answers are not.
    Out(Vec<Effect>),
    /// A read-only look.
    Look(Look),
    /// Nothing before this time.
    Wait(Timestamp),
    /// The process is gone, and comes back at this time.
    Down(Timestamp),
    /// Nothing any more.
    Rest,
}

/// The core's state, as the fold of its journal, and the world around it.
#[derive(Clone, Debug)]
pub struct Node {
    pub state: State,
    pub world: World,
    pub doing: Doing,
    pub now: Timestamp,
}

/// What happened, for a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The effect was answered as the world stands.
    Answered(Effect),
    /// No answer; the write may land within its lifetime.
    Lost(Effect),
    /// Not now; asked to come back after a while, or not.
    NotNow(Effect, bool),
    /// The process ended before it sent this, or at a look or wait.
    CrashBefore(bool),
    /// It was applied, and the process ended before that was recorded.
    CrashAfter(Effect, bool),
    /// The process ended with it on its way.
    CrashDuring(Effect, bool),
    /// The look's n-th possible answer.
    Saw(u8),
    /// The look failed.
    Blind,
    /// Time passed.
    Waited,
    /// Back again.
    Back,
    /// A write landed late.
    Landed(Write),
    /// Somebody else did this.
    Foreign(Edit),
    /// A person said: stop for good.
    Abandoned,
    /// A person said: no grace for the old one.
    GraceEnded,
    /// A person adopted this credential.
    Adopted(Gen),
    /// A person handed this over, as they were asked to; or applied it before that.
    HandedOver(Gen, bool),
    /// A person applied in Setup what was generated there.
    Applied,
    /// A person said: go on; and gave what stands in the slot, or in the first store's pending.
    Resumed(TakenOver),
}

/// What a person gives with a resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenOver {
    Nothing,
    Slot,
    Pending,
}

/// One edge.
pub struct Edge {
    pub choice: Choice,
    pub node: Node,
    pub events: Vec<Event>,
    pub breach: Option<Breach>,
}
