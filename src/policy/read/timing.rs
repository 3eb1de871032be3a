//! When an app rotates: `schedule`, `window`, `max_age`, `first`, and `grace`, which has to fit between.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use toml::de::DeValue;

use super::scalar::{cron, duration, moment, some_duration, zone};
use super::{Node, Table};
use crate::schedule::{Calendar, First, Schedule, Timing, Window, delay_of};

/// How many runs are looked at where a rule is about all of them: more than a year of daily ones.
const RUNS: usize = 400;

pub(super) fn timing<'a>(app: &str, table: &mut Table<'a>) -> Option<Timing> {
    let read = table.required("schedule", |node| schedule(app, node));
    let opens = table.optional("window", |node| window(app, node));
    let max_age = table.optional("max_age", |node| Some((some_duration(node)?, node.clone())));
    let first = table.or("first", First::AfterInterval, first);
    if let Some((schedule, _)) = &read {
        if let Some(Some((max_age, node))) = &max_age
            && longest(schedule).is_some_and(|longest| longest >= *max_age)
        {
            let help = "leave room for a late rotation: it is the age at which somebody is told";
            node.fault(
                "`max_age` is not longer than the time between two rotations",
                Some(help.into()),
            );
        }
        if let Some(Some((window, node))) = &opens
            && never_meet(schedule, window)
        {
            let help =
                "every rotation would wait for the window: let them meet, or use `every` with the window";
            node.fault("no time of the schedule lies in the window", Some(help.into()));
        }
    }
    let (schedule, jitter) = read?;
    Some(Timing {
        schedule,
        jitter,
        delay: delay_of(app, jitter),
        window: opens?.map(|(window, _)| window),
        first: first?,
        max_age: max_age?.map(|(age, _)| age),
    })
}

fn schedule(app: &str, node: &Node<'_>) -> Option<(Schedule, Duration)> {
    let mut table = node.table(format!("the schedule of [app.{app}]"))?;
    let every = table.optional("every", |node| Some((some_duration(node)?, node.clone())));
    let cron_node = table.get("cron");
    let zone_node = table.get("zone");
    let jitter = table.optional("jitter", |node| Some((duration(node)?, node.clone())));
    let schedule = match (every, &cron_node) {
        (Some(None), Some(cron_node)) => calendar(&table, cron_node, zone_node.as_ref()).map(Schedule::Cron),
        (Some(Some((every, _))), None) => {
            if let Some(zone) = &zone_node {
                let help = "`every` counts elapsed time; leave `zone` out, or use `cron`";
                table
                    .context
                    .fault(&zone.key, "", "a zone belongs to `cron`", Some(help.into()));
            }
            Some(Schedule::Every(every))
        }
        (Some(None), None) => {
            let help = "such as { every = \"90d\" } or { cron = \"0 2 * * SUN\", zone = \"UTC\" }";
            let message = format!("{} needs `every` or `cron`", table.what);
            table.lacks(&["every", "cron"], message, Some(help.into()));
            None
        }
        (Some(Some((_, every))), Some(cron)) => {
            let places = [(&cron.key, "and this"), (&every.key, "this")];
            table
                .context
                .fault_at(&places, "a schedule is either `every` or `cron`", None);
            None
        }
        (None, Some(cron_node)) => {
            calendar(&table, cron_node, zone_node.as_ref());
            None
        }
        (None, None) => None,
    };
    if let (Some(Some((jitter, node))), Some(schedule)) = (&jitter, &schedule)
        && shortest(schedule).is_some_and(|shortest| shortest <= *jitter)
    {
        node.fault(
            "`jitter` is not shorter than the time between two rotations",
            None,
        );
    }
    table.finish();
    Some((schedule?, jitter?.map_or(Duration::ZERO, |(jitter, _)| jitter)))
}

fn window<'a>(app: &str, node: &Node<'a>) -> Option<(Window, Node<'a>)> {
    let mut table = node.table(format!("the window of [app.{app}]"))?;
    let cron = table.required("cron", |node| Some(node.clone()));
    let zone = table.get("zone");
    let duration = table.required("duration", some_duration);
    let opens = cron.and_then(|cron| calendar(&table, &cron, zone.as_ref()));
    table.finish();
    Some((
        Window {
            opens: opens?,
            duration: duration?,
        },
        node.clone(),
    ))
}

/// A cron text always says whose clock it means.
fn calendar(table: &Table<'_>, cron_node: &Node<'_>, zone_node: Option<&Node<'_>>) -> Option<Calendar> {
    let found = cron(cron_node);
    let zone = match zone_node {
        Some(node) => zone(node),
        None => {
            let help = "such as zone = \"Europe/Paris\" or zone = \"UTC\"";
            let message = format!("{} has a `cron` and no `zone`", table.what);
            table
                .context
                .missing(&cron_node.key, "", message, Some(help.into()));
            None
        }
    };
    let calendar = Calendar {
        cron: found?,
        zone: zone?,
    };
    if calendar.next_after(origin()).is_none() {
        cron_node.fault("this time never comes", Some("the month has no such day".into()));
        return None;
    }
    Some(calendar)
}

fn first(node: &Node<'_>) -> Option<First> {
    if let DeValue::String(text) = node.value {
        match text.as_ref() {
            "now" => return Some(First::Now),
            "after-interval" => return Some(First::AfterInterval),
            _ => {}
        }
    }
    moment(node).map(First::At)
}

/// Rules about all runs of a calendar start here, so that a check does not depend on when it is made.
fn origin() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(365 * 54)
}

fn gaps(schedule: &Schedule) -> Vec<Duration> {
    match schedule {
        Schedule::Every(every) => vec![*every],
        Schedule::Cron(calendar) => {
            let runs: Vec<_> = calendar.upcoming(origin()).take(RUNS).collect();
            runs.iter()
                .zip(runs.iter().skip(1))
                .filter_map(|(a, b)| (*b - *a).to_std().ok())
                .collect()
        }
    }
}

/// The least time between two runs.
pub(super) fn shortest(schedule: &Schedule) -> Option<Duration> {
    gaps(schedule).into_iter().min()
}

fn longest(schedule: &Schedule) -> Option<Duration> {
    gaps(schedule).into_iter().max()
}

fn never_meet(schedule: &Schedule, window: &Window) -> bool {
    match schedule {
        Schedule::Every(_) => false,
        Schedule::Cron(calendar) => !calendar
            .upcoming(origin())
            .take(RUNS)
            .any(|run| window.is_open(run)),
    }
}
