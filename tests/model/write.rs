//! Effects as the engine performs them: what is read right before, the one write, and what it does when it lands.
//! What must never happen by a write is noted here, at the moment it happens.

use std::time::Duration;

use rekeyd::clock::Timestamp;
use rekeyd::port::Refusal;
use rekeyd::rotation::{Answer, Detail, Effect, State};

use crate::plan::{Change, Delete, Plan, limits};
use crate::promise::{Breach, Promise};
use crate::world::{
    FOREIGN, Gen, IN_PLACE, Late, OLD, Staged, Store, WRONG, World, Write, bit, entry_id, key, name, pair,
};

/// What the engine comes to before it would send anything.
pub enum Prepared {
    /// This goes out.
    Send(Write),
    /// Nothing goes out.
    Answer(Answer),
}

/// The id of whatever was taken on last.
const JOB: &str = "job";

fn conflict() -> Answer {
    Answer::Refused(Refusal::Conflict(String::new()))
}

fn no_value() -> Answer {
    Answer::NotNow {
        why: "no value".into(),
        until: None,
    }
}

fn version(text: &str) -> u8 {
    text.parse().unwrap_or(0)
}

/// The reads that come before the write of `effect`.
pub fn prepare(world: &mut World, plan: &Plan, state: &State, effect: Effect) -> Prepared {
    let ours = |g: Gen| Some(key(plan, g));
    match effect {
        Effect::Mint => Prepared::Send(Write::Mint),
        Effect::Discard => {
            let wanted = state.orphan.as_ref().or(state.staged.as_ref());
            let given = state.orphan.is_some() && state.orphan == state.take_over;
            let Some(entry) = world.slot else {
                return Prepared::Answer(Answer::Done(Detail::Nothing));
            };
            let named = wanted == Some(&entry_id(entry.id))
                && key(plan, world.primary) != key(plan, entry.credential);
            let fits = given
                || state
                    .new_key
                    .is_none_or(|new| Some(new) == ours(entry.credential));
            match named && fits {
                true => Prepared::Send(Write::Delete { id: entry.id }),
                false => Prepared::Answer(conflict()),
            }
        }
        Effect::Revoke => {
            let Some(entry) = world.slot else {
                return Prepared::Answer(Answer::Done(Detail::Nothing));
            };
            let fits = state.superseded.as_ref() == Some(&entry_id(entry.id))
                && state.old_key == ours(entry.credential)
                && state.new_key == ours(world.primary);
            match fits {
                true => Prepared::Send(Write::Delete { id: entry.id }),
                false => Prepared::Answer(conflict()),
            }
        }
        Effect::Store(store) => {
            if state.lanes.iter().any(|lane| lane.pending.is_done()) {
                world.cache = None;
            }
            let base = version(&state.lanes[store].pending_base.0);
            match world.find_new(plan, state) {
                Some(credential) => Prepared::Send(Write::PutPending {
                    store: store as u8,
                    base,
                    credential,
                }),
                None => Prepared::Answer(Answer::ValueGone),
            }
        }
        Effect::Reset => Prepared::Send(Write::Unflag),
        Effect::Cutover if plan.caps.mints_at_cutover => {
            let old = state.old.map(crate::world::generation).unwrap_or(OLD);
            let unchanged = state.modified == Some(world.modified.to_string())
                && key(plan, world.primary) == key(plan, old);
            match unchanged {
                true => Prepared::Send(Write::Remake),
                false => Prepared::Answer(conflict()),
            }
        }
        Effect::Cutover => {
            let Some(new) = world.find_new(plan, state) else {
                return Prepared::Answer(no_value());
            };
            if plan.caps.overlap {
                let entry = world.slot.filter(|entry| {
                    entry.credential == new && !entry.retired && state.staged == Some(entry_id(entry.id))
                });
                return entry.map_or(Prepared::Answer(conflict()), |entry| {
                    Prepared::Send(Write::Promote { id: entry.id })
                });
            }
            let unchanged = state.modified == Some(world.modified.to_string())
                && key(plan, world.primary) == key(plan, new);
            match unchanged {
                true => Prepared::Send(Write::Change { to: new }),
                false => Prepared::Answer(conflict()),
            }
        }
        Effect::Publish(store) => {
            let base = version(&state.lanes[store].current_base.0);
            match world.find_new(plan, state) {
                Some(credential) => Prepared::Send(Write::Publish {
                    store: store as u8,
                    base,
                    credential,
                }),
                None => Prepared::Answer(no_value()),
            }
        }
        Effect::Undo => {
            let old = state.old.map(crate::world::generation).unwrap_or(OLD);
            match key(plan, world.primary) == key(plan, old) {
                true => Prepared::Send(Write::ChangeBack { to: old }),
                false => Prepared::Answer(conflict()),
            }
        }
        Effect::Clear(store) | Effect::Quarantine(store) => {
            let Some(written) = &state.lanes[store].pending_version else {
                return Prepared::Answer(Answer::Done(Detail::Nothing));
            };
            let (store, version) = (store as u8, version(&written.0));
            let keep = matches!(effect, Effect::Quarantine(_));
            Prepared::Send(if keep {
                Write::Quarantine { store, version }
            } else {
                Write::Clear { store, version }
            })
        }
    }
}

/// Something that went wrong while a write landed is pushed here.
pub struct Landing<'a> {
    pub plan: &'a Plan,
    pub now: Timestamp,
    pub breaches: &'a mut Vec<Breach>,
}

impl Landing<'_> {
    fn breach(&mut self, promise: Promise, what: &'static str) {
        self.breaches.push(Breach { promise, what });
    }

    /// Salesforce or a store takes a request whose answer is awaited.
    pub fn send(&mut self, world: &mut World, write: Write) -> Answer {
        match (write, self.plan.org.change) {
            (Write::Change { .. }, Change::Refuses) => {
                Answer::Refused(Refusal::Unsupported("not offered".into()))
            }
            (Write::Change { .. }, Change::Overlong) => {
                let until = self.now + Duration::from_secs(60);
                let unaware = world.left.foreign > 0;
                world.late.push(Late {
                    write,
                    until,
                    unaware,
                });
                Answer::Done(Detail::Nothing)
            }
            (Write::Remake, Change::Refuses) => {
                world.job = Some(false);
                Answer::Queued(JOB.to_owned())
            }
            (Write::Remake | Write::Unflag, _) => {
                self.land(world, write);
                world.job = Some(true);
                Answer::Queued(JOB.to_owned())
            }
            _ => self.land(world, write),
        }
    }

    /// The write takes effect, or is refused by a condition that it carries.
    pub fn land(&mut self, world: &mut World, write: Write) -> Answer {
        let (plan, now) = (self.plan, self.now);
        match write {
            Write::Mint => self.mint(world),
            Write::Promote { id } => self.promote(world, id),
            Write::Delete { id } => self.delete(world, id),
            Write::Change { to } => {
                match plan.org.change {
                    Change::Applies | Change::KeepsOld | Change::Overlong => {}
                    Change::GoesBlind => world.blind = true,
                    Change::Refuses | Change::Ignores => {}
                }
                if let Change::Refuses | Change::Ignores | Change::GoesBlind = plan.org.change {
                    return Answer::Done(Detail::Nothing);
                }
                self.over_foreign_primary(world);
                world.displaced = Some(world.primary);
                world.cutovers += 1;
                world.change(plan, now, |world| world.put_primary(plan, to));
                Answer::Done(Detail::Nothing)
            }
            Write::Remake => {
                self.remake(world);
                Answer::Done(Detail::Nothing)
            }
            Write::Unflag => {
                let behind = |store: &Store| !store.theirs && store.current != world.primary;
                if world.primary != world.began && !world.meddled && world.stores.iter().any(behind) {
                    self.breach(
                        Promise::Owed,
                        "the flag was reset before every store had the new credential",
                    );
                }
                world.flag = false;
                world.modified += 1;
                Answer::Done(Detail::Nothing)
            }
            Write::ChangeBack { to } => {
                self.over_foreign_primary(world);
                world.undos += 1;
                world.change(plan, now, |world| world.put_primary(plan, to));
                Answer::Done(Detail::Nothing)
            }
            Write::PutPending {
                store,
                base,
                credential,
            } => self.put_pending(world, store, base, credential),
            Write::Publish {
                store,
                base,
                credential,
            } => self.publish(world, store, base, credential),
            Write::Clear { store, version } | Write::Quarantine { store, version } => {
                let keep = matches!(write, Write::Quarantine { .. });
                let at = &mut world.stores[usize::from(store)];
                if let Some((credential, ours)) = at.pending.filter(|_| at.pending_version == version) {
                    if !ours && !world.given {
                        self.breach(Promise::P4, "somebody else's pending value was ended");
                    }
                    if keep {
                        at.quarantine = Some((version, credential));
                    }
                    at.pending = None;
                    at.pending_version += 1;
                }
                Answer::Done(Detail::Nothing)
            }
        }
    }

    fn remake(&mut self, world: &mut World) {
        let (plan, now) = (self.plan, self.now);
        match plan.org.change {
            Change::Applies | Change::KeepsOld | Change::Overlong => {}
            // Here the secret is another one all the same: it is shown.
            Change::GoesBlind => world.blind = true,
            Change::Refuses => return,
            Change::Ignores => {
                world.flag = true;
                return;
            }
        }
        self.over_foreign_primary(world);
        match world.allowed.checked_sub(1) {
            Some(left) => world.allowed = left,
            None => self.breach(
                Promise::P3,
                "a second secret was made although nobody asked for it",
            ),
        }
        let made = world.next;
        world.next += 1;
        world.mints += 1;
        world.cutovers += 1;
        world.displaced = Some(world.primary);
        world.flag = true;
        world.change(plan, now, |world| world.put_primary(plan, made));
    }

    fn over_foreign_primary(&mut self, world: &World) {
        let theirs = world.primary == FOREIGN || world.primary == IN_PLACE;
        if theirs && world.primary != world.began {
            self.breach(Promise::P4, "somebody else's primary credential was replaced");
        }
    }

    fn mint(&mut self, world: &mut World) -> Answer {
        let (plan, now) = (self.plan, self.now);
        if let Some(entry) = world.slot {
            if !plan.org.post_replaces {
                return conflict();
            }
            match entry.credential {
                FOREIGN | IN_PLACE | WRONG => {
                    self.breach(Promise::P4, "a mint replaced somebody else's staged entry");
                }
                _ => self.breach(Promise::P3, "a mint replaced an entry that was not seen gone"),
            }
        }
        let (credential, id) = (world.next, world.next_id);
        world.mints += 1;
        world.next += 1;
        world.next_id += 1;
        match world.allowed.checked_sub(1) {
            Some(left) => world.allowed = left,
            None => self.breach(Promise::P3, "a second mint although no value was lost to masking"),
        }
        world.change(plan, now, |world| {
            world.slot = Some(Staged {
                credential,
                id,
                retired: false,
                created: now,
            });
        });
        world.cache = Some(credential);
        Answer::Done(Detail::Minted {
            id: entry_id(id),
            key: key(plan, credential),
        })
    }

    fn promote(&mut self, world: &mut World, id: u8) -> Answer {
        let (plan, now) = (self.plan, self.now);
        let Some(entry) = world.slot.filter(|entry| entry.id == id) else {
            return conflict();
        };
        if entry.credential == FOREIGN {
            self.breach(Promise::P4, "somebody else's staged entry was promoted");
        }
        self.over_foreign_primary(world);
        let kept_id = if plan.org.same_id { id } else { world.next_id };
        world.next_id += u8::from(!plan.org.same_id);
        world.displaced = Some(world.primary);
        world.cutovers += 1;
        world.change(plan, now, |world| {
            let retired = Staged {
                credential: world.primary,
                id: kept_id,
                retired: true,
                created: entry.created,
            };
            world.primary = entry.credential;
            world.slot = Some(retired);
        });
        Answer::Done(Detail::Nothing)
    }

    fn delete(&mut self, world: &mut World, id: u8) -> Answer {
        let (plan, now) = (self.plan, self.now);
        let Some(entry) = world.slot.filter(|entry| entry.id == id) else {
            return Answer::Done(Detail::Nothing);
        };
        if entry.credential == FOREIGN && world.began != FOREIGN && !world.given {
            self.breach(Promise::P4, "somebody else's staged entry was deleted");
        }
        if entry.retired && plan.org.delete == Delete::SecondTime && !world.deleted {
            world.deleted = true;
            return Answer::Done(Detail::Nothing);
        }
        // What a person gives us to delete is theirs to answer for.
        if entry.retired && plan.org.delete != Delete::Lies && !world.given {
            if world.stores.iter().any(|store| store.current == entry.credential) {
                self.breach(Promise::P2, "the credential that readers get was deleted");
            }
            // Whoever ends the grace does not shorten the way there.
            if entry.credential == OLD && world.stores.iter().any(|store| store.published.is_none()) {
                self.breach(
                    Promise::P2,
                    "the old credential was ended before every store had the new one",
                );
            }
            let early = |store: &Store| store.published.is_some_and(|at| now < at + limits().grace);
            if entry.credential == OLD && !world.graceless && world.stores.iter().any(early) {
                self.breach(Promise::P2, "the old credential was ended inside its grace");
            }
        }
        world.change(plan, now, |world| world.drop_entry(plan));
        Answer::Done(Detail::Nothing)
    }

    fn put_pending(&mut self, world: &mut World, store: u8, base: u8, credential: Gen) -> Answer {
        let at = &mut world.stores[usize::from(store)];
        if at.pending_version != base {
            return conflict();
        }
        if at.pending.is_some_and(|(_, ours)| !ours) && !world.given {
            self.breach(Promise::P4, "somebody else's pending value was overwritten");
        }
        at.pending = Some((credential, true));
        at.pending_version += 1;
        Answer::Done(self.written(at.pending_version, credential))
    }

    fn publish(&mut self, world: &mut World, store: u8, base: u8, credential: Gen) -> Answer {
        let at = world.stores[usize::from(store)];
        if at.version != base {
            return conflict();
        }
        if at.theirs && at.current != world.began && world.accepts(self.plan, at.current) {
            self.breach(
                Promise::P4,
                "somebody else's accepted current credential was published over",
            );
        }
        if world.ever & bit(credential) == 0 {
            self.breach(Promise::P2, "a credential was published that was never accepted");
        }
        let unsteady = world.mixes(credential, self.now, limits().propagation);
        if self.plan.caps.overlap && unsteady {
            self.breach(
                Promise::P2,
                "a credential was published before its acceptance was stable",
            );
        }
        let at = &mut world.stores[usize::from(store)];
        at.put(credential, false);
        at.published = Some(self.now);
        Answer::Done(self.written(at.version, credential))
    }

    fn written(&self, version: u8, credential: Gen) -> Detail {
        Detail::Written {
            version: name(version),
            pair: pair(credential),
            key: key(self.plan, credential),
        }
    }
}
