//! What is due, and the sentence that says why.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;
use proptest::prelude::*;
use rekeyd::schedule::due::WaitingOn;
use rekeyd::schedule::{Decision, First, Ledger, Schedule, Timing, Window, decide, delay_of};

use super::{calendar, utc};

const DAY: u64 = 86_400;

fn every(days: u64) -> Timing {
    Timing {
        schedule: Schedule::Every(Duration::from_secs(days * DAY)),
        jitter: Duration::ZERO,
        delay: Duration::ZERO,
        window: None,
        first: First::AfterInterval,
        max_age: None,
    }
}

fn sundays() -> Window {
    Window {
        opens: calendar("0 2 * * SUN", "Europe/Paris"),
        duration: Duration::from_secs(3 * 3600),
    }
}

fn rotated(at: &str) -> Ledger {
    Ledger {
        adopted_at: Some(utc("2026-01-01T00:00:00Z")),
        last_success: Some(utc(at)),
        ..Ledger::default()
    }
}

/// Every decision with its reason, as `plan` shows it.
#[test]
fn reasons() {
    let cron = Timing {
        schedule: Schedule::Cron(calendar("0 3 1 */3 *", "UTC")),
        ..every(1)
    };
    let never = Timing {
        schedule: Schedule::Cron(calendar("0 3 30 2 *", "UTC")),
        ..every(1)
    };
    let windowed = Timing {
        window: Some(sundays()),
        ..every(30)
    };
    let first = |first| Timing { first, ..every(30) };
    let adopted = Ledger {
        adopted_at: Some(utc("2026-06-01T00:00:00Z")),
        ..Ledger::default()
    };
    let born = Ledger {
        credential_since: Some(utc("2026-05-20T00:00:00Z")),
        ..adopted.clone()
    };
    let may = "2026-05-01T00:00:00Z";
    let later = Some(utc("2026-06-20T00:00:00Z"));
    let now = "2026-06-10T12:00:00Z";
    let cases = [
        ("unadopted", every(30), Ledger::default(), now),
        (
            "running",
            every(30),
            Ledger {
                running: true,
                ..rotated(may)
            },
            now,
        ),
        ("every, not yet", every(90), rotated(may), now),
        ("every, due", every(30), rotated(may), now),
        ("cron, not yet", cron.clone(), rotated(may), now),
        ("cron, due", cron, rotated("2026-03-01T00:00:00Z"), now),
        ("cron, never", never, rotated(may), now),
        (
            "in grace",
            every(30),
            Ledger {
                grace_until: later,
                ..rotated(may)
            },
            now,
        ),
        (
            "backing off",
            every(30),
            Ledger {
                retry_at: later,
                ..rotated(may)
            },
            now,
        ),
        ("window shut", windowed.clone(), rotated(may), now),
        ("window open", windowed, rotated(may), "2026-06-14T01:00:00Z"),
        ("age known", every(30), born, now),
        ("first, now", first(First::Now), adopted.clone(), now),
        (
            "first, after the interval",
            first(First::AfterInterval),
            adopted.clone(),
            now,
        ),
        (
            "first, on a date to come",
            first(First::At(utc("2026-07-01T00:00:00Z"))),
            adopted.clone(),
            now,
        ),
        (
            "first, on a date that was",
            first(First::At(utc("2026-02-01T00:00:00Z"))),
            adopted,
            now,
        ),
    ];
    let line = |(name, timing, ledger, now): &(&str, Timing, Ledger, &str)| {
        let decision = decide(timing, ledger, utc(now));
        let word = match &decision {
            Decision::Due { .. } => "due".to_owned(),
            Decision::NotDue { .. } => "not due".to_owned(),
            Decision::Waiting { on, .. } => format!("waiting on {on:?}"),
            Decision::Running { .. } => "running".to_owned(),
            Decision::Unadopted { .. } => "unadopted".to_owned(),
        };
        let next = decision
            .next()
            .map_or_else(|| "-".to_owned(), |next| next.to_rfc3339());
        format!("{name}\n  {word} | {next}\n  {}\n", decision.reason())
    };
    assert_snapshot!(cases.iter().map(line).collect::<String>());
}

/// A daemon that slept through many times has one rotation to do, and then is on time again.
#[test]
fn what_was_missed_is_done_once() {
    let timing = Timing {
        schedule: Schedule::Cron(calendar("0 3 * * *", "UTC")),
        ..every(1)
    };
    let mut ledger = rotated("2026-05-01T03:00:00Z");
    let now = utc("2026-06-10T12:00:00Z");
    let Decision::Due { since, .. } = decide(&timing, &ledger, now) else {
        panic!("not due")
    };
    assert_eq!(since, utc("2026-05-02T03:00:00Z"), "the first that was missed");
    ledger.last_success = Some(now);
    assert_eq!(
        decide(&timing, &ledger, now).next(),
        Some(utc("2026-06-11T03:00:00Z"))
    );
}

/// A rotation that is ready is told what keeps it, the nearest obstacle first.
#[test]
fn obstacles_in_order() {
    let now = utc("2026-06-10T12:00:00Z");
    let timing = Timing {
        window: Some(sundays()),
        ..every(30)
    };
    let soon = Some(now + TimeDelta::hours(1));
    let mut ledger = Ledger {
        grace_until: soon,
        retry_at: soon,
        ..rotated("2026-05-01T00:00:00Z")
    };
    let on = |ledger: &Ledger| match decide(&timing, ledger, now) {
        Decision::Waiting { on, .. } => Some(on),
        Decision::Due { .. }
        | Decision::NotDue { .. }
        | Decision::Running { .. }
        | Decision::Unadopted { .. } => None,
    };
    assert_eq!(on(&ledger), Some(WaitingOn::Grace));
    ledger.grace_until = Some(now);
    assert_eq!(on(&ledger), Some(WaitingOn::Backoff));
    ledger.retry_at = Some(now);
    assert_eq!(on(&ledger), Some(WaitingOn::Window));
}

#[test]
fn jitter_belongs_to_the_name() {
    let timing = Timing {
        jitter: Duration::from_secs(1800),
        ..every(1)
    };
    let of = |name: &str| delay_of(name, timing.jitter);
    assert_eq!(of("billing"), of("billing"));
    let spread: Vec<_> = (0..1000).map(|n| of(&format!("app-{n}"))).collect();
    assert!(spread.iter().all(|jitter| *jitter < timing.jitter));
    // A fixed number: an upgrade may not move every app.
    assert_eq!(of("billing").as_secs(), 399);
    let halves = spread
        .iter()
        .filter(|jitter| **jitter < timing.jitter / 2)
        .count();
    assert!((400..600).contains(&halves), "{halves}");
    assert_eq!(delay_of("billing", Duration::ZERO), Duration::ZERO);
}

#[test]
fn what_plan_shows_lies_in_the_window() {
    let timing = Timing {
        window: Some(sundays()),
        ..every(30)
    };
    let dates: Vec<_> = timing.upcoming(utc("2026-06-10T12:00:00Z")).take(3).collect();
    let meant = [
        "2026-06-14T00:00:00Z",
        "2026-07-19T00:00:00Z",
        "2026-08-23T00:00:00Z",
    ]
    .map(utc);
    assert_eq!(dates, meant);
}

#[test]
fn durations_are_read_as_they_are_written() {
    use rekeyd::schedule::duration::{parse, text};
    for (written, seconds) in [
        ("90d", 90 * DAY),
        ("30m", 1800),
        ("15s", 15),
        ("1h30m", 5400),
        ("0s", 0),
        ("1d2h3m4s", 93_784),
        ("90m", 5400),
    ] {
        assert_eq!(parse(written), Ok(Duration::from_secs(seconds)), "{written}");
        assert_eq!(
            parse(&text(Duration::from_secs(seconds))),
            Ok(Duration::from_secs(seconds))
        );
    }
    for wrong in [
        "",
        "90",
        "d",
        "1.5h",
        "-1d",
        "+1d",
        "1 d",
        "1D",
        "1w",
        "30m1h",
        "1h1h",
        "1ms",
        "99999999999999999999d",
        "3651d",
        "１d",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    (0_i64..=3650 * 86_400).prop_map(|seconds| utc("2024-01-01T00:00:00Z") + TimeDelta::seconds(seconds))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    /// Once due, always due until something happens; and at `next` it is no longer what it was.
    #[test]
    fn time_alone_only_makes_due(last in moment(), wait in 0_i64..400 * 86_400, more in 0_i64..86_400 * 400, days in 1_u64..200, cron in any::<bool>()) {
        let schedule = if cron { Schedule::Cron(calendar("0 2 * * MON", "Europe/Paris")) } else { every(days).schedule };
        let timing = Timing { schedule, ..every(1) };
        let ledger = Ledger { adopted_at: Some(last), last_success: Some(last), ..Ledger::default() };
        let now = last + TimeDelta::seconds(wait);
        let is_due = |at| matches!(decide(&timing, &ledger, at), Decision::Due { .. });
        prop_assert!(!is_due(last), "what was just rotated is not due");
        if is_due(now) {
            prop_assert!(is_due(now + TimeDelta::seconds(more)));
        } else {
            let next = decide(&timing, &ledger, now).next().unwrap();
            prop_assert!(next > now && is_due(next) && !is_due(next - TimeDelta::seconds(1)));
        }
    }

    /// A rotation starts only inside the window, and where it waits, it may start when it was told.
    #[test]
    fn a_window_is_kept(last in moment(), wait in 0_i64..400 * 86_400) {
        let timing = Timing { window: Some(sundays()), ..every(30) };
        let ledger = Ledger { adopted_at: Some(last), last_success: Some(last), ..Ledger::default() };
        let now = last + TimeDelta::seconds(wait);
        match decide(&timing, &ledger, now) {
            Decision::Due { .. } => prop_assert!(sundays().is_open(now)),
            Decision::Waiting { next, .. } => {
                let starts = matches!(decide(&timing, &ledger, next.unwrap()), Decision::Due { .. });
                prop_assert!(starts);
            }
            Decision::NotDue { next, .. } => prop_assert!(next.unwrap() > now),
            other @ (Decision::Running { .. } | Decision::Unadopted { .. }) => prop_assert!(false, "{:?}", other),
        }
    }
}
