//! When a rotation may start. A window opens at cron times and stays open for a duration; an end that falls
//! into a clock change moves with it, since the duration is elapsed time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::calendar::Calendar;

/// Openings and how long each lasts. Openings that overlap are one long window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// When it opens.
    pub opens: Calendar,
    /// For how long, in elapsed time.
    pub duration: Duration,
}

impl Window {
    /// When the opening that covers `at` ends (exclusive), or `None` where the window is shut.
    pub fn open_until(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let duration = TimeDelta::from_std(self.duration).ok()?;
        // An opening exactly one duration ago has just shut, so "strictly after" is what is wanted.
        let mut opened = self.opens.next_after(at.checked_sub_signed(duration)?)?;
        if opened > at {
            return None;
        }
        while let Some(later) = self.opens.next_after(opened).filter(|o| *o <= at) {
            opened = later;
        }
        opened.checked_add_signed(duration)
    }

    /// Whether a rotation may start at `at`.
    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        self.open_until(at).is_some()
    }

    /// The first instant not before `at` at which a rotation may start; `None` where the window never opens again.
    pub fn next_open(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.is_open(at) {
            Some(at)
        } else {
            self.opens.next_after(at)
        }
    }
}
