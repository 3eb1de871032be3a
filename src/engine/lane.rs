//! Runs one rotation: step, append, perform, observe, until it rests or is asked to stop.
//!
//! Events are durable before their action is performed. Futures of effects are never dropped while the process
//! lives: a stop waits for the answer, so that only a crash leaves an outcome unknown.

mod needs;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use self::needs::{is_refusal, wants_credentials};
use crate::clock::Timestamp;
use crate::engine::cache::Cache;
use crate::engine::effects::perform;
use crate::engine::handing::{Handed, Waiting};
use crate::engine::look::look;
use crate::engine::note::Note;
use crate::engine::seat::{Seat, unavailable};
use crate::engine::window::{Pass, Window};
use crate::port::Fault;
use crate::port::journal::{Entry, JournalFault};
use crate::rotation::{
    Action, Effect, End, Event, Guards, Observation, Probes, State, Step, Tri, fold, step, turned_away,
};
use crate::secret::Fingerprint;

/// What a person says to a rotation under way.
#[derive(Debug)]
pub enum Word {
    /// Go on, and take over the named foreign thing if one is named.
    Resume {
        /// Who.
        by: String,
        /// What was given.
        take_over: Option<String>,
    },
    /// Stop for good.
    Abandon {
        /// Who.
        by: String,
    },
    /// Give way to another pair.
    GiveUp {
        /// Who.
        by: String,
        /// That pair.
        pair: Fingerprint,
        /// How it was judged, with its control.
        probes: Probes,
    },
    /// No grace for the old pair.
    EndGrace {
        /// Who.
        by: String,
    },
    /// The pair that it asks a person for.
    Handed(Box<Handed>),
    /// Stop at the next boundary; the app was put on hold.
    Pause,
}

/// Why a lane stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneEnd {
    /// It has ended.
    Ended(End),
    /// Held: a person is wanted.
    Held,
    /// Asked to stop, at a journal boundary.
    Stopped,
    /// The journal cannot be written. Nothing is done that it would not know of.
    Journal(JournalFault),
}

/// Told of what was written. Must not block.
pub type Told = Box<dyn Fn(&State, &[Event]) + Send + Sync>;

/// What surrounds a lane.
pub struct Surroundings {
    /// How many rotations of the org may be active.
    pub org: Arc<Semaphore>,
    /// The org's window, if this rotation is to open it.
    pub window: Option<Arc<Window>>,
    /// Drain: stop at the next boundary.
    pub drain: CancellationToken,
    /// What people say.
    pub words: mpsc::Receiver<Word>,
    /// Told after each step that was written, with the state.
    pub told: Told,
}

/// Runs `state` on from `first`.
pub async fn run(seat: Arc<Seat>, state: State, first: Observation, around: Surroundings) -> LaneEnd {
    Lane {
        cache: Arc::default(),
        paused: false,
        permit: None,
        pass: None,
        doubted: false,
        handing: None,
        seat,
        state,
        around,
    }
    .run(first)
    .await
}

struct Lane {
    seat: Arc<Seat>,
    cache: Arc<Cache>,
    state: State,
    around: Surroundings,
    permit: Option<OwnedSemaphorePermit>,
    /// The org's window is open for us.
    pass: Option<Pass>,
    /// Something was refused since: it may have been closed.
    doubted: bool,
    paused: bool,
    /// Who has handed a pair over and waits to hear what becomes of it.
    handing: Option<Waiting>,
}

type Out = FuturesUnordered<BoxFuture<'static, Observation>>;

impl Lane {
    async fn run(mut self, first: Observation) -> LaneEnd {
        let mut observation = first;
        let mut out = Out::new();
        loop {
            let next = step(&self.state, observation, self.seat.now(), Guards::all());
            let stopping = self.stops_before(&next);
            // Before the intent: what is not open yet is not asked for.
            let closed = match stopping {
                true => None,
                false => self.come_in(&next.state, &next.action).await.err(),
            };
            let events = if stopping || closed.is_some() {
                without_intents(next.events)
            } else {
                next.events
            };
            if let Err(fault) = self.take_in(&events).await {
                return LaneEnd::Journal(fault);
            }
            if stopping && out.is_empty() {
                return LaneEnd::Stopped;
            }
            if let Some(fault) = closed {
                observation = unavailable(&self.seat, &fault);
                if let Err(fault) = self.hear().await {
                    return LaneEnd::Journal(fault);
                }
                continue;
            }
            observation = match next.action {
                Action::Perform(effects) => {
                    self.take_permit().await;
                    out.extend(effects.into_iter().map(|effect| self.start(effect)));
                    answer(&mut out).await
                }
                Action::Await => answer(&mut out).await,
                Action::Look(wanted) => {
                    self.take_permit().await;
                    look(&self.seat, &self.cache, &self.state, wanted).await
                }
                Action::Wait(until) => match self.wait(until).await {
                    Ok(()) => Observation::Tick,
                    Err(word) => word,
                },
                Action::Rest => match self.state.end().cloned() {
                    Some(end) => return LaneEnd::Ended(end),
                    None => return LaneEnd::Held,
                },
            };
            self.doubted |= is_refusal(&observation);
            if let Err(fault) = self.hear().await {
                return LaneEnd::Journal(fault);
            }
        }
    }

    /// Has the org's window open before credentials are asked for.
    async fn come_in(&mut self, state: &State, action: &Action) -> Result<(), Fault> {
        let Some(window) = self
            .around
            .window
            .clone()
            .filter(|_| wants_credentials(state, action))
        else {
            return Ok(());
        };
        // Nobody waits for a place in the org's queue with the window open.
        self.take_permit().await;
        match &self.pass {
            None => self.pass = Some(window.enter().await?),
            Some(pass) if self.doubted => pass.renew().await?,
            Some(_) => {}
        }
        self.doubted = false;
        Ok(())
    }

    fn start(&self, effect: Effect) -> BoxFuture<'static, Observation> {
        let (seat, cache, state) = (self.seat.clone(), self.cache.clone(), self.state.clone());
        async move { Observation::Performed(effect, perform(&seat, &cache, &state, effect).await) }.boxed()
    }

    /// A drain or a hold takes hold where the machine may pause; that is always so before a cutover, and never where
    /// this very step has found that one was applied.
    fn stops_before(&self, next: &Step) -> bool {
        let asked = self.paused || self.around.drain.is_cancelled();
        match next.action {
            Action::Perform(_) | Action::Look(_) | Action::Wait(_) => {
                asked && self.state.may_pause() && self.left_by(&next.events).may_pause()
            }
            Action::Await | Action::Rest => false,
        }
    }

    /// What is left if nothing new is begun.
    fn left_by(&self, events: &[Event]) -> State {
        let now = self.seat.now();
        let known = without_intents(events.to_vec());
        let fold = |state: State, event: &Event| fold(state, now, event);
        known.iter().fold(self.state.clone(), fold)
    }

    /// Makes events durable, then folds them in. A journal that is full or away is waited for: nothing is done
    /// that it would not know of.
    async fn take_in(&mut self, events: &[Event]) -> Result<(), JournalFault> {
        if events.is_empty() {
            return Ok(());
        }
        let now = self.seat.now();
        let entries = events.iter().map(|step| {
            let note = Note::Step { step: step.clone() };
            note.entry(&self.seat.app, Some(self.state.id))
        });
        let entries: Vec<Entry> = entries
            .collect::<Result<_, _>>()
            .map_err(|fault| JournalFault::Unavailable(fault.to_string()))?;
        loop {
            match self.seat.house.journal.append(now, &entries).await {
                Ok(_) => break,
                Err(fault @ (JournalFault::Full(_) | JournalFault::Unavailable(_)))
                    if !self.around.drain.is_cancelled() =>
                {
                    tracing::error!(app = %self.seat.app, rotation = %self.state.id, "{fault}; nothing is done meanwhile");
                    self.seat
                        .house
                        .clock
                        .sleep_until(self.seat.now() + JOURNAL_RETRY)
                        .await;
                }
                Err(fault) => return Err(fault),
            }
        }
        self.state = events
            .iter()
            .fold(self.state.clone(), |state, event| fold(state, now, event));
        if self.state.is_rotated() || self.state.end().is_some() {
            self.learn(events);
        }
        self.answer_person(events);
        (self.around.told)(&self.state, events);
        Ok(())
    }

    /// Tells who handed a pair over what has become of it.
    fn answer_person(&mut self, events: &[Event]) {
        if let Some(waiting) = self.handing.take() {
            self.handing = waiting.told(&self.state, &self.seat.app, events);
        }
    }

    /// What this rotation taught about the org, and the end of values that nobody needs in memory any more.
    fn learn(&self, events: &[Event]) {
        if events.contains(&Event::Rotated) || self.state.end().is_some() {
            self.cache.wipe();
            self.seat
                .target
                .remember_proves_early(match self.state.late_proof {
                    true => Tri::No,
                    false if self.state.early.control => Tri::Yes,
                    false => Tri::Unknown,
                });
        }
    }

    /// Takes in what people said meanwhile.
    async fn hear(&mut self) -> Result<(), JournalFault> {
        while let Ok(word) = self.around.words.try_recv() {
            if let Some(observation) = self.heard(word) {
                let next = step(&self.state, observation, self.seat.now(), Guards::all());
                self.take_in(&without_intents(next.events)).await?;
            }
        }
        Ok(())
    }

    fn heard(&mut self, word: Word) -> Option<Observation> {
        match word {
            Word::Resume { by, take_over } => {
                self.paused = false;
                Some(Observation::Resume { by, take_over })
            }
            Word::EndGrace { by } => Some(Observation::EndGrace { by }),
            Word::Abandon { by } => Some(Observation::Abandon { by }),
            Word::GiveUp { by, pair, probes } => Some(Observation::GiveUp { by, pair, probes }),
            Word::Handed(handed) => {
                let Handed {
                    by,
                    pair,
                    new,
                    old,
                    kind,
                    reply,
                } = *handed;
                let facts = self.seat.prints(&pair);
                if turned_away(&self.state, &facts, &new, &old).is_none() {
                    self.cache.keep_new(pair);
                }
                self.handing = Some(Waiting { reply, kind });
                Some(Observation::Handed {
                    by,
                    pair: facts,
                    new,
                    old,
                })
            }
            Word::Pause => {
                self.paused = true;
                None
            }
        }
    }

    /// Waits, without a place in the org's queue, for the time, a word or a drain.
    async fn wait(&mut self, until: Timestamp) -> Result<(), Observation> {
        if self.state.may_pause() {
            self.permit = None;
        }
        // After the switch was turned on it may take a while until it is in force.
        let kept = match self.doubted {
            true => self.state.limits.propagation.max(SOON),
            false => SOON,
        };
        if until > self.seat.now() + kept || self.state.hold().is_some() {
            self.pass = None;
        }
        // A person takes days: until then the value lies in the stores alone, once one of them keeps it.
        let long = until.since(self.seat.now()) >= FORGET_AFTER;
        if self.state.asks() && long && !self.state.lies_in_no_store() {
            self.cache.wipe();
        }
        let clock = self.seat.house.clock.clone();
        let word = tokio::select! {
            () = clock.sleep_until(until) => None,
            () = self.around.drain.cancelled(), if self.state.may_pause() => None,
            word = self.around.words.recv() => word,
        };
        match word.and_then(|word| self.heard(word)) {
            Some(observation) => Err(observation),
            None => Ok(()),
        }
    }

    /// Active rotations of one org are few; waiting ones do not count.
    async fn take_permit(&mut self) {
        if self.permit.is_none() {
            // The semaphore is never closed; without it a lane would only be unlimited.
            self.permit = self.around.org.clone().acquire_owned().await.ok();
        }
    }
}

/// While a person is waited for at least this long, no value stays in memory.
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// Between two tries to write the journal.
const JOURNAL_RETRY: Duration = Duration::from_secs(5);

/// A wait that is shorter does not let go of the window.
const SOON: Duration = Duration::from_secs(60);

async fn answer(out: &mut Out) -> Observation {
    out.next().await.unwrap_or(Observation::Tick)
}

fn without_intents(events: Vec<Event>) -> Vec<Event> {
    let intended = |event: &Event| matches!(event, Event::Intended { .. });
    events.into_iter().filter(|event| !intended(event)).collect()
}
