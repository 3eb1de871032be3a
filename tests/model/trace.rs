//! Tells a violation as a story: what was about to be done, what the world did, what was journaled.

use std::fmt::Write;

use rekeyd::rotation::{Event, Guards};

use crate::canon::{NOW, canonical};
use crate::explore::Violation;
use crate::node::{Doing, Edge, Node, edges, root};
use crate::plan::Plan;
use crate::promise::Promise;

/// The whole way to `violation`, one line per step.
pub fn tell(plan: &Plan, guards: Guards, violation: &Violation) -> String {
    let mut text = format!(
        "{}: {} is broken: {}\n",
        plan.name, violation.breach.promise, violation.breach.what
    );
    let mut edge = root(plan, guards, NOW);
    let mut clock = 0;
    for n in &violation.path {
        let mut node = edge.node;
        clock += node.now.0 - NOW.0;
        canonical(&mut node);
        let doing = doing(&node);
        edge = edges(plan, guards, &node).swap_remove(usize::from(*n));
        line(&mut text, clock, &doing, &edge);
    }
    if violation.breach.promise == Promise::Live {
        let _ = writeln!(text, "  and from there, with nothing going wrong:");
        for _ in 0..40 {
            let mut node = edge.node.clone();
            clock += node.now.0 - NOW.0;
            canonical(&mut node);
            if node.doing == Doing::Rest {
                break;
            }
            let doing = doing(&node);
            edge = edges(plan, guards, &node).swap_remove(0);
            line(&mut text, clock, &doing, &edge);
        }
    }
    let node = edge.node;
    let _ = writeln!(text, "  at the end: {:?} {:?}", node.state.mode, node.state.rest);
    let _ = writeln!(text, "  {:?}", node.world);
    text
}

fn doing(node: &Node) -> String {
    match &node.doing {
        Doing::Out(out) => {
            let names: Vec<String> = out.iter().map(ToString::to_string).collect();
            format!("performing {}", names.join(" and "))
        }
        Doing::Look(look) => format!("looking: {look:?}"),
        Doing::Wait(until) => format!("waiting {}s", until.since(node.now).as_secs()),
        Doing::Down(until) => format!("down for {}s", until.since(node.now).as_secs()),
        Doing::Rest => "resting".to_owned(),
    }
}

fn line(text: &mut String, clock: i64, doing: &str, edge: &Edge) {
    let _ = writeln!(text, "  {:>3}s {doing} -> {:?}", clock / 1000, edge.choice);
    for event in &edge.events {
        let _ = writeln!(text, "         {}", brief(event));
    }
}

fn brief(event: &Event) -> String {
    match event {
        Event::Intended { effect } => format!("intended {effect}"),
        Event::Applied { effect, .. } => format!("applied {effect}"),
        Event::FoundApplied { effect, .. } => format!("found applied {effect}"),
        Event::FoundAbsent { effect } => format!("found absent {effect}"),
        Event::Lost { effect, .. } => format!("lost {effect}"),
        Event::Probed {
            subject,
            pair,
            beside,
        } => format!(
            "probed {subject:?}: {:?}, beside {:?}",
            pair.verdict,
            beside.as_ref().map(|report| &report.verdict)
        ),
        Event::Deferred { until, why, failed } => {
            format!(
                "deferred to now{:+}s: {why} (failed: {failed})",
                (until.0 - NOW.0) / 1000
            )
        }
        Event::Baselined { .. } => "baselined".to_owned(),
        other => format!("{other:?}"),
    }
}
