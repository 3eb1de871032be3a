//! The promises, and what holds in each reachable state. What must not happen by a single write is in `write.rs`.

use std::fmt;

use rekeyd::rotation::{End, Mode, Rest, Stand, State, ValueBy};

use crate::plan::{Change, Plan, limits};
use crate::world::{FOREIGN, Gen, IN_PLACE, World, bit, generation};

/// What was promised (design §1), and two things that must hold besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// Nothing is lost.
    P1,
    /// Nothing unproven is published.
    P2,
    /// One mint per rotation.
    P3,
    /// What is not ours is not touched.
    P4,
    /// The old one is dead when we say so.
    P5,
    /// A late effect corrupts nothing.
    P7,
    /// No surprise by a restart.
    P8,
    /// No obligation is left, and none is met too early.
    Owed,
    /// It comes to an end, or to a person.
    Live,
    /// The machine is total, and its state is the fold of its events.
    Pure,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A promise that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    pub promise: Promise,
    pub what: &'static str,
}

/// What does not hold here.
pub fn check(plan: &Plan, state: &State, world: &World, now: rekeyd::clock::Timestamp) -> Option<Breach> {
    let breach = |promise, what| Some(Breach { promise, what });
    if let Some(breach) = nothing_lost(plan, world) {
        return Some(breach);
    }
    // Beyond every budget only this much can be kept.
    if plan.org.change == Change::Overlong {
        return None;
    }
    if readers_shut_out(plan, state, world) {
        return breach(
            Promise::P2,
            "readers hold a refused credential outside the method's window",
        );
    }
    if let Rest::Ended(End::Done { disproven: true }) = &state.rest {
        let lives = |g: Gen| world.accepts(plan, g);
        let displaced = world.displaced.filter(|g| *g != FOREIGN && *g != IN_PLACE);
        if state.old.is_some_and(|old| lives(generation(old))) || displaced.is_some_and(lives) {
            return breach(Promise::P5, "called dead, and still accepted");
        }
        let new = state.new.map(generation);
        let propagation = limits().propagation;
        if !world.meddled && !new.is_some_and(|g| lives(g) || world.mixes(g, now, propagation)) {
            return breach(Promise::P5, "called done, and the new credential is not accepted");
        }
        if !world.meddled && world.displaced.is_none() {
            return breach(Promise::P5, "called done, and nothing was put in force");
        }
    }
    if let Rest::Ended(End::GivenUp { adopting, old, .. }) = &state.rest {
        let never = |print: &rekeyd::secret::Fingerprint| world.ever & bit(generation(*print)) == 0;
        if adopting.as_ref().is_some_and(never) {
            return breach(Promise::P2, "gave way to a credential that was never accepted");
        }
        let settled = |g: &Gen| !world.blind && !world.mixes(*g, now, limits().propagation);
        let alive = state
            .old
            .map(generation)
            .filter(settled)
            .map(|g| world.accepts(plan, g));
        if alive == Some(true) && *old == Stand::Refused {
            return breach(Promise::P5, "a living credential was called refused");
        }
    }
    if let Rest::Ended(_) = &state.rest
        && state.cutover.is_done()
        && world.flag
    {
        return breach(Promise::Owed, "ended, and the next deploy makes another secret");
    }
    let quiet = plan.budget.lost == world.left.lost
        && plan.budget.foreign == world.left.foreign
        && plan.budget.person == world.left.person;
    if quiet {
        if world.cutovers > 1 || world.undos > 0 {
            return breach(Promise::P8, "a restart alone caused a second cutover, or an undo");
        }
        if world.mints > 1 && !plan.org.masked {
            return breach(Promise::P8, "a restart alone caused a second mint");
        }
    }
    None
}

/// Every accepted credential that a reader may hold is in a store or can be read from Salesforce.
fn nothing_lost(plan: &Plan, world: &World) -> Option<Breach> {
    let lost = (0..FOREIGN).filter(|g| *g != IN_PLACE).find(|g| {
        let primary = world.primary == *g;
        let in_slot = world.slot.is_some_and(|entry| entry.credential == *g);
        // An orphan that no reader was ever given is excepted.
        let orphan = world
            .slot
            .is_some_and(|entry| entry.credential == *g && !entry.retired);
        let shown = plan.caps.overlap || plan.caps.mints_at_cutover;
        let readable = shown && !plan.org.masked && (primary || in_slot);
        // A person has it in hand until they are told that every store has it; and what is not applied is nobody's.
        let orphan = orphan || world.hand == Some(*g) || world.setup == Some(*g);
        let torn = world.torn & bit(*g) != 0;
        world.accepts(plan, *g) && !readable && !orphan && !torn && !world.stored(*g)
    });
    lost.map(|_| Breach {
        promise: Promise::P1,
        what: "an accepted credential is in no place of any store, and cannot be read",
    })
}

/// A reader of a store whose current nobody else touched gets a refused credential, and no outage is due.
fn readers_shut_out(plan: &Plan, state: &State, world: &World) -> bool {
    let shut_out = |store: &crate::world::Store| !store.theirs && !world.accepts(plan, store.current);
    if world.meddled || !world.stores.iter().any(shut_out) {
        return false;
    }
    // When a person applies is theirs to say; what they were asked for comes before.
    let theirs = plan.caps.value_by == ValueBy::Person && world.displaced.is_some();
    let begun = !state.cutover.is_open() || theirs;
    let under_way = begun && !state.is_rotated() && state.end().is_none();
    let window = under_way
        && match &state.mode {
            Mode::Forward | Mode::Undo(_) => true,
            Mode::Abort(_) | Mode::GiveUp { .. } => false,
        };
    plan.caps.overlap || !window
}
