//! What the journal knows of each app: the fold of its notes. Serves the engine, `status` and `plan` alike.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::engine::emergency::Emergency;
use crate::engine::health::Health;
use crate::engine::note::{Note, Unreadable};
use crate::engine::service::{ServiceLedger, ServiceNote};
use crate::engine::tally::Tally;
use crate::engine::tell;
use crate::port::VersionRef;
use crate::port::journal::Record;
use crate::rotation::{Effect, End, Event, Progress, RotationId, State, Tri, fold};
use crate::secret::Fingerprint;

/// One rotation as far as it has come.
#[derive(Clone, Debug)]
pub struct Run {
    /// The machine's state.
    pub state: State,
    /// The method's name.
    pub method: String,
    /// The stores' names, in order.
    pub stores: Vec<String>,
    /// Why it began.
    pub reason: String,
    /// Who or what asked.
    pub by: String,
    /// The app's policy as it was.
    pub policy: serde_json::Value,
    /// When it began.
    pub started_at: Timestamp,
    /// When the last event was written.
    pub last_at: Timestamp,
    /// What last went otherwise than it should, in words.
    pub trouble: Option<String>,
    /// Each effect that was ever intended, whatever became of it.
    pub intended: BTreeSet<Effect>,
}

/// A value that was sent to Salesforce and never published, kept under a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The store's name.
    pub store: String,
    /// Its version there.
    pub version: VersionRef,
    /// Since when.
    pub since: Timestamp,
    /// When it was last probed.
    pub last_probe: Option<Timestamp>,
    /// How often.
    pub probes: u32,
    /// It was found accepted: a person knows.
    pub alive: bool,
}

/// A credential that is older than the policy allows, or will be before anything can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Since when that is known.
    pub since: Timestamp,
    /// When it is too old.
    pub deadline: Timestamp,
    /// That moment has passed.
    pub past: bool,
    /// For a person.
    pub why: String,
}

/// A wait that an onlooker wonders about.
const NOTABLE: Duration = Duration::from_secs(60);

/// How many idempotency keys of an app are remembered.
const KEYS_KEPT: usize = 64;

/// How many superseded keys are remembered: the staged slot holds one.
const FORMER_KEPT: usize = 8;

/// What is known of one app.
#[derive(Clone, Debug, Default)]
pub struct AppLedger {
    /// When it was adopted.
    pub adopted_at: Option<Timestamp>,
    /// The pair that is current, by print.
    pub current: Option<Fingerprint>,
    /// Its key, where a rotation of ours has made it.
    pub current_key: Option<Fingerprint>,
    /// Keys of pairs of ours that were superseded, and since when, without having been retired.
    pub former: Vec<(Fingerprint, Timestamp)>,
    /// Since when it is, if anything says so.
    pub since: Option<Timestamp>,
    /// Why it is not adopted yet.
    pub unadopted: Option<String>,
    /// When a rotation last published everywhere.
    pub last_success: Option<Timestamp>,
    /// Who stopped it, and why.
    pub hold: Option<(String, String)>,
    /// The last rotation, ended or not.
    pub run: Option<Run>,
    /// Rotations in a row that ended without publishing.
    pub failures: u32,
    /// When the last of them ended.
    pub failed_at: Option<Timestamp>,
    /// How it ended.
    pub failed_by: Option<End>,
    /// Whether a staged pair was seen to log in before the cutover.
    pub proves_early: Tri,
    /// Values that were sent and never published, set aside in a store.
    pub aside: Vec<SetAside>,
    /// Every rotation that this journal knows for the app.
    pub rotations: BTreeSet<RotationId>,
    /// What the live check found last, and since when it is so. `None`: nothing wrong was found since the last rotation.
    pub health: Option<(Timestamp, Health)>,
    /// The credential is about to be, or is, older than it may be.
    pub overdue: Option<Overdue>,
    /// Rotations that were asked for under an idempotency key, the latest 64.
    pub asked: Vec<(String, RotationId)>,
    /// Those ids that are of a first contact: the age of what they wrote is not known from its stamp.
    pub contacts: BTreeSet<RotationId>,
    /// The last credential that was said to have leaked.
    pub emergency: Option<Emergency>,
    /// What its rotations add up to.
    pub tally: Tally,
}

impl AppLedger {
    /// Folds one note in.
    pub fn add(&mut self, at: Timestamp, rotation: Option<RotationId>, note: &Note) {
        self.rotations.extend(rotation);
        match note {
            Note::Adopted {
                pair,
                since,
                found: _,
                proof: _,
            } => {
                self.adopted_at = Some(at);
                if self.current != Some(*pair) {
                    let key = self.current_key.take();
                    self.superseded(key, at);
                }
                self.current = Some(*pair);
                self.since = *since;
                self.unadopted = None;
                self.health = None;
                self.overdue = None;
            }
            Note::Unadopted { why } => self.unadopted = Some(why.clone()),
            Note::Adopting { .. } => self.contacts.extend(rotation),
            Note::Inherited { rotations } => self.rotations.extend(rotations),
            Note::Started {
                method,
                caps,
                limits,
                stores,
                reason,
                by,
                policy,
                key,
            } => {
                let Some(id) = rotation else { return };
                if let Some(key) = key {
                    self.asked.push((key.clone(), id));
                    let surplus = self.asked.len().saturating_sub(KEYS_KEPT);
                    self.asked.drain(..surplus);
                }
                self.tally.started();
                self.run = Some(Run {
                    state: State::new(id, *caps, *limits, stores.len()),
                    method: method.clone(),
                    stores: stores.clone(),
                    reason: reason.clone(),
                    by: by.clone(),
                    policy: policy.clone(),
                    started_at: at,
                    last_at: at,
                    trouble: None,
                    intended: BTreeSet::new(),
                });
            }
            Note::Step { step } => self.step(at, step),
            Note::Behind { why } => {
                self.hold = Some(("rekeyd".into(), why.clone()));
                self.adopted_at = None;
                self.run = None;
            }
            Note::AsideProbed {
                store,
                version,
                alive,
            } => {
                let of = |aside: &&mut SetAside| aside.store == *store && aside.version == *version;
                if let Some(aside) = self.aside.iter_mut().find(of) {
                    aside.last_probe = Some(at);
                    aside.probes = aside.probes.saturating_add(1);
                    aside.alive |= *alive;
                }
            }
            Note::LiveChecked { health } => {
                self.health = match health {
                    Health::Fine => None,
                    Health::Refused { .. }
                    | Health::Disagree { .. }
                    | Health::Foreign { .. }
                    | Health::Unreadable { .. } => Some((at, health.clone())),
                };
            }
            Note::Overdue { deadline, past, why } => {
                self.overdue = Some(Overdue {
                    since: self.overdue.as_ref().map_or(at, |before| before.since),
                    deadline: *deadline,
                    past: *past,
                    why: why.clone(),
                });
            }
            Note::InTime => self.overdue = None,
            Note::RevokeAsked { ask } => {
                self.emergency = Some(Emergency {
                    ask: ask.clone(),
                    at,
                    tokens: None,
                });
            }
            Note::TokensRevoked { over, what } => {
                if let Some(emergency) = &mut self.emergency {
                    emergency.tokens = Some((*over, what.clone()));
                }
            }
            Note::HoldAsked { by, why } => self.hold = Some((by.clone(), why.clone())),
            Note::HoldLifted { by: _ } => {
                self.hold = None;
                self.failures = 0;
                self.failed_at = None;
                self.failed_by = None;
            }
        }
    }

    fn step(&mut self, at: Timestamp, step: &Event) {
        let Some(run) = &mut self.run else { return };
        self.tally.step(at, step, run.state.caps.overlap);
        let early = run.state.early.run;
        run.state = fold(run.state.clone(), at, step);
        run.last_at = at;
        if run.state.early.run > early && run.state.early.control {
            self.proves_early = Tri::Yes;
        }
        if let Event::Applied {
            effect: Effect::Quarantine(store),
            ..
        }
        | Event::FoundApplied {
            effect: Effect::Quarantine(store),
            ..
        } = step
        {
            let version = run
                .state
                .lanes
                .get(*store)
                .and_then(|lane| lane.pending_version.clone());
            let named = run.stores.get(*store).cloned().zip(version);
            self.aside.extend(named.map(|(store, version)| SetAside {
                store,
                version,
                since: at,
                last_probe: None,
                probes: 0,
                alive: false,
            }));
        }
        match step {
            Event::Intended { effect } => {
                run.intended.insert(*effect);
            }
            // What the stores hold of it was intended in a journal that is lost.
            Event::Recovered { .. } => {
                let stores = 0..run.stores.len();
                run.intended
                    .extend(stores.flat_map(|at| [Effect::Store(at), Effect::Publish(at)]));
            }
            Event::LateProof => self.proves_early = Tri::No,
            Event::Rotated => {
                self.last_success = Some(at);
                self.current = run.state.new;
                self.current_key = run.state.new_key;
                self.former.clear();
                self.since = Some(at);
                self.failures = 0;
                self.failed_at = None;
                self.failed_by = None;
                self.health = None;
                self.overdue = None;
            }
            Event::Ended {
                end: End::GivenUp { .. },
            } => {
                let key = run.state.old_key;
                self.superseded(key, at);
            }
            Event::Ended { end } if !end.is_rotated() => {
                if let End::Abandoned { .. } = end {
                    // A person says that nothing is to be rotated after all.
                    self.emergency = None;
                }
                self.failures = self.failures.saturating_add(1);
                self.failed_at = Some(at);
                self.failed_by = Some(end.clone());
            }
            // What the other side asked to wait for is no failure, and worth knowing all the same.
            Event::Deferred { why, until, failed } if *failed || until.since(at) >= NOTABLE => {
                run.trouble = Some(tell::in_words(why, &run.stores));
            }
            Event::Declined { .. } | Event::Postponed { .. } | Event::Lost { .. } => {
                run.trouble = Some(tell::sentence(step, &run.stores));
            }
            Event::Restarted
            | Event::Baselined { .. }
            | Event::Chosen { .. }
            | Event::Queued { .. }
            | Event::Fetched { .. }
            | Event::Applied { .. }
            | Event::FoundApplied { .. }
            | Event::FoundAbsent { .. }
            | Event::Rebased { .. }
            | Event::Disputed { .. }
            | Event::Blocked { .. }
            | Event::ValueGone
            | Event::Probed { .. }
            | Event::Rechecked { .. }
            | Event::Superseded { .. }
            | Event::OldUnknown
            | Event::Deferred { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::Aborting { .. }
            | Event::Undoing { .. }
            | Event::GivingUp { .. }
            | Event::GraceEnded { .. }
            | Event::Former { .. }
            | Event::Asked { .. }
            | Event::Reminded
            | Event::Handed { .. }
            | Event::TurnedAway { .. }
            | Event::Neither { .. }
            | Event::Ended { .. } => {}
        }
    }

    fn superseded(&mut self, key: Option<Fingerprint>, at: Timestamp) {
        self.former.extend(key.map(|key| (key, at)));
        let surplus = self.former.len().saturating_sub(FORMER_KEPT);
        self.former.drain(..surplus);
    }

    /// The journal says nothing of it: a new app, or a new journal.
    pub fn is_new(&self) -> bool {
        self.adopted_at.is_none() && self.run.is_none() && self.hold.is_none()
    }

    /// The rotation that is under way.
    pub fn running(&self) -> Option<&Run> {
        self.run.as_ref().filter(|run| run.state.end().is_none())
    }

    /// Until when the previous pair is left usable.
    pub fn grace_until(&self) -> Option<Timestamp> {
        let run = self.running()?;
        let waiting = run.state.caps.overlap && run.state.revoke != Progress::Done(run.last_at);
        run.state.grace_ends().filter(|_| waiting)
    }

    /// An ending after which trying again would end the same way, until a person says otherwise.
    pub fn stopped_by(&self) -> Option<&End> {
        match self.run.as_ref()?.state.end()? {
            end @ (End::Ignored | End::NotOffered { .. }) => Some(end).filter(|_| self.failures > 0),
            end @ End::Undone { .. } => Some(end).filter(|_| self.failures >= 3),
            End::Done { .. } | End::Abandoned { .. } | End::GivenUp { .. } => None,
        }
    }

    /// For `schedule`.
    pub fn for_schedule(&self) -> crate::schedule::Ledger {
        let retry = self.failed_at.filter(|_| self.failures > 0).map(|at| {
            // An hour, doubling to a day: each attempt without overlap costs consumers an outage.
            let hours = 1_u64 << self.failures.saturating_sub(1).min(5);
            at + Duration::from_secs(3600 * hours.min(24))
        });
        crate::schedule::Ledger {
            adopted_at: self.adopted_at.map(Timestamp::to_utc),
            // A credential that a person made later counts from its own making.
            last_success: self
                .last_success
                .filter(|success| self.since <= Some(*success))
                .map(Timestamp::to_utc),
            credential_since: self.since.map(Timestamp::to_utc),
            running: self.running().is_some(),
            grace_until: self.grace_until().map(Timestamp::to_utc),
            retry_at: retry.map(Timestamp::to_utc),
        }
    }
}

/// The whole journal, folded.
#[derive(Clone, Debug, Default)]
pub struct Ledgers {
    /// What is known of each app.
    pub apps: BTreeMap<String, AppLedger>,
    /// What is known of the service itself and of its orgs.
    pub service: ServiceLedger,
}

impl Ledgers {
    /// Folds a whole journal.
    ///
    /// # Errors
    /// [`Unreadable`] at the first record that this version does not know.
    pub fn read(records: &[Record]) -> Result<Ledgers, Unreadable> {
        let mut ledgers = Ledgers::default();
        for record in records {
            ledgers.add(record)?;
        }
        Ok(ledgers)
    }

    /// Folds one record in.
    ///
    /// # Errors
    /// [`Unreadable`]; then nothing is changed.
    pub fn add(&mut self, record: &Record) -> Result<(), Unreadable> {
        let Some(app) = &record.entry.app else {
            if let Some(note) = ServiceNote::read(record)? {
                self.service.add(record.at, &note);
            }
            return Ok(());
        };
        let note = Note::read(record)?;
        let ledger = self.apps.entry(app.clone()).or_default();
        ledger.add(record.at, record.entry.rotation, &note);
        Ok(())
    }
}
