//! Keeps every app moving: starts what is due, goes on with what was under way, passes people's words on.
//!
//! Level-triggered: on each tick what is due is computed anew from the ledgers, so that nothing is missed while the
//! process was away and nothing happens twice. One lane per app; a failing app delays no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Timestamp;
use crate::engine::adopt::{Contact, contact};
use crate::engine::command::{Command, Reply};
use crate::engine::lane::{self, LaneEnd, Surroundings, Word};
use crate::engine::ledger::{AppLedger, Ledgers, SetAside};
use crate::engine::note::Note;
use crate::engine::seat::{House, Seat};
use crate::engine::watch;
use crate::port::Fault;
use crate::port::journal::{JournalFault, RecordQuery};
use crate::random;
use crate::rotation::{Event, Limits, Observation, Rest, RotationId, State};
use crate::schedule::{Decision, Timing, decide};
use crate::secret::Credential;

/// One app of the policy (or one that left it while a rotation was under way).
#[derive(Clone)]
pub struct Managed {
    /// Its seat.
    pub seat: Arc<Seat>,
    /// When it is due. `None`: it left the policy, so nothing new starts.
    pub timing: Option<Timing>,
    /// The settings of a rotation that begins now.
    pub limits: Limits,
    /// The policy that a rotation begins with.
    pub policy: serde_json::Value,
    /// How many rotations of the org may be active at once.
    pub org: Arc<Semaphore>,
}

/// Told of everything that was written: app, state, events. Must not block.
pub type Told = Arc<dyn Fn(&str, &State, &[Event]) + Send + Sync>;

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
    tasks: JoinSet<(String, Task)>,
    submitters: BTreeMap<String, oneshot::Sender<Reply>>,
}

enum Task {
    Lane(LaneEnd),
    Contact(Box<Result<Contact, Fault>>, RotationId),
    Behind(Result<Option<RotationId>, Fault>),
    Aside(SetAside, Option<bool>),
}

/// Between two first contacts of one app: 30 s doubling to 30 min.
fn contact_delay(tries: u32) -> Duration {
    Duration::from_secs(30 << tries.min(6)).min(Duration::from_secs(1800))
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
            if let Some(ledger) = ledgers.0.get(app) {
                managed.seat.target.remember_proves_early(ledger.proves_early);
            }
        }
        Ok(Supervisor {
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
            tasks: JoinSet::new(),
            submitters: BTreeMap::new(),
        })
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
    ) -> Result<(), JournalFault> {
        let drain = self.drain.clone();
        loop {
            if drain.is_cancelled() && self.tasks.is_empty() {
                return Ok(());
            }
            if !drain.is_cancelled() {
                self.start_what_is_due().await?;
            }
            let until = self.house.clock.now() + self.tick;
            let clock = self.house.clock.clone();
            tokio::select! {
                () = clock.sleep_until(until) => {}
                () = drain.cancelled(), if self.tasks.is_empty() => {}
                Some(done) = self.tasks.join_next() => self.finished(done).await?,
                Some((command, reply)) = commands.recv() => self.command(command, reply).await?,
            }
        }
    }

    fn ledger(&self, app: &str) -> AppLedger {
        let ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers.0.get(app).cloned().unwrap_or_default()
    }

    async fn write(&self, app: &str, rotation: Option<RotationId>, note: &Note) -> Result<(), JournalFault> {
        let entry = note
            .entry(app, rotation)
            .map_err(|fault| JournalFault::Unavailable(fault.to_string()))?;
        let now = self.house.clock.now();
        self.house.journal.append(now, &[entry]).await?;
        let mut ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers
            .0
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
            .cloned()
            .collect();
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
                self.contact(&app, &managed, None);
                continue;
            }
            match decide(timing, &ledger.for_schedule(), now.to_utc()) {
                Decision::Due { reason, .. } => {
                    self.begin(&app, &managed, reason, "schedule".into()).await?;
                }
                Decision::NotDue { .. }
                | Decision::Waiting { .. }
                | Decision::Running { .. }
                | Decision::Unadopted { .. } => self.look_at_aside(&app, &managed, &ledger, now),
            }
        }
        Ok(())
    }

    /// Once per process, before anything else is done for an app that the journal knows: is the journal an old one?
    fn compare_first(&mut self, app: &str, managed: &Managed, ledger: &AppLedger) -> bool {
        let known = ledger.adopted_at.is_some() || ledger.run.is_some();
        if !known || self.compared.contains(app) {
            return false;
        }
        let now = self.house.clock.now();
        let (due, tries) = self.contacts.get(app).copied().unwrap_or((now, 0));
        if now < due {
            return true;
        }
        self.contacts.insert(
            app.to_owned(),
            (now + contact_delay(tries), tries.saturating_add(1)),
        );
        let (seat, ledger, name) = (managed.seat.clone(), ledger.clone(), app.to_owned());
        self.tasks
            .spawn(async move { (name, Task::Behind(watch::behind(&seat, &ledger).await)) });
        self.busy.insert(app.to_owned());
        true
    }

    fn look_at_aside(&mut self, app: &str, managed: &Managed, ledger: &AppLedger, now: Timestamp) {
        let due = |aside: &&SetAside| watch::next_probe(ledger, aside).is_some_and(|next| next <= now);
        let Some(aside) = ledger.aside.iter().find(due).cloned() else {
            return;
        };
        let (seat, name) = (managed.seat.clone(), app.to_owned());
        self.tasks.spawn(async move {
            let alive = watch::is_alive(&seat, &aside.store, &aside.version).await;
            (name, Task::Aside(aside, alive))
        });
        self.busy.insert(app.to_owned());
    }

    async fn compared(
        &mut self,
        app: &str,
        behind: Result<Option<RotationId>, Fault>,
    ) -> Result<(), JournalFault> {
        match behind {
            Ok(Some(id)) => self.behind(app, id).await.map(drop),
            Ok(None) => {
                self.compared.insert(app.to_owned());
                self.contacts.remove(app);
                Ok(())
            }
            Err(fault) => {
                tracing::warn!(app, "no store answers, so nothing is started: {fault}");
                Ok(())
            }
        }
    }

    async fn behind(&mut self, app: &str, id: RotationId) -> Result<String, JournalFault> {
        let why = format!("a store knows rotation {id}, which this journal does not: it is an old one");
        tracing::error!(app, rotation = %id, "{why}");
        self.write(app, Some(id), &Note::Behind { why: why.clone() })
            .await?;
        self.compared.insert(app.to_owned());
        Ok(why)
    }

    /// A value that was set aside and is accepted now is a late write that landed: consumers may be without access.
    async fn probed_aside(
        &mut self,
        app: &str,
        aside: SetAside,
        alive: Option<bool>,
    ) -> Result<(), JournalFault> {
        let (store, version) = (aside.store.clone(), aside.version.clone());
        let accepted = alive == Some(true);
        self.write(
            app,
            None,
            &Note::AsideProbed {
                store,
                version,
                alive: accepted,
            },
        )
        .await?;
        if !accepted {
            return Ok(());
        }
        let why = format!(
            "the value that was set aside in store {} as version {} is accepted by Salesforce now: a late write landed",
            aside.store, aside.version
        );
        tracing::error!(app, "{why}");
        self.write(
            app,
            None,
            &Note::HoldAsked {
                by: "rekeyd".into(),
                why,
            },
        )
        .await
    }

    async fn begin(
        &mut self,
        app: &str,
        managed: &Managed,
        reason: String,
        by: String,
    ) -> Result<RotationId, JournalFault> {
        let id = self.id()?;
        let seat = &managed.seat;
        let note = Note::Started {
            method: seat.method.clone(),
            caps: seat.target.capabilities(),
            limits: managed.limits,
            stores: seat
                .stores
                .iter()
                .map(|store| store.store.name().to_owned())
                .collect(),
            reason,
            by,
            policy: managed.policy.clone(),
        };
        self.write(app, Some(id), &note).await?;
        if let Some(run) = self.ledger(app).run {
            tracing::info!(app, rotation = %id, method = %run.method, reason = %run.reason, by = %run.by, "rotation started");
            self.lane(app, managed, run.state, Observation::Tick);
        }
        Ok(id)
    }

    fn id(&self) -> Result<RotationId, JournalFault> {
        let uuid = random::uuid(self.house.random.as_ref());
        uuid.map(RotationId::from)
            .map_err(|fault| JournalFault::Unavailable(fault.to_string()))
    }

    fn lane(&mut self, app: &str, managed: &Managed, state: State, first: Observation) {
        let (words, heard) = mpsc::channel(8);
        let (name, ledgers, told) = (app.to_owned(), self.ledgers.clone(), self.told.clone());
        let (clock, id) = (self.house.clock.clone(), state.id);
        let around = Surroundings {
            org: managed.org.clone(),
            drain: self.drain.clone(),
            words: heard,
            told: Box::new(move |state, events| {
                {
                    let mut ledgers = ledgers.lock().unwrap_or_else(PoisonError::into_inner);
                    let ledger = ledgers.0.entry(name.clone()).or_default();
                    for event in events {
                        ledger.add(clock.now(), Some(id), &Note::Step { step: event.clone() });
                    }
                }
                told(&name, state, events);
            }),
        };
        let (seat, name) = (managed.seat.clone(), app.to_owned());
        self.tasks
            .spawn(async move { (name, Task::Lane(lane::run(seat, state, first, around).await)) });
        self.words.insert(app.to_owned(), words);
        self.busy.insert(app.to_owned());
    }

    fn contact(&mut self, app: &str, managed: &Managed, handed: Option<Credential>) {
        let now = self.house.clock.now();
        let (due, tries) = self.contacts.get(app).copied().unwrap_or((now, 0));
        if now < due && handed.is_none() {
            return;
        }
        self.contacts.insert(
            app.to_owned(),
            (now + contact_delay(tries), tries.saturating_add(1)),
        );
        let Ok(id) = self.id() else { return };
        {
            // What this contact may write into a store is ours, also if its answer is lost.
            let mut ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
            ledgers.0.entry(app.to_owned()).or_default().rotations.insert(id);
        }
        let ledger = self.ledger(app);
        let (seat, org) = (managed.seat.clone(), managed.org.clone());
        let fresh = ledger.is_new();
        let name = app.to_owned();
        self.tasks.spawn(async move {
            let _place = org.acquire_owned().await;
            let known = |id: RotationId| ledger.rotations.contains(&id);
            (
                name,
                Task::Contact(Box::new(contact(&seat, fresh, known, handed, id).await), id),
            )
        });
        self.busy.insert(app.to_owned());
    }

    async fn finished(
        &mut self,
        done: Result<(String, Task), tokio::task::JoinError>,
    ) -> Result<(), JournalFault> {
        let (app, task) = match done {
            Ok(done) => done,
            Err(fault) => {
                // A defect of ours. The app stays out until the next start, and the others go on.
                tracing::error!(
                    "a task of the engine failed: {fault}; its app rests until rekeyd is restarted"
                );
                return Ok(());
            }
        };
        self.busy.remove(&app);
        self.words.remove(&app);
        match task {
            Task::Lane(LaneEnd::Journal(fault)) => {
                tracing::error!(app, "the journal stopped this rotation: {fault}");
                Err(fault)
            }
            Task::Lane(LaneEnd::Ended(end)) => {
                tracing::info!(app, "rotation ended: {end}");
                Ok(())
            }
            Task::Lane(LaneEnd::Held | LaneEnd::Stopped) => Ok(()),
            Task::Behind(behind) => self.compared(&app, behind).await,
            Task::Aside(aside, alive) => self.probed_aside(&app, aside, alive).await,
            Task::Contact(contact, id) => self.contacted(&app, *contact, id).await,
        }
    }

    async fn contacted(
        &mut self,
        app: &str,
        contact: Result<Contact, Fault>,
        id: RotationId,
    ) -> Result<(), JournalFault> {
        let reply = match contact {
            Ok(Contact::Adopted(note)) => {
                self.write(app, Some(id), &note).await?;
                self.contacts.remove(app);
                tracing::info!(app, "adopted");
                Reply::Done("adopted".into())
            }
            Ok(Contact::Recovered(id, event)) => {
                self.recover(app, id, event).await?;
                Reply::Done("a rotation that was under way goes on".into())
            }
            Ok(Contact::NotYet(why)) => self.not_yet(app, why).await?,
            Ok(Contact::JournalBehind(other)) => {
                let why =
                    format!("a store knows rotation {other}, which this journal does not: it is an old one");
                let by = "rekeyd".to_owned();
                self.write(app, None, &Note::HoldAsked { by, why: why.clone() })
                    .await?;
                Reply::Refused(why)
            }
            Err(fault) => self.not_yet(app, fault.to_string()).await?,
        };
        if let Some(waiting) = self.submitters.remove(app) {
            // Whoever asked may have gone; the journal has the answer.
            let _gone = waiting.send(reply);
        }
        Ok(())
    }

    async fn not_yet(&mut self, app: &str, why: String) -> Result<Reply, JournalFault> {
        if self.ledger(app).unadopted.as_ref() != Some(&why) {
            tracing::warn!(app, "not adopted yet: {why}");
            self.write(app, None, &Note::Unadopted { why: why.clone() })
                .await?;
        }
        Ok(Reply::Refused(why))
    }

    /// The journal was lost while a rotation ran: it goes on under its own id, and a probe says how far it came.
    async fn recover(&mut self, app: &str, id: RotationId, event: Event) -> Result<(), JournalFault> {
        let Some(managed) = self.apps.get(app).cloned() else {
            return Ok(());
        };
        let started = Note::Started {
            method: managed.seat.method.clone(),
            caps: managed.seat.target.capabilities(),
            limits: managed.limits,
            stores: managed
                .seat
                .stores
                .iter()
                .map(|store| store.store.name().to_owned())
                .collect(),
            reason: "found under way in the stores, with no journal of it".into(),
            by: "rekeyd".into(),
            policy: managed.policy.clone(),
        };
        self.write(app, Some(id), &started).await?;
        self.write(app, Some(id), &Note::Step { step: event }).await?;
        if let Some(run) = self.ledger(app).run {
            tracing::warn!(app, rotation = %id, "a rotation was found under way without a journal of it; going on");
            self.lane(app, &managed, run.state, Observation::Restarted);
        }
        Ok(())
    }

    async fn command(&mut self, command: Command, reply: oneshot::Sender<Reply>) -> Result<(), JournalFault> {
        let app = command.app().to_owned();
        let Some(managed) = self.apps.get(&app).cloned() else {
            let _gone = reply.send(Reply::Unknown(format!("the policy has no app {app}")));
            return Ok(());
        };
        let ledger = self.ledger(&app);
        let answer = match command {
            Command::Rotate {
                reason,
                by,
                ignore_window,
                ..
            } => {
                let now = self.house.clock.now();
                match may_rotate(&managed, &ledger, now, ignore_window, self.busy.contains(&app)) {
                    Ok(()) => Reply::Started(self.begin(&app, &managed, reason, by).await?),
                    Err(why) => Reply::Refused(why),
                }
            }
            Command::Hold { by, why, .. } => {
                self.write(&app, None, &Note::HoldAsked { by, why }).await?;
                self.say(&app, Word::Pause).await;
                Reply::Done("held".into())
            }
            Command::Resume { by, take_over, .. } => {
                self.resume(&app, &managed, &ledger, by, take_over).await?
            }
            Command::Abandon { by, .. } => self.abandon(&app, &managed, &ledger, by).await,
            Command::Submit { pair, .. } => {
                if ledger.adopted_at.is_some() {
                    Reply::Refused("the app is adopted already: its stores hold a proven credential".into())
                } else if self.busy.contains(&app) {
                    Reply::Refused("rekeyd is just looking at this app: try again in a moment".into())
                } else {
                    self.contact(&app, &managed, Some(pair));
                    self.submitters.insert(app, reply);
                    return Ok(());
                }
            }
        };
        let _gone = reply.send(answer);
        Ok(())
    }

    async fn say(&self, app: &str, word: Word) -> bool {
        match self.words.get(app) {
            Some(lane) => lane.send(word).await.is_ok(),
            None => false,
        }
    }

    async fn resume(
        &mut self,
        app: &str,
        managed: &Managed,
        ledger: &AppLedger,
        by: String,
        take_over: Option<String>,
    ) -> Result<Reply, JournalFault> {
        let stopped = ledger.stopped_by().is_some() || ledger.hold.is_some();
        if stopped {
            self.write(app, None, &Note::HoldLifted { by: by.clone() })
                .await?;
        }
        let Some(run) = ledger.running() else {
            self.contacts.remove(app);
            return Ok(match stopped {
                true => Reply::Done("resumed".into()),
                false => Reply::Refused("nothing is held here".into()),
            });
        };
        if !self
            .say(
                app,
                Word::Resume {
                    by: by.clone(),
                    take_over: take_over.clone(),
                },
            )
            .await
        {
            self.lane(
                app,
                managed,
                run.state.clone(),
                Observation::Resume { by, take_over },
            );
        }
        Ok(Reply::Done("resumed".into()))
    }

    async fn abandon(&mut self, app: &str, managed: &Managed, ledger: &AppLedger, by: String) -> Reply {
        let Some(run) = ledger.running() else {
            return Reply::Refused("no rotation is under way".into());
        };
        if !run.state.may_abandon() {
            return Reply::Refused("past the point of no return: it can only go on".into());
        }
        if !self.say(app, Word::Abandon { by: by.clone() }).await {
            self.lane(app, managed, run.state.clone(), Observation::Abandon { by });
        }
        Reply::Done("abandoning".into())
    }
}

fn may_rotate(
    managed: &Managed,
    ledger: &AppLedger,
    now: Timestamp,
    ignore_window: bool,
    busy: bool,
) -> Result<(), String> {
    let Some(timing) = &managed.timing else {
        return Err("the app has left the policy".into());
    };
    if let Some((by, why)) = &ledger.hold {
        return Err(format!("held by {by}: {why}"));
    }
    if ledger.adopted_at.is_none() {
        let why = ledger
            .unadopted
            .as_deref()
            .unwrap_or("rekeyd has not looked at it yet");
        return Err(format!("not adopted yet: {why}"));
    }
    if let Some(until) = ledger.grace_until() {
        return Err(format!("the previous credential is in grace until {until}"));
    }
    if ledger.running().is_some() || busy {
        return Err("a rotation is under way".into());
    }
    match &timing.window {
        Some(window) if !ignore_window && !window.is_open(now.to_utc()) => {
            let next = window
                .next_open(now.to_utc())
                .map(|at| Timestamp::from(at).to_string());
            Err(format!(
                "the window is shut until {}",
                next.unwrap_or_else(|| "further notice".into())
            ))
        }
        Some(_) | None => Ok(()),
    }
}
