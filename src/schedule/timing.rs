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
    /// The most that [`Timing::jitter_of`] may add; zero for none.
    pub jitter: Duration,
    /// When a due rotation may start; always, where there is none.
    pub window: Option<Window>,
    /// What an adopted credential of unknown age waits for.
    pub first: First,
    /// The age at which a credential that was not rotated is worth an alert.
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

impl Timing {
    /// The delay that belongs to this app: the same on every host and after every restart, spread evenly over
    /// `0..jitter` by the app's name. Only shown so far; [`super::due`] does not add it.
    pub fn jitter_of(&self, app: &str) -> Duration {
        let most = u64::try_from(self.jitter.as_millis()).unwrap_or(u64::MAX);
        let digest = Sha256::new_with_prefix(b"rekeyd jitter\0")
            .chain_update(app)
            .finalize();
        let number = digest
            .iter()
            .take(8)
            .fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
        Duration::from_millis(number.checked_rem(most).unwrap_or(0))
    }

    /// The moments at which rotations would start, if each succeeded at once: due, then the window.
    pub fn upcoming(&self, due: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        std::iter::successors(self.start_of(due), |last| {
            self.start_of(self.schedule.due_after(*last)?)
        })
    }

    fn start_of(&self, due: DateTime<Utc>) -> Option<DateTime<Utc>> {
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
