//! Ten years of clock changes in five zones: at one and two in the morning, at midnight, by half an hour, and around
//! a month that moves with the moon. The oracle walks minute by minute and shares no code with the search.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use rekeyd::schedule::Window;

use super::{calendar, utc};

const ZONES: [&str; 5] = [
    "America/New_York",
    "Europe/Paris",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Casablanca",
];
const FROM: &str = "2024-01-01T00:00:00Z";
const DAYS: i64 = 3653;

#[test]
fn what_happens_at_a_change() {
    for (zone, cron, after, runs) in [
        // Forwards at 02:00 on 2025-03-09: a time in the gap runs once, right after it.
        (
            "America/New_York",
            "30 2 * * *",
            "2025-03-08T12:00:00Z",
            vec!["2025-03-09T07:00:00Z", "2025-03-10T06:30:00Z"],
        ),
        (
            "America/New_York",
            "*/15 2 * * *",
            "2025-03-09T05:00:00Z",
            vec!["2025-03-09T07:00:00Z", "2025-03-10T06:00:00Z"],
        ),
        (
            "America/New_York",
            "0 2,3 * * *",
            "2025-03-09T05:00:00Z",
            vec!["2025-03-09T07:00:00Z", "2025-03-10T06:00:00Z"],
        ),
        // Back at 02:00 on 2025-11-02: a time that exists twice runs at the first.
        (
            "America/New_York",
            "30 1 * * *",
            "2025-11-01T12:00:00Z",
            vec!["2025-11-02T05:30:00Z", "2025-11-03T06:30:00Z"],
        ),
        (
            "America/New_York",
            "30 1 * * *",
            "2025-11-02T05:30:00Z",
            vec!["2025-11-03T06:30:00Z"],
        ),
        (
            "America/New_York",
            "0 2 * * *",
            "2025-11-02T05:00:00Z",
            vec!["2025-11-02T07:00:00Z"],
        ),
        // Asked on the second pass: what has run on the first does not come back.
        (
            "America/New_York",
            "*/15 1 * * *",
            "2025-11-02T06:10:00Z",
            vec!["2025-11-03T06:00:00Z"],
        ),
        (
            "Europe/Paris",
            "30 2 * * SUN",
            "2025-03-29T12:00:00Z",
            vec!["2025-03-30T01:00:00Z", "2025-04-06T00:30:00Z"],
        ),
        (
            "Europe/Paris",
            "30 2 * * SUN",
            "2025-10-25T12:00:00Z",
            vec!["2025-10-26T00:30:00Z", "2025-11-02T01:30:00Z"],
        ),
        // Half an hour forwards, 02:00 to 02:30.
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2025-10-04T12:00:00Z",
            vec!["2025-10-04T15:30:00Z", "2025-10-05T15:15:00Z"],
        ),
        // The gap begins at midnight.
        (
            "America/Santiago",
            "0 0 * * *",
            "2025-09-06T12:00:00Z",
            vec!["2025-09-07T04:00:00Z", "2025-09-08T03:00:00Z"],
        ),
        // A whole day that never was.
        (
            "Pacific/Apia",
            "0 12 30 12 *",
            "2011-12-01T00:00:00Z",
            vec!["2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"],
        ),
    ] {
        let calendar = calendar(cron, zone);
        let found: Vec<_> = calendar.upcoming(utc(after)).take(runs.len()).collect();
        let meant: Vec<_> = runs.into_iter().map(utc).collect();
        assert_eq!(found, meant, "{cron} in {zone} after {after}");
    }
}

/// A daily time runs once on each day of ten years, whatever the clocks do.
#[test]
fn a_daily_time_runs_daily() {
    for zone in ZONES {
        for (hour, minute) in [
            (0, 0),
            (0, 30),
            (1, 30),
            (2, 0),
            (2, 15),
            (2, 30),
            (3, 0),
            (12, 0),
            (23, 59),
        ] {
            let calendar = calendar(&format!("{minute} {hour} * * *"), zone);
            let end = utc(FROM) + TimeDelta::days(DAYS);
            let runs: Vec<_> = calendar
                .upcoming(utc(FROM))
                .take_while(|run| *run <= end)
                .collect();
            assert_eq!(
                i64::try_from(runs.len()).unwrap(),
                DAYS,
                "{hour}:{minute} in {zone}"
            );
            let dates: BTreeSet<_> = runs
                .iter()
                .map(|run| run.with_timezone(&calendar.zone).date_naive())
                .collect();
            assert_eq!(dates.len(), runs.len(), "{hour}:{minute} in {zone}");
            for pair in runs.windows(2) {
                let gap = pair[1] - pair[0];
                assert!(
                    (22..=26).contains(&gap.num_hours()),
                    "{hour}:{minute} in {zone}: {} to {}",
                    pair[0],
                    pair[1]
                );
            }
        }
    }
}

#[test]
fn the_zones_do_change_their_clocks() {
    for zone in ZONES {
        assert!(CHANGES[zone].len() >= 18, "{zone}");
    }
}

static CHANGES: LazyLock<BTreeMap<&str, Vec<DateTime<Utc>>>> = LazyLock::new(|| {
    ZONES
        .iter()
        .map(|zone| (*zone, changes(zone.parse().unwrap())))
        .collect()
});

/// The days of ten years after which a zone has another offset.
fn changes(zone: Tz) -> Vec<DateTime<Utc>> {
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let from = utc(FROM);
    let days = (0..DAYS).map(|day| from + TimeDelta::days(day));
    days.filter(|day| offset(*day) != offset(*day + TimeDelta::days(1)))
        .collect()
}

/// A cron text as sets, which the oracle matches on its own.
#[derive(Clone, Debug)]
struct Sets {
    minutes: BTreeSet<u32>,
    hours: BTreeSet<u32>,
    days: Option<BTreeSet<u32>>,
    weekdays: Option<BTreeSet<u32>>,
}

impl Sets {
    fn text(&self) -> String {
        let list = |set: &BTreeSet<u32>| set.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let or_star = |set: &Option<BTreeSet<u32>>| set.as_ref().map_or_else(|| "*".to_owned(), list);
        format!(
            "{} {} {} * {}",
            list(&self.minutes),
            list(&self.hours),
            or_star(&self.days),
            or_star(&self.weekdays)
        )
    }

    fn matches(&self, wall: NaiveDateTime) -> bool {
        let day = self.days.as_ref().map(|days| days.contains(&wall.day()));
        let weekday = self
            .weekdays
            .as_ref()
            .map(|days| days.contains(&(wall.weekday().num_days_from_sunday())));
        let on = match (day, weekday) {
            (None, None) => true,
            (Some(one), None) | (None, Some(one)) => one,
            (Some(day), Some(weekday)) => day || weekday,
        };
        on && self.minutes.contains(&wall.minute()) && self.hours.contains(&wall.hour())
    }

    /// Every run after `from` up to `to`, by looking at each minute.
    fn walk(&self, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> BTreeSet<DateTime<Utc>> {
        let mut first: BTreeMap<NaiveDateTime, DateTime<Utc>> = BTreeMap::new();
        let begin = from - TimeDelta::days(2);
        let mut before: Option<NaiveDateTime> = None;
        for minute in 0..=(to - begin).num_minutes() {
            let at = begin + TimeDelta::minutes(minute);
            let wall = at.with_timezone(&zone).naive_local();
            // Minutes that the clock jumped over belong to the instant at which it landed.
            let mut skipped = before.map_or(wall, |before| before + TimeDelta::minutes(1));
            while skipped < wall {
                first.entry(skipped).or_insert(at);
                skipped += TimeDelta::minutes(1);
            }
            first.entry(wall).or_insert(at);
            before = Some(wall);
        }
        first
            .into_iter()
            .filter(|(wall, at)| self.matches(*wall) && *at > from && *at <= to)
            .map(|(_, at)| at)
            .collect()
    }
}

fn sets() -> impl Strategy<Value = Sets> {
    let some = |range: std::ops::RangeInclusive<u32>, most| prop::collection::btree_set(range, 1..=most);
    let hours = prop_oneof![
        some(0..=3, 4),
        some(0..=23, 6),
        Just((0..24).collect::<BTreeSet<u32>>())
    ];
    (
        some(0..=59, 6),
        hours,
        prop::option::of(some(1..=31, 12)),
        prop::option::of(some(0..=6, 4)),
    )
        .prop_map(|(minutes, hours, days, weekdays)| Sets {
            minutes,
            hours,
            days,
            weekdays,
        })
}

/// A zone, and a minute inside the day and a half around one of its changes.
fn near_a_change() -> impl Strategy<Value = (&'static str, DateTime<Utc>)> {
    (
        prop::sample::select(&ZONES[..]),
        any::<prop::sample::Index>(),
        -720_i64..2160,
        0_i64..60,
    )
        .prop_map(|(zone, index, minutes, seconds)| {
            let near = *index.get(&CHANGES[zone]);
            (
                zone,
                near + TimeDelta::minutes(minutes) + TimeDelta::seconds(seconds),
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    /// None lost, none doubled, none invented.
    #[test]
    fn runs_are_those_of_the_oracle(sets in sets(), (zone, from) in near_a_change()) {
        let to = from + TimeDelta::days(2);
        let from_minute = from - TimeDelta::seconds(i64::from(from.second()));
        let meant = sets.walk(zone.parse().unwrap(), from_minute, to);
        let meant: Vec<_> = meant.into_iter().filter(|at| *at > from).collect();
        let calendar = calendar(&sets.text(), zone);
        let found: Vec<_> = calendar.upcoming(from).take_while(|run| *run <= to).collect();
        prop_assert_eq!(found, meant, "{} in {}", sets.text(), zone);
    }

    /// Always later, on a whole minute, by the same answer each time.
    #[test]
    fn the_next_run_is_later(sets in sets(), (zone, from) in near_a_change()) {
        let calendar = calendar(&sets.text(), zone);
        let next = calendar.next_after(from);
        prop_assert_eq!(next, calendar.clone().next_after(from));
        if let Some(next) = next {
            prop_assert!(next > from);
            prop_assert_eq!(next.timestamp() % 60, 0);
        }
    }

    /// A later question never has an earlier answer, and between a question and its answer the answer stays.
    #[test]
    fn the_next_run_is_monotone(sets in sets(), (zone, from) in near_a_change(), more in 0_i64..200_000) {
        let calendar = calendar(&sets.text(), zone);
        let later = from + TimeDelta::seconds(more);
        let (a, b) = (calendar.next_after(from), calendar.next_after(later));
        if let (Some(a), Some(b)) = (a, b) {
            prop_assert!(a <= b);
            prop_assert_eq!(later < a, a == b, "{} and {}", a, b);
        }
    }

    /// One wall time stands for one run: two runs are never two passes of one clock time on one day.
    #[test]
    fn no_clock_time_runs_twice(sets in sets(), (zone, from) in near_a_change()) {
        let calendar = calendar(&sets.text(), zone);
        let runs: Vec<_> = calendar.upcoming(from - TimeDelta::days(1)).take(200).collect();
        let walls: BTreeSet<_> = runs.iter().map(|run| run.with_timezone(&calendar.zone).naive_local()).collect();
        prop_assert_eq!(walls.len(), runs.len());
    }

    /// Open exactly while an opening is younger than the duration; the next opening is the first such moment.
    #[test]
    fn a_window_is_open_for_its_duration(sets in sets(), (zone, at) in near_a_change(), minutes in 1_u64..600) {
        let zone_of: Tz = zone.parse().unwrap();
        let window = Window {
            opens: calendar(&sets.text(), zone),
            duration: std::time::Duration::from_secs(minutes * 60),
        };
        let age = TimeDelta::minutes(i64::try_from(minutes).unwrap());
        let whole = at - TimeDelta::seconds(i64::from(at.second()));
        let openings = sets.walk(zone_of, whole - TimeDelta::days(1), whole);
        let open = openings.iter().any(|opened| *opened <= at && at < *opened + age);
        prop_assert_eq!(window.is_open(at), open);
        if let Some(next) = window.next_open(at) {
            prop_assert!(next >= at && window.is_open(next));
            prop_assert_eq!(next == at, open);
        }
    }
}
