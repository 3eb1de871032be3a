//! What the journal knows of the service itself and of its orgs: notes that are about no app.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::engine::ledger::Ledgers;
use crate::engine::note::Unreadable;
use crate::engine::seat::House;
use crate::engine::tell;
use crate::port::journal::{Entry, JournalFault, Record};

/// The kind under which these stand in the journal.
const KIND: &str = "service";

/// One fact about the service or an org. Holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "note")]
pub enum ServiceNote {
    /// A new policy is in force.
    Reloaded {
        /// How many apps it has.
        apps: usize,
    },
    /// A new policy was refused, and the one before stays in force.
    ReloadRefused {
        /// Every fault of it, for a person.
        why: String,
    },
    /// The wall clock went otherwise than the time that passed: it was set, or the machine was suspended.
    ClockJumped {
        /// By how much it went ahead; negative for back. Milliseconds.
        by_ms: i64,
    },
    /// Our clock and an org's are too far apart for the schedule to be trusted: nothing scheduled is started there.
    ClockOff {
        /// The org.
        org: String,
        /// By how much ours is ahead; negative for behind. Milliseconds.
        by_ms: i64,
    },
    /// They agree again.
    ClockRight {
        /// The org.
        org: String,
    },
    /// Our own login is refused: nothing can be rotated in this org.
    LoginRefused {
        /// The org.
        org: String,
        /// What the org says, by class.
        why: String,
    },
    /// Our own login will be refused soon: its certificate ends.
    LoginEnding {
        /// The org.
        org: String,
        /// When.
        at: Timestamp,
    },
    /// The org has used so much of its daily requests that the clock starts no rotation there.
    BudgetSpent {
        /// The org.
        org: String,
        /// Requests used in 24 hours.
        used: u64,
        /// Requests allowed.
        limit: u64,
        /// The share, in percent, from which on rotations wait.
        share: u32,
    },
    /// It has enough of them again.
    BudgetFree {
        /// The org.
        org: String,
    },
    /// Our own login works, and will.
    LoginFine {
        /// The org.
        org: String,
    },
    /// About to turn the org's switch for consumer secrets over REST on or off. It was seen the other way right before.
    SwitchIntended {
        /// The org.
        org: String,
        /// On, or off.
        on: bool,
    },
    /// It was seen so after that.
    SwitchSet {
        /// The org.
        org: String,
        /// On, or off.
        on: bool,
    },
    /// The write was definitely not applied, or has left no trace for as long as a late write may land.
    SwitchNotSet {
        /// The org.
        org: String,
        /// On, or off.
        on: bool,
        /// For a person.
        why: String,
    },
    /// We turned it on, nobody needs it any more, and it could not be turned off.
    SwitchStuck {
        /// The org.
        org: String,
        /// For a person.
        why: String,
    },
    /// We turned it on, and somebody else has turned it off since.
    SwitchGone {
        /// The org.
        org: String,
    },
}

impl ServiceNote {
    /// As a journal entry.
    ///
    /// # Errors
    /// [`Unreadable`] if it does not serialise, which no note does.
    pub fn entry(&self) -> Result<Entry, Unreadable> {
        let body = serde_json::to_value(self).map_err(|_| Unreadable { seq: 0 })?;
        Ok(Entry {
            app: None,
            rotation: None,
            kind: KIND.to_owned(),
            body,
        })
    }

    /// Reads a record back; `None` for one of another kind.
    ///
    /// # Errors
    /// [`Unreadable`]: a later version of rekeyd, or somebody else, wrote it.
    pub fn read(record: &Record) -> Result<Option<ServiceNote>, Unreadable> {
        if record.entry.kind != KIND {
            return Ok(None);
        }
        let read = serde_json::from_value(record.entry.body.clone());
        read.map(Some).map_err(|_| Unreadable { seq: record.seq })
    }
}

/// What is wrong with our own login to an org.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginTrouble {
    /// It is refused.
    Refused {
        /// Since when.
        since: Timestamp,
        /// What the org says.
        why: String,
    },
    /// Its certificate ends.
    Ending {
        /// Since when that is known.
        since: Timestamp,
        /// When it ends.
        at: Timestamp,
    },
}

/// What we did to an org's switch for consumer secrets over REST.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwitchLedger {
    /// Since when it is on by our hand, and so ours to turn off.
    pub ours: Option<Timestamp>,
    /// A write that is not known to be over: to on or off, and when it was intended.
    pub out: Option<(bool, Timestamp)>,
    /// It could not be turned off.
    pub stuck: Option<Stuck>,
}

/// A switch that could not be turned off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Since when.
    pub since: Timestamp,
    /// How often that was tried.
    pub attempts: u32,
    /// What came of the last try.
    pub why: String,
}

impl SwitchLedger {
    /// Something is left to be done, or to be seen.
    pub fn is_owed(&self) -> bool {
        self.ours.is_some() || self.out.is_some()
    }

    /// Since when it is on by our hand, or may be: a write that is out counts from its intent.
    pub fn open_since(&self) -> Option<Timestamp> {
        self.ours.or(self.out.map(|(_, at)| at))
    }

    fn add(&mut self, at: Timestamp, note: &SwitchStep<'_>) {
        match note {
            SwitchStep::Intended(on) => self.out = Some((*on, at)),
            SwitchStep::Set(true) => {
                self.out = None;
                self.ours = Some(at);
            }
            SwitchStep::Set(false) | SwitchStep::Gone => *self = SwitchLedger::default(),
            SwitchStep::NotSet => self.out = None,
            SwitchStep::Stuck(why) => {
                let before = self.stuck.take();
                self.stuck = Some(Stuck {
                    since: before.as_ref().map_or(at, |stuck| stuck.since),
                    attempts: before.map_or(0, |stuck| stuck.attempts).saturating_add(1),
                    why: (*why).to_owned(),
                });
            }
        }
        if !self.is_owed() {
            self.stuck = None;
        }
    }
}

enum SwitchStep<'a> {
    Intended(bool),
    Set(bool),
    NotSet,
    Stuck(&'a str),
    Gone,
}

/// What is known of the service.
#[derive(Clone, Debug, Default)]
pub struct ServiceLedger {
    /// When a policy was last loaded anew.
    pub reloaded_at: Option<Timestamp>,
    /// The last policy was refused: when, and every fault of it.
    pub reload_refused: Option<(Timestamp, String)>,
    /// How often the clock jumped.
    pub clock_jumps: u64,
    /// Orgs whose clock is not ours: since when, and by how many milliseconds ours is ahead.
    pub clock_off: BTreeMap<String, (Timestamp, i64)>,
    /// Orgs where rotations wait for the day's requests: since when, used and allowed.
    pub budget: BTreeMap<String, (Timestamp, u64, u64)>,
    /// Orgs to which our own login is in trouble.
    pub login: BTreeMap<String, LoginTrouble>,
    /// Orgs whose switch we turned on, or are about to turn on or off.
    pub switches: BTreeMap<String, SwitchLedger>,
}

impl ServiceLedger {
    /// Folds one note in.
    pub fn add(&mut self, at: Timestamp, note: &ServiceNote) {
        match note {
            ServiceNote::Reloaded { apps: _ } => {
                self.reloaded_at = Some(at);
                self.reload_refused = None;
            }
            ServiceNote::ReloadRefused { why } => {
                let since = self.reload_refused.take().map_or(at, |(since, _)| since);
                self.reload_refused = Some((since, why.clone()));
            }
            ServiceNote::ClockJumped { by_ms: _ } => self.clock_jumps = self.clock_jumps.saturating_add(1),
            ServiceNote::ClockOff { org, by_ms } => {
                self.clock_off.entry(org.clone()).or_insert((at, *by_ms)).1 = *by_ms;
            }
            ServiceNote::ClockRight { org } => {
                self.clock_off.remove(org);
            }
            ServiceNote::LoginRefused { org, why } => {
                let since = match self.login.get(org) {
                    Some(LoginTrouble::Refused { since, .. }) => *since,
                    Some(LoginTrouble::Ending { .. }) | None => at,
                };
                let why = why.clone();
                self.login
                    .insert(org.clone(), LoginTrouble::Refused { since, why });
            }
            ServiceNote::LoginEnding { org, at: end } => {
                let since = match self.login.get(org) {
                    Some(LoginTrouble::Ending { since, .. }) => *since,
                    Some(LoginTrouble::Refused { .. }) | None => at,
                };
                self.login
                    .insert(org.clone(), LoginTrouble::Ending { since, at: *end });
            }
            ServiceNote::BudgetSpent { org, used, limit, .. } => {
                self.budget.insert(org.clone(), (at, *used, *limit));
            }
            ServiceNote::BudgetFree { org } => {
                self.budget.remove(org);
            }
            ServiceNote::LoginFine { org } => {
                self.login.remove(org);
            }
            ServiceNote::SwitchIntended { org, on } => self.switch(at, org, &SwitchStep::Intended(*on)),
            ServiceNote::SwitchSet { org, on } => self.switch(at, org, &SwitchStep::Set(*on)),
            ServiceNote::SwitchNotSet { org, .. } => self.switch(at, org, &SwitchStep::NotSet),
            ServiceNote::SwitchStuck { org, why } => self.switch(at, org, &SwitchStep::Stuck(why)),
            ServiceNote::SwitchGone { org } => self.switch(at, org, &SwitchStep::Gone),
        }
    }

    fn switch(&mut self, at: Timestamp, org: &str, step: &SwitchStep<'_>) {
        let mut switch = self.switches.remove(org).unwrap_or_default();
        switch.add(at, step);
        if switch.is_owed() {
            self.switches.insert(org.to_owned(), switch);
        }
    }
}

/// Journals something about the service, logs it, and folds it in. What could not be journaled is not so.
///
/// # Errors
/// As [`Journal::append`](crate::port::journal::Journal::append).
pub(super) async fn jot(
    house: &House,
    ledgers: &Mutex<Ledgers>,
    note: &ServiceNote,
) -> Result<(), JournalFault> {
    let entry = note.entry();
    let entry = entry.map_err(|fault| JournalFault::Unavailable(fault.to_string()))?;
    let now = house.clock.now();
    // Whoever reads the log may look into the journal next.
    let written = house.journal.append(now, &[entry]).await;
    let text = tell::service_sentence(note);
    match note {
        ServiceNote::ReloadRefused { .. }
        | ServiceNote::LoginRefused { .. }
        | ServiceNote::SwitchStuck { .. } => tracing::error!("{text}"),
        ServiceNote::ClockJumped { .. }
        | ServiceNote::ClockOff { .. }
        | ServiceNote::BudgetSpent { .. }
        | ServiceNote::SwitchNotSet { .. }
        | ServiceNote::SwitchGone { .. }
        | ServiceNote::LoginEnding { .. } => tracing::warn!("{text}"),
        ServiceNote::BudgetFree { .. }
        | ServiceNote::Reloaded { .. }
        | ServiceNote::ClockRight { .. }
        | ServiceNote::SwitchIntended { .. }
        | ServiceNote::SwitchSet { .. }
        | ServiceNote::LoginFine { .. } => tracing::info!("{text}"),
    }
    written?;
    let mut ledgers = ledgers.lock().unwrap_or_else(PoisonError::into_inner);
    ledgers.service.add(now, note);
    Ok(())
}
