//! The world outside the core: Salesforce, the stores, what is still on its way, and what the process remembers.
//!
//! A *generation* is a credential, by number: 0 the one in force at the start, 1 to 4 those of this rotation, and
//! three of somebody else. What the world does to a write is in `write.rs`, what it answers to a look in `look.rs`.

use std::time::Duration;

use rekeyd::clock::Timestamp;
use rekeyd::port::VersionRef;
use rekeyd::rotation::State;
use rekeyd::secret::Fingerprint;

use crate::plan::{Budget, Change, Delete, Plan};

/// A credential.
pub type Gen = u8;
/// In force at the start.
pub const OLD: Gen = 0;
/// Somebody else's, under the same consumer key.
pub const IN_PLACE: Gen = 5;
/// Somebody else's, with a consumer key of its own.
pub const FOREIGN: Gen = 6;
/// Nobody accepts it.
pub const WRONG: Gen = 7;
/// How many there are.
pub const GENS: usize = 8;

/// The staged slot's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Staged {
    /// Which credential.
    pub credential: Gen,
    /// Salesforce's id.
    pub id: u8,
    /// It was primary before.
    pub retired: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// One store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    /// What consumers read.
    pub current: Gen,
    /// Somebody else put it there.
    pub theirs: bool,
    /// Version of current.
    pub version: u8,
    /// Credentials of earlier versions of current: bits by generation.
    pub past: u8,
    /// Pending: the credential, and whether this rotation wrote it.
    pub pending: Option<(Gen, bool)>,
    /// Version of pending.
    pub pending_version: u8,
    /// Set aside, by version and credential.
    pub quarantine: Option<(u8, Gen)>,
    /// When we published.
    pub published: Option<Timestamp>,
}

/// One mutating request, as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Write {
    Mint,
    Promote {
        id: u8,
    },
    Delete {
        id: u8,
    },
    Change {
        to: Gen,
    },
    ChangeBack {
        to: Gen,
    },
    PutPending {
        store: u8,
        base: u8,
        credential: Gen,
    },
    Publish {
        store: u8,
        base: u8,
        credential: Gen,
    },
    Clear {
        store: u8,
        version: u8,
    },
    Quarantine {
        store: u8,
        version: u8,
    },
    /// Salesforce makes a secret and puts it in force.
    Remake,
    /// The flag that does so is reset.
    Unflag,
}

/// A write that nobody knows of any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Late {
    /// What it does when it lands.
    pub write: Write,
    /// It lands at or before this time, or never.
    pub until: Timestamp,
    /// Nobody else had done anything when it was sent. Salesforce has no fencing: what is done since, it replaces.
    pub unaware: bool,
}

/// Everything outside the core.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub primary: Gen,
    pub slot: Option<Staged>,
    /// Accepted although neither primary nor in the slot: bits by generation.
    pub lingering: u8,
    /// The endpoint accepts anything.
    pub blind: bool,
    /// Last-modified mark.
    pub modified: u8,
    /// When a generation's acceptance last changed, while answers may mix.
    pub flux: [Option<Timestamp>; GENS],
    /// The first of an unbroken run of acceptances during the mix.
    pub streak: [Option<Timestamp>; GENS],
    /// Generations that were accepted at some time.
    pub ever: u8,
    pub stores: Vec<Store>,
    pub late: Vec<Late>,
    /// The new pair that the process holds in memory.
    pub cache: Option<Gen>,
    pub next: Gen,
    pub next_id: u8,
    /// Mints that Salesforce has applied.
    pub mints: u8,
    /// Cutovers that Salesforce has applied.
    pub cutovers: u8,
    pub undos: u8,
    /// A DELETE of the old pair was answered.
    pub deleted: bool,
    /// Mints that may still be: one, and one more for each value that is in nobody's hand any more.
    pub allowed: u8,
    /// What the baseline began from.
    pub began: Gen,
    /// What was primary when we cut over.
    pub displaced: Option<Gen>,
    /// Generations whose pending place somebody else took after the cutover was sent.
    pub torn: u8,
    /// Generated in Setup and not applied.
    pub setup: Option<Gen>,
    /// A person keeps it in hand until they are told that every store has it.
    pub hand: Option<Gen>,
    /// The flag is set.
    pub flag: bool,
    /// What became of the deploy that was taken on last: applied or not.
    pub job: Option<bool>,
    /// Somebody else changed what Salesforce holds as primary.
    pub meddled: bool,
    /// A store stayed away for longer than the cutover's time-out, while that ran.
    pub outlasted: bool,
    /// A person has ended the grace.
    pub graceless: bool,
    /// A person gave us what somebody else had put into the slot or into pending.
    pub given: bool,
    pub left: Budget,
}

impl Store {
    /// A new version of current.
    pub fn put(&mut self, credential: Gen, theirs: bool) {
        self.past |= bit(self.current);
        self.current = credential;
        self.theirs = theirs;
        self.version += 1;
    }
}

impl World {
    pub fn new(plan: &Plan) -> Self {
        let store = Store {
            current: OLD,
            theirs: false,
            version: 0,
            past: 0,
            pending: None,
            pending_version: 0,
            quarantine: None,
            published: None,
        };
        World {
            primary: OLD,
            slot: None,
            lingering: 0,
            blind: false,
            modified: 0,
            flux: [None; GENS],
            streak: [None; GENS],
            ever: bit(OLD),
            stores: vec![store; plan.stores],
            late: Vec::new(),
            cache: None,
            next: 1,
            next_id: 1,
            mints: 0,
            cutovers: 0,
            undos: 0,
            deleted: false,
            allowed: 1,
            began: OLD,
            displaced: None,
            torn: 0,
            setup: None,
            hand: None,
            flag: false,
            job: None,
            meddled: false,
            outlasted: false,
            graceless: false,
            given: false,
            left: plan.budget,
        }
    }

    /// Whether Salesforce accepts this credential, once every node of it knows.
    pub fn accepts(&self, plan: &Plan, credential: Gen) -> bool {
        let staged = self
            .slot
            .is_some_and(|entry| entry.credential == credential && (entry.retired || plan.org.early));
        let staged = staged || (plan.org.early && self.setup == Some(credential));
        credential != WRONG && (self.primary == credential || staged || self.lingering & bit(credential) != 0)
    }

    /// Changes Salesforce, and notes whose acceptance changed by it.
    pub fn change(&mut self, plan: &Plan, now: Timestamp, change: impl FnOnce(&mut World)) {
        let before: [bool; GENS] = std::array::from_fn(|g| self.accepts(plan, g as Gen));
        change(self);
        for (g, was) in before.into_iter().enumerate() {
            let is = self.accepts(plan, g as Gen);
            if is != was {
                self.flux[g] = Some(now);
                self.streak[g] = None;
            }
            if is {
                self.ever |= bit(g as Gen);
            }
        }
    }

    /// Old and new answers about this credential may still mix.
    pub fn mixes(&self, credential: Gen, now: Timestamp, propagation: Duration) -> bool {
        self.flux[usize::from(credential)].is_some_and(|since| now < since + propagation)
    }

    /// Some place of some store returns it.
    pub fn stored(&self, credential: Gen) -> bool {
        self.stores.iter().any(|store| {
            store.current == credential
                || store.past & bit(credential) != 0
                || store.pending.is_some_and(|(pending, _)| pending == credential)
                || store.quarantine.is_some_and(|(_, kept)| kept == credential)
        })
    }

    /// Whether `version` of pending can be read, and what it holds.
    pub fn pending_version(&self, store: usize, version: &VersionRef) -> Option<Gen> {
        let store = self.stores.get(store)?;
        let (current, _) = store.pending.unzip();
        let quarantined = store.quarantine.filter(|(at, _)| *version == name(*at));
        current
            .filter(|_| *version == name(store.pending_version))
            .or(quarantined.map(|(_, kept)| kept))
    }

    /// The new pair, where the engine finds it: memory, the stores by journaled version, Salesforce.
    pub fn find_new(&mut self, plan: &Plan, state: &State) -> Option<Gen> {
        let wanted = |g: &Gen| match (state.new, state.new_key) {
            (Some(new), _) => pair(*g) == new,
            (None, Some(wanted)) => key(plan, *g) == wanted,
            (None, None) => false,
        };
        let stored = |world: &World| {
            state.lanes.iter().enumerate().find_map(|(store, lane)| {
                match (&lane.pending_version, lane.publish.is_done()) {
                    (_, true) => {
                        let at = world.stores[store];
                        let past = (0..GENS as Gen).filter(|g| at.past & bit(*g) != 0);
                        std::iter::once(at.current).chain(past).find(wanted)
                    }
                    (Some(version), false) => world.pending_version(store, version).filter(wanted),
                    (None, false) => None,
                }
            })
        };
        let in_slot = || {
            let readable = plan.caps.overlap && !plan.org.masked && state.cutover.is_open();
            let id = state.staged.as_ref().filter(|_| readable)?;
            let entry = self.slot.filter(|entry| *id == entry_id(entry.id))?;
            Some(entry.credential).filter(wanted)
        };
        let in_force = || {
            let readable = plan.caps.mints_at_cutover && state.new.is_some();
            Some(self.primary).filter(|g| readable && wanted(g))
        };
        let found = self
            .cache
            .filter(wanted)
            .or_else(|| stored(self))
            .or_else(in_slot)
            .or_else(in_force);
        self.cache = found.or(self.cache);
        found
    }

    /// A person generates a pair in Setup.
    pub fn generate(&mut self, plan: &Plan, now: Timestamp) -> Gen {
        let made = self.next;
        self.next += 1;
        self.modified += 1;
        self.change(plan, now, |world| world.setup = Some(made));
        self.hand = Some(made);
        made
    }

    /// A person applies what was generated.
    pub fn apply(&mut self, plan: &Plan, now: Timestamp) {
        let Some(to) = self.setup else { return };
        self.displaced = Some(self.primary);
        self.cutovers += 1;
        self.change(plan, now, |world| {
            world.setup = None;
            world.put_primary(plan, to);
        });
    }

    /// What an applied DELETE leaves accepted.
    pub fn drop_entry(&mut self, plan: &Plan) {
        if let Some(entry) = self.slot.take()
            && plan.org.delete == Delete::Lies
            && entry.retired
        {
            self.lingering |= bit(entry.credential);
        }
    }

    /// An in-place change of the primary.
    pub fn put_primary(&mut self, plan: &Plan, to: Gen) {
        if plan.org.change == Change::KeepsOld {
            self.lingering |= bit(self.primary);
        }
        self.primary = to;
        self.modified += 1;
    }
}

/// The bit of a generation.
pub const fn bit(credential: Gen) -> u8 {
    1 << credential
}

/// A version's name.
pub fn name(version: u8) -> VersionRef {
    VersionRef(version.to_string())
}

/// An entry's id.
pub fn entry_id(id: u8) -> String {
    format!("e{id}")
}

/// The print of a pair.
pub fn pair(credential: Gen) -> Fingerprint {
    Fingerprint([credential + 1; 16])
}

/// The generation of a print.
pub fn generation(print: Fingerprint) -> Gen {
    print.0[0] - 1
}

/// The print of its consumer key. In place only the secret changes.
pub fn key(plan: &Plan, credential: Gen) -> Fingerprint {
    let own = plan.caps.key_changes || credential == FOREIGN;
    Fingerprint([100 + if own { credential } else { OLD }; 16])
}
