//! A clock that begins at the machine's wall clock and goes on by the time that passes.
//!
//! A wall clock that is set a day ahead by mistake must neither start a rotation nor stretch an outage, so what the
//! service goes by does not follow a jump. Whoever looks on (the supervisor) compares it with the wall, asks somebody
//! else what time it is, and then decides to follow ([`Clock::put_right`]) or not. The time that passes does not
//! count while the machine sleeps (`CLOCK_MONOTONIC`), so a suspend looks like a jump ahead, and is followed once
//! confirmed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustix::time::{ClockId, clock_gettime};

use super::{Clock, LONGEST_NAP, SystemClock, Timestamp};

/// The clock of the service.
#[derive(Debug)]
pub struct SteadyClock(Mutex<Base>);

#[derive(Clone, Copy, Debug)]
struct Base {
    wall: Timestamp,
    passed: Duration,
}

impl Base {
    fn here() -> Base {
        Base {
            wall: SystemClock.now(),
            passed: passed(),
        }
    }
}

impl SteadyClock {
    /// Begins at what the machine's clock shows.
    pub fn start() -> SteadyClock {
        SteadyClock(Mutex::new(Base::here()))
    }

    fn base(&self) -> MutexGuard<'_, Base> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Since an arbitrary moment, without the time in which the machine slept.
fn passed() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[async_trait]
impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let base = *self.base();
        base.wall + passed().saturating_sub(base.passed)
    }

    fn wall(&self) -> Timestamp {
        SystemClock.now()
    }

    fn put_right(&self, by_ms: i64) {
        let mut base = self.base();
        base.wall = Timestamp(base.wall.0.saturating_add(by_ms));
    }

    #[expect(clippy::disallowed_methods, reason = "this room sleeps for everybody")]
    async fn sleep_until(&self, until: Timestamp) {
        loop {
            let left = until.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_NAP)).await;
        }
    }
}
