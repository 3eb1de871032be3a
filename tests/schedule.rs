//! Schedules: the Unix meaning of a cron text, clock changes, windows, and what is due.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of a test fail the test"
)]

#[path = "schedule/clock_changes.rs"]
mod clock_changes;
#[path = "schedule/deadline.rs"]
mod deadline;
#[path = "schedule/due.rs"]
mod due;
#[path = "schedule/unix_meaning.rs"]
mod unix_meaning;

use chrono::{DateTime, Utc};
use rekeyd::schedule::Calendar;

fn calendar(cron: &str, zone: &str) -> Calendar {
    Calendar {
        cron: cron.parse().unwrap(),
        zone: zone.parse().unwrap(),
    }
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
