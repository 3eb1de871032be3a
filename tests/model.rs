//! The machine in `rekeyd::rotation`, explored breadth-first against a world that does everything it may do.
#![cfg(test)]

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
#[path = "model/trace.rs"]
mod trace;
#[path = "model/world.rs"]
mod world;
#[path = "model/write.rs"]
mod write;

use std::time::Instant;

use rekeyd::rotation::Guards;

#[test]
#[allow(clippy::disallowed_methods)]
fn every_promise_holds_in_every_reachable_state() {
    let only = std::env::var("PLAN").unwrap_or_default();
    let c = |name: &str, d: u8| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(d);
    for mut plan in plan::all().into_iter().filter(|plan| plan.name.contains(&only)) {
        plan.budget.crashes = c("C", 2);
        plan.budget.lost = c("L", 2);
        plan.budget.foreign = c("F", 1);
        let began = Instant::now();
        let outcome = explore::explore(&plan, Guards::all());
        println!(
            "{:<32} {} {:>9} {:>10} {:>6.1}s longest {} {:?}",
            plan.name,
            plan.stores,
            outcome.states,
            outcome.transitions,
            began.elapsed().as_secs_f32(),
            outcome.longest,
            outcome.fates
        );
        if let Ok(why) = std::env::var("WHY") {
            for (fate, path) in &outcome.examples {
                if fate.contains(&why) {
                    let violation = explore::Violation {
                        breach: promise::Breach {
                            promise: promise::Promise::Live,
                            what: "example",
                        },
                        path: path.clone(),
                    };
                    println!(
                        "{}: {fate} {}",
                        plan.name,
                        trace::tell(&plan, Guards::all(), &violation)
                    );
                }
            }
        }
        if let Some(violation) = &outcome.violation {
            println!("{}", trace::tell(&plan, Guards::all(), violation));
        }
    }
}
