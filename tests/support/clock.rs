//! Time that a test moves: the daemon's clock and the simulated org's, together.
//!
//! Nobody waits. Time stands still while anything is under way, and jumps to the earliest wish to be woken once
//! nothing is, so that what happens at which time does not depend on the machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use rekeyd::clock::{Clock, Timestamp};
use rekeyd::sandbox::RunningSandbox;
use tokio::sync::Notify;

/// How often everybody else is let go first before time jumps: more steps than any chain of wake-ups in one process
/// has between two pieces of work.
const ROUNDS: usize = 24;

/// A clock for one runtime, which has one thread.
pub struct TestClock {
    org: Arc<RunningSandbox>,
    state: Mutex<State>,
    idle: Notify,
}

struct State {
    now: Timestamp,
    busy: usize,
    next: u64,
    sleepers: BTreeMap<u64, Timestamp>,
}

/// Work under way: time stands still until it is dropped.
pub struct Busy(Arc<TestClock>);

struct Sleeper<'a> {
    clock: &'a TestClock,
    id: u64,
}

impl TestClock {
    /// A clock that shows the org's time and moves it along.
    pub fn new(org: Arc<RunningSandbox>) -> Arc<TestClock> {
        let now = org.now().into();
        Arc::new(TestClock {
            org,
            state: Mutex::new(State {
                now,
                busy: 0,
                next: 0,
                sleepers: BTreeMap::new(),
            }),
            idle: Notify::new(),
        })
    }

    /// Holds time still.
    pub fn busy(self: &Arc<Self>) -> Busy {
        self.state.lock().unwrap().busy += 1;
        Busy(self.clone())
    }

    /// Lets time pass for the org and for the daemon.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock().unwrap();
        state.now = state.now + by;
        self.org.advance(TimeDelta::from_std(by).unwrap());
    }

    fn is_busy(&self) -> bool {
        self.state.lock().unwrap().busy > 0
    }

    /// Nothing is under way, also after everybody else had a turn.
    async fn quiet(&self) {
        'again: loop {
            let idle = self.idle.notified();
            if self.is_busy() {
                idle.await;
            }
            for _ in 0..ROUNDS {
                tokio::task::yield_now().await;
                if self.is_busy() {
                    continue 'again;
                }
            }
            return;
        }
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.state.lock().unwrap().now
    }

    async fn sleep_until(&self, until: Timestamp) {
        let id = {
            let mut state = self.state.lock().unwrap();
            state.next += 1;
            let id = state.next;
            state.sleepers.insert(id, until);
            id
        };
        let _woken = Sleeper { clock: self, id };
        while self.now() < until {
            self.quiet().await;
            let first = self.state.lock().unwrap().sleepers.values().min().copied();
            let now = self.now();
            if first == Some(until) && now < until {
                self.advance(until.since(now));
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().busy -= 1;
        self.0.idle.notify_waiters();
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.state.lock().unwrap().sleepers.remove(&self.id);
    }
}
