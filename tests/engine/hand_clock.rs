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
    /// By how much it is set as soon as somebody has looked at it.
    once_read: i64,
}

impl HandClock {
    /// Shows the org's time.
    pub fn new(org: Arc<RunningSandbox>) -> Arc<HandClock> {
        let now = org.now().into();
        Arc::new(HandClock {
            org,
            state: Mutex::new(State {
                now,
                wall: 0,
                once_read: 0,
            }),
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

    /// Somebody sets it right after the engine looked at it.
    pub fn set_wall_once_read(&self, by: i64) {
        self.state.lock().unwrap().once_read = by;
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
        let mut state = self.state.lock().unwrap();
        let wall = Timestamp(state.now.0 + state.wall);
        state.wall += std::mem::take(&mut state.once_read);
        wall
    }

    fn put_right(&self, by_ms: i64) {
        let mut state = self.state.lock().unwrap();
        state.now.0 += by_ms;
        state.wall -= by_ms;
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
