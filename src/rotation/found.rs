//! What a look whether an effect took has found: applied, not applied, still on its way, or somebody else's.

use crate::clock::Timestamp;
use crate::rotation::absorb::{defer, refused, written};
use crate::rotation::ask;
use crate::rotation::backoff::{CAP, delay, late_until, pace};
use crate::rotation::decide::hold_again;
use crate::rotation::guard::{Guard, Guards};
use crate::rotation::observation::Entry;
use crate::rotation::{
    Detail, Effect, End, Event, Finding, Hold, Mode, Progress, State, ValueBy, VersionRef,
};

pub(super) fn found(
    state: &State,
    effect: Effect,
    finding: Finding,
    now: Timestamp,
    guards: Guards,
) -> Vec<Event> {
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
