//! A clock that moves when the test moves it: the time that passes, and apart from it what the machine's clock shows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use rekeyd::clock::{Clock, Timestamp};
use rekeyd::sandbox::RunningSandbox;
use tokio::sync::watch;

pub struct HandClock {
    org: Arc<RunningSandbox>,
    state: Mutex<State>,
    moved: watch::Sender<()>,
}

struct State {
    now: Timestamp,
    /// By how many milliseconds the machine's clock is ahead.
    wall: i64,
}

impl HandClock {
    /// Shows the org's time.
    pub fn new(org: Arc<RunningSandbox>) -> Arc<HandClock> {
        let now = org.now().into();
        Arc::new(HandClock {
            org,
            state: Mutex::new(State { now, wall: 0 }),
            moved: watch::Sender::new(()),
        })
    }

    /// Time passes, here and there.
    pub fn advance(&self, by: Duration) {
        self.org.advance(TimeDelta::from_std(by).unwrap());
        let mut state = self.state.lock().unwrap();
        state.now = state.now + by;
        drop(state);
        self.moved.send_replace(());
    }

    /// Somebody sets the machine's clock.
    pub fn set_wall(&self, by: i64) {
        self.state.lock().unwrap().wall += by;
    }

    /// The machine sleeps: time passes for everybody else.
    pub fn sleep(&self, by: Duration) {
        self.org.advance(TimeDelta::from_std(by).unwrap());
        self.set_wall(i64::try_from(by.as_millis()).unwrap());
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        self.state.lock().unwrap().now
    }

    fn wall(&self) -> Timestamp {
        let state = self.state.lock().unwrap();
        Timestamp(state.now.0 + state.wall)
    }

    fn adopt_wall(&self) {
        let mut state = self.state.lock().unwrap();
        state.now.0 += state.wall;
        state.wall = 0;
        drop(state);
        self.moved.send_replace(());
    }

    async fn sleep_until(&self, until: Timestamp) {
        let mut moved = self.moved.subscribe();
        while self.now() < until {
            moved.changed().await.unwrap();
        }
    }
}
