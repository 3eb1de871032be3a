//! When a credential is too old, and since when that is told.

use std::time::Duration;

use chrono::TimeDelta;
use proptest::prelude::*;
use rekeyd::schedule::{First, Lateness, Ledger, Schedule, Timing, Window, deadline, lateness};

use super::{calendar, utc};

const DAY: Duration = Duration::from_secs(86_400);

fn every(days: u32, max_age: Option<u32>) -> Timing {
    Timing {
        schedule: Schedule::Every(DAY * days),
        jitter: Duration::ZERO,
        delay: Duration::ZERO,
        window: None,
        first: First::AfterInterval,
        max_age: max_age.map(|days| DAY * days),
    }
}

/// Opens on the first of January alone, for an hour.
fn once_a_year() -> Window {
    Window {
        opens: calendar("0 0 1 1 *", "UTC"),
        duration: Duration::from_secs(3600),
    }
}

fn rotated(at: &str) -> Ledger {
    Ledger {
        adopted_at: Some(utc("2025-01-01T00:00:00Z")),
        last_success: Some(utc(at)),
        ..Ledger::default()
    }
}

fn stage(found: &Lateness) -> &'static str {
    match found {
        Lateness::InTime => "in time",
        Lateness::Near { .. } => "near",
        Lateness::Past { .. } => "past",
    }
}

#[test]
fn a_deadline_is_told_ahead_and_past_it_and_not_while_a_rotation_is_still_to_come() {
    let ledger = rotated("2026-01-01T00:00:00Z");
    let stages = |timing: &Timing, days: &[i64]| {
        let at = |day: &i64| utc("2026-01-01T00:00:00Z") + TimeDelta::days(*day);
        let found = days.iter().map(|day| stage(&lateness(timing, &ledger, at(day))));
        found.collect::<Vec<_>>()
    };
    // Due on day 90, too old on day 120: told a week ahead.
    let roomy = every(90, Some(120));
    assert_eq!(
        stages(&roomy, &[0, 89, 91, 112, 114, 119, 120, 500]),
        [
            "in time", "in time", "in time", "in time", "near", "near", "past", "past"
        ]
    );
    // One day of room: not told before half of that is gone.
    let tight = every(90, Some(91));
    assert_eq!(
        stages(&tight, &[84, 89, 90, 91]),
        ["in time", "in time", "in time", "past"]
    );
}

#[test]
fn a_window_that_opens_too_late_is_told_at_once() {
    let timing = Timing {
        window: Some(once_a_year()),
        ..every(90, Some(120))
    };
    let ledger = rotated("2026-01-02T00:00:00Z");
    let now = utc("2026-01-03T00:00:00Z");
    let Lateness::Near { deadline: at, why } = lateness(&timing, &ledger, now) else {
        panic!("not told");
    };
    assert_eq!(at, utc("2026-05-02T00:00:00Z"));
    assert_eq!(
        why,
        "the next start, 2027-01-01T00:00:00Z, lies past the deadline 2026-05-02T00:00:00Z (max_age 120d)"
    );
}

#[test]
fn without_a_max_age_a_day_after_the_first_chance_counts() {
    let ledger = rotated("2026-01-01T00:00:00Z");
    assert_eq!(
        deadline(&every(30, None), &ledger),
        Some(utc("2026-02-01T00:00:00Z"))
    );
    let windowed = Timing {
        window: Some(once_a_year()),
        ..every(30, None)
    };
    assert_eq!(deadline(&windowed, &ledger), Some(utc("2027-01-02T01:00:00Z")));
    assert_eq!(
        stage(&lateness(&windowed, &ledger, utc("2026-06-01T00:00:00Z"))),
        "in time"
    );
}

#[test]
fn nothing_is_late_before_it_is_adopted_and_age_counts_from_the_making() {
    let now = utc("2030-01-01T00:00:00Z");
    assert_eq!(
        lateness(&every(1, Some(2)), &Ledger::default(), now),
        Lateness::InTime
    );
    let made = Ledger {
        adopted_at: Some(utc("2026-06-01T00:00:00Z")),
        credential_since: Some(utc("2026-01-01T00:00:00Z")),
        ..Ledger::default()
    };
    assert_eq!(
        deadline(&every(1, Some(10)), &made),
        Some(utc("2026-01-11T00:00:00Z"))
    );
    let unknown = Ledger {
        credential_since: None,
        ..made
    };
    assert_eq!(
        deadline(&every(1, Some(10)), &unknown),
        Some(utc("2026-06-11T00:00:00Z"))
    );
}

proptest! {
    /// Once past, it stays past until something was done; and nothing skips from far ahead to past without a word,
    /// unless there was no time for one.
    #[test]
    fn lateness_only_grows(days in 1_u32..200, more in 1_u32..100, hours in prop::collection::vec(0_i64..10_000, 1..40)) {
        let timing = every(days, Some(days + more));
        let ledger = rotated("2026-01-01T00:00:00Z");
        let mut hours = hours;
        hours.sort_unstable();
        let rank = |found: &Lateness| match found {
            Lateness::InTime => 0,
            Lateness::Near { .. } => 1,
            Lateness::Past { .. } => 2,
        };
        let ranks: Vec<i32> = hours
            .iter()
            .map(|hour| rank(&lateness(&timing, &ledger, utc("2026-01-01T00:00:00Z") + TimeDelta::hours(*hour))))
            .collect();
        prop_assert!(ranks.windows(2).all(|pair| pair[0] <= pair[1]), "{ranks:?}");
    }
}
