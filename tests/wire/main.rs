//! What the Salesforce client puts on the wire, and what it makes of the answers: against a server of a few
//! lines that answers as each test says, so that every shape and fault can be had.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of tests are tests too; the lints know only functions marked as one"
)]

mod login;
mod probes;
mod property;
mod reads;
mod regenerate;
mod schema;
mod server;
mod staged;
mod switch;
mod touched;
mod update;
mod writes;
