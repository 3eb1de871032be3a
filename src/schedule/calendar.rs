//! A cron text in a zone: from one instant to the next.
//!
//! Where a zone's clocks go forward, the times that do not exist run once, at the first instant after the gap.
//! Where they go back, a time that exists twice runs at its first occurrence only. Both follow from one fact:
//! `instant` never decreases as wall time grows, so the next run is the first wall time whose instant is later.

use chrono::{DateTime, Datelike, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::dialect::Cron;

/// The longest stretch that a zone ever skipped: a whole day, when Samoa moved across the date line in 2011.
const LONGEST_GAP_MINUTES: i64 = 24 * 60;

/// Cron times in an IANA zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// What matches.
    pub cron: Cron,
    /// Where its clock hangs.
    #[serde(with = "zone_name")]
    pub zone: Tz,
}

impl Calendar {
    /// The first run strictly after `after`; `None` where the cron text has none before 2100.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // At the very ends of what can be counted a local time does not exist.
        if !Cron::YEARS.contains(&after.year()) {
            return None;
        }
        let mut wall = after.with_timezone(&self.zone).naive_local();
        loop {
            wall = self.cron.next_wall(wall)?;
            // Earlier only on the second pass of an hour that happens twice: those runs have been.
            if let Some(found) = instant(self.zone, wall)
                && found > after
            {
                return Some(found);
            }
        }
    }

    /// The runs strictly after `after`, in order.
    pub fn upcoming(&self, after: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
    }
}

/// The instant that stands for a wall-clock minute: the first of two, or the end of the gap it lies in.
fn instant(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    // By the minute, which is as fine as cron is and as any zone's changes have been since 1972.
    (0..=LONGEST_GAP_MINUTES).find_map(|minutes| {
        let wall = wall.checked_add_signed(TimeDelta::minutes(minutes))?;
        match zone.from_local_datetime(&wall) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.with_timezone(&Utc)),
            LocalResult::None => None,
        }
    })
}

/// A zone as its IANA name.
mod zone_name {
    use chrono_tz::Tz;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(zone: &Tz, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(zone.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Tz, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(|_| D::Error::custom("no such zone"))
    }
}
