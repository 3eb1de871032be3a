//! What the journal knows of each app: the fold of its notes. Serves the engine, `status` and `plan` alike.

mod add;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::engine::emergency::Emergency;
use crate::engine::health::Health;
use crate::engine::note::{Note, Unreadable};
use crate::engine::service::{ServiceLedger, ServiceNote};
use crate::engine::tally::Tally;
use crate::port::VersionRef;
use crate::port::journal::Record;
use crate::rotation::{Effect, End, Progress, RotationId, State, Tri};
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
