//! What somebody else may do, once. Not between a look and the effect that the same step sends, as far as that
//! look was at another system: the round trip between the two is a gap that no read can close. Conditions that a
//! request carries itself (a version, the entry, the component's mark) do close it, so those edits stay possible.

use rekeyd::clock::Timestamp;
use rekeyd::rotation::{Effect, State};

use crate::plan::{Change, Plan};
use crate::world::{FOREIGN, IN_PLACE, OLD, Staged, WRONG, World, bit};

/// An edit by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Another key beside the credential in a store's current.
    OtherKeys(usize),
    /// A credential that nobody accepts, into a store's current.
    Refused(usize),
    /// The old credential, put back into a store's current.
    Restored(usize),
    /// Rotated in Setup, and the store's current edited to it.
    Rotated(usize),
    /// Rotated in Setup, and no store told.
    RotatedOnly,
    /// Another secret under the same key, and no store told.
    InPlace,
    /// The component edited, its secret as it was.
    Touched,
    /// A value of theirs in a store's pending.
    Pending(usize),
    /// A store's pending removed.
    PendingGone(usize),
    /// An entry of theirs in the staged slot.
    Slot,
    /// Our staged entry removed.
    SlotGone,
}

/// Every edit that is possible now, with the world after it.
pub fn edits(
    plan: &Plan,
    state: &State,
    world: &World,
    out: &[Effect],
    now: Timestamp,
) -> Vec<(Edit, World)> {
    let across = out.iter().any(|effect| {
        matches!(
            effect,
            Effect::Mint | Effect::Discard | Effect::Cutover | Effect::Undo | Effect::Revoke | Effect::Reset
        )
    });
    let mut edits = Vec::new();
    let mut add = |edit: Edit, change: &dyn Fn(&mut World)| {
        let mut after = world.clone();
        change(&mut after);
        after.left.foreign -= 1;
        edits.push((edit, after));
    };
    if !across {
        for i in 0..world.stores.len() {
            stores(world, state, i, &mut add);
            // Before the start, with one store, that would only be another start.
            if plan.caps.overlap || plan.stores > 1 || state.baselined {
                add(Edit::Rotated(i), &|world| {
                    rotate(plan, world, now);
                    put(world, i, FOREIGN);
                });
            }
        }
    }
    let minting = out.contains(&Effect::Mint);
    if !(minting && plan.caps.overlap) {
        add(Edit::RotatedOnly, &|world| rotate(plan, world, now));
    }
    if plan.caps.overlap {
        let free = match world.slot {
            None => !minting,
            Some(entry) => plan.org.post_replaces && !entry.retired && !minting,
        };
        if free {
            add(Edit::Slot, &|world| {
                robbed(world);
                let id = world.next_id;
                world.next_id += 1;
                world.change(plan, now, |world| {
                    world.slot = Some(Staged {
                        credential: FOREIGN,
                        id,
                        retired: false,
                        created: now,
                    });
                });
            });
        }
        if world.slot.is_some_and(|entry| !entry.retired) {
            add(Edit::SlotGone, &|world| {
                robbed(world);
                world.change(plan, now, |world| world.slot = None);
            });
        }
    } else {
        add(Edit::Touched, &|world| world.modified += 1);
        // Before the first judgement, and between cutover and publish, nothing tells it from what was before, or
        // from our own change: that part of P4 cannot be kept where the secret cannot be read.
        let told_apart = plan.org.change != Change::KeepsOld
            && state.baselined
            && (state.cutover.is_open() || state.is_rotated());
        if told_apart {
            add(Edit::InPlace, &|world| {
                world.meddled = true;
                world.change(plan, now, |world| world.put_primary(plan, IN_PLACE));
            });
        }
    }
    edits
}

/// Takes an edit, and what it changes.
type Add<'a> = dyn FnMut(Edit, &dyn Fn(&mut World)) + 'a;

fn stores(world: &World, state: &State, i: usize, add: &mut Add<'_>) {
    let at = &world.stores[i];
    add(Edit::OtherKeys(i), &|world| {
        let current = world.stores[i].current;
        let theirs = world.stores[i].theirs;
        put(world, i, current);
        world.stores[i].theirs = theirs;
    });
    add(Edit::Refused(i), &|world| put(world, i, WRONG));
    if at.current != OLD {
        // Before our publish is known, it looks like an edit of other keys, and is taken for one.
        let known = state.lanes[i].publish.is_done();
        add(Edit::Restored(i), &|world| {
            put(world, i, OLD);
            world.stores[i].theirs = known;
        });
    }
    let tear = |world: &mut World| {
        let at = &mut world.stores[i];
        let held = at.pending.map_or(0, |(held, _)| bit(held));
        at.pending_version += 1;
        world.torn |= if state.sent { held } else { 0 };
    };
    add(Edit::Pending(i), &|world| {
        tear(world);
        world.stores[i].pending = Some((WRONG, false));
    });
    if at.pending.is_some() {
        add(Edit::PendingGone(i), &|world| {
            tear(world);
            world.stores[i].pending = None;
        });
    }
}

fn put(world: &mut World, i: usize, credential: u8) {
    world.stores[i].put(credential, true);
}

/// A staged entry of ours that somebody else removes may be made again.
fn robbed(world: &mut World) {
    world.allowed += u8::from(world.slot.is_some_and(|entry| !entry.retired));
}

fn rotate(plan: &Plan, world: &mut World, now: Timestamp) {
    world.meddled = true;
    robbed(world);
    let id = world.next_id;
    world.next_id += 1;
    world.modified += 1;
    world.change(plan, now, |world| {
        if plan.caps.overlap {
            world.slot = Some(Staged {
                credential: world.primary,
                id,
                retired: true,
                created: now,
            });
        }
        world.primary = FOREIGN;
    });
}
