//! A journal, a clock that a test moves, and sinks that do as they are told.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rekeyd::alert::Alerts;
use rekeyd::alert::route::Route;
use rekeyd::alert::sink::{Sink, Trouble};
use rekeyd::clock::{Clock, Timestamp};
use rekeyd::journal::SqliteJournal;
use rekeyd::port::outbox::{Action, Letter, Outbox, Severity};
use rekeyd::random::SystemRandom;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::incidents::directory;
use crate::notes::{START, Said};

/// Time that stands still until it is moved.
pub struct HandClock(watch::Sender<Timestamp>);

impl HandClock {
    pub fn new() -> Arc<HandClock> {
        Arc::new(HandClock(watch::Sender::new(START)))
    }

    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now = *now + by);
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep_until(&self, until: Timestamp) {
        let mut now = self.0.subscribe();
        let _gone = now.wait_for(|now| *now >= until).await;
    }
}

/// Says what becomes of a letter at a time.
type Judge = Box<dyn Fn(Timestamp, &Letter) -> Result<(), Trouble> + Send + Sync>;

/// A sink that keeps what it took.
pub struct Mock {
    clock: Arc<HandClock>,
    judge: Judge,
    pub taken: Mutex<Vec<(Timestamp, Letter)>>,
    /// When it was asked, whether it took it or not.
    pub asked: Mutex<Vec<Timestamp>>,
    pub reminded: Mutex<Vec<Vec<String>>>,
    forgets: Option<Duration>,
}

impl Mock {
    pub fn new(
        clock: &Arc<HandClock>,
        judge: impl Fn(Timestamp, &Letter) -> Result<(), Trouble> + Send + Sync + 'static,
    ) -> Arc<Mock> {
        Arc::new(Mock::plain(clock, Box::new(judge), None))
    }

    pub fn willing(clock: &Arc<HandClock>) -> Arc<Mock> {
        Mock::new(clock, |_, _| Ok(()))
    }

    pub fn forgetful(clock: &Arc<HandClock>, after: Duration) -> Arc<Mock> {
        Arc::new(Mock::plain(clock, Box::new(|_, _| Ok(())), Some(after)))
    }

    fn plain(clock: &Arc<HandClock>, judge: Judge, forgets: Option<Duration>) -> Mock {
        Mock {
            clock: clock.clone(),
            judge,
            taken: Mutex::default(),
            asked: Mutex::default(),
            reminded: Mutex::default(),
            forgets,
        }
    }

    /// What it took, in short.
    pub fn short(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|(_, letter)| short(letter)).collect()
    }
}

pub fn short(letter: &Letter) -> String {
    let action = match letter.action {
        Action::Trigger => "+",
        Action::Update => "~",
        Action::Resolve => "-",
    };
    format!("{action} {}", letter.incident)
}

#[async_trait]
impl Sink for Mock {
    async fn send(&self, letter: &Letter, _before: Option<&Letter>) -> Result<(), Trouble> {
        let now = self.clock.now();
        self.asked.lock().unwrap().push(now);
        (self.judge)(now, letter)?;
        self.taken.lock().unwrap().push((now, letter.clone()));
        Ok(())
    }

    fn forgets_after(&self) -> Option<Duration> {
        self.forgets
    }

    async fn remind(&self, open: &[Letter]) -> Result<(), Trouble> {
        let open = open.iter().map(|letter| letter.incident.clone()).collect();
        self.reminded.lock().unwrap().push(open);
        Ok(())
    }
}

/// One that never answers.
pub struct Tarpit;

#[async_trait]
impl Sink for Tarpit {
    async fn send(&self, _letter: &Letter, _before: Option<&Letter>) -> Result<(), Trouble> {
        std::future::pending().await
    }
}

pub fn route(name: &str, sink: Arc<dyn Sink>) -> Route {
    Route {
        name: name.into(),
        kind: "mock",
        least: Severity::Warning,
        apps: Arc::new(|_| true),
        sink,
    }
}

/// A place for a journal.
pub struct World {
    pub directory: TempDir,
    pub clock: Arc<HandClock>,
}

impl World {
    pub fn new() -> World {
        World {
            directory: TempDir::new().unwrap(),
            clock: HandClock::new(),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("journal.db")
    }

    pub async fn journal(&self) -> Arc<SqliteJournal> {
        Arc::new(SqliteJournal::open(&self.path(), &SystemRandom).await.unwrap())
    }

    /// The alerts over a journal, for the app `billing`.
    pub async fn alerts(&self, outbox: Arc<dyn Outbox>, routes: Vec<Route>) -> Alerts {
        self.alerts_for(&["billing"], outbox, routes).await
    }

    pub async fn alerts_for(&self, apps: &[&str], outbox: Arc<dyn Outbox>, routes: Vec<Route>) -> Alerts {
        let alerts = Alerts::begin(outbox, self.clock.clone(), Arc::new(SystemRandom))
            .await
            .unwrap();
        alerts.apply(directory(apps), routes).await.unwrap();
        alerts
    }

    pub async fn say(&self, alerts: &Alerts, all: &[Said]) {
        for said in all {
            let entry = said.entry();
            alerts.journal().append(self.clock.now(), &[entry]).await.unwrap();
        }
    }
}

/// Waits, without moving the clock, until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = async {
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        while !is_so() {
            tick.tick().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waited).await;
    assert!(waited.is_ok(), "never: {what}");
}

/// Moves the clock on in steps until something is so.
pub async fn pass(clock: &HandClock, step: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let passing = async {
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        while !is_so() {
            clock.advance(step);
            tick.tick().await;
        }
    };
    let passed = tokio::time::timeout(Duration::from_secs(60), passing).await;
    assert!(passed.is_ok(), "never: {what}");
}
