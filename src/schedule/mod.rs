//! When an app is due, and the sentence that says why.
//!
//! Why a room of its own: the `cron` crate has its own weekday numbers, joins the two day fields with AND, and
//! skips or doubles runs where a zone changes its clocks. Here the text has its Unix meaning, the calendar is
//! searched on wall-clock time without a zone, and one function maps wall time to an instant.
//!
//! - `dialect`: five-field Unix cron, and its translation.
//! - `calendar`: a cron text in a zone; the next instant; what a clock change does to it.
//! - `window`: when a rotation may start.
//! - `duration`: `90d`, `1h30m` and back.
//! - `timing`: everything that decides when one app rotates.
//! - `deadline`: when a credential is too old, and since when that is worth telling.
//! - `due`: timing and what the journal knows, at one moment, to a decision with its reason.
//!
//! Not here: reading a clock (`now` is a parameter), retries and backoff (the rotation core), TOML (the policy).
//!
//! Missed times need no memory: a decision is computed from the last success, so a daemon that was down for a
//! week finds an app due once, not seven times.

pub mod calendar;
pub mod deadline;
pub mod dialect;
pub mod due;
pub mod duration;
pub mod timing;
pub mod window;

pub use calendar::Calendar;
pub use deadline::{Lateness, deadline, lateness};
pub use dialect::{Cron, CronFault};
pub use due::{Decision, Ledger, decide};
pub use timing::{First, Schedule, Timing, delay_of};
pub use window::Window;
