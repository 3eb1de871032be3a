//! What is known, as Prometheus reads it. Computed at each scrape from the ledgers and the board by a pure function:
//! nothing is counted on the side, so nothing can drift from what the journal says.
//!
//! What comes from the journal (successes, outcomes, outage, acceptance, clock jumps) goes on counting over a restart,
//! and begins anew with a new journal. What comes from the board (logins, live checks, API use) begins anew with each
//! process. A value that nobody knows is absent, never 0.
//!
//! - `app`, `org`, `service`: what each contributes. `family`: the shape. `text`: the format.
//!
//! Not here: alerts. `deploy/` has rules for these names.

mod app;
mod family;
mod org;
mod service;
mod text;

use std::sync::Arc;

pub use family::{Family, Kind, Sample};
pub use text::{CONTENT_TYPE, text};

use crate::clock::Timestamp;
use crate::engine::board::Cards;
use crate::engine::ledger::Ledgers;

/// How the outbox of one sink stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkStats {
    /// The sink's name in the policy.
    pub sink: String,
    /// Letters that wait.
    pub letters: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
    /// Letters that were delivered, and attempts that failed, as far back as the sender counts.
    pub delivered: u64,
    /// The same for attempts that failed.
    pub failed: u64,
}

/// Asked at each scrape how the outbox stands. Must not block.
pub type Outbox = Arc<dyn Fn() -> Vec<SinkStats> + Send + Sync>;

/// For a service without sinks.
pub fn no_outbox() -> Outbox {
    Arc::new(Vec::new)
}

/// Everything that metrics are made of.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// What the journal says.
    pub ledgers: &'a Ledgers,
    /// What is known now.
    pub cards: &'a Cards,
    /// The outbox.
    pub sinks: &'a [SinkStats],
    /// Now.
    pub now: Timestamp,
}

/// All metrics that have a value.
pub fn families(seen: &Seen<'_>) -> Vec<Family> {
    let mut all = service::families(seen);
    all.extend(app::families(seen));
    all.extend(org::families(seen));
    all.retain(|family| !family.samples.is_empty());
    all
}
