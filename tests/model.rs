//! The machine in `rekeyd::rotation`, explored breadth-first and exhaustively against a world that does everything
//! it may do: answers lost or late, old and new answers mixed, masked secrets, crashes, edits by somebody else.
//!
//! What the world is, is said in `model/world.rs`; how much may go wrong, in `model/plan.rs`; what must hold, in
//! `model/promise.rs` and, for single writes, `model/write.rs`; what is told apart, in `model/canon.rs`.
//!
//! `cargo test --test model -- --nocapture` prints the tables. With `MODEL_PLAN` set to part of a plan's name only
//! those are explored; with `MODEL_FATE` set to part of an outcome's name the shortest way to it is told.
#![cfg(test)]

#[path = "model/call.rs"]
mod call;
#[path = "model/canon.rs"]
mod canon;
#[path = "model/explore.rs"]
mod explore;
#[path = "model/foreign.rs"]
mod foreign;
#[path = "model/live.rs"]
mod live;
#[path = "model/look.rs"]
mod look;
#[path = "model/node.rs"]
mod node;
#[path = "model/plan.rs"]
mod plan;
#[path = "model/promise.rs"]
mod promise;
#[path = "model/removal.rs"]
mod removal;
#[path = "model/trace.rs"]
mod trace;
#[path = "model/walk.rs"]
mod walk;
#[path = "model/world.rs"]
mod world;
#[path = "model/write.rs"]
mod write;

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rekeyd::rotation::{ALL_GUARDS, Guard, Guards};

use crate::explore::{Outcome, explore};
use crate::plan::Plan;

/// One exploration of the run.
#[derive(Clone, Copy)]
struct Job {
    plan: Plan,
    /// The guard that is taken away.
    without: Option<Guard>,
}

impl Job {
    fn guards(&self) -> Guards {
        self.without.map_or(Guards::all(), Guards::without)
    }
}

struct Report {
    job: Job,
    outcome: Outcome,
    took: Duration,
}

#[test]
fn every_promise_holds_in_every_reachable_state_and_none_without_its_guards() {
    let began = now();
    let only = std::env::var("MODEL_PLAN").unwrap_or_default();
    let plans = plan::all().into_iter().filter(|plan| plan.name.contains(&only));
    let mut jobs: Vec<Job> = plans.map(|plan| Job { plan, without: None }).collect();
    if only.is_empty() {
        jobs.extend(ALL_GUARDS.map(|guard| Job {
            plan: removal::plan(guard),
            without: Some(guard),
        }));
    }
    let reports = run(jobs);

    let whole = || reports.iter().filter(|report| report.job.without.is_none());
    println!("{}", head());
    whole().for_each(|report| println!("{}", row(report)));
    let states: usize = whole().map(|report| report.outcome.states).sum();
    let transitions: usize = whole().map(|report| report.outcome.transitions).sum();
    println!(
        "{:<36} {:>25} {states:>10} {transitions:>12} {:>7.1}",
        "all, wall clock",
        "",
        began.elapsed().as_secs_f32()
    );
    fates(whole());

    println!("\n{:<26} {:<8} {:>6}  in", "without", "breaks", "steps");
    let mut wrong: Vec<String> = Vec::new();
    for report in &reports {
        let Job { plan, without } = &report.job;
        match (without, &report.outcome.violation) {
            (None, None) => {}
            (None, Some(violation)) => wrong.push(trace::tell(plan, Guards::all(), violation)),
            (Some(guard), None) => wrong.push(format!("{guard:?} can go, and nothing breaks")),
            (Some(guard), Some(violation)) => {
                let broken = violation.breach.promise;
                println!(
                    "{:<26} {:<8} {:>6}  {}: {}",
                    format!("{guard:?}"),
                    broken.to_string(),
                    violation.path.len(),
                    plan.name,
                    violation.breach.what
                );
                if broken != removal::breaks(*guard) {
                    wrong.push(trace::tell(plan, Guards::without(*guard), violation));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Two at a time, the largest first.
fn run(mut jobs: Vec<Job>) -> Vec<Report> {
    let order: Vec<(&str, Option<Guard>)> = jobs.iter().map(|job| (job.plan.name, job.without)).collect();
    jobs.sort_by_key(|job| job.plan.weight);
    let (jobs, reports) = (Mutex::new(jobs), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(job) = jobs.lock().unwrap().pop() else {
                        break;
                    };
                    let began = now();
                    let outcome = explore(&job.plan, job.guards());
                    let took = began.elapsed();
                    reports.lock().unwrap().push(Report { job, outcome, took });
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap();
    let place = |report: &Report| {
        let is = |(name, without): &(&str, Option<Guard>)| {
            *name == report.job.plan.name && *without == report.job.without
        };
        order.iter().position(is)
    };
    reports.sort_by_key(place);
    reports
}

#[expect(
    clippy::disallowed_methods,
    reason = "the model's speed is reported, and nothing decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

fn head() -> String {
    format!(
        "{:<36} {:>6} {:>7} {:>4} {:>5} {:>10} {:>12} {:>7} {:>6}",
        "plan", "stores", "crashes", "lost", "edits", "states", "transitions", "seconds", "steps"
    )
}

fn row(report: &Report) -> String {
    let Report { job, outcome, took } = report;
    let budget = job.plan.budget;
    format!(
        "{:<36} {:>6} {:>7} {:>4} {:>5} {:>10} {:>12} {:>7.1} {:>6}",
        job.plan.name,
        job.plan.stores,
        budget.crashes,
        budget.lost,
        budget.foreign,
        outcome.states,
        outcome.transitions,
        took.as_secs_f32(),
        outcome.longest
    )
}

/// Where the healthy way leads, from how many states.
fn fates<'a>(reports: impl Iterator<Item = &'a Report>) {
    let wanted = std::env::var("MODEL_FATE").ok();
    let mut all = std::collections::BTreeMap::<&str, usize>::new();
    for Report { job, outcome, .. } in reports {
        for (fate, count) in &outcome.fates {
            *all.entry(fate).or_default() += count;
        }
        let examples = outcome.examples.iter();
        let asked = |fate: &str| wanted.as_deref().is_some_and(|wanted| fate.contains(wanted));
        for (fate, path) in examples.filter(|(fate, _)| asked(fate)) {
            println!(
                "{}: {fate}\n{}",
                job.plan.name,
                trace::way(&job.plan, Guards::all(), path, true)
            );
        }
    }
    println!("\nwith nothing more going wrong, it ends so:");
    for (fate, count) in all {
        println!("{count:>10}  {fate}");
    }
}
