//! Runs rotations: which apps are due, one lane per app, and the effects that the machine asks for.
//!
//! ```text
//! schedule ─▶ supervisor ─▶ lane ─▶ step (rotation) ─▶ journal ─▶ effects / looks (ports) ─▶ step …
//! ```
//!
//! - `seat`: one app with its target, stores and the house's clock, journal and randomness.
//! - `lane`: the loop of one rotation. `effects/`: one file per effect. `look`, `survey`, `took`, `values`: reads.
//! - `handing`: a pair that a person brings to a rotation that asks for it.
//! - `note`, `ledger`, `tally`: what is journaled about an app, and what it adds up to.
//! - `identity`: who each app is at Salesforce, so that no two are one.
//! - `window`: an org's switch, opened for rotations and closed after them.
//! - `emergency`: a leaked credential, and what revoking it comes to. `radius`: who is hit.
//! - `service`: what is journaled about no app. `board`: what is known now and forgotten at the end. `health`: what the
//!   live check finds.
//! - `tell`: all of it in words. `due`, `phase`: what onlookers want to know. `adopt`: first contact. `supervisor`: due
//!   apps, commands, drain.
//!
//! Not here: any decision about a rotation (`rotation`), any adapter (`app.rs` brings them).

mod adopt;
mod applied;
pub mod board;
mod cache;
pub mod command;
pub mod compare;
pub mod due;
mod effects;
pub mod emergency;
pub mod examine;
pub mod handing;
pub mod health;
pub mod identity;
pub mod lane;
pub mod ledger;
mod live;
pub mod log;
mod look;
pub mod note;
pub mod phase;
pub mod radius;
pub mod seat;
pub mod service;
pub mod supervisor;
mod survey;
pub mod tally;
pub mod tell;
mod took;
mod values;
mod watch;
pub mod window;
