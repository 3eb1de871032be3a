//! Tells a violation as a story: what was about to be done, what the world did, what was journaled.

use std::fmt::Write;

use rekeyd::rotation::{Event, Guards};

use crate::call::root;
use crate::canon::{NOW, canonical};
use crate::explore::Violation;
use crate::node::{Doing, Edge, Node};
use crate::plan::Plan;
use crate::promise::{Breach, Promise};
use crate::walk::edges;

/// The whole way to `violation`, one line per step.
pub fn tell(plan: &Plan, guards: Guards, violation: &Violation) -> String {
    let Breach { promise, what } = violation.breach;
    let onwards = promise == Promise::Live;
    let way = way(plan, guards, &violation.path, onwards);
    format!("{}: {promise} is broken: {what}\n{way}", plan.name)
}

/// The way along `path`, and, if `onwards`, the healthy one from there.
pub fn way(plan: &Plan, guards: Guards, path: &[u16], onwards: bool) -> String {
    let mut text = String::new();
    let mut clock = 0;
    let mut edge = root(plan, guards, NOW);
    let mut follow = |text: &mut String, edge: Edge, n: u16| {
        let mut node = edge.node;
        clock += node.now.0 - NOW.0;
        canonical(plan, &mut node);
        let doing = doing(&node);
        let next = edges(plan, guards, &node).swap_remove(usize::from(n));
        line(text, clock, &doing, &next);
        next
    };
    for n in path {
        edge = follow(&mut text, edge, *n);
    }
    if onwards {
        text.push_str("  and from there, with nothing going wrong:\n");
        for _ in 0..40 {
            if edge.node.doing == Doing::Rest {
                break;
            }
            edge = follow(&mut text, edge, 0);
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
    if let Event::Probed {
        subject,
        pair,
        beside,
    } = event
    {
        let beside = beside.as_ref().map(|report| &report.verdict);
        return format!("probed {subject:?}: {:?}, beside {beside:?}", pair.verdict);
    }
    if let Event::Deferred { until, why, failed } = event {
        let seconds = (until.0 - NOW.0) / 1000;
        return format!("deferred to now{seconds:+}s: {why} (failed: {failed})");
    }
    if let Event::Baselined { .. } = event {
        return "baselined".to_owned();
    }
    format!("{event:?}")
}
