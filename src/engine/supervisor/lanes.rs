//! Begins rotations, goes on with them, and takes in how they end: one lane per app.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinError;

use super::{Managed, Supervisor, Task};
use crate::engine::command::Reply;
use crate::engine::lane::{self, LaneEnd, Surroundings};
use crate::engine::ledger::Ledgers;
use crate::engine::note::Note;
use crate::port::journal::{JournalFault, RecordQuery};
use crate::random;
use crate::rotation::{Event, Observation, RotationId, State};

/// After a defect of ours an app rests this long.
const REST: Duration = Duration::from_secs(60);

impl Supervisor {
    pub(super) async fn begin(
        &mut self,
        app: &str,
        managed: &Managed,
        reason: String,
        by: String,
        key: Option<String>,
    ) -> Result<RotationId, JournalFault> {
        let id = self.id()?;
        let managed = &self.seated(app, managed);
        let (seat, ledger) = (&managed.seat, self.ledger(app));
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
            key,
        };
        self.write(app, Some(id), &note).await?;
        let former = ledger.former.iter();
        let keys: Vec<_> = former
            .map(|(key, at)| (*key, *at + managed.limits.grace))
            .collect();
        if !keys.is_empty() && seat.target.capabilities().key_changes {
            let step = Event::Former { keys };
            self.write(app, Some(id), &Note::Step { step }).await?;
        }
        if let Some(run) = self.ledger(app).run {
            tracing::info!(app, rotation = %id, method = %run.method, reason = %run.reason, by = %run.by, "rotation started");
            self.lane(app, managed, run.state, Observation::Tick);
        }
        Ok(id)
    }

    pub(super) fn id(&self) -> Result<RotationId, JournalFault> {
        let uuid = random::uuid(self.house.random.as_ref());
        uuid.map(RotationId::from)
            .map_err(|fault| JournalFault::Unavailable(fault.to_string()))
    }

    pub(super) fn lane(&mut self, app: &str, managed: &Managed, state: State, first: Observation) {
        let (words, heard) = mpsc::channel(8);
        let (name, ledgers, told) = (app.to_owned(), self.ledgers.clone(), self.told.clone());
        let (clock, id) = (self.house.clock.clone(), state.id);
        let seat = self.seated(app, managed).seat;
        let around = Surroundings {
            org: managed.org.clone(),
            window: self.window(&seat.org, seat.opens_switch),
            drain: self.drain.clone(),
            words: heard,
            told: Box::new(move |state, events| {
                let stores = {
                    let mut ledgers = ledgers.lock().unwrap_or_else(PoisonError::into_inner);
                    let ledger = ledgers.apps.entry(name.clone()).or_default();
                    for event in events {
                        ledger.add(clock.now(), Some(id), &Note::Step { step: event.clone() });
                    }
                    let run = ledger.run.as_ref();
                    run.map(|run| run.stores.clone()).unwrap_or_default()
                };
                told(&name, &stores, state, events);
            }),
        };
        self.tasks.spawn(app, async move {
            Task::Lane(lane::run(seat, state, first, around).await)
        });
        self.words.insert(app.to_owned(), words);
        self.busy.insert(app.to_owned());
    }

    pub(super) async fn finished(
        &mut self,
        app: String,
        done: Result<Task, JoinError>,
    ) -> Result<(), JournalFault> {
        self.busy.remove(&app);
        self.words.remove(&app);
        match done {
            Ok(task) => self.handle(&app, task).await?,
            Err(fault) => self.failed(&app, &fault).await?,
        }
        self.unpark(&app).await
    }

    /// A defect of ours. The app goes on from what is journaled, as after a crash, but not at once; the others never
    /// stopped.
    async fn failed(&mut self, app: &str, fault: &JoinError) -> Result<(), JournalFault> {
        tracing::error!(
            app,
            "a task of the engine failed, and is begun anew in a minute: {fault}"
        );
        let query = RecordQuery {
            app: Some(app.to_owned()),
            ..RecordQuery::default()
        };
        let records = self.house.journal.read(&query).await?;
        let read = Ledgers::read(&records).map_err(|fault| JournalFault::Newer(fault.to_string()))?;
        let now = self.house.clock.now();
        self.resting.insert(app.to_owned(), now + REST);
        let successor = self.successors.remove(app).map(|(_, reply)| reply);
        if let Some(waiting) = self.submitters.remove(app).or(successor) {
            // Whoever asked may have gone.
            let _gone = waiting.send(Reply::refused("rekeyd failed at it: see its log"));
        }
        let mut ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers.apps.extend(read.apps);
        Ok(())
    }

    async fn handle(&mut self, app: &str, task: Task) -> Result<(), JournalFault> {
        match task {
            Task::Lane(LaneEnd::Journal(fault)) => {
                tracing::error!(app, "the journal stopped this rotation: {fault}");
                Err(fault)
            }
            Task::Lane(LaneEnd::Ended(end)) => {
                tracing::info!(app, "rotation ended: {end}");
                self.look_at_what_it_left(app);
                self.made_way(app, true);
                Ok(())
            }
            Task::Lane(LaneEnd::Held | LaneEnd::Stopped) => {
                self.made_way(app, false);
                Ok(())
            }
            Task::Behind(behind) => self.compared(app, behind).await,
            Task::Tokens(outcome) => self.tokens_ended(app, outcome).await,
            Task::Aside(aside, alive) => self.probed_aside(app, aside, alive).await,
            Task::Contact(contact, id) => self.contacted(app, *contact, id).await,
        }
    }
}
