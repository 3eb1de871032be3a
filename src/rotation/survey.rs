//! What a survey means, at the three moments that rest on one: the baseline, the recheck right before the
//! cutover, and the check right before the old pair is ended.

use crate::clock::Timestamp;
use crate::rotation::absorb::{defer, written};
use crate::rotation::decide::hold_again;
use crate::rotation::guard::{Guard, Guards};
use crate::rotation::observation::{Entry, Facts, PairFacts};
use crate::rotation::{Detail, Effect, Event, Hold, State, ValueBy};
use crate::rotation::{Refusal, Verdict, VersionRef};

pub(super) fn absorb(state: &State, facts: &Facts, now: Timestamp, guards: Guards) -> Vec<Event> {
    let judged = if !state.baselined {
        baseline(state, facts, now, guards)
    } else if !state.cutover.is_done() {
        recheck(state, facts, now, guards)
    } else {
        superseded(state, facts, guards)
    };
    match judged {
        Ok(events) => events,
        Err(Stop::Later(why)) => defer(state, now, None, why),
        Err(Stop::Again(reason)) => written(hold_again(state, now, reason)),
        Err(Stop::Person(reason)) => vec![Event::Held { reason, again: None }],
    }
}

enum Stop {
    /// Try again by ourselves.
    Later(String),
    /// Somebody is told; looked at again by ourselves.
    Again(Hold),
    /// Only a person can decide.
    Person(Hold),
}

fn passable(facts: &Facts) -> Result<(), Stop> {
    if facts.own_login {
        return Err(Stop::Again(Hold::OwnLogin));
    }
    match facts.obstacles.is_empty() {
        true => Ok(()),
        false => Err(Stop::Again(Hold::Obstacles {
            what: facts.obstacles.clone(),
        })),
    }
}

fn baseline(state: &State, facts: &Facts, now: Timestamp, guards: Guards) -> Result<Vec<Event>, Stop> {
    passable(facts)?;
    let first = facts.stores.first().and_then(|store| store.current);
    let agreed = first.filter(|pair| facts.stores.iter().all(|store| store.current == Some(*pair)));
    let current = match (agreed, guards.has(Guard::SoundBaseline)) {
        (Some(pair), _) => pair,
        (None, false) => first.ok_or(Stop::Again(Hold::StoresDisagree))?,
        (None, true) => return Err(Stop::Again(Hold::StoresDisagree)),
    };
    // A value that is chosen already goes with the client id of the pair that it was to replace.
    if state.new.is_some() && state.old.is_some_and(|old| old != current.pair) {
        let what = "the stores hold another current credential than at the start".to_owned();
        return Err(Stop::Person(Hold::ForeignCurrent { what }));
    }
    let proof = match guards.has(Guard::SoundBaseline) {
        true => {
            sound(facts, current)?;
            facts.current.as_ref().and_then(|probes| probes.pair.clone())
        }
        false => None,
    };
    let orphan = slot(state, facts, now, guards)?;
    for (store, held) in facts.stores.iter().enumerate() {
        let version = held.pending_base.0.clone();
        let ours = held.pending.as_ref().is_none_or(|(_, ours)| *ours);
        let given = state.take_over.as_ref() == Some(&version);
        if !ours && !given && guards.has(Guard::ForeignPendingUntouched) {
            return Err(Stop::Person(Hold::ForeignPending { store, version }));
        }
    }
    Ok(vec![Event::Baselined {
        old: current.pair,
        old_key: current.key,
        current: facts
            .stores
            .iter()
            .map(|store| store.current_base.clone())
            .collect(),
        pending: facts
            .stores
            .iter()
            .map(|store| store.pending_base.clone())
            .collect(),
        modified: facts.modified.clone(),
        slot_empty_at: facts.server_time.filter(|_| facts.slot == Some(None)),
        orphan,
        proof,
    }])
}

/// The pair that consumers read is accepted, a wrong one is not, and Salesforce knows no other.
fn sound(facts: &Facts, current: PairFacts) -> Result<(), Stop> {
    let key_differs = facts.primary_key.is_some_and(|key| key != current.key);
    if key_differs || facts.live.is_some_and(|live| live != current.pair) {
        return Err(Stop::Again(Hold::CurrentDiffers));
    }
    let Some(probes) = &facts.current else {
        return Err(Stop::Later("the current credential was not judged".into()));
    };
    let verdict =
        |report: &Option<crate::rotation::ProbeReport>| report.as_ref().map(|report| report.verdict.clone());
    match (verdict(&probes.pair), verdict(&probes.beside)) {
        (Some(Verdict::Accepted), Some(Verdict::Refused)) => Ok(()),
        (Some(Verdict::Refused), _) => Err(Stop::Again(Hold::CurrentRefused)),
        (Some(Verdict::Inconclusive(why)), _) | (_, Some(Verdict::Inconclusive(why))) => {
            Err(Stop::Later(why))
        }
        (Some(Verdict::Accepted), Some(Verdict::Accepted)) => Err(Stop::Again(Hold::Inconclusive {
            answer: "a wrong secret is accepted too".into(),
        })),
        (Some(Verdict::Accepted), None) | (None, _) => {
            Err(Stop::Later("the current credential was not judged".into()))
        }
    }
}

/// The slot is free, or a person gave us what is in it.
fn slot(state: &State, facts: &Facts, now: Timestamp, guards: Guards) -> Result<Option<String>, Stop> {
    match &facts.slot {
        None | Some(None) => Ok(None),
        Some(Some(entry)) if state.take_over.as_ref() == Some(&entry.id) => Ok(Some(entry.id.clone())),
        Some(Some(_)) if !guards.has(Guard::RemintOnlyAfterGone) && state.mints > 0 => Ok(None),
        // Superseded long ago, by whomever: *current* is another everywhere, or this baseline had not come so far.
        Some(Some(entry)) if entry.retired && is_former(state, entry, now) => Ok(Some(entry.id.clone())),
        Some(Some(entry)) if entry.retired => Err(Stop::Again(Hold::ForeignSlot { id: entry.id.clone() })),
        Some(Some(entry)) => Err(Stop::Person(Hold::ForeignSlot { id: entry.id.clone() })),
    }
}

fn is_former(state: &State, entry: &Entry, now: Timestamp) -> bool {
    let mut former = state.former.iter();
    former.any(|(key, until)| *key == entry.key && *until <= now)
}

fn recheck(state: &State, facts: &Facts, now: Timestamp, guards: Guards) -> Result<Vec<Event>, Stop> {
    passable(facts)?;
    let changed = |what: &str| {
        Err(Stop::Person(Hold::ForeignCurrent {
            what: what.to_owned(),
        }))
    };
    let theirs = state.caps.value_by == ValueBy::Person;
    let in_force = facts.primary_key == state.new_key && state.old_key != state.new_key;
    let shown = theirs && facts.live.is_some() && facts.live == state.new;
    if (facts.primary_key.is_some() && in_force && state.caps.key_changes) || shown {
        return Ok(vec![Event::FoundApplied {
            effect: Effect::Cutover,
            detail: Detail::Nothing,
        }]);
    }
    if facts.primary_key.is_some() && facts.primary_key != state.old_key {
        return changed("Salesforce holds another primary consumer key");
    }
    if let Some(pair) = facts.live.filter(|live| Some(*live) != state.old) {
        // Sent once, and then given up for lost: it has landed after all.
        if state.caps.mints_at_cutover && state.sent {
            let effect = Effect::Cutover;
            let detail = Detail::Nothing;
            return Ok(vec![
                Event::FoundApplied { effect, detail },
                Event::Fetched { pair },
            ]);
        }
        return changed("Salesforce holds another primary secret");
    }
    // Generating a pair in Setup is an edit too.
    if facts.modified != state.modified && !theirs {
        return Ok(edited(state, now));
    }
    for (store, held) in facts.stores.iter().enumerate() {
        if held.current.map(|pair| pair.pair) != state.old {
            return changed(&format!("store {store} holds another current credential"));
        }
        if state.caps.mints_at_cutover {
            // What goes there is made by the cutover, and must find the place free.
            let version = held.pending_base.0.clone();
            let free = held.pending.as_ref().is_none_or(|(_, ours)| *ours);
            if !free
                && state.take_over.as_ref() != Some(&version)
                && guards.has(Guard::ForeignPendingUntouched)
            {
                return Err(Stop::Person(Hold::ForeignPending { store, version }));
            }
            continue;
        }
        if !guards.has(Guard::StoreBeforeCutover) {
            continue;
        }
        match &held.pending {
            Some((pair, true)) if Some(pair.pair) == state.new => {}
            None => return Ok(vec![restore(store, &held.pending_base)]),
            Some((_, _)) => {
                let version = held.pending_base.0.clone();
                return Err(Stop::Person(Hold::ForeignPending { store, version }));
            }
        }
    }
    let entry_is_new = |entry: &Option<Entry>| {
        entry
            .as_ref()
            .is_some_and(|entry| Some(entry.key) == state.new_key)
    };
    if state.caps.mints_at_cutover {
        if let Some(Some(entry)) = &facts.slot {
            return Err(Stop::Person(Hold::ForeignSlot { id: entry.id.clone() }));
        }
    } else if state.caps.value_by == ValueBy::Salesforce && !facts.slot.as_ref().is_some_and(entry_is_new) {
        return changed("our staged entry is no longer in the slot");
    }
    Ok(vec![Event::Rechecked {
        current: facts
            .stores
            .iter()
            .map(|store| store.current_base.clone())
            .collect(),
        modified: facts.modified.clone(),
    }])
}

/// Somebody edited the component: perhaps its secret, which nobody can read. So everything is judged anew, once old
/// and new answers no longer mix.
fn edited(state: &State, now: Timestamp) -> Vec<Event> {
    let why = "the app was edited since it was looked at";
    let declined = Event::Declined {
        effect: Effect::Cutover,
        why: Refusal::Conflict(why.into()),
    };
    let until = now + state.limits.propagation;
    std::iter::once(declined)
        .chain(defer(state, now, Some(until), why.into()))
        .collect()
}

/// A pending value that somebody removed is simply written again.
fn restore(store: usize, base: &VersionRef) -> Event {
    Event::Rebased {
        effect: Effect::Store(store),
        base: base.clone(),
    }
}

fn superseded(state: &State, facts: &Facts, guards: Guards) -> Result<Vec<Event>, Stop> {
    let changed = |what: String| Err(Stop::Person(Hold::ForeignCurrent { what }));
    // A key or a slot that cannot be read now is no sign of a rival.
    passable(facts)?;
    let entry = facts.slot.as_ref().and_then(Option::as_ref);
    if !guards.has(Guard::SupersededBeforeRevoke) {
        return Ok(vec![Event::Superseded {
            entry: entry.map(|entry| entry.id.clone()),
        }]);
    }
    if facts.primary_key != state.new_key {
        return changed("Salesforce holds another primary consumer key; nothing was deleted".into());
    }
    for (store, held) in facts.stores.iter().enumerate() {
        if held.current.map(|pair| pair.pair) != state.new {
            return changed(format!(
                "store {store} holds another current credential; nothing was deleted"
            ));
        }
    }
    // Anything else in the slot means that the old pair has left it already: its death is still to be shown.
    let old = entry.filter(|entry| Some(entry.key) == state.old_key);
    Ok(vec![Event::Superseded {
        entry: old.map(|entry| entry.id.clone()),
    }])
}
