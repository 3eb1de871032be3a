//! The command line as its users meet it: the real binary as a child process, its exit codes, what it prints, what it
//! leaves alone; and the daemon behind its socket, against a simulated org.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests are tests too; the lints know only functions marked as one"
)]

mod absent;
mod assisted;
mod aws;
mod bench;
mod check;
mod compare;
mod daemon;
mod demo;
mod doctor;
mod fields;
mod key;
mod kills;
mod notify;
mod plan;
#[path = "../support/program.rs"]
mod program;
mod reach;
mod readers;
mod rehearsal;
mod revoke;
mod rivals;
mod service;
mod signals;
mod socket;
mod submit;
mod undo;
