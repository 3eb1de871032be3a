//! The journal against real SQLite: what is promised to survive survives, what was tampered with shows, and what
//! cannot be relied on is refused with a remedy.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of tests are tests too; the lints know only functions marked as one"
)]

mod child;
mod crash;
mod durable;
#[path = "../support/program.rs"]
mod program;
mod property;
mod refuse;
mod support;
mod tamper;
