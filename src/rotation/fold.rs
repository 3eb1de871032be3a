//! State = the fold of events. The only place where state changes.

use crate::clock::Timestamp;
use crate::rotation::change::{
    applied, interrupted, judge, looked, progressed, progressed_with, publish_lost, reopened, set,
};
use crate::rotation::{
    Ask, Asked, Effect, Event, Hold, Mode, Progress, Refusal, Rest, Stand, State, Subject, Trial,
    TrialAnswer, ValueBy,
};

/// `state` after `event`, which was written at `at`.
pub fn fold(mut state: State, at: Timestamp, event: &Event) -> State {
    match event {
        Event::Restarted => {
            state.restarted_at = Some(at);
            interrupted(&mut state);
        }
        Event::Baselined {
            old,
            old_key,
            current,
            pending,
            modified,
            slot_empty_at,
            orphan,
            proof: _,
        } => {
            state.baselined = true;
            state.old = Some(*old);
            state.old_key = Some(*old_key);
            for ((lane, current), pending) in state.lanes.iter_mut().zip(current).zip(pending) {
                lane.current_base = current.clone();
                lane.old_version = current.clone();
                lane.pending_base = pending.clone();
            }
            state.modified = modified.clone();
            state.slot_empty_at = *slot_empty_at;
            state.orphan = orphan.clone();
            progressed(&mut state);
        }
        Event::Recovered {
            old,
            old_key,
            new,
            new_key,
            current,
            pending,
            staged,
        } => {
            state.baselined = true;
            state.old = Some(*old);
            state.old_key = Some(*old_key);
            state.new = Some(*new);
            state.new_key = Some(*new_key);
            state.candidates.push(*new);
            state.staged = staged.clone();
            for ((lane, current), (base, ours)) in state.lanes.iter_mut().zip(current).zip(pending) {
                lane.current_base = current.clone();
                lane.old_version = current.clone();
                lane.pending_base = base.clone();
                if *ours {
                    lane.pending = Progress::Done(at);
                    lane.pending_version = Some(base.clone());
                }
            }
            state.handed_early = state.caps.value_by == ValueBy::Person;
            state.mints = 1;
            state.mint = Progress::Done(at);
            state.cutover = Progress::Unknown(at);
            state.sent = true;
        }
        Event::Chosen { pair } => {
            state.new = Some(*pair);
            state.new_key = state.old_key;
            state.candidates.push(*pair);
        }
        Event::Intended { effect } => {
            set(&mut state, *effect, Progress::Intent(at));
            state.sent |= *effect == Effect::Cutover;
        }
        Event::Applied { effect, detail } | Event::FoundApplied { effect, detail } => {
            // Readers have it: from here it is only forward, also if it was a person who gave it to them.
            if matches!((effect, &state.mode), (Effect::Publish(_), Mode::Undo(_))) && state.undo.is_open() {
                state.mode = Mode::Forward;
            }
            set(&mut state, *effect, Progress::Done(at));
            applied(&mut state, *effect, detail);
            progressed_with(&mut state, *effect);
        }
        Event::Declined {
            effect: Effect::Cutover,
            why: Refusal::Conflict(_),
        } => {
            state.cutover = Progress::Open;
            reopened(&mut state, Effect::Cutover);
            // Where the primary pair cannot be read, only a new judgement tells whether it is still the old one.
            state.baselined &= state.caps.key_readable;
        }
        Event::Queued { effect, job } => {
            let sent = match state.progress(*effect) {
                Progress::Intent(sent) | Progress::Unknown(sent) => sent,
                Progress::Open | Progress::Done(_) => at,
            };
            set(&mut state, *effect, Progress::Unknown(sent));
            state.job = Some(job.clone());
        }
        Event::Fetched { pair } => {
            state.new = Some(*pair);
            state.new_key = state.old_key;
            if !state.candidates.contains(pair) {
                state.candidates.push(*pair);
            }
        }
        Event::Declined { effect, why: _ } | Event::Postponed { effect, why: _ } => {
            // This request was not applied; an earlier one still may be.
            let progress = publish_lost(&state, *effect).map_or(Progress::Open, Progress::Unknown);
            set(&mut state, *effect, progress);
            reopened(&mut state, *effect);
        }
        Event::Lost { effect, why: _ } => {
            let sent = match state.progress(*effect) {
                Progress::Intent(sent) | Progress::Unknown(sent) => sent,
                Progress::Open | Progress::Done(_) => at,
            };
            set(&mut state, *effect, Progress::Unknown(sent));
            if let Effect::Publish(store) = effect
                && let Some(lane) = state.lanes.get_mut(*store)
            {
                lane.publish_lost = lane.publish_lost.max(Some(sent));
            }
        }
        Event::FoundAbsent { effect } => {
            let lifetime = state.limits.request_lifetime;
            if let Effect::Publish(store) = effect
                && let Some(lane) = state.lanes.get_mut(*store)
            {
                lane.publish_lost = lane.publish_lost.filter(|sent| at <= *sent + lifetime);
            }
            set(&mut state, *effect, Progress::Open);
            reopened(&mut state, *effect);
            state.attempts = state.attempts.saturating_add(1);
        }
        Event::Rebased { effect, base } => {
            set(&mut state, *effect, Progress::Open);
            match effect {
                Effect::Store(store) => {
                    if let Some(lane) = state.lanes.get_mut(*store) {
                        lane.pending_base = base.clone();
                    }
                }
                Effect::Publish(store) => {
                    if let Some(lane) = state.lanes.get_mut(*store) {
                        lane.current_base = base.clone();
                        lane.blocked = None;
                        lane.publish_lost = None;
                    }
                }
                Effect::Mint
                | Effect::Discard
                | Effect::Cutover
                | Effect::Undo
                | Effect::Clear(_)
                | Effect::Quarantine(_)
                | Effect::Revoke
                | Effect::Reset => {}
            }
        }
        Event::Disputed { effect, base } => {
            if let Effect::Publish(store) = effect
                && let Some(lane) = state.lanes.get_mut(*store)
            {
                let seen = lane.disputed.take().filter(|(seen, _)| seen == base);
                lane.disputed = seen.or_else(|| Some((base.clone(), at)));
            }
        }
        Event::Blocked { effect, what } => {
            set(&mut state, *effect, Progress::Open);
            if let Effect::Publish(store) = effect
                && let Some(lane) = state.lanes.get_mut(*store)
            {
                lane.blocked = Some(what.clone());
                lane.publish_lost = None;
            }
        }
        Event::ValueGone => {
            for lane in &mut state.lanes {
                lane.pending = if lane.pending.is_intent() {
                    Progress::Open
                } else {
                    lane.pending
                };
            }
            state.new = None;
            state.asked = None;
            if state.caps.value_by == ValueBy::Person {
                state.new_key = None;
            }
            if state.caps.mints_apart() {
                state.orphan = state.staged.take();
                state.mint = Progress::Open;
                state.new_key = None;
            }
        }
        Event::Probed {
            subject,
            pair,
            beside,
        } => {
            let trial = match subject {
                Subject::Early => &mut state.early,
                Subject::New => &mut state.proof,
                Subject::Settle => &mut state.settle,
                Subject::Dead => &mut state.dead,
                Subject::Alive => &mut state.alive,
            };
            judge(trial, *subject, at, pair, beside.as_ref());
            let answer = trial.answer;
            if state.is_given_up() && *subject == Subject::Dead {
                let beside = beside
                    .as_ref()
                    .map_or(Stand::Unknown, |report| (&report.verdict).into());
                state.left_as = Some(((&pair.verdict).into(), beside));
            }
            if answer == TrialAnswer::Good {
                progressed(&mut state);
            }
        }
        Event::LateProof => {
            state.late_proof = true;
            state.early = Trial::default();
        }
        Event::Rechecked { current, modified } => {
            state.rechecked = true;
            for (lane, current) in state.lanes.iter_mut().zip(current) {
                lane.current_base = current.clone();
                lane.old_version = current.clone();
            }
            state.modified = modified.clone();
        }
        Event::Superseded { entry } => {
            state.superseded = entry.clone();
            state.revoke = match (entry, state.relook) {
                (None, true) => state.revoke,
                (None, false) => Progress::Done(at),
                (Some(_), _) => Progress::Open,
            };
            state.relook = false;
            match entry {
                None => progressed_with(&mut state, Effect::Revoke),
                Some(_) => looked(&mut state),
            }
        }
        Event::OldUnknown => state.old_unknown = true,
        Event::Rotated => state.rotated_at = Some(at),
        Event::Deferred {
            until,
            why: _,
            failed,
        } => {
            state.not_before = Some(*until);
            state.neither_since = state.neither_since.filter(|_| *failed);
            state.attempts = state.attempts.saturating_add(u32::from(*failed));
            state.rechecked = false;
            state.superseded = None;
        }
        Event::Held { reason, again } => {
            state.rest = Rest::Held {
                reason: reason.clone(),
                again: *again,
            };
            interrupted(&mut state);
            state.relook = state.caps.overlap && *reason == Hold::StillAccepted;
        }
        Event::Resumed { by: _, take_over } => {
            state.rest = Rest::Running;
            state.attempts = 0;
            state.not_before = None;
            state.resumed_at = Some(at);
            state.take_over = take_over.clone();
            // Their word that it is applied: it counts where neither the primary key nor a refusal can show it.
            let applied = state.asks() && state.asked.is_some_and(|asked| asked.what == Ask::Apply);
            state.handed_early &= !applied;
            state.lanes.iter_mut().for_each(|lane| lane.blocked = None);
        }
        Event::Aborting { why } => {
            state.mode = Mode::Abort(why.clone());
            state.rest = Rest::Running;
            state.attempts = 0;
            state.not_before = None;
        }
        Event::Undoing { why } => {
            state.mode = Mode::Undo(why.clone());
            state.rest = Rest::Running;
            state.attempts = 0;
            state.not_before = None;
        }
        Event::GivingUp {
            by,
            adopting,
            proof: _,
        } => {
            state.mode = Mode::GiveUp {
                by: by.clone(),
                adopting: *adopting,
            };
            state.rest = Rest::Running;
            state.attempts = 0;
            state.not_before = None;
        }
        Event::GraceEnded { by: _ } => state.grace_ended = true,
        Event::Asked { what, deadline } => {
            state.asked = Some(Asked {
                what: *what,
                since: at,
                deadline: *deadline,
                reminders: 0,
            });
            state.not_before = None;
        }
        Event::Reminded => {
            if let Some(asked) = &mut state.asked {
                asked.reminders = asked.reminders.saturating_add(1);
            }
        }
        Event::Handed {
            by: _,
            pair,
            key,
            early,
        } => {
            if state.new != Some(*pair) {
                state.new = Some(*pair);
                state.new_key = Some(*key);
                state.handed_early = *early;
                state.candidates.push(*pair);
                state.asked = None;
            }
            // It is known to a person, and may be applied at any time.
            state.sent = true;
            progressed(&mut state);
        }
        Event::TurnedAway { .. } => {}
        Event::Neither { .. } => state.neither_since = state.neither_since.or(Some(at)),
        Event::Former { keys } => state.former = keys.clone(),
        Event::Ended { end } => state.rest = Rest::Ended(end.clone()),
    }
    state
}
