//! One fault at every request of a rotation, and after it a healthy org: the rotation ends rotated by itself, or, where
//! only a person can decide, says what is wanted and is rotated once that person has spoken. With one mint, and with no
//! reader refused.
//!
//! The world of a case, and how it is judged, are those of the crash tests.
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

#[allow(dead_code, reason = "another test binary uses the rest")]
#[path = "crash"]
mod crash {
    pub mod fuse;
    pub mod life;
    pub mod person;
    pub mod ports;
    pub mod record;
    pub mod verdict;
    pub mod watch;
    pub mod world;
}

mod faults {
    mod every_request;
    mod network;
}
