//! What a person is asked for by the method `assisted`, and what is made of what they bring (salesforce-oauth-rest.md §2).
//!
//! Two things are asked, one after the other: a new pair, which Setup generates without putting it in force; and, once
//! every store keeps that pair as *pending*, that it be applied. Whether it was applied is read off the token endpoint.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::rotation::absorb::written;
use crate::rotation::decide::{Next, hold_again};
use crate::rotation::{
    Action, Detail, Effect, Event, Finding, Hold, Look, Mode, PairFacts, Probes, State, ValueBy, Verdict,
};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Generate a pair in Setup, apply nothing, hand it over.
    Pair,
    /// It is stored everywhere: apply it in Setup.
    Apply,
}

/// A request that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asked {
    /// For what.
    pub what: Ask,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub deadline: Timestamp,
    /// How often a person was reminded.
    pub reminders: u32,
}

/// After the deadline a reminder comes this often.
const AFTER: Duration = Duration::from_secs(86_400);

impl Asked {
    /// When a person is reminded next: at half of the time, at nine tenths, at its end, and daily from then on.
    pub fn next_reminder(&self) -> Timestamp {
        let span = self.deadline.since(self.since);
        match self.reminders {
            0 => self.since + span / 2,
            1 => self.since + span * 9 / 10,
            more => self.deadline + AFTER.saturating_mul(more - 2),
        }
    }
}

/// Between two looks whether the new pair is in force, counted from the request or from a person's `resume`. Consumers
/// are out between Apply and publishing, so at first it is looked at often.
fn pace(state: &State, now: Timestamp) -> Duration {
    let spacing = state.limits.stable_spacing;
    let since = state.asked.map(|asked| asked.since).max(state.resumed_at);
    match now.since(since.unwrap_or(now)).as_secs() {
        0..600 => spacing,
        600..3600 => spacing.max(Duration::from_secs(60)),
        3600.. => spacing.max(Duration::from_secs(300)),
    }
}

/// Asks, reminds, and meanwhile looks whether the person has applied it.
pub(super) fn ask(state: &State, what: Ask, now: Timestamp) -> Next {
    let Some(asked) = state.asked.filter(|asked| asked.what == what) else {
        let deadline = now + state.limits.answer_within;
        return Next::Write(vec![Event::Asked { what, deadline }]);
    };
    let next = asked.next_reminder();
    if now >= next {
        return Next::Write(vec![Event::Reminded]);
    }
    Next::Act(match what {
        Ask::Pair => Action::Wait(next),
        Ask::Apply => Action::Look(Look::Took(Effect::Cutover)),
    })
}

/// What the look whether it was applied has found.
pub(super) fn applied(state: &State, finding: Finding, now: Timestamp) -> Vec<Event> {
    match finding {
        Finding::Taken(_) => vec![Event::FoundApplied {
            effect: Effect::Cutover,
            detail: Detail::Nothing,
        }],
        Finding::Unclear(answer) | Finding::Foreign { what: answer, .. } => neither(state, answer, now),
        Finding::NotTaken
        | Finding::Running
        | Finding::Refused(_)
        | Finding::NotNow(_)
        | Finding::Moved(_)
        | Finding::Entry(_) => vec![Event::Deferred {
            until: now + pace(state, now),
            why: "the new credential is not applied in Setup yet".into(),
            failed: false,
        }],
    }
}

/// Neither pair is accepted. Old and new answers may mix for a while after Apply; beyond that another pair was applied.
fn neither(state: &State, answer: String, now: Timestamp) -> Vec<Event> {
    let since = state.neither_since.unwrap_or(now);
    let late = now >= since.max(state.resumed_at.unwrap_or(since)) + state.limits.propagation;
    // Consumers are out, so it goes on being looked at often.
    let until = now
        + state
            .limits
            .stable_spacing
            .max(Duration::from_secs(if late { 60 } else { 0 }));
    let reason = Hold::NeitherAccepted {
        answer: answer.clone(),
    };
    let why = format!("neither the old nor the new credential is accepted: {answer}");
    let mut events = vec![
        Event::Neither { answer },
        Event::Deferred {
            until,
            why,
            failed: true,
        },
    ];
    if late {
        events.push(Event::Held {
            reason,
            again: Some(until),
        });
    }
    events
}

/// What becomes of a pair that a person hands over. Where the current one is refused too, somebody has applied another:
/// consumers are out, and that is told.
pub(super) fn handed(
    state: &State,
    by: String,
    pair: PairFacts,
    new: &Probes,
    old: &Verdict,
    now: Timestamp,
) -> Vec<Event> {
    let accepted = new
        .pair
        .as_ref()
        .is_some_and(|report| report.verdict == Verdict::Accepted);
    match turned_away(state, &pair, new, old) {
        Some(why) => {
            let mut events = vec![Event::TurnedAway { by, why }];
            if state.asks() && *old == Verdict::Refused && !accepted {
                events.extend(written(hold_again(state, now, Hold::CurrentRefused)));
            }
            events
        }
        None => vec![Event::Handed {
            by,
            pair: pair.pair,
            key: pair.key,
            early: accepted && *old == Verdict::Accepted,
        }],
    }
}

/// Why a pair that a person hands over is not taken; `None` if it is. `new` and `old` are what the token endpoint makes
/// of it, with a corrupted control beside it, and of the current one, now.
pub fn turned_away(state: &State, pair: &PairFacts, new: &Probes, old: &Verdict) -> Option<String> {
    let says = |text: &str| Some(text.to_owned());
    if !state.asks() {
        return says("nobody is asked for a credential now");
    }
    if state.old == Some(pair.pair) {
        return says("that is the credential that is current now, not a new one");
    }
    match state.new {
        // Handed over twice.
        Some(known) if known == pair.pair => return None,
        Some(_) => {
            return says(
                "another credential was handed over before and waits to be applied; if that one is not to be applied any \
                 more, `rekeyd abandon` it first",
            );
        }
        None => {}
    }
    if !state.caps.key_changes && state.old_key != Some(pair.key) {
        return says(
            "its client id is another one: it belongs to another app, or `allow_key_change = true` is missing",
        );
    }
    let verdict =
        |report: &Option<crate::rotation::ProbeReport>| report.as_ref().map(|report| report.verdict.clone());
    match (verdict(&new.pair), verdict(&new.beside), old.clone()) {
        (Some(Verdict::Inconclusive(why)), _, _) | (_, _, Verdict::Inconclusive(why)) => {
            Some(format!("it cannot be judged now: {why}"))
        }
        (None, _, _) => says("it cannot be judged now"),
        (Some(Verdict::Accepted), Some(Verdict::Refused), Verdict::Accepted)
            if state.old_key == Some(pair.key) =>
        {
            says(
                "it is accepted beside the current one and has the same client id: whether it was applied could never be \
                 told",
            )
        }
        (Some(Verdict::Accepted), Some(Verdict::Refused), Verdict::Accepted | Verdict::Refused)
        | (Some(Verdict::Refused), _, Verdict::Accepted) => None,
        (Some(Verdict::Accepted), _, _) => says("it cannot be judged: a wrong secret is accepted as well"),
        (Some(Verdict::Refused), _, Verdict::Refused) => says(
            "neither it nor the current one is accepted: if something else was applied in Setup, bring that one",
        ),
    }
}

impl State {
    /// A person may hand a pair over, or is to apply it: nothing is known to be in force yet.
    pub fn asks(&self) -> bool {
        self.caps.value_by == ValueBy::Person
            && self.mode == Mode::Forward
            && self.cutover.is_open()
            && self.baselined
            && self.end().is_none()
    }
}
