//! What comes next. A chain of needs, each read off the facts: the first that is not met decides.
//!
//! There is no counter of steps, so nothing can be resumed "by position": a restarted process asks the same
//! questions of the same facts.

use crate::clock::Timestamp;
use crate::rotation::ask::{Ask, ask};
use crate::rotation::backoff::pace;
use crate::rotation::guard::{Guard, Guards};
use crate::rotation::trial::{self, Verdict};
use crate::rotation::{Action, Effect, End, Event, Hold, Look, Mode, Rest, Stand, State, Subject, ValueBy};
use crate::secret::Fingerprint;

/// Either something to write down first (then decide again), or the next action.
pub(super) enum Next {
    Write(Vec<Event>),
    Act(Action),
}

pub(super) fn decide(state: &State, now: Timestamp, guards: Guards) -> Next {
    match &state.rest {
        Rest::Ended(_) | Rest::Held { again: None, .. } => return Next::Act(Action::Rest),
        Rest::Held {
            again: Some(again), ..
        } if now < *again => return Next::Act(Action::Wait(*again)),
        Rest::Held { again: Some(_), .. } | Rest::Running => {}
    }
    if state
        .effects()
        .into_iter()
        .any(|effect| state.progress(effect).is_intent())
    {
        return Next::Act(Action::Await);
    }
    let undo_at = undo_at(state, guards);
    if undo_at.is_some_and(|at| now >= at) {
        let why = "no store could publish the new credential in time".to_owned();
        return Next::Write(vec![Event::Undoing { why }]);
    }
    if let Some(until) = state.not_before.filter(|until| now < *until) {
        return Next::Act(Action::Wait(undo_at.map_or(until, |at| at.min(until))));
    }
    if guards.has(Guard::ProbeAfterUnknown)
        && let Some(effect) = state
            .effects()
            .into_iter()
            .find(|effect| state.progress(*effect).is_unknown())
    {
        return Next::Act(Action::Look(Look::Took(effect)));
    }
    match &state.mode {
        Mode::Forward => forward(state, now, guards),
        Mode::Abort(end) => abort(state, end, guards),
        Mode::Undo(why) => undo(state, why, now, guards),
        Mode::GiveUp { by, adopting } => give_up(state, by, *adopting),
    }
}

/// Without overlap: when the cutover is taken back, if no store publishes before.
fn undo_at(state: &State, guards: Guards) -> Option<Timestamp> {
    let unpublished = state
        .lanes
        .iter()
        .all(|lane| lane.publish.is_open() && lane.publish_lost.is_none());
    let may = unpublished || !guards.has(Guard::UndoOnlyUnpublished);
    let wanted = state.mode == Mode::Forward && state.caps.reversible && state.cutover.is_done();
    let unfinished = !state.is_rotated();
    // While somebody else's credential is in dispute we hold back ourselves: no store has failed yet.
    let disputes = state.lanes.iter().filter_map(|lane| lane.disputed.as_ref());
    let settled = disputes.map(|(_, since)| *since + state.limits.propagation).max();
    (wanted && may && unfinished && trial::is_complete(state, Subject::New, guards))
        .then(|| {
            state
                .proof
                .first
                .max(state.proof.first.and(state.restarted_at.max(settled)))
                .map(|since| since + state.limits.cutover_timeout)
        })
        .flatten()
}

fn drive(effect: Effect) -> Next {
    perform(vec![effect])
}

fn perform(effects: Vec<Effect>) -> Next {
    Next::Act(Action::Perform(effects))
}

fn forward(state: &State, now: Timestamp, guards: Guards) -> Next {
    if !state.baselined {
        return Next::Act(Action::Look(Look::Baseline));
    }
    if state.asks() {
        return asking(state, now, guards);
    }
    let salesforce_makes_it = state.caps.value_by == ValueBy::Salesforce;
    if state.orphan.is_some() && (guards.has(Guard::RemintOnlyAfterGone) || state.mint.is_done()) {
        return drive(Effect::Discard);
    }
    let made_by_cutover = state.caps.mints_at_cutover;
    if state.caps.mints_apart() && !state.mint.is_done() {
        return drive(Effect::Mint);
    }
    let stored = |store: &usize| state.lanes.get(*store).is_some_and(|lane| lane.pending.is_done());
    let first_unstored = (0..state.lanes.len()).find(|store| !stored(store));
    if state.new.is_none() && !salesforce_makes_it {
        return Next::Act(Action::Look(Look::Choose));
    }
    let may_cut_over = made_by_cutover || first_unstored.is_none() || !guards.has(Guard::StoreBeforeCutover);
    if !may_cut_over && let Some(store) = first_unstored {
        return drive(Effect::Store(store));
    }
    if !state.cutover.is_done() {
        if let Some(next) = early(state, now, guards) {
            return next;
        }
        return match state.rechecked || !guards.has(Guard::RecheckBeforeCutover) {
            true => drive(Effect::Cutover),
            false => Next::Act(Action::Look(Look::Recheck)),
        };
    }
    if made_by_cutover && state.new.is_none() {
        return Next::Act(Action::Look(Look::Took(Effect::Cutover)));
    }
    if let Some(store) = first_unstored {
        return drive(Effect::Store(store));
    }
    if guards.has(Guard::ProveBeforePublish)
        && let Some(next) = prove(state, now, guards)
    {
        return next;
    }
    publish(state, guards).unwrap_or_else(|| retire(state, now, guards))
}

/// Everything up to a person's Apply: their pair, every store, everything looked at once more, then the word to apply.
fn asking(state: &State, now: Timestamp, guards: Guards) -> Next {
    if state.new.is_none() {
        return ask(state, Ask::Pair, now);
    }
    let unstored = state.lanes.iter().position(|lane| !lane.pending.is_done());
    if let Some(store) = unstored.filter(|_| guards.has(Guard::StoreBeforeCutover)) {
        return drive(Effect::Store(store));
    }
    let asked = state.asked.is_some_and(|asked| asked.what == Ask::Apply);
    match asked || state.rechecked || !guards.has(Guard::RecheckBeforeCutover) {
        true => ask(state, Ask::Apply, now),
        false => Next::Act(Action::Look(Look::Recheck)),
    }
}

fn early(state: &State, now: Timestamp, guards: Guards) -> Option<Next> {
    use crate::rotation::Tri;
    let known = state.caps.proves_before_cutover;
    if known == Tri::No || state.late_proof {
        return None;
    }
    match trial::next(state, Subject::Early, now, guards) {
        Verdict::Passed => None,
        Verdict::Ask(action) => Some(Next::Act(action)),
        Verdict::Failed if state.early.wavered => Some(hold_again(
            state,
            now,
            Hold::Inconclusive {
                answer: "the staged credential was judged differently each time".into(),
            },
        )),
        Verdict::Failed if known == Tri::Yes => Some(hold_again(state, now, Hold::EarlyRefused)),
        Verdict::Failed => Some(Next::Write(vec![Event::LateProof])),
    }
}

fn prove(state: &State, now: Timestamp, guards: Guards) -> Option<Next> {
    match trial::next(state, Subject::New, now, guards) {
        Verdict::Passed => None,
        Verdict::Ask(action) => Some(Next::Act(action)),
        Verdict::Failed if state.caps.overlap => Some(hold_again(state, now, Hold::NeverAccepted)),
        // Old and new are judged side by side: did the org ignore the change, or is neither accepted?
        Verdict::Failed => Some(Next::Act(Action::Look(Look::Took(Effect::Cutover)))),
    }
}

fn publish(state: &State, guards: Guards) -> Option<Next> {
    if state.is_rotated() {
        return None;
    }
    let lanes = || state.lanes.iter().enumerate();
    let open: Vec<Effect> = lanes()
        .filter(|(_, lane)| !lane.publish.is_done() && lane.blocked.is_none())
        .map(|(store, _)| Effect::Publish(store))
        .collect();
    let any_done = lanes().any(|(_, lane)| lane.publish.is_done());
    if open.is_empty() || (any_done && !guards.has(Guard::EveryStoreBeforeRotated)) {
        let blocked = lanes().find_map(|(_, lane)| lane.blocked.clone());
        return Some(Next::Write(vec![match blocked {
            Some(what) => Event::Held {
                reason: Hold::ForeignCurrent { what },
                again: None,
            },
            None => Event::Rotated,
        }]));
    }
    Some(perform(if state.caps.overlap {
        open.into_iter().take(1).collect()
    } else {
        open
    }))
}

fn retire(state: &State, now: Timestamp, guards: Guards) -> Next {
    if !state.caps.overlap {
        match trial::next(state, Subject::Settle, now, guards) {
            Verdict::Passed => {}
            Verdict::Ask(action) => return Next::Act(action),
            Verdict::Failed => return hold_again(state, now, Hold::CurrentRefused),
        }
    }
    if let Some(store) = (0..state.lanes.len()).find(|store| !state.progress(Effect::Clear(*store)).is_done())
    {
        return drive(Effect::Clear(store));
    }
    if state.caps.overlap {
        let grace_ends = state.grace_ends().unwrap_or(now);
        if now < grace_ends && guards.has(Guard::GraceBeforeRevoke) {
            return Next::Act(Action::Wait(grace_ends));
        }
        if !state.revoke.is_done() {
            return match &state.superseded {
                Some(_) => drive(Effect::Revoke),
                None => Next::Act(Action::Look(Look::Superseded)),
            };
        }
    }
    // Answered, and without effect? Then it is sent again; otherwise no call can end it.
    if state.relook {
        return Next::Act(Action::Look(Look::Superseded));
    }
    let end = |disproven| match state.owes_reset() {
        true => drive(Effect::Reset),
        false => Next::Write(vec![Event::Ended {
            end: End::Done { disproven },
        }]),
    };
    if state.old_unknown || !guards.has(Guard::DisproveBeforeDone) {
        return end(!state.old_unknown);
    }
    match trial::next(state, Subject::Dead, now, guards) {
        Verdict::Passed => end(true),
        Verdict::Ask(action) => Next::Act(action),
        // What would cut over again is not left set while a person is waited for.
        Verdict::Failed if state.owes_reset() => drive(Effect::Reset),
        Verdict::Failed if state.dead.answer == crate::rotation::TrialAnswer::Bad => {
            hold_again(state, now, Hold::StillAccepted)
        }
        Verdict::Failed => hold_again(
            state,
            now,
            Hold::Inconclusive {
                answer: "the old credential's end cannot be shown".into(),
            },
        ),
    }
}

fn abort(state: &State, end: &End, guards: Guards) -> Next {
    if state.has_unpromoted_mint() {
        return drive(Effect::Discard);
    }
    if state.owes_reset() {
        return drive(Effect::Reset);
    }
    end_pending(state, guards).unwrap_or_else(|| Next::Write(vec![Event::Ended { end: end.clone() }]))
}

fn undo(state: &State, why: &str, now: Timestamp, guards: Guards) -> Next {
    if !state.undo.is_done() {
        return drive(Effect::Undo);
    }
    match trial::next(state, Subject::Alive, now, guards) {
        Verdict::Passed => {}
        Verdict::Ask(action) => return Next::Act(action),
        Verdict::Failed => {
            let answer = "the old credential is still refused".to_owned();
            return hold_again(state, now, Hold::BrokenUndo { answer });
        }
    }
    let end = End::Undone { why: why.to_owned() };
    end_pending(state, guards).unwrap_or_else(|| Next::Write(vec![Event::Ended { end: end.clone() }]))
}

/// What is ours in the stores is cleaned up; what is left alive is asked about once, so that it can be told.
fn give_up(state: &State, by: &str, adopting: Option<Fingerprint>) -> Next {
    if let Some(store) = (0..state.lanes.len()).find(|store| !state.progress(Effect::Clear(*store)).is_done())
    {
        return drive(Effect::Clear(store));
    }
    // What would make another value at the next deploy outlives the giving up.
    if state.owes_reset() {
        return drive(Effect::Reset);
    }
    match (state.left_as, state.old_unknown) {
        (None, false) => Next::Act(Action::Look(Look::Probe {
            subject: Subject::Dead,
            control: true,
        })),
        (left_as, _) => {
            let (old, new) = left_as.unwrap_or((Stand::Unknown, Stand::Unknown));
            let by = by.to_owned();
            Next::Write(vec![Event::Ended {
                end: End::GivenUp {
                    by,
                    adopting,
                    old,
                    new,
                },
            }])
        }
    }
}

/// Whatever was stored as pending is ended in each store, in the way that its history allows.
fn end_pending(state: &State, guards: Guards) -> Option<Next> {
    let waiting = state.lanes.iter().enumerate();
    let (store, _) = { waiting }.find(|(_, lane)| lane.pending_version.is_some() && !lane.clear.is_done())?;
    let keep = guards.has(Guard::QuarantineSent);
    Some(drive(if keep {
        state.ending_of_pending(store)
    } else {
        Effect::Clear(store)
    }))
}

/// Held, and looked at again by ourselves at a growing distance.
pub(super) fn hold_again(state: &State, now: Timestamp, reason: Hold) -> Next {
    let wait = crate::rotation::backoff::delay(state.attempts).max(pace(state, now, now));
    let until = now + wait;
    Next::Write(vec![
        Event::Deferred {
            until,
            why: reason.to_string(),
            failed: true,
        },
        Event::Held {
            reason,
            again: Some(until),
        },
    ])
}
