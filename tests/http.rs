//! The HTTP interface as programs meet it: rights, limits, answers, TLS, metrics and the document, in process with a
//! scripted engine; and the real binary over TCP, against a simulated org.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "the helpers of tests are tests too; the lints know only functions marked as one. Time-outs of sockets are \
              measured by the real clock"
)]

#[path = "http/answers.rs"]
mod answers;
#[path = "http/crowd.rs"]
mod crowd;
#[path = "http/document.rs"]
mod document;
#[path = "http/health.rs"]
mod health;
#[path = "http/house.rs"]
mod house;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/metrics.rs"]
mod metrics;
#[path = "http/real.rs"]
mod real;
#[path = "http/rights.rs"]
mod rights;
#[path = "http/status.rs"]
mod status;
#[path = "http/tls.rs"]
mod tls;
#[path = "http/whole.rs"]
mod whole;
