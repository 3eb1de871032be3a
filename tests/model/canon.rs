//! One representative per class of nodes that behave alike, so that the graph is finite.
//!
//! Two things are done. What no decision reads any more is put to a fixed value. And time is measured from now,
//! with every gap between two neighbouring moments cut to [`FAR`]: all comparisons add sums of limits that are
//! smaller, so none comes out differently.

use std::time::Duration;

use rekeyd::clock::Timestamp;
use rekeyd::rotation::{Progress, Rest, State, Tri, Trial, TrialAnswer};

use crate::node::{Doing, Node};
use crate::plan::{FAR, limits};

/// Now, in every canonical node.
pub const NOW: Timestamp = Timestamp(1_000_000_000);

/// Puts `node` into its canonical form.
pub fn canonical(node: &mut Node) {
    let now = node.now;
    forget(&mut node.state, now);
    forget_world(node, now);
    let mut times = Vec::with_capacity(32);
    times.push(now);
    each_time(node, &mut |at| times.push(*at));
    times.sort_unstable();
    times.dedup();
    let far = FAR.as_millis() as i64;
    let here = times.iter().position(|at| *at == now).unwrap_or(0);
    let mut mapped = vec![NOW; times.len()];
    for i in (0..here).rev() {
        mapped[i] = Timestamp(mapped[i + 1].0 - (times[i + 1].0 - times[i].0).min(far));
    }
    for i in here + 1..times.len() {
        mapped[i] = Timestamp(mapped[i - 1].0 + (times[i].0 - times[i - 1].0).min(far));
    }
    each_time(node, &mut |at| {
        if let Ok(i) = times.binary_search(at) {
            *at = mapped[i];
        }
    });
    node.now = NOW;
}

fn settled(progress: &mut Progress, now: Timestamp) {
    *progress = match *progress {
        Progress::Open => Progress::Open,
        Progress::Intent(_) => Progress::Intent(now),
        Progress::Unknown(_) => Progress::Unknown(now),
        Progress::Done(_) => Progress::Done(now),
    };
}

fn when_done(progress: &mut Progress, now: Timestamp) {
    if progress.is_done() {
        settled(progress, now);
    }
}

/// Enough was seen, by every guard's measure: the run is never looked at again but for being enough.
fn enough(trial: &mut Trial, once: bool, now: Timestamp) -> bool {
    let span = trial.last.zip(trial.first).map(|(last, first)| last.since(first));
    let stable = trial.run >= limits().stable_tries && span >= Some(limits().stable_span);
    if trial.control && trial.run >= 1 && (once || stable) {
        trial.run = limits().stable_tries;
        trial.want_control = false;
        trial.wavered = true;
        trial.last = Some(now);
        trial.first = Some(ago(now, limits().stable_span));
        return true;
    }
    false
}

fn ago(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp(now.0 - by.as_millis() as i64)
}

fn trim(trial: &mut Trial) {
    trial.run = trial.run.min(limits().stable_tries);
    if let Some((last, first)) = trial.last.zip(trial.first) {
        trial.first = Some(first.max(ago(last, limits().stable_span)));
    }
}

fn forget(state: &mut State, now: Timestamp) {
    let overlap = state.caps.overlap;
    for lane in &mut state.lanes {
        settled(&mut lane.pending, now);
        settled(&mut lane.publish, now);
        settled(&mut lane.clear, now);
        if overlap || lane.publish.is_done() {
            lane.publish_lost = None;
        }
        if !lane.publish.is_unknown() {
            lane.disputed = None;
        }
    }
    if state.cutover.is_done() || state.late_proof {
        state.early = Trial::default();
        when_done(&mut state.mint, now);
    } else if state.caps.proves_before_cutover == Tri::No || enough(&mut state.early, false, now) {
        when_done(&mut state.mint, now);
    } else {
        trim(&mut state.early);
    }
    if overlap || state.is_rotated() {
        let done = enough(&mut state.proof, !overlap, now);
        if !done {
            trim(&mut state.proof);
        } else if overlap {
            when_done(&mut state.cutover, now);
        }
    } else {
        // When the first acceptance was decides about the way back.
        let whole = state.proof.control && state.proof.run >= 1;
        state.proof.run = state.proof.run.min(limits().stable_tries);
        if whole {
            state.proof.last = state.proof.first;
        }
    }
    if enough(&mut state.settle, false, now) {
        state.rotated_at = state.rotated_at.map(|_| now);
    } else {
        trim(&mut state.settle);
    }
    if overlap {
        let grace = ago(now, limits().grace);
        state.rotated_at = state.rotated_at.map(|at| at.max(grace));
    }
    if enough(&mut state.alive, false, now) {
        when_done(&mut state.undo, now);
    } else {
        trim(&mut state.alive);
    }
    trim(&mut state.dead);
    for trial in [
        &mut state.proof,
        &mut state.settle,
        &mut state.dead,
        &mut state.alive,
    ] {
        trial.wavered = false;
    }
    // Five seconds at first, ten and more after: beyond every limit, and so alike. Exhaustion is not reached.
    state.attempts = state.attempts.min(1);
    if let Rest::Held {
        again: Some(again), ..
    } = &mut state.rest
    {
        *again = (*again).max(now);
    }
    let way_back = !overlap && !state.is_rotated() && !state.cutover.is_open();
    state.restarted_at = state
        .restarted_at
        .filter(|at| way_back && state.proof.first.is_none_or(|first| first < *at));
    let trials = [state.early, state.proof, state.settle, state.dead, state.alive];
    let past = state.not_before.is_some_and(|until| until <= now);
    let answered = |trial: &Trial| {
        trial.answer == TrialAnswer::None
            || trial
                .last
                .zip(state.not_before)
                .is_none_or(|(at, until)| until <= at)
    };
    if past && trials.iter().all(answered) {
        state.not_before = None;
    }
    if state.cutover.is_done() {
        state.slot_empty_at = None;
    }
}

fn forget_world(node: &mut Node, now: Timestamp) {
    let world = &mut node.world;
    world.late.retain(|late| late.until >= now);
    world.late.sort_unstable();
    for g in 0..world.flux.len() {
        if !world.mixes(g as u8, now, limits().propagation) {
            world.flux[g] = None;
            world.streak[g] = None;
        }
    }
    let grace = ago(now, limits().grace);
    for store in &mut world.stores {
        store.published = store.published.map(|at| at.max(grace));
    }
    if node.state.cutover.is_done()
        && let Some(entry) = &mut world.slot
    {
        entry.created = now;
    }
}

fn each_time(node: &mut Node, f: &mut dyn FnMut(&mut Timestamp)) {
    let state = &mut node.state;
    for lane in &mut state.lanes {
        lane.publish_lost.iter_mut().for_each(&mut *f);
        lane.disputed.iter_mut().for_each(|(_, at)| f(at));
    }
    let progress = [
        &mut state.mint,
        &mut state.discard,
        &mut state.cutover,
        &mut state.undo,
        &mut state.revoke,
    ];
    let lanes = state
        .lanes
        .iter_mut()
        .flat_map(|lane| [&mut lane.pending, &mut lane.publish, &mut lane.clear]);
    for progress in progress.into_iter().chain(lanes) {
        match progress {
            Progress::Intent(at) | Progress::Unknown(at) | Progress::Done(at) => f(at),
            Progress::Open => {}
        }
    }
    for trial in [
        &mut state.early,
        &mut state.proof,
        &mut state.settle,
        &mut state.dead,
        &mut state.alive,
    ] {
        trial
            .first
            .iter_mut()
            .chain(trial.last.iter_mut())
            .for_each(&mut *f);
    }
    if let Rest::Held {
        again: Some(again), ..
    } = &mut state.rest
    {
        f(again);
    }
    for at in [
        &mut state.slot_empty_at,
        &mut state.rotated_at,
        &mut state.not_before,
        &mut state.restarted_at,
        &mut state.resumed_at,
    ] {
        at.iter_mut().for_each(&mut *f);
    }
    let world = &mut node.world;
    world.slot.iter_mut().for_each(|entry| f(&mut entry.created));
    for at in world.flux.iter_mut().chain(&mut world.streak) {
        at.iter_mut().for_each(&mut *f);
    }
    world.late.iter_mut().for_each(|late| f(&mut late.until));
    for store in &mut world.stores {
        store.published.iter_mut().for_each(&mut *f);
    }
    match &mut node.doing {
        Doing::Wait(until) | Doing::Down(until) => f(until),
        Doing::Out(_) | Doing::Look(_) | Doing::Rest => {}
    }
}
