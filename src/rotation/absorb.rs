//! What an observation means: observations to events. Surveys have a file of their own (`survey.rs`).

use crate::clock::Timestamp;
use crate::rotation::ask;
use crate::rotation::backoff::{CAP, LONGEST, delay, late_until, pace, retry};
use crate::rotation::decide::{Next, hold_again};
use crate::rotation::guard::{Guard, Guards};
use crate::rotation::observation::Entry;
use crate::rotation::{
    Answer, Detail, Effect, End, Event, Finding, Hold, Mode, Observation, Progress, State, Subject, ValueBy,
    survey,
};
use crate::rotation::{ProbeReport, Probes, Refusal, Verdict, VersionRef};
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

fn refused(state: &State, effect: Effect, why: Refusal, now: Timestamp) -> Vec<Event> {
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

fn found(state: &State, effect: Effect, finding: Finding, now: Timestamp, guards: Guards) -> Vec<Event> {
    if effect == Effect::Cutover && state.asks() {
        return ask::applied(state, finding, now);
    }
    let sent = match state.progress(effect) {
        Progress::Unknown(sent) => sent,
        Progress::Done(_) if effect == Effect::Cutover && fetching(state) => {
            return fetched(state, finding, now);
        }
        // Judged side by side because the budget of an answered cutover is spent.
        Progress::Done(_) if effect == Effect::Cutover => return settled_cutover(state, finding, now),
        Progress::Open | Progress::Intent(_) | Progress::Done(_) => return Vec::new(),
    };
    let late = late_until(state, effect, sent);
    let provisional = now < late && guards.has(Guard::WaitOutLateWrites);
    let wait = |why: &str| {
        let until = (now + pace(state, sent, now)).min(late);
        vec![Event::Deferred {
            until,
            why: format!("{effect}: {why}; a late write may still land"),
            failed: false,
        }]
    };
    match finding {
        Finding::Taken(detail) => taken(effect, detail),
        Finding::Running => running(state, effect, sent, now),
        Finding::Refused(why) => refused(state, effect, why, now),
        Finding::NotNow(why) => {
            let postponed = Event::Postponed {
                effect,
                why: why.clone(),
            };
            std::iter::once(postponed)
                .chain(defer(state, now, None, format!("{effect}: {why}")))
                .collect()
        }
        Finding::NotTaken if provisional => wait("no trace of it yet"),
        Finding::NotTaken if unanswered(state, effect, late, guards) => {
            let wait = delay(state.attempts).min(state.limits.propagation);
            let until = now + wait.max(state.limits.stable_spacing);
            let reason = Hold::Unanswered;
            vec![
                Event::Deferred {
                    until,
                    why: reason.to_string(),
                    failed: true,
                },
                Event::Held {
                    reason,
                    again: Some(until),
                },
            ]
        }
        // Not answered and not applied, again and again: that is a failure like any other.
        Finding::NotTaken if state.attempts >= CAP && state.may_pause() => {
            let why = format!("{effect}: it is never answered, and was not applied");
            std::iter::once(Event::FoundAbsent { effect })
                .chain(defer(state, now, None, why))
                .collect()
        }
        Finding::NotTaken => vec![Event::FoundAbsent { effect }],
        Finding::Moved(base) => vec![Event::Rebased { effect, base }],
        Finding::Entry(entry) => match is_ours(state, &entry) || !guards.has(Guard::OwnSlotOnly) {
            true => vec![Event::FoundApplied {
                effect,
                detail: Detail::Minted {
                    id: entry.id,
                    key: entry.key,
                },
            }],
            false => vec![Event::Held {
                reason: Hold::ForeignSlot { id: entry.id },
                again: None,
            }],
        },
        Finding::Foreign { what, accepted, base } => match (effect, base) {
            (Effect::Publish(store), Some(base)) if accepted == Some(false) => {
                refused_theirs(state, store, base, now, guards)
            }
            (_, base) => foreign(effect, what, base, guards),
        },
        Finding::Unclear(why) if provisional => wait(&why),
        Finding::Unclear(answer) => written(hold_again(state, now, unclear(effect, answer))),
    }
}

/// Applied, and, where the cutover made the pair, which one it is.
fn taken(effect: Effect, detail: Detail) -> Vec<Event> {
    let made = match &detail {
        Detail::Made { pair } => Some(*pair),
        Detail::Nothing | Detail::Minted { .. } | Detail::Written { .. } => None,
    };
    std::iter::once(Event::FoundApplied { effect, detail })
        .chain(made.map(|pair| Event::Fetched { pair }))
        .collect()
}

/// Under way at Salesforce, which takes as long as it takes. Somebody is told when that is long; it is looked at
/// as often as before, since consumers are out from the moment that it is done.
fn running(state: &State, effect: Effect, sent: Timestamp, now: Timestamp) -> Vec<Event> {
    let until = now + pace(state, sent, now);
    let why = format!("{effect}: Salesforce has taken it on and not finished it yet");
    let mut events = vec![Event::Deferred {
        until,
        why: why.clone(),
        failed: false,
    }];
    if now >= late_until(state, effect, sent) && state.hold().is_none() {
        events.push(Event::Held {
            reason: Hold::Exhausted { why },
            again: Some(until),
        });
    }
    events
}

/// What makes a value and puts it in force at once may wait at Salesforce for longer than any budget: only a person
/// who has looked there lets it be sent again (design §4, `regenerate`).
fn unanswered(state: &State, effect: Effect, late: Timestamp, guards: Guards) -> bool {
    let asked = state.resumed_at.is_some_and(|at| at >= late);
    effect == Effect::Cutover && state.caps.mints_at_cutover && !asked && guards.has(Guard::MakeOnce)
}

/// In force, it is said, and the pair that it made has not been read yet.
fn fetching(state: &State) -> bool {
    state.caps.mints_at_cutover && state.new.is_none()
}

/// The pair that an answered cutover made. While Salesforce shows the old one, its answers may be old ones; after
/// that the token endpoint, which was asked beside it, decides.
fn fetched(state: &State, finding: Finding, now: Timestamp) -> Vec<Event> {
    let since = match state.cutover {
        Progress::Done(at) | Progress::Unknown(at) | Progress::Intent(at) => at,
        Progress::Open => now,
    };
    let settled = since.max(state.resumed_at.unwrap_or(since)) + state.limits.propagation;
    let wait = |why: String| {
        vec![Event::Deferred {
            until: now + pace(state, since, now),
            why,
            failed: false,
        }]
    };
    match finding {
        Finding::Taken(Detail::Made { pair }) => vec![Event::Fetched { pair }],
        Finding::Foreign { what, .. } => vec![Event::Held {
            reason: Hold::ForeignCurrent { what },
            again: None,
        }],
        Finding::NotTaken if now >= settled && state.mode == Mode::Forward => {
            vec![Event::Aborting { why: End::Ignored }]
        }
        Finding::Unclear(answer) if now >= settled => {
            written(hold_again(state, now, Hold::NeitherAccepted { answer }))
        }
        Finding::NotTaken
        | Finding::Unclear(_)
        | Finding::Taken(_)
        | Finding::Running
        | Finding::Refused(_)
        | Finding::NotNow(_)
        | Finding::Moved(_)
        | Finding::Entry(_) => wait("Salesforce still shows the old secret".into()),
    }
}

fn unclear(effect: Effect, answer: String) -> Hold {
    match effect {
        Effect::Undo => Hold::BrokenUndo { answer },
        Effect::Mint
        | Effect::Discard
        | Effect::Store(_)
        | Effect::Cutover
        | Effect::Publish(_)
        | Effect::Clear(_)
        | Effect::Quarantine(_)
        | Effect::Revoke
        | Effect::Reset => Hold::NeitherAccepted { answer },
    }
}

/// An answered cutover whose new pair is still refused when the budget is spent: the old one beside it tells.
fn settled_cutover(state: &State, finding: Finding, now: Timestamp) -> Vec<Event> {
    match finding {
        // Salesforce shows it as the live one, or did: it was not ignored.
        Finding::Taken(_) | Finding::NotTaken if state.caps.mints_at_cutover => {
            written(hold_again(state, now, Hold::NeverAccepted))
        }
        // A person applied it and has taken it back, or the answers still mix.
        Finding::NotTaken if state.caps.value_by == ValueBy::Person => {
            written(hold_again(state, now, Hold::NeverAccepted))
        }
        Finding::NotTaken if state.mode == Mode::Forward => vec![Event::Aborting { why: End::Ignored }],
        Finding::Unclear(answer) | Finding::Foreign { what: answer, .. } => {
            written(hold_again(state, now, Hold::NeitherAccepted { answer }))
        }
        Finding::Taken(_)
        | Finding::NotTaken
        | Finding::Running
        | Finding::Refused(_)
        | Finding::NotNow(_)
        | Finding::Moved(_)
        | Finding::Entry(_) => {
            let until = now + pace(state, now, now);
            vec![Event::Deferred {
                until,
                why: "the new credential is accepted again".into(),
                failed: false,
            }]
        }
    }
}

/// Made by our user, inside the request that followed an empty slot (design §4, `staged`).
fn is_ours(state: &State, entry: &Entry) -> bool {
    let Some((empty, created)) = state.slot_empty_at.zip(entry.created) else {
        return false;
    };
    let opens = Timestamp(empty.0.saturating_sub(1000));
    entry.by_us && !entry.retired && created >= opens && created <= empty + state.limits.request_lifetime
}

/// Theirs is refused and ours accepted: publish over it; their version stays readable by name. But a credential that
/// has just been made is refused here and there until every node knows it.
fn refused_theirs(
    state: &State,
    store: usize,
    base: VersionRef,
    now: Timestamp,
    guards: Guards,
) -> Vec<Event> {
    let effect = Effect::Publish(store);
    let lane = state.lanes.get(store);
    let seen = lane.and_then(|lane| lane.disputed.as_ref().filter(|(seen, _)| *seen == base));
    let settled = seen.map_or(now, |(_, since)| *since) + state.limits.propagation;
    if (seen.is_some() && now >= settled) || !guards.has(Guard::ForeignCurrentUntouched) {
        return vec![Event::Rebased { effect, base }];
    }
    let until = (now + state.limits.stable_spacing).min(settled);
    vec![
        Event::Disputed { effect, base },
        Event::Deferred {
            until,
            why: format!("{effect}: somebody else's credential stands there, refused so far"),
            failed: false,
        },
    ]
}

fn foreign(effect: Effect, what: String, base: Option<VersionRef>, guards: Guards) -> Vec<Event> {
    match (effect, base) {
        (Effect::Store(store), None) => {
            vec![Event::Held {
                reason: Hold::ForeignPending { store, version: what },
                again: None,
            }]
        }
        (Effect::Store(store), Some(base)) => match guards.has(Guard::ForeignPendingUntouched) {
            true => vec![Event::Held {
                reason: Hold::ForeignPending {
                    store,
                    version: base.0,
                },
                again: None,
            }],
            false => vec![Event::Rebased { effect, base }],
        },
        (Effect::Publish(_), Some(base)) if !guards.has(Guard::ForeignCurrentUntouched) => {
            vec![Event::Rebased { effect, base }]
        }
        (Effect::Publish(_), Some(_) | None) => vec![Event::Blocked { effect, what }],
        (
            Effect::Mint
            | Effect::Discard
            | Effect::Cutover
            | Effect::Undo
            | Effect::Clear(_)
            | Effect::Quarantine(_)
            | Effect::Revoke
            | Effect::Reset,
            Some(_) | None,
        ) => vec![Event::Held {
            reason: Hold::ForeignCurrent { what },
            again: None,
        }],
    }
}
