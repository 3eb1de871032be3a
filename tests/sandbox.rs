//! The simulated org, held to the contract that `salesforce-metadata.md` and `salesforce-oauth-rest.md` describe.
//! One binary; each module holds one kind of evidence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test says what is wrong by failing; helpers are not marked as tests"
)]

#[expect(dead_code, reason = "shared with the stores' tests, which use more of it")]
#[path = "support/openbao.rs"]
mod openbao;
#[path = "sandbox/support.rs"]
mod support;

#[path = "sandbox/consumer.rs"]
mod consumer;
#[path = "sandbox/deploy.rs"]
mod deploy;
#[path = "sandbox/faults.rs"]
mod faults;
#[path = "sandbox/independence.rs"]
mod independence;
#[path = "sandbox/jsforce.rs"]
mod jsforce;
#[path = "sandbox/metadata.rs"]
mod metadata;
#[path = "sandbox/oauth.rs"]
mod oauth;
#[path = "sandbox/person.rs"]
mod person;
#[path = "sandbox/rest.rs"]
mod rest;
#[path = "sandbox/sf.rs"]
mod sf;
#[path = "sandbox/staged.rs"]
mod staged;
#[path = "sandbox/strangers.rs"]
mod strangers;
#[path = "sandbox/switches.rs"]
mod switches;
#[path = "sandbox/tls.rs"]
mod tls;
