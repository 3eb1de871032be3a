//! Who is told what, and that they are: the incidents, the outbox, the delivery, and the sinks against programs that
//! nobody here wrote.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of tests are tests too; the lints know only functions marked as one"
)]

#[path = "cli/bench.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod bench;
#[path = "alerts/delivery.rs"]
mod delivery;
#[path = "alerts/forms.rs"]
mod forms;
#[path = "alerts/incidents.rs"]
mod incidents;
#[path = "alerts/leaked.rs"]
mod leaked;
#[path = "alerts/notes.rs"]
mod notes;
#[path = "alerts/outbox.rs"]
mod outbox;
#[path = "alerts/recorder.rs"]
mod recorder;
#[path = "alerts/servers.rs"]
mod servers;
#[path = "cli/service.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod service;
#[path = "alerts/sinks.rs"]
mod sinks;
#[path = "alerts/whole.rs"]
mod whole;
#[path = "alerts/world.rs"]
mod world;
