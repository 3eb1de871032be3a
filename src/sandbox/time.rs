//! The org's clock: the one place where the sandbox learns the time or waits.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A moment of the org's clock (UTC, millisecond precision on the wire).
pub type Moment = DateTime<Utc>;

/// How the org's clock moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockMode {
    /// Only the control endpoint moves it.
    #[default]
    Virtual,
    /// It follows the system's clock; the control endpoint can still jump ahead.
    Real,
}

/// The org's clock.
pub(super) struct Clock {
    mode: ClockMode,
    /// Virtual: the current moment. Real: what is added to the system's time, as a moment after the epoch.
    start: Moment,
    offset: TimeDelta,
}

impl Clock {
    /// Starts at `start`; in real mode without one, at the system's time.
    pub(super) fn new(mode: ClockMode, start: Option<Moment>) -> Self {
        let system = system_now();
        match mode {
            ClockMode::Virtual => Self {
                mode,
                start: start.unwrap_or_else(default_start),
                offset: TimeDelta::zero(),
            },
            ClockMode::Real => {
                let offset = start.map_or_else(TimeDelta::zero, |start| start - system);
                Self {
                    mode,
                    start: system,
                    offset,
                }
            }
        }
    }

    pub(super) fn now(&self) -> Moment {
        let base = match self.mode {
            ClockMode::Virtual => self.start,
            ClockMode::Real => system_now(),
        };
        base.checked_add_signed(self.offset).unwrap_or(base)
    }

    pub(super) fn mode(&self) -> ClockMode {
        self.mode
    }

    /// Moves the clock; a jump that does not fit into a date is ignored.
    pub(super) fn advance(&mut self, by: TimeDelta) {
        if let Some(offset) = self.offset.checked_add(&by) {
            self.offset = offset;
        }
    }
}

/// Where a virtual clock starts when the seed does not say.
fn default_start() -> Moment {
    DateTime::from_timestamp(1_795_305_600, 0).unwrap_or(DateTime::UNIX_EPOCH)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox's only reading of the system's clock"
)]
fn system_now() -> Moment {
    Utc::now()
}

/// Waits in real time: a slow answer is slow for the client's own timers.
#[expect(clippy::disallowed_methods, reason = "the sandbox's only waiting")]
pub(super) async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}

/// The date format of REST and SOAP answers.
pub(super) fn iso(moment: Moment) -> String {
    moment.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The format of the HTTP `Date` header.
pub(super) fn http_date(moment: Moment) -> String {
    moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Whole seconds, saturating at what a duration holds.
pub(super) fn seconds(count: u64) -> TimeDelta {
    i64::try_from(count)
        .ok()
        .and_then(TimeDelta::try_seconds)
        .unwrap_or(TimeDelta::MAX)
}

/// `moment + by`, saturating at the last date there is.
pub(super) fn later(moment: Moment, by: TimeDelta) -> Moment {
    moment.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Measures spans of real time, for what a consumer goes through.
#[derive(Clone, Copy)]
pub(super) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "the sandbox's only measure of real time"
    )]
    pub(super) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Milliseconds since the start.
    pub(super) fn ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
