//! Crashes, lost and late answers, drains and strangers: the real engine with the real journal, the real stores and the
//! real Salesforce client, against the simulated org, on a clock that the test moves.
//!
//! - `world`: one app in one org with its stores. `life`: one process from its start to its end or crash.
//! - `fuse`: where a process crashes. `ports`: the adapters with the fuse, the witness and the record around them.
//! - `record`: intents and what was really sent. `watch`: what a reader sees, at every change. `verdict`: the end.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "the helpers of tests are tests too; what is not the one expected answer is a failure; counts are evidence"
)]

mod support;

mod crash {
    pub mod fuse;
    pub mod life;
    pub mod person;
    pub mod ports;
    pub mod record;
    pub mod verdict;
    pub mod watch;
    pub mod world;

    mod asleep;
    mod drain;
    mod every_effect;
    mod foreign;
    mod journal_behind;
    mod journal_lost;
    mod lost;
    mod modes;
    mod revoke;
    mod several;
    mod switches;
    mod undo;
}
