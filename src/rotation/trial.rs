//! When a run of probes is enough, when another is due, and when the budget is spent (design §4.5, P5).

use crate::clock::Timestamp;
use crate::rotation::backoff::pace;
use crate::rotation::guard::{Guard, Guards};
use crate::rotation::{Action, Effect, Look, Progress, State, Subject, TrialAnswer};

/// How a trial stands.
pub(super) enum Verdict {
    /// Enough was seen.
    Passed,
    /// This comes next.
    Ask(Action),
    /// The budget is spent and the last answer was not as wished.
    Failed,
}

pub(super) fn next(state: &State, subject: Subject, now: Timestamp, guards: Guards) -> Verdict {
    if is_complete(state, subject, guards) {
        return Verdict::Passed;
    }
    let trial = state.trial(subject);
    let began = began(state, subject, now);
    let deadline = began + state.limits.propagation;
    let probe = Verdict::Ask(Action::Look(Look::Probe {
        subject,
        control: wants_control(state, subject, guards),
    }));
    let Some(last) = trial.last else {
        return probe;
    };
    if trial.want_control && guards.has(Guard::ControlBeforeProof) {
        return probe;
    }
    // One spell of held-and-looked-again asks once more before it is held again.
    let spent = now >= deadline && trial.answer != TrialAnswer::Good;
    let asked_since = state.not_before.is_none_or(|until| last >= until) && last >= deadline;
    if spent && asked_since {
        return Verdict::Failed;
    }
    let due = (last + pace(state, began, now)).min(if last < deadline { deadline } else { last });
    let due = if trial.answer == TrialAnswer::Good {
        last + spacing(state, subject, began, now)
    } else {
        due
    };
    if now < due {
        Verdict::Ask(Action::Wait(due))
    } else {
        probe
    }
}

fn spacing(state: &State, subject: Subject, began: Timestamp, now: Timestamp) -> std::time::Duration {
    match subject {
        Subject::New if !state.caps.overlap => pace(state, began, now),
        Subject::Early | Subject::New | Subject::Settle | Subject::Dead | Subject::Alive => {
            state.limits.stable_spacing
        }
    }
}

/// Whether enough was seen.
pub(super) fn is_complete(state: &State, subject: Subject, guards: Guards) -> bool {
    let trial = state.trial(subject);
    let control = trial.control || !guards.has(Guard::ControlBeforeProof);
    // Without overlap every second is the consumers' outage: the first differential acceptance publishes.
    let once = match subject {
        Subject::New => !state.caps.overlap,
        Subject::Early | Subject::Settle | Subject::Dead | Subject::Alive => false,
    };
    let once = once || !guards.has(Guard::StableBeforePublish);
    let limits = &state.limits;
    let span = trial
        .last
        .zip(trial.first)
        .map(|(last, first)| last.since(first))
        .unwrap_or_default();
    let stable = trial.run >= limits.stable_tries.max(1) && span >= limits.stable_span;
    control && trial.run >= 1 && (once || stable)
}

/// From when the propagation budget counts.
fn began(state: &State, subject: Subject, now: Timestamp) -> Timestamp {
    let at = |effect| match state.progress(effect) {
        Progress::Done(at) | Progress::Unknown(at) | Progress::Intent(at) => Some(at),
        Progress::Open => None,
    };
    let began = match subject {
        Subject::Early => at(Effect::Mint),
        Subject::New => at(Effect::Cutover),
        Subject::Settle => state.rotated_at,
        Subject::Dead if state.caps.overlap => at(Effect::Revoke),
        Subject::Dead => at(Effect::Cutover),
        Subject::Alive => at(Effect::Undo),
    };
    began.max(state.resumed_at).unwrap_or(now)
}

/// The corrupted control costs one refused login: asked once, after the first acceptance; at once where every
/// second counts, and always beside an old pair whose death is to be shown.
fn wants_control(state: &State, subject: Subject, guards: Guards) -> bool {
    let trial = state.trial(subject);
    match subject {
        Subject::Dead => true,
        Subject::Early | Subject::New | Subject::Settle | Subject::Alive
            if !guards.has(Guard::ControlBeforeProof) =>
        {
            false
        }
        Subject::New | Subject::Settle if !state.caps.overlap => !trial.control,
        Subject::Early | Subject::New | Subject::Settle | Subject::Alive => trial.want_control,
    }
}
