//! The single changes that a fold is made of: an effect's progress, what an applied one taught, and the runs of probes.

use crate::clock::Timestamp;
use crate::rotation::{
    Detail, Effect, Hold, Mode, ProbeReport, Progress, Rest, State, Subject, Trial, TrialAnswer, Verdict,
};

pub(super) fn publish_lost(state: &State, effect: Effect) -> Option<Timestamp> {
    match effect {
        Effect::Publish(store) => state.lanes.get(store)?.publish_lost,
        Effect::Mint
        | Effect::Discard
        | Effect::Store(_)
        | Effect::Cutover
        | Effect::Undo
        | Effect::Clear(_)
        | Effect::Quarantine(_)
        | Effect::Revoke
        | Effect::Reset => None,
    }
}

pub(super) fn set(state: &mut State, effect: Effect, progress: Progress) {
    let lane = match effect {
        Effect::Store(store) | Effect::Publish(store) | Effect::Clear(store) | Effect::Quarantine(store) => {
            state.lanes.get_mut(store)
        }
        Effect::Mint | Effect::Discard | Effect::Cutover | Effect::Undo | Effect::Revoke | Effect::Reset => {
            None
        }
    };
    if matches!(effect, Effect::Cutover | Effect::Reset) && !progress.is_unknown() {
        state.job = None;
    }
    match (effect, lane) {
        (Effect::Mint, _) => state.mint = progress,
        (Effect::Discard, _) => state.discard = progress,
        (Effect::Cutover, _) => state.cutover = progress,
        (Effect::Undo, _) => state.undo = progress,
        (Effect::Revoke, _) => state.revoke = progress,
        (Effect::Reset, _) => state.reset = progress,
        (Effect::Store(_), Some(lane)) => lane.pending = progress,
        (Effect::Publish(_), Some(lane)) => lane.publish = progress,
        (Effect::Clear(_) | Effect::Quarantine(_), Some(lane)) => lane.clear = progress,
        (Effect::Store(_) | Effect::Publish(_) | Effect::Clear(_) | Effect::Quarantine(_), None) => {}
    }
}

/// Something went well: delays start anew, and a hold that looks again by itself is over.
pub(super) fn progressed(state: &mut State) {
    state.attempts = 0;
    state.not_before = None;
    match state.rest {
        Rest::Held { again: Some(_), .. } => state.rest = Rest::Running,
        Rest::Held { again: None, .. } | Rest::Running | Rest::Ended(_) => {}
    }
}

/// Time has passed that nobody counted: what was looked at right before a step has to be looked at again. For a mint that
/// is the empty slot, since an entry counts as ours only within the request's lifetime of it.
pub(super) fn interrupted(state: &mut State) {
    state.rechecked = false;
    state.superseded = None;
    // An orphan that is known to be ours is removed before anything is looked at anew: then nobody could tell whose it is.
    let next_is_mint = state.mint.is_open() && state.orphan.is_none() && state.discard.is_open();
    state.baselined &= !state.caps.mints_apart() || !next_is_mint;
}

/// A revocation that is sent again because the old pair lives on is no progress until that one is refused.
pub(super) fn progressed_with(state: &mut State, effect: Effect) {
    if !(effect == Effect::Revoke && state.hold() == Some(&Hold::StillAccepted)) {
        progressed(state);
    }
}

/// What the look itself was held by is over. That the entry is still there is no progress: were the failures counted anew
/// from here, nobody would ever hear that it cannot be removed.
pub(super) fn looked(state: &mut State) {
    match state.rest {
        Rest::Held {
            reason: Hold::StillAccepted | Hold::Exhausted { .. },
            ..
        } => {}
        Rest::Held { again: Some(_), .. } => state.rest = Rest::Running,
        Rest::Held { again: None, .. } | Rest::Running | Rest::Ended(_) => {}
    }
}

/// What a look had found right before is no longer fresh.
pub(super) fn reopened(state: &mut State, effect: Effect) {
    match effect {
        Effect::Mint => state.baselined = false,
        Effect::Cutover => state.rechecked = false,
        Effect::Revoke => state.superseded = None,
        Effect::Discard
        | Effect::Store(_)
        | Effect::Publish(_)
        | Effect::Undo
        | Effect::Clear(_)
        | Effect::Quarantine(_)
        | Effect::Reset => {}
    }
}

pub(super) fn applied(state: &mut State, effect: Effect, detail: &Detail) {
    match (effect, detail) {
        (Effect::Mint, Detail::Minted { id, key }) => {
            state.mints = state.mints.saturating_add(1);
            state.staged = Some(id.clone());
            state.new_key = Some(*key);
        }
        (Effect::Discard, _) => {
            // The slot and its clock must be seen anew before anything is minted into it.
            state.orphan = None;
            state.discard = Progress::Open;
            state.baselined = false;
            if state.mode != Mode::Forward {
                state.mint = Progress::Open;
                state.staged = None;
            }
        }
        (Effect::Store(store), Detail::Written { version, pair, key }) => {
            state.new = Some(*pair);
            state.new_key = Some(*key);
            if !state.candidates.contains(pair) {
                state.candidates.push(*pair);
            }
            if let Some(lane) = state.lanes.get_mut(store) {
                lane.pending_version = Some(version.clone());
            }
        }
        (Effect::Publish(store), Detail::Written { version, .. }) => {
            if let Some(lane) = state.lanes.get_mut(store) {
                lane.current_base = version.clone();
                lane.blocked = None;
            }
        }
        (Effect::Cutover, _) if state.caps.mints_at_cutover => {
            state.mints = state.mints.saturating_add(1);
        }
        (Effect::Mint | Effect::Store(_) | Effect::Publish(_), _)
        | (Effect::Cutover | Effect::Undo | Effect::Revoke | Effect::Reset, _)
        | (Effect::Clear(_) | Effect::Quarantine(_), _) => {}
    }
}

pub(super) fn judge(
    trial: &mut Trial,
    subject: Subject,
    at: Timestamp,
    pair: &ProbeReport,
    beside: Option<&ProbeReport>,
) {
    let answer = match subject {
        Subject::Early | Subject::New | Subject::Settle | Subject::Alive => {
            match (
                TrialAnswer::from(&pair.verdict),
                beside.map(|report| &report.verdict),
            ) {
                // Accepted beside an accepted control says nothing about the secret.
                (TrialAnswer::Good, Some(Verdict::Accepted | Verdict::Inconclusive(_))) => {
                    TrialAnswer::Unclear
                }
                (answer, Some(_) | None) => answer,
            }
        }
        Subject::Dead => match (&pair.verdict, beside.map(|report| &report.verdict)) {
            (Verdict::Refused, Some(Verdict::Accepted)) => TrialAnswer::Good,
            (Verdict::Accepted, _) => TrialAnswer::Bad,
            (Verdict::Refused | Verdict::Inconclusive(_), _) => TrialAnswer::Unclear,
        },
    };
    trial.last = Some(at);
    trial.answer = answer;
    trial.wavered |= answer != TrialAnswer::Bad;
    match answer {
        TrialAnswer::Good => {
            if beside.is_some() {
                trial.control = true;
            }
            trial.want_control = !trial.control;
            if trial.run == 0 {
                trial.first = Some(at);
            }
            trial.run = trial.run.saturating_add(1);
        }
        TrialAnswer::Bad | TrialAnswer::Unclear | TrialAnswer::None => {
            trial.want_control = false;
            trial.run = 0;
            trial.first = None;
        }
    }
}
