//! One call of the core, and what the engine makes of its answer.

use rekeyd::clock::Timestamp;
use rekeyd::rotation::{Action, Ask, Effect, Event, Guards, Observation, Rest, State, ValueBy, fold, step};

use crate::node::{Choice, Doing, Edge, Node};
use crate::plan::{Plan, limits};
use crate::promise::{Breach, Promise};
use crate::world::{World, generation};

/// Where a rotation starts from.
pub fn root(plan: &Plan, guards: Guards, now: Timestamp) -> Edge {
    let id = rekeyd::rotation::RotationId::from(uuid::Uuid::from_u128(7));
    let state = State::new(id, plan.caps, limits(), plan.stores);
    let given = Given {
        world: World::new(plan),
        rest: Vec::new(),
        observation: Observation::Tick,
        choice: Choice::Waited,
        breaches: Vec::new(),
    };
    stepped(&state, given, now, guards)
}

/// What the core is told, and what was found out on the way to it.
pub struct Given {
    pub world: World,
    /// Effects that are still out.
    pub rest: Vec<Effect>,
    pub observation: Observation,
    pub choice: Choice,
    pub breaches: Vec<Breach>,
}

/// One call of the core, and what the engine makes of its answer.
pub fn stepped(state: &State, given: Given, now: Timestamp, guards: Guards) -> Edge {
    let Given {
        mut world,
        mut rest,
        observation,
        choice,
        mut breaches,
    } = given;
    let next = step(state, observation, now, guards);
    let journaled = next
        .events
        .iter()
        .fold(state.clone(), |state, event| fold(state, now, event));
    let mut impure = |what| {
        breaches.push(Breach {
            promise: Promise::Pure,
            what,
        });
    };
    if journaled != next.state {
        impure("the state is not the fold of its events");
    }
    let busy = !rest.is_empty();
    let doing = match next.action {
        Action::Perform(effects) => {
            rest.extend(effects);
            Doing::Out(rest)
        }
        Action::Await if busy => Doing::Out(rest),
        Action::Await => {
            impure("an answer is awaited, and nothing is out");
            Doing::Rest
        }
        Action::Look(wanted) => Doing::Look(wanted),
        Action::Wait(until) => Doing::Wait(until),
        Action::Rest => {
            if journaled.rest == Rest::Running {
                impure("it rests while it is running");
            }
            Doing::Rest
        }
    };
    if busy && !matches!(doing, Doing::Out(_)) {
        impure("effects are out, and it does something else");
    }
    for event in &next.events {
        if let Event::Baselined { old, .. } = event {
            world.began = generation(*old);
        }
    }
    let gone = next
        .events
        .iter()
        .filter(|event| **event == Event::ValueGone)
        .count() as u8;
    if journaled.caps.value_by == ValueBy::Salesforce && !journaled.caps.mints_at_cutover {
        world.allowed += gone;
    }
    let told = journaled.asked.is_some_and(|asked| asked.what == Ask::Apply);
    if told || journaled.cutover.is_done() {
        world.hand = None;
    }
    if journaled.is_rotated() || journaled.end().is_some() {
        world.cache = None;
    }
    Edge {
        choice,
        node: Node {
            state: journaled,
            world,
            doing,
            now,
        },
        events: next.events,
        breach: breaches.first().copied(),
    }
}
