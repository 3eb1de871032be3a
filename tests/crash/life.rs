//! One process: from a journal on the disk to the end of its rotation, its crash, or its drain.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rekeyd::app;
use rekeyd::clock::Clock;
use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::lane::{self, LaneEnd, Surroundings, Word};
use rekeyd::engine::ledger::{AppLedger, Ledgers};
use rekeyd::engine::note::Note;
use rekeyd::engine::seat::House;
use rekeyd::engine::supervisor::Supervisor;
use rekeyd::journal::SqliteJournal;
use rekeyd::port::journal::RecordQuery;
use rekeyd::random::SystemRandom;
use rekeyd::rotation::{Effect, Event, Observation, State};
use rekeyd::secret::FingerprintKey;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::fuse::{Fuse, Plan};
use super::person;
use super::ports::Around;
use super::world::{APP, World, id};
use crate::support::clock::TestClock;

/// The rotation of every case.
pub const ROTATION: u128 = 0xC0FFEE;

/// How a process came to an end.
#[derive(Debug)]
pub enum Over {
    Crashed,
    Ended(LaneEnd),
    /// It was still at it when the time was up.
    Busy,
}

/// Told of what was journaled, and may pull the drain.
pub type Told = Box<dyn Fn(&State, &[Event], &CancellationToken) + Send + Sync>;

/// How one process differs from an undisturbed one.
pub struct Life {
    pub plan: Plan,
    /// Said first, instead of that it has restarted.
    pub first: Option<Observation>,
    pub told: Option<Told>,
    /// How long it may take, by the clock of the case.
    pub limit: Duration,
    /// More around the ports.
    pub dress: Box<dyn Fn(Around) -> Around + Send + Sync>,
}

impl Default for Life {
    fn default() -> Life {
        Life {
            plan: Plan::Never,
            first: None,
            told: None,
            limit: Duration::from_secs(40 * 86_400),
            dress: Box::new(|around| around),
        }
    }
}

impl Life {
    /// For as long as nothing is left to wait for but a person.
    pub fn briefly() -> Life {
        Life {
            limit: Duration::from_secs(12 * 3600),
            ..Life::default()
        }
    }

    /// A person says `resume`.
    pub fn resumed() -> Life {
        Life {
            first: Some(Observation::Resume {
                by: "a person".into(),
                take_over: None,
            }),
            ..Life::briefly()
        }
    }

    pub fn planned(plan: Plan) -> Life {
        Life {
            plan,
            ..Life::default()
        }
    }
}

/// What a process did.
pub struct Lived {
    pub over: Over,
    /// The mutating calls that it came to.
    pub calls: Vec<Effect>,
    /// Its appends, each by the kinds of its events.
    pub appends: Vec<String>,
}

impl World {
    /// What stands around the ports of one process.
    pub fn around(&self, fuse: Arc<Fuse>) -> Around {
        Around {
            fuse,
            clock: self.clock.clone(),
            record: self.record.clone(),
            watch: self.watch.clone(),
            refuse: None,
            before: None,
            meanwhile: None,
            after: None,
        }
    }

    /// The house of a new process: the journal is opened anew, as everything is.
    pub async fn house(&self, journal: &Path) -> House {
        let _busy = self.clock.busy();
        let journal = SqliteJournal::open(journal, &SystemRandom).await.unwrap();
        let prints = FingerprintKey::new(vec![7; 32]).unwrap();
        app::house(
            Arc::new(journal),
            prints,
            self.clock.clone(),
            Arc::new(SystemRandom),
        )
    }

    /// Starts a process on the rotation, and runs it as far as it comes.
    pub async fn live(&self, life: Life) -> Lived {
        self.live_by(&self.journal, life).await
    }

    /// The same with another journal.
    pub async fn live_by(&self, journal: &Path, life: Life) -> Lived {
        // Another process may be asleep until something far off.
        let begins = self.clock.busy();
        let fuse = Arc::new(Fuse::new(life.plan));
        let around = (life.dress)(self.around(fuse.clone()));
        let house = self.house(journal).await;
        let records = house.journal.read(&RecordQuery::default()).await.unwrap();
        let mut ledgers = Ledgers::read(&records).unwrap();
        let apps = app::build(&self.policy, &ledgers, &house).ok().unwrap();
        let managed = &apps[APP];
        let seat = Arc::new(around.seat(&managed.seat));
        let fresh = ledgers
            .apps
            .get(APP)
            .and_then(|ledger| ledger.run.as_ref())
            .is_none();
        if fresh {
            let note = Note::Started {
                method: seat.method.clone(),
                caps: seat.target.capabilities(),
                limits: managed.limits,
                stores: seat
                    .stores
                    .iter()
                    .map(|store| store.store.name().to_owned())
                    .collect(),
                reason: "a test".into(),
                by: "a test".into(),
                policy: managed.policy.clone(),
                key: None,
            };
            let entry = note.entry(APP, Some(id(ROTATION))).unwrap();
            let now = self.clock.now();
            house.journal.append(now, &[entry]).await.unwrap();
            let ledger = ledgers.apps.entry(APP.to_owned()).or_default();
            ledger.add(now, Some(id(ROTATION)), &note);
        }
        let ledger = &ledgers.apps[APP];
        seat.target.remember_proves_early(ledger.proves_early);
        let state = ledger.run.as_ref().unwrap().state.clone();
        let first = life.first.unwrap_or(match fresh {
            true => Observation::Tick,
            false => Observation::Restarted,
        });
        let drain = CancellationToken::new();
        let (words, heard) = mpsc::channel::<Word>(1);
        let (asks, asked) = mpsc::unbounded_channel();
        person::recall(&state, &asks);
        let pull = drain.clone();
        let told = life.told;
        let surroundings = Surroundings {
            window: None,
            org: Arc::new(Semaphore::new(1)),
            drain,
            words: heard,
            told: Box::new(move |state, events| {
                person::notice(events, &asks);
                if let Some(told) = &told {
                    told(state, events, &pull);
                }
            }),
        };
        drop(begins);
        let over = tokio::select! {
            end = lane::run(seat, state, first, surroundings) => Over::Ended(end),
            () = fuse.blown() => Over::Crashed,
            () = self.person(words, asked) => unreachable!("a person does not end"),
            () = self.clock.sleep_until(self.clock.now() + life.limit) => Over::Busy,
        };
        let _ends = self.clock.busy();
        let (calls, appends) = fuse.counts();
        self.watch.look("when the process was over").await;
        Lived { over, calls, appends }
    }
}

/// What a person at a running service can do.
pub struct Desk {
    commands: mpsc::Sender<(Command, oneshot::Sender<Reply>)>,
    ledgers: Arc<Mutex<Ledgers>>,
    clock: Arc<TestClock>,
    fuse: Arc<Fuse>,
}

impl Desk {
    /// Returns once the app is seen to be so.
    pub async fn until(&self, what: &str, is_so: impl Fn(&AppLedger) -> bool) {
        let limit = self.clock.now() + Duration::from_secs(6 * 3600);
        loop {
            {
                let ledgers = self.ledgers.lock().unwrap();
                if ledgers.apps.get(APP).is_some_and(&is_so) {
                    return;
                }
                assert!(
                    self.clock.now() < limit,
                    "not {what} after 6 hours: {:#?}",
                    ledgers.apps.get(APP)
                );
            }
            // Time goes on as the service wishes; this only looks on.
            let soon = self.clock.now() + Duration::from_secs(60);
            self.clock.sleep_until(soon).await;
        }
    }

    /// What is so now.
    pub fn see<T: Default>(&self, of: impl Fn(&AppLedger) -> T) -> T {
        self.ledgers
            .lock()
            .unwrap()
            .apps
            .get(APP)
            .map(of)
            .unwrap_or_default()
    }

    /// Until the process has crashed.
    pub async fn crash(&self) {
        let soon = self.clock.now() + Duration::from_secs(6 * 3600);
        tokio::select! {
            () = self.fuse.blown() => {}
            () = self.clock.sleep_until(soon) => panic!("it did not crash in 6 hours"),
        }
    }

    /// Its mutating calls so far, and its appends.
    pub fn counts(&self) -> (usize, usize) {
        let (calls, appends) = self.fuse.counts();
        (calls.len(), appends.len())
    }

    /// Asks for something.
    pub async fn ask(&self, command: Command) -> Reply {
        let (reply, answer) = oneshot::channel();
        self.commands.send((command, reply)).await.ok().unwrap();
        answer.await.unwrap()
    }
}

impl World {
    /// Starts the whole service, and ends it as `script` ends.
    pub async fn serve<T>(&self, plan: Plan, script: impl AsyncFnOnce(&Desk) -> T) -> T {
        self.serve_dressed(plan, |around| around, script).await
    }

    /// The same with more around the ports.
    pub async fn serve_dressed<T>(
        &self,
        plan: Plan,
        dress: impl Fn(Around) -> Around,
        script: impl AsyncFnOnce(&Desk) -> T,
    ) -> T {
        let fuse = Arc::new(Fuse::new(plan));
        let around = dress(self.around(fuse.clone()));
        let house = self.house(&self.journal).await;
        let records = house.journal.read(&RecordQuery::default()).await.unwrap();
        let ledgers = Ledgers::read(&records).unwrap();
        let mut apps = app::build(&self.policy, &ledgers, &house).ok().unwrap();
        for managed in apps.values_mut() {
            managed.seat = Arc::new(around.seat(&managed.seat));
            let ways = managed.ways.iter().map(|way| Arc::new(around.seat(way)));
            managed.ways = ways.collect();
        }
        let (commands, asked) = mpsc::channel(8);
        let (_controls, told_all) = mpsc::channel(8);
        let (drain, tick) = (CancellationToken::new(), Duration::from_secs(30));
        let told = Arc::new(|_: &str, _: &[String], _: &State, _: &[Event]| {});
        let supervisor = Supervisor::new(around.house(&house), apps, tick, told, drain)
            .await
            .unwrap();
        let desk = Desk {
            commands,
            ledgers: supervisor.ledgers(),
            clock: self.clock.clone(),
            fuse,
        };
        let end = tokio::select! {
            ended = supervisor.run(asked, told_all) => panic!("the service ended: {ended:?}"),
            end = script(&desk) => end,
        };
        // What was spawned is dropped at the next turn.
        tokio::task::yield_now().await;
        self.watch.look("when the service was over").await;
        end
    }

    /// The last process has let go of the journal: what SQLite does to its files at the very end it does by their names.
    pub async fn let_go(&self) {
        let journal = self.journal.to_string_lossy();
        let names_it = |fd: std::fs::DirEntry| {
            let open = std::fs::read_link(fd.path());
            open.is_ok_and(|open| open.to_string_lossy().starts_with(&*journal))
        };
        while std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .flatten()
            .any(names_it)
        {
            tokio::task::yield_now().await;
        }
    }

    /// The journal is gone.
    pub async fn lose_journal(&self) {
        self.let_go().await;
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.journal.clone().into_os_string();
            path.push(suffix);
            match std::fs::remove_file(path) {
                Ok(()) => {}
                Err(fault) => assert_eq!(fault.kind(), std::io::ErrorKind::NotFound),
            }
        }
    }
}
