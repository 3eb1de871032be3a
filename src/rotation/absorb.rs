//! What an observation means: observations to events. Surveys (`survey.rs`) and looks whether something took (`found.rs`)
//! have files of their own.

use crate::clock::Timestamp;
use crate::rotation::ask;
use crate::rotation::backoff::{CAP, LONGEST, retry};
use crate::rotation::decide::{Next, hold_again};
use crate::rotation::found::found;
use crate::rotation::guard::{Guard, Guards};
use crate::rotation::{Answer, Effect, End, Event, Hold, Mode, Observation, State, Subject, survey};
use crate::rotation::{ProbeReport, Probes, Refusal, Verdict};
use crate::secret::Fingerprint;

pub(super) fn absorb(state: &State, observation: Observation, now: Timestamp, guards: Guards) -> Vec<Event> {
    if state.end().is_some() {
        return Vec::new();
    }
    match observation {
        Observation::Tick => Vec::new(),
        Observation::Restarted => restarted(state),
        // What it was asked for is moot.
        Observation::Surveyed(_) if state.is_given_up() => Vec::new(),
        Observation::Surveyed(facts) => survey::absorb(state, &facts, now, guards),
        Observation::Chosen(pair) => vec![Event::Chosen { pair }],
        Observation::Performed(effect, answer) => performed(state, effect, answer, now),
        Observation::Found(effect, finding) => found(state, effect, finding, now, guards),
        Observation::Probed(subject, probes) => match (probes.pair, subject) {
            (Some(pair), _) => vec![Event::Probed {
                subject,
                pair,
                beside: probes.beside,
            }],
            (None, Subject::Dead) => vec![Event::OldUnknown],
            (None, Subject::Early | Subject::New | Subject::Settle | Subject::Alive) => {
                defer(state, now, None, "the value to probe could not be read".into())
            }
        },
        Observation::Unavailable {
            why,
            until: _,
            person: true,
        } => written(hold_again(state, now, Hold::Obstacles { what: vec![why] })),
        Observation::Unavailable {
            why,
            until,
            person: false,
        } => later(state, now, until, why),
        Observation::Resume { by, take_over } => vec![Event::Resumed { by, take_over }],
        Observation::EndGrace { by } if state.may_end_grace() => vec![Event::GraceEnded { by }],
        Observation::EndGrace { .. } => Vec::new(),
        Observation::Abandon { by } if state.may_abandon() => {
            vec![Event::Aborting {
                why: End::Abandoned { by },
            }]
        }
        Observation::Abandon { by } if may_give_up(state, guards) => vec![Event::GivingUp {
            by,
            adopting: None,
            proof: None,
        }],
        Observation::Abandon { .. } => Vec::new(),
        Observation::GiveUp { by, pair, probes }
            if may_give_up(state, guards) && gives_way(state, pair, &probes, guards) =>
        {
            vec![Event::GivingUp {
                by,
                adopting: Some(pair),
                proof: probes.pair,
            }]
        }
        Observation::GiveUp { .. } => Vec::new(),
        Observation::Handed { by, pair, new, old } => ask::handed(state, by, pair, &new, &old, now),
    }
}

fn may_give_up(state: &State, guards: Guards) -> bool {
    let early = state.mode == Mode::Forward && !guards.has(Guard::GiveUpOnlyRotated);
    state.may_give_up() || early
}

/// Another pair, and one that works: then ours has been superseded, whoever did it.
fn gives_way(state: &State, pair: Fingerprint, probes: &Probes, guards: Guards) -> bool {
    let verdict = |report: &Option<ProbeReport>| report.as_ref().map(|report| report.verdict.clone());
    let proven =
        verdict(&probes.pair) == Some(Verdict::Accepted) && verdict(&probes.beside) == Some(Verdict::Refused);
    state.new != Some(pair) && (proven || !guards.has(Guard::ProveBeforeGivingWay))
}

/// The process ended somewhere. What it had sent is unknown, and what it had just looked at is stale.
fn restarted(state: &State) -> Vec<Event> {
    let lost = |effect| Event::Lost {
        effect,
        why: "the process ended before an answer was recorded".into(),
    };
    let out = state
        .effects()
        .into_iter()
        .filter(|effect| state.progress(*effect).is_intent());
    std::iter::once(Event::Restarted).chain(out.map(lost)).collect()
}

/// Not now. A wait that the other side asked for (a quota, a maintenance) is no failure.
fn later(state: &State, now: Timestamp, until: Option<Timestamp>, why: String) -> Vec<Event> {
    match until {
        None => defer(state, now, None, why),
        Some(until) => vec![Event::Deferred {
            until: until.max(now + retry(state)),
            why,
            failed: false,
        }],
    }
}

/// Try later; after too many failures somebody is told, and it goes on by itself at the longest distance.
pub(super) fn defer(state: &State, now: Timestamp, until: Option<Timestamp>, why: String) -> Vec<Event> {
    let many = state.attempts >= CAP;
    // With no way back, somebody is told of an outage that lasts, and it goes on as fast as before.
    let exhausted = many && (state.may_pause() || !state.caps.reversible);
    let wait = match many && state.may_pause() {
        true => LONGEST,
        false => retry(state),
    };
    let until = (now + wait).max(until.unwrap_or(now));
    let mut events = vec![Event::Deferred {
        until,
        why: why.clone(),
        failed: true,
    }];
    if exhausted && (state.may_pause() || state.hold().is_none()) {
        events.push(Event::Held {
            reason: Hold::Exhausted { why },
            again: Some(until),
        });
    }
    events
}

pub(super) fn written(next: Next) -> Vec<Event> {
    match next {
        Next::Write(events) => events,
        Next::Act(_) => Vec::new(),
    }
}

fn performed(state: &State, effect: Effect, answer: Answer, now: Timestamp) -> Vec<Event> {
    // A late answer to something that is no longer out says nothing that a probe would not.
    if !state.progress(effect).is_intent() {
        return Vec::new();
    }
    match answer {
        Answer::Done(detail) => vec![Event::Applied { effect, detail }],
        // Nothing that a place shows has changed, so it is as open as before; its next request gets its own intent.
        Answer::Partly(why) => vec![Event::Postponed { effect, why }],
        Answer::Unknown(why) => vec![Event::Lost { effect, why }],
        Answer::Queued(job) => vec![Event::Queued { effect, job }],
        Answer::NotNow { why, until } => {
            let mut events = vec![Event::Postponed {
                effect,
                why: why.clone(),
            }];
            events.extend(later(state, now, until, format!("{effect}: {why}")));
            events
        }
        Answer::Refused(why) => refused(state, effect, why, now),
        Answer::ValueGone => value_gone(state, effect),
        Answer::Published(stores) => {
            let why = "the new credential was published by hand".to_owned();
            let found = stores.into_iter().map(|(store, detail)| Event::FoundApplied {
                effect: Effect::Publish(store),
                detail,
            });
            std::iter::once(Event::Postponed { effect, why })
                .chain(found)
                .collect()
        }
    }
}

fn value_gone(state: &State, effect: Effect) -> Vec<Event> {
    let postponed = Event::Postponed {
        effect,
        why: "its value is in no hand any more".into(),
    };
    let stored_somewhere = state.lanes.iter().any(|lane| lane.pending.is_done());
    if stored_somewhere {
        let what = vec!["the pending value has vanished from the store that held it".to_owned()];
        return vec![
            postponed,
            Event::Held {
                reason: Hold::Obstacles { what },
                again: None,
            },
        ];
    }
    if state.mints >= 2 && !state.caps.mints_at_cutover {
        return vec![
            postponed,
            Event::Held {
                reason: Hold::Masked,
                again: None,
            },
        ];
    }
    vec![postponed, Event::ValueGone]
}

pub(super) fn refused(state: &State, effect: Effect, why: Refusal, now: Timestamp) -> Vec<Event> {
    let declined = Event::Declined {
        effect,
        why: why.clone(),
    };
    let reason = Hold::Refused {
        effect,
        why: why.to_string(),
    };
    let held =
        |events: Vec<Event>| -> Vec<Event> { std::iter::once(declined.clone()).chain(events).collect() };
    match (effect, &why) {
        // Somebody wrote in between: what stands there now decides.
        (
            Effect::Store(_)
            | Effect::Publish(_)
            | Effect::Clear(_)
            | Effect::Quarantine(_)
            | Effect::Discard
            | Effect::Revoke,
            Refusal::Conflict(_),
        ) => vec![Event::Lost {
            effect,
            why: why.to_string(),
        }],
        // The slot or the component is not what it was: look at everything again, at a growing distance.
        (Effect::Mint | Effect::Cutover | Effect::Reset, Refusal::Conflict(_)) => {
            // Whatever was edited, old and new answers about it may mix for a while.
            let mixes = !state.caps.key_readable && effect != Effect::Reset;
            let until = mixes.then(|| now + state.limits.propagation);
            held(defer(state, now, until, format!("{effect}: {why}")))
        }
        // An in-place change that this org does not take. Nothing has changed; the value was sent, so it is kept.
        (Effect::Cutover, Refusal::Unsupported(_) | Refusal::Invalid(_)) if !state.caps.overlap => {
            held(vec![Event::Aborting {
                why: End::NotOffered { why: why.to_string() },
            }])
        }
        (Effect::Revoke, _) if state.is_given_up() => held(Vec::new()),
        (Effect::Undo, _) => held(written(hold_again(
            state,
            now,
            Hold::BrokenUndo {
                answer: why.to_string(),
            },
        ))),
        // Between cutover and publish no hold may stop the other stores, or the way back.
        (Effect::Publish(_), _) => held(defer(state, now, None, format!("{effect}: {why}"))),
        (
            Effect::Mint
            | Effect::Cutover
            | Effect::Discard
            | Effect::Revoke
            | Effect::Store(_)
            | Effect::Clear(_)
            | Effect::Quarantine(_)
            | Effect::Reset,
            Refusal::Permission(_) | Refusal::Unsupported(_) | Refusal::Invalid(_),
        ) => held(written(hold_again(state, now, reason))),
    }
}
