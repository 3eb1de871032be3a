//! Everything that decides when one app rotates, as checked by the policy.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::calendar::Calendar;
use super::window::Window;

/// The times of one app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// When the next rotation becomes due.
    pub schedule: Schedule,
    /// The most that [`Timing::delay`] may be; zero for none.
    pub jitter: Duration,
    /// This app's own part of it, from [`delay_of`]: it is due this much later than the schedule says.
    #[serde(default)]
    pub delay: Duration,
    /// When a due rotation may start; always, where there is none.
    pub window: Option<Window>,
    /// What an adopted credential of unknown age waits for.
    pub first: First,
    /// The age that no credential may reach: a deadline, of which somebody is told before and after.
    pub max_age: Option<Duration>,
}

/// When the next rotation becomes due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// This long after the last rotation.
    Every(Duration),
    /// At the first cron time after the last rotation.
    Cron(Calendar),
}

/// What a credential of unknown age waits for after it was adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum First {
    /// Nothing.
    Now,
    /// As if it had been rotated when it was adopted.
    AfterInterval,
    /// A moment.
    At(#[serde(with = "rfc3339")] DateTime<Utc>),
}

impl Schedule {
    /// When a credential that came to be at `base` becomes due.
    pub fn due_after(&self, base: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Every(every) => base.checked_add_signed(TimeDelta::from_std(*every).ok()?),
            Self::Cron(calendar) => calendar.next_after(base),
        }
    }
}

/// The delay that belongs to an app: the same on every host and after every restart, spread evenly over `0..jitter` by
/// the app's name.
pub fn delay_of(app: &str, jitter: Duration) -> Duration {
    let digest = Sha256::new_with_prefix(b"rekeyd jitter\0")
        .chain_update(app)
        .finalize();
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
    Duration::from_secs(number.checked_rem(jitter.as_secs()).unwrap_or(0))
}

impl Timing {
    /// When a credential that came to be at `base` becomes due: the schedule, and this app's delay.
    pub fn due_after(&self, base: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.later(self.schedule.due_after(base)?)
    }

    /// `at`, and this app's delay.
    pub fn later(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        at.checked_add_signed(TimeDelta::from_std(self.delay).ok()?)
    }

    /// The moments at which rotations would start, if each succeeded at once: due, then the window.
    pub fn upcoming(&self, due: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        std::iter::successors(self.start_of(due), |last| self.start_of(self.due_after(*last)?))
    }

    /// When a rotation that is due at `due` may start; `None` where the window never opens again.
    pub fn start_of(&self, due: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.window {
            None => Some(due),
            Some(window) => window.next_open(due),
        }
    }
}

/// A moment as RFC 3339.
mod rfc3339 {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(from)?;
        DateTime::parse_from_rfc3339(&text)
            .map(|at| at.with_timezone(&Utc))
            .map_err(|_| D::Error::custom("no RFC 3339 moment"))
    }
}
