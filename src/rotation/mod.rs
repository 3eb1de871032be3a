//! The state machine of one rotation. Pure: no clock, no effects, no secrets.
//!
//! ```text
//!            baseline                              recheck
//!   ──▶ look ────────▶ mint ─▶ store* ─▶ (early) ─▶ look ─▶ cutover ─▶ prove ─▶ publish* ─▶ rotated
//!         │              │       │                            │          │         │           │
//!         ▼              └───────┴──── abort: discard, ◀──────┘          └─ undo ◀─┘           ▼
//!        held                          clear or quarantine      (no overlap, nothing      clear*, grace,
//!                                                                published)               revoke, disprove
//! ```
//!
//! Where a person makes the pair and puts it in force (`assisted`), two requests to them take the place of mint and cutover.
//!
//! Once rotated, a person may give up what is left (for another pair, or for none): pending is cleared, what is left
//! alive is asked about once, and it ends.
//!
//! [`step()`] takes an [`Observation`] and answers with [`Event`]s to be made durable and then one [`Action`].
//! [`State`] is the fold of the events, so any prefix of a journal is a state that the machine can go on from.
//! An effect is *open*, *intended*, *unknown* or *done* ([`Progress`]); while one is unknown the only action is to
//! look whether it took. Methods are known by their [`Capabilities`] alone. The rules are [`Guard`]s by name.
//!
//! Not here: when a rotation is due (`schedule`), how an effect is performed (`engine`), what a method is called
//! (`salesforce`).

mod absorb;
mod action;
mod ask;
mod backoff;
mod capability;
mod change;
mod decide;
mod effect;
mod ending;
mod event;
mod fact;
mod fold;
mod found;
mod guard;
mod id;
mod observation;
mod state;
mod step;
mod survey;
mod trial;

pub use action::{Action, Look};
pub use ask::{Ask, Asked, turned_away};
pub use capability::{Capabilities, Tri, ValueBy};
pub use effect::{Effect, Progress};
pub use ending::{End, Hold, Stand};
pub use event::Event;
pub use fact::{ProbeReport, Refusal, Verdict, VersionRef};
pub use fold::fold;
pub use guard::{ALL as ALL_GUARDS, Guard, Guards};
pub use id::{NotAnId, RotationId};
pub use observation::{
    Answer, Detail, Entry, Facts, Finding, Observation, PairFacts, Probes, StoreFacts, Subject,
};
pub use state::{Lane, Limits, Mode, Rest, State, Trial, TrialAnswer};
pub use step::{Step, step};
