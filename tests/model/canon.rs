//! One representative per class of nodes that behave alike, so that the graph is finite.
//!
//! Two things are done. What no decision reads any more is put to a fixed value. And time is measured from now,
//! with every gap between two neighbouring moments cut to [`FAR`]: all comparisons add sums of limits that are
//! smaller, so none comes out differently.

use std::time::Duration;

use rekeyd::clock::Timestamp;
use rekeyd::port::VersionRef;
use rekeyd::rotation::{Mode, Progress, Rest, State, Tri, Trial, TrialAnswer};

use crate::node::{Doing, Node};
use crate::plan::{FAR, Plan, limits};
use crate::world::{IN_PLACE, Write, entry_id, name};

/// Now, in every canonical node.
pub const NOW: Timestamp = Timestamp(1_000_000_000);

/// Puts `node` into its canonical form.
pub fn canonical(plan: &Plan, node: &mut Node) {
    let now = node.now;
    forget(&mut node.state, now);
    forget_world(plan, node, now);
    names(node);
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

/// A budget that began then is spent, and was at each judgement: when exactly it began makes no difference.
fn anchor(began: &mut Progress, trials: &[Trial], now: Timestamp) {
    let Progress::Done(at) = *began else { return };
    let spent = |at_last: Timestamp| at_last >= at + limits().propagation;
    if spent(now) && trials.iter().all(|trial| trial.last.is_none_or(spent)) {
        *began = Progress::Done(ago(now, Duration::from_secs(3600)));
    }
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
        .filter(|at| way_back && state.proof.first.is_some_and(|first| first < *at));
    let whole = !overlap && state.proof.control && state.proof.run >= 1;
    let proof = if whole { Trial::default() } else { state.proof };
    let forward = state.mode == Mode::Forward;
    let dead = |there: bool| if there { state.dead } else { Trial::default() };
    anchor(&mut state.mint, &[state.early], now);
    anchor(&mut state.undo, &[state.alive], now);
    anchor(&mut state.revoke, &[dead(overlap)], now);
    if forward {
        anchor(&mut state.cutover, &[proof, dead(!overlap)], now);
    } else {
        when_done(&mut state.cutover, now);
    }
    if let Some(at) = state.rotated_at.filter(|_| !overlap) {
        let mut began = Progress::Done(at);
        anchor(&mut began, &[state.settle], now);
        if let Progress::Done(at) = began {
            state.rotated_at = Some(at);
        }
    }
    let trials = [state.early, state.proof, state.settle, state.dead, state.alive];
    // Whether a person spoke after a request could still land, is asked for as long as it is out.
    let asked = state.caps.mints_at_cutover && state.cutover.is_unknown();
    let spent = |at: &Timestamp| !asked && *at >= state.resumed_at.unwrap_or(now) + limits().propagation;
    if spent(&now) && trials.iter().all(|trial| trial.last.as_ref().is_none_or(spent)) {
        state.resumed_at = None;
    }
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
    if state.mint.is_done() {
        state.slot_empty_at = None;
    }
    if state.cutover.is_done() {
        state.rechecked = false;
        state.staged = None;
        state.modified = None;
    }
    when_done(&mut state.reset, now);
    if !state.asks() {
        state.asked = None;
        state.neither_since = None;
        state.handed_early = false;
    }
    if state.revoke.is_done() {
        state.superseded = None;
    }
    if state.caps.key_changes {
        state.candidates.clear();
    }
}

fn forget_world(plan: &Plan, node: &mut Node, now: Timestamp) {
    let world = &mut node.world;
    let (stores, slot, flagged) = (&world.stores, world.slot, world.flag);
    world.job = world.job.filter(|_| node.state.job.is_some());
    let may_land = |write: &Write| match *write {
        // Versions only grow, and no id comes back.
        Write::PutPending { store, base: at, .. }
        | Write::Clear { store, version: at }
        | Write::Quarantine { store, version: at } => stores[usize::from(store)].pending_version == at,
        Write::Publish { store, base, .. } => stores[usize::from(store)].version == base,
        Write::Promote { id } | Write::Delete { id } => slot.is_some_and(|entry| entry.id == id),
        Write::Mint | Write::Change { .. } | Write::ChangeBack { .. } | Write::Remake => true,
        Write::Unflag => flagged,
    };
    world
        .late
        .retain(|late| late.until >= now && may_land(&late.write));
    if plan.budget.lost != world.left.lost || plan.budget.foreign != world.left.foreign {
        (world.mints, world.cutovers, world.undos) = (0, 0, 0);
    }
    let faults = plan.budget.crashes - world.left.crashes + plan.budget.lost - world.left.lost;
    world.outlasted &= faults <= 1;
    world.late.sort_unstable();
    for g in 0..world.flux.len() {
        // Nobody asks for these again.
        let unasked =
            g >= usize::from(IN_PLACE) && !world.stores.iter().any(|store| usize::from(store.current) == g);
        if unasked || !world.mixes(g as u8, now, limits().propagation) {
            world.flux[g] = None;
            world.streak[g] = None;
        }
    }
    let grace = ago(now, limits().grace);
    for store in &mut world.stores {
        store.published = store.published.map(|at| at.max(grace));
    }
    if node.state.mint.is_done()
        && let Some(entry) = &mut world.slot
    {
        entry.created = now;
    }
}

/// Versions, ids and marks are only ever compared with what is there now: equal to it, or not.
fn names(node: &mut Node) {
    let (state, world) = (&mut node.state, &mut node.world);
    let like = |version: &VersionRef, is: u8| name(if *version == name(is) { 2 } else { 1 });
    for (lane, store) in state.lanes.iter_mut().zip(&mut world.stores) {
        lane.old_version = name(0);
        lane.current_base = like(&lane.current_base, store.version);
        if let Some((seen, _)) = &mut lane.disputed {
            *seen = like(seen, store.version);
        }
        lane.pending_base = like(&lane.pending_base, store.pending_version);
        if let Some(version) = &mut lane.pending_version {
            let kept = store.quarantine.filter(|(at, _)| *version == name(*at));
            store.quarantine = kept
                .map(|(_, credential)| (1, credential))
                .or(store.quarantine.map(|(_, g)| (9, g)));
            *version = match kept {
                Some(_) => name(1),
                None if *version == name(store.pending_version) => name(2),
                None => name(0),
            };
        }
    }
    for late in &mut world.late {
        match &mut late.write {
            Write::PutPending { base: at, .. }
            | Write::Publish { base: at, .. }
            | Write::Clear { version: at, .. }
            | Write::Quarantine { version: at, .. } => *at = 2,
            Write::Promote { id } | Write::Delete { id } => *id = 2,
            Write::Mint | Write::Change { .. } | Write::ChangeBack { .. } | Write::Remake | Write::Unflag => {
            }
        }
    }
    let there = world.slot.map(|entry| entry_id(entry.id));
    for id in [&mut state.staged, &mut state.orphan, &mut state.superseded] {
        if id.is_some() {
            *id = Some(entry_id(if *id == there { 2 } else { 1 }));
        }
    }
    if let Some(given) = &mut state.take_over {
        let pending = world
            .stores
            .iter()
            .any(|store| *given == name(store.pending_version).0);
        *given = match (Some(&*given) == there.as_ref(), pending) {
            (true, _) => entry_id(2),
            (false, true) => name(2).0,
            (false, false) => String::new(),
        };
    }
    world.slot.iter_mut().for_each(|entry| entry.id = 2);
    world.next_id = 3;
    if let Some(mark) = &mut state.modified {
        *mark = if *mark == world.modified.to_string() {
            "2"
        } else {
            "1"
        }
        .to_owned();
    }
    world.modified = 2;
    for store in &mut world.stores {
        (store.version, store.pending_version) = (2, 2);
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
        &mut state.reset,
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
        &mut state.neither_since,
    ] {
        at.iter_mut().for_each(&mut *f);
    }
    if let Some(asked) = &mut state.asked {
        f(&mut asked.since);
        f(&mut asked.deadline);
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
