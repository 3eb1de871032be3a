//! rekeyd rotates the OAuth credentials of Salesforce client apps, and never loses one.

pub mod alert;
pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod daemon;
pub mod doctor;
pub mod document;
pub mod engine;
pub mod journal;
pub mod lifecycle;
pub mod policy;
pub mod port;
pub mod random;
pub mod rotation;
pub mod salesforce;
pub mod sandbox;
pub mod schedule;
pub mod secret;
pub mod store;
pub mod telemetry;
