//! Keeps every app moving: starts what is due, goes on with what was under way, passes people's words on.
//!
//! Level-triggered: on each tick what is due is computed anew from the ledgers, so that nothing is missed while the
//! process was away and nothing happens twice. One lane per app; a failing app delays no other.

mod clock;
mod command;
mod contact;
mod control;
mod exam;
mod hand;
mod lanes;
mod live;
mod org;
mod overdue;
mod revoke;
mod succeed;
mod tasks;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::clock::Watchman;
use self::exam::Exams;
use self::hand::Judged;
use self::live::Live;
use self::org::Orgs;
use self::succeed::Successor;
use self::tasks::Tasks;
use self::windows::Windows;
use crate::clock::Timestamp;
use crate::doctor::{AppReport, OrgFindings};
use crate::engine::adopt::{Brought, Contact};
use crate::engine::board::{AppCard, Board};
use crate::engine::command::{Command, Control, Reply};
use crate::engine::examine::Exam;
use crate::engine::lane::{LaneEnd, Word};
use crate::engine::ledger::{AppLedger, Ledgers, SetAside};
use crate::engine::live::{Primary, Seen};
use crate::engine::note::Note;
use crate::engine::radius::Radius;
use crate::engine::seat::{House, Seat};
use crate::port::journal::{JournalFault, RecordQuery};
use crate::port::{self, Fault, OrgReport, Outcome};
use crate::rotation::{Event, Limits, Observation, Rest, RotationId, State};
use crate::schedule::{Decision, Timing, decide};

/// One app of the policy (or one that left it while a rotation was under way).
#[derive(Clone)]
pub struct Managed {
    /// Its seat, for the method that the policy names first.
    pub seat: Arc<Seat>,
    /// A seat for each method that the policy lists, in that order.
    pub ways: Vec<Arc<Seat>>,
    /// The seat of a rotation under way whose method the policy lists no more.
    pub former: Option<Arc<Seat>>,
    /// When it is due. `None`: it left the policy, so nothing new starts.
    pub timing: Option<Timing>,
    /// The settings of a rotation that begins now.
    pub limits: Limits,
    /// The policy that a rotation begins with.
    pub policy: serde_json::Value,
    /// How many rotations of the org may be active at once.
    pub org: Arc<Semaphore>,
    /// How many that is.
    pub places: u32,
    /// What it is at Salesforce, in the policy's word.
    pub kind: String,
    /// How long after the end of a rotation none is started on demand.
    pub cool_down: Duration,
    /// How often the current credential and our own login are tried; zero for never.
    pub live_check: Duration,
    /// Between two starts, in one org, of rotations that fell due while the service was away.
    pub catch_up_spacing: Duration,
    /// Our own login to the org, looked at on a timer; `None` where nobody can.
    pub watch: Option<Arc<dyn port::OrgWatch>>,
    /// The org's switch for consumer secrets over REST; `None` where nobody can.
    pub switch: Option<Arc<dyn port::SecretsSwitch>>,
    /// How it is found out what it is fit for.
    pub exam: Exam,
}

impl Managed {
    /// The words of the methods that the policy lists.
    pub fn listed(&self) -> Vec<String> {
        self.ways.iter().map(|way| way.method.clone()).collect()
    }

    /// The seat for a method.
    pub fn way(&self, method: &str) -> Option<Arc<Seat>> {
        self.ways
            .iter()
            .chain(&self.former)
            .find(|way| way.method == method)
            .cloned()
    }

    /// As others see it.
    pub fn card(&self) -> AppCard {
        let seat = &self.seat;
        let stores = seat.stores.iter().map(|at| at.store.name().to_owned());
        AppCard {
            org: seat.org.clone(),
            kind: self.kind.clone(),
            method: seat.method.clone(),
            stores: stores.collect(),
            timing: self.timing.clone(),
        }
    }
}

/// Told of everything that was written: app, its stores by name, state, events. Must not block.
pub type Told = Arc<dyn Fn(&str, &[String], &State, &[Event]) + Send + Sync>;

/// The engine's top.
pub struct Supervisor {
    house: House,
    apps: BTreeMap<String, Managed>,
    ledgers: Arc<Mutex<Ledgers>>,
    tick: Duration,
    told: Told,
    drain: CancellationToken,
    words: BTreeMap<String, mpsc::Sender<Word>>,
    contacts: BTreeMap<String, (Timestamp, u32)>,
    compared: BTreeSet<String>,
    busy: BTreeSet<String>,
    /// Apps whose task failed, and until when they rest.
    resting: BTreeMap<String, Timestamp>,
    tasks: Tasks,
    submitters: BTreeMap<String, oneshot::Sender<Reply>>,
    /// What a person brings to an app whose rotation is being ended for it, and who waits for the answer.
    successors: BTreeMap<String, (Brought, oneshot::Sender<Reply>)>,
    /// Commands for an app that is only being looked at: they are heard as soon as the look is over.
    parked: Vec<(Command, oneshot::Sender<Reply>)>,
    /// Apps that a signal asked for while they were being looked at, and whether by name.
    woken: BTreeMap<String, bool>,
    board: Arc<Board>,
    time: Watchman,
    live: Live,
    orgs: Orgs,
    exams: Exams,
    windows: Windows,
    /// What nobody waits for at the end: looks that write nothing outside.
    looks: JoinSet<Look>,
}

/// A look that ended.
enum Look {
    Exam(String, Box<OrgFindings>, Vec<AppReport>),
    Live(String, Vec<Seen>, Option<Primary>),
    Successor(Box<Successor>),
    Radius(Box<Radius>, oneshot::Sender<Reply>),
    Handed(Box<Judged>),
    Org(String, Timestamp, Result<OrgReport, Fault>, (u64, u64)),
    Time(String, Timestamp, Result<Timestamp, Fault>),
}

enum Task {
    Lane(LaneEnd),
    Contact(Box<Result<Contact, Fault>>, RotationId),
    Behind(Result<Option<RotationId>, Fault>),
    Aside(SetAside, Option<bool>),
    Tokens(Outcome<String>),
}

impl Supervisor {
    /// Reads the journal and takes stock.
    ///
    /// # Errors
    /// [`JournalFault`] when it cannot be read, or holds what this version does not understand.
    pub async fn new(
        house: House,
        apps: BTreeMap<String, Managed>,
        tick: Duration,
        told: Told,
        drain: CancellationToken,
    ) -> Result<Supervisor, JournalFault> {
        let records = house.journal.read(&RecordQuery::default()).await?;
        let ledgers = Ledgers::read(&records).map_err(|fault| JournalFault::Newer(fault.to_string()))?;
        for (app, managed) in &apps {
            if let Some(ledger) = ledgers.apps.get(app) {
                for way in &managed.ways {
                    way.target.remember_proves_early(ledger.proves_early);
                }
            }
        }
        let time = Watchman::start(house.clock.as_ref());
        let mut supervisor = Supervisor {
            house,
            apps,
            ledgers: Arc::new(Mutex::new(ledgers)),
            tick,
            told,
            drain,
            words: BTreeMap::new(),
            contacts: BTreeMap::new(),
            compared: BTreeSet::new(),
            busy: BTreeSet::new(),
            resting: BTreeMap::new(),
            tasks: Tasks::default(),
            submitters: BTreeMap::new(),
            successors: BTreeMap::new(),
            parked: Vec::new(),
            woken: BTreeMap::new(),
            board: Arc::default(),
            time,
            live: Live::default(),
            orgs: Orgs::default(),
            exams: Exams::default(),
            windows: Windows::default(),
            looks: JoinSet::new(),
        };
        supervisor.recall_identities().await;
        supervisor.take_windows();
        supervisor.recall_exams().await;
        supervisor.show();
        Ok(supervisor)
    }

    /// What is known now, for the metrics and the API.
    pub fn board(&self) -> Arc<Board> {
        self.board.clone()
    }

    /// The ledgers as they are kept up to date, for status.
    pub fn ledgers(&self) -> Arc<Mutex<Ledgers>> {
        self.ledgers.clone()
    }

    /// Runs until drained: no lane is left that could still stop at a boundary of its own.
    ///
    /// # Errors
    /// [`JournalFault`] when the journal stopped a lane for good.
    pub async fn run(
        mut self,
        mut commands: mpsc::Receiver<(Command, oneshot::Sender<Reply>)>,
        mut controls: mpsc::Receiver<Control>,
    ) -> Result<(), JournalFault> {
        let drain = self.drain.clone();
        self.forget_refused_policy().await;
        loop {
            self.beat(drain.is_cancelled());
            if drain.is_cancelled() && self.tasks.is_empty() {
                self.close_windows_at_the_end().await;
                return Ok(());
            }
            self.close_windows();
            if !drain.is_cancelled() {
                self.watch_the_clock().await;
                self.start_what_is_due().await?;
                self.attend_all().await?;
                self.look_around().await;
            }
            let until = self.house.clock.now() + self.tick;
            let clock = self.house.clock.clone();
            tokio::select! {
                () = clock.sleep_until(until) => {}
                () = drain.cancelled(), if self.tasks.is_empty() => {}
                Some((app, done)) = self.tasks.next() => self.finished(app, done).await?,
                Some(look) = self.looks.join_next() => self.looked(look).await,
                Some((command, reply)) = commands.recv() => self.command(command, reply).await?,
                Some(control) = controls.recv() => self.control(control).await?,
            }
        }
    }

    pub(super) fn ledger(&self, app: &str) -> AppLedger {
        let ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers.apps.get(app).cloned().unwrap_or_default()
    }

    pub(super) async fn write(
        &self,
        app: &str,
        rotation: Option<RotationId>,
        note: &Note,
    ) -> Result<(), JournalFault> {
        let entry = note
            .entry(app, rotation)
            .map_err(|fault| JournalFault::Unavailable(fault.to_string()))?;
        let now = self.house.clock.now();
        self.house.journal.append(now, &[entry]).await?;
        let mut ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers
            .apps
            .entry(app.to_owned())
            .or_default()
            .add(now, rotation, note);
        Ok(())
    }

    async fn start_what_is_due(&mut self) -> Result<(), JournalFault> {
        let now = self.house.clock.now();
        let names: Vec<String> = self
            .apps
            .keys()
            .filter(|app| !self.busy.contains(*app))
            .filter(|app| self.resting.get(*app).is_none_or(|until| *until <= now))
            .cloned()
            .collect();
        let mut due = Vec::new();
        for app in names {
            let Some(managed) = self.apps.get(&app).cloned() else {
                continue;
            };
            let ledger = self.ledger(&app);
            if ledger.hold.is_some() {
                continue;
            }
            if self.compare_first(&app, &managed, &ledger) {
                continue;
            }
            if let Some(run) = ledger.running() {
                let waits_for_a_person = matches!(run.state.rest, Rest::Held { again: None, .. });
                if !waits_for_a_person {
                    self.lane(&app, &managed, run.state.clone(), Observation::Restarted);
                }
                continue;
            }
            if ledger.stopped_by().is_some() {
                continue;
            }
            let Some(timing) = &managed.timing else { continue };
            if ledger.adopted_at.is_none() {
                self.contact(&app, &managed, Brought::Nothing);
                continue;
            }
            match decide(timing, &ledger.for_schedule(), now.to_utc()) {
                Decision::Due { reason, since } => due.push((since, app, managed, reason)),
                Decision::NotDue { .. }
                | Decision::Waiting { .. }
                | Decision::Running { .. }
                | Decision::Unadopted { .. } => self.look_at_aside(&app, &managed, &ledger, now),
            }
        }
        due.sort_by_key(|(since, ..)| *since);
        for (since, app, managed, reason) in due {
            let ready = self.choice(&app, &managed).is_some() && self.within_budget(&managed, now).await;
            if ready && self.may_start(&managed, since.into(), now) {
                self.begin(&app, &managed, reason, "schedule".into(), None)
                    .await?;
            }
        }
        Ok(())
    }
}
