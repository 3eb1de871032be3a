//! The transition function: (state, observation, now) → state', events, action. Total, no clock, no effects.

use crate::clock::Timestamp;
use crate::rotation::absorb::absorb;
use crate::rotation::decide::{Next, decide};
use crate::rotation::fold::fold;
use crate::rotation::guard::Guards;
use crate::rotation::{Action, Event, Observation, State};

/// What follows from an observation.
#[derive(Clone, Debug)]
pub struct Step {
    /// The state with all of `events` folded in.
    pub state: State,
    /// To be made durable before `action` is performed.
    pub events: Vec<Event>,
    /// What to do then.
    pub action: Action,
}

/// More consecutive decisions without a look outside than any honest chain has.
const CHAIN: usize = 16;

/// Takes one observation in and says what to do next.
pub fn step(state: &State, observation: Observation, now: Timestamp, guards: Guards) -> Step {
    let mut events = absorb(state, observation, now, guards);
    let mut state = events
        .iter()
        .fold(state.clone(), |state, event| fold(state, now, event));
    for _ in 0..CHAIN {
        match decide(&state, now, guards) {
            Next::Write(more) => {
                state = more.iter().fold(state, |state, event| fold(state, now, event));
                events.extend(more);
            }
            Next::Act(Action::Perform(effects)) => {
                let intents = effects.iter().map(|effect| Event::Intended { effect: *effect });
                let intents: Vec<Event> = intents.collect();
                state = intents.iter().fold(state, |state, event| fold(state, now, event));
                events.extend(intents);
                return Step {
                    state,
                    events,
                    action: Action::Perform(effects),
                };
            }
            Next::Act(action) => {
                return Step {
                    state,
                    events,
                    action,
                };
            }
        }
    }
    // Unreachable by the model test; resting is the harmless answer.
    Step {
        state,
        events,
        action: Action::Rest,
    }
}
