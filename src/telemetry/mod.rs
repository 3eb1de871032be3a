//! What the running service says about itself. The journal is the truth; the log is for whoever looks on, and
//! keeps the journal's heads.
//!
//! # The rule of what is logged
//!
//! | level | what | example |
//! |---|---|---|
//! | error | a person must act | an app is held; the journal has no room; a store refuses our login |
//! | warn | it went wrong, and the service goes on by itself | a probe without an answer, to be tried again at … |
//! | info | something changed, once for each change | started, reloaded, stopped; each event of a rotation; the journal's head at start, hourly and at the end |
//! | debug | each head; each request to the outside | method, host, path without query, status or class of failure, duration |
//! | trace | each decision | the observation, the guard that decided, the action |
//!
//! - **Where**: the target is the module's path, so that a filter can name a wing (`rekeyd::salesforce=debug`). What
//!   a library says goes into the log from *warn* up, and nothing of those that are known to repeat what they were
//!   sent (`logs`).
//! - **Fields** have one name everywhere: `app`, `rotation`, `org`, `store`, `effect`, `head`, `seq`. What is in a
//!   field is not repeated in the message.
//! - **Never**: a body, a header, a token, a query string, a credential in any encoding, or the `Debug` text of a
//!   library's error. A fingerprint or a version reference stands for a value.
//! - One happening is logged once, by whoever decides what it means; a function that returns an error does not log
//!   it too.
//!
//! **Not here:** alerts (`alert`: they are delivered, a log line is not), and what the commands print for people.

pub mod logs;
