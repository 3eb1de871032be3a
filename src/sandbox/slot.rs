//! A consumer of an app: its primary pair and its one staged slot (O §1, M §4).

use super::chance::Chance;
use super::credential::{Credential, Origin};
use super::ident::RecordId;
use super::switches::{ExpiredEntry, PostOnRotated, SecondRotate, Switches};
use super::time::{Moment, later};
use chrono::TimeDelta;

/// How long a staged pair, and a rotated one, live.
const STAGED_LIFE: TimeDelta = TimeDelta::days(30);

/// Whether the slot holds the next pair or the former one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotState {
    Active,
    Rotated,
}

/// What the staged slot holds.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) id: RecordId,
    pub(super) generation: u64,
    pub(super) state: SlotState,
    pub(super) created_by: RecordId,
    pub(super) created: Moment,
    pub(super) expires: Moment,
}

impl Slot {
    /// The state as it is told: an entry past its date is `Expired` whatever it was.
    pub(super) fn told(&self, at: Moment) -> &'static str {
        match self.state {
            _ if at >= self.expires => "Expired",
            SlotState::Active => "Active",
            SlotState::Rotated => "Rotated",
        }
    }
}

/// Why the slot did not do as asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SlotError {
    /// There is no entry of that id.
    NotFound,
    /// Another pair is in it.
    Taken,
    /// Its pair is past its date.
    Expired,
    /// Its pair has been rotated already.
    AlreadyRotated,
}

/// One consumer: what a client id and secret belong to.
pub(super) struct Consumer {
    pub(super) id: RecordId,
    pub(super) name: String,
    pub(super) credentials: Vec<Credential>,
    /// Generation of the primary pair.
    pub(super) primary: u64,
    pub(super) slot: Option<Slot>,
    /// Pairs that Salesforce made.
    pub(super) mints: u64,
    /// How often the primary pair became another.
    pub(super) cutovers: u64,
}

impl Consumer {
    pub(super) fn pair(&self, generation: u64) -> Option<&Credential> {
        self.credentials
            .iter()
            .find(|credential| credential.generation == generation)
    }

    fn pair_mut(&mut self, generation: u64) -> Option<&mut Credential> {
        self.credentials
            .iter_mut()
            .find(|credential| credential.generation == generation)
    }

    pub(super) fn primary_pair(&self) -> Option<&Credential> {
        self.pair(self.primary)
    }

    /// Adds a pair; its generation is the answer.
    fn add(&mut self, key: String, secret: String, origin: Origin, from: Option<Moment>) -> u64 {
        let generation = self
            .credentials
            .iter()
            .map(|one| one.generation)
            .max()
            .unwrap_or(0)
            + 1;
        self.credentials.push(Credential {
            generation,
            key,
            secret,
            origin,
            from,
            until: None,
            judged: 0,
        });
        generation
    }

    /// The slot's entry as it is seen at `at`.
    pub(super) fn staged(&self, at: Moment, switches: &Switches) -> Option<&Slot> {
        self.slot
            .as_ref()
            .filter(|slot| at < slot.expires || switches.expired_entry == ExpiredEntry::Listed)
    }

    /// Makes a new pair in the slot, for `by`, under the record id `id`.
    pub(super) fn stage(
        &mut self,
        at: Moment,
        by: RecordId,
        id: RecordId,
        switches: &Switches,
        chance: &mut Chance,
        origin: Origin,
    ) -> Result<(), SlotError> {
        if let Some(slot) = self.slot.clone().filter(|slot| at < slot.expires) {
            match (slot.state, switches.post_on_rotated) {
                (SlotState::Active, _) | (SlotState::Rotated, PostOnRotated::Fails) => {
                    return Err(SlotError::Taken);
                }
                (SlotState::Rotated, PostOnRotated::Replaces) => {
                    if let Some(old) = self.pair_mut(slot.generation) {
                        old.end(at);
                    }
                }
            }
        }
        let from = switches.staged_proves_before_cutover.then_some(at);
        let generation = self.add(chance.consumer_key(), chance.consumer_secret(), origin, from);
        let expires = later(at, STAGED_LIFE);
        if let Some(pair) = self.pair_mut(generation) {
            pair.until = Some(expires);
        }
        self.mints += 1;
        self.slot = Some(Slot {
            id,
            generation,
            state: SlotState::Active,
            created_by: by,
            created: at,
            expires,
        });
        Ok(())
    }

    /// Makes the staged pair the primary one; the former one takes the slot. Returns the former's generation.
    pub(super) fn promote(
        &mut self,
        staged: &str,
        at: Moment,
        by: RecordId,
        new_id: RecordId,
        switches: &Switches,
    ) -> Result<u64, SlotError> {
        let slot = self
            .staged(at, switches)
            .filter(|slot| slot.id.is(staged))
            .cloned();
        let slot = slot.ok_or(SlotError::NotFound)?;
        if at >= slot.expires {
            return Err(SlotError::Expired);
        }
        if slot.state == SlotState::Rotated && switches.second_rotate == SecondRotate::Error {
            return Err(SlotError::AlreadyRotated);
        }
        let former = self.primary;
        let expires = later(at, STAGED_LIFE);
        let dies = if switches.old_dies_at_cutover { at } else { expires };
        if let Some(old) = self.pair_mut(former) {
            old.end(dies);
        }
        if let Some(new) = self.pair_mut(slot.generation) {
            new.from = new.from.or(Some(at));
            new.until = None;
        }
        self.primary = slot.generation;
        self.cutovers += 1;
        let swapped = Slot {
            generation: former,
            state: SlotState::Rotated,
            expires,
            ..slot
        };
        self.slot = Some(if switches.staged_id_changes_on_swap {
            Slot {
                id: new_id,
                created: at,
                created_by: by,
                ..swapped
            }
        } else {
            swapped
        });
        Ok(former)
    }

    /// Empties the slot; its pair ends at once. Returns its generation.
    pub(super) fn discard(
        &mut self,
        staged: &str,
        at: Moment,
        switches: &Switches,
    ) -> Result<u64, SlotError> {
        let generation = self
            .staged(at, switches)
            .filter(|slot| slot.id.is(staged))
            .map(|slot| slot.generation);
        let generation = generation.ok_or(SlotError::NotFound)?;
        if let Some(pair) = self.pair_mut(generation) {
            pair.end(at);
        }
        self.slot = None;
        Ok(generation)
    }

    /// Replaces the primary pair without a slot: a change in place, or a person's Apply.
    pub(super) fn replace(
        &mut self,
        key: String,
        secret: String,
        at: Moment,
        old_ends: Moment,
        origin: Origin,
    ) -> u64 {
        let former = self.primary;
        if let Some(old) = self.pair_mut(former) {
            old.end(old_ends);
        }
        self.primary = self.add(key, secret, origin, Some(at));
        self.cutovers += 1;
        former
    }

    /// A person's Apply on an app without a slot for the former pair.
    pub(super) fn end_former(&mut self, former: u64, ends: Moment) {
        if let Some(old) = self.pair_mut(former) {
            old.end(ends);
        }
        self.slot = None;
    }

    /// Ends what stands in the slot.
    pub(super) fn end_slot(&mut self, at: Moment) {
        if let Some(slot) = self.slot.take()
            && let Some(pair) = self.pair_mut(slot.generation)
        {
            pair.end(at);
        }
    }

    /// Ends every pair: the app is gone.
    pub(super) fn end_all(&mut self, at: Moment) {
        for credential in &mut self.credentials {
            credential.end(at);
        }
        self.slot = None;
    }
}
