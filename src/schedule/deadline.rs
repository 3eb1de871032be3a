//! When a credential is too old, and since when that is worth telling: a deadline is computed from what is known and
//! not from what was tried, so that it is also met where nothing was.
//!
//! `max_age` counts from when the credential came to be (or was adopted, if its age is unknown). Without one, a day
//! after the first chance to rotate counts. A window moves no deadline: where it opens too late, that is told at once.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::due::{Ledger, due_at, text};
use super::timing::Timing;

/// Without a `max_age`: how long after the first chance a due rotation may be late.
const PATIENCE: Duration = Duration::from_secs(86_400);

/// No warning comes earlier before a deadline, but where it cannot be kept at all.
const LONGEST_WARNING: Duration = Duration::from_secs(7 * 86_400);

/// How an app stands to its deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// Nothing to tell.
    InTime,
    /// It will be missed, or the time before it is running out.
    Near {
        /// The deadline.
        deadline: DateTime<Utc>,
        /// For a person.
        why: String,
    },
    /// It is missed.
    Past {
        /// The deadline.
        deadline: DateTime<Utc>,
        /// For a person.
        why: String,
    },
}

/// When the current credential is too old; `None` where there is none, or no rotation is ever due.
pub fn deadline(timing: &Timing, ledger: &Ledger) -> Option<DateTime<Utc>> {
    let adopted = ledger.adopted_at?;
    match timing.max_age {
        Some(age) => {
            let born = ledger.last_success.or(ledger.credential_since);
            born.unwrap_or(adopted).checked_add_signed(span(age))
        }
        None => {
            let start = first_chance(timing, ledger, adopted)?;
            let end = match &timing.window {
                Some(window) => window.open_until(start).unwrap_or(start),
                None => start,
            };
            end.checked_add_signed(span(PATIENCE))
        }
    }
}

/// Judges one app. Depends on nothing but its arguments.
pub fn lateness(timing: &Timing, ledger: &Ledger, now: DateTime<Utc>) -> Lateness {
    let (Some(adopted), Some(deadline)) = (ledger.adopted_at, deadline(timing, ledger)) else {
        return Lateness::InTime;
    };
    let rule = match timing.max_age {
        Some(age) => format!("max_age {}", super::duration::text(age)),
        None => "a day after it could first have been rotated".into(),
    };
    if now >= deadline {
        let why = format!(
            "the credential was to be rotated before {} ({rule})",
            text(deadline)
        );
        return Lateness::Past { deadline, why };
    }
    let chance = first_chance(timing, ledger, adopted);
    let next = chance.and_then(|chance| timing.start_of(chance.max(now)));
    let Some(next) = next.filter(|next| *next < deadline) else {
        let when = match next {
            Some(next) => format!("the next start, {},", text(next)),
            None => "every start".into(),
        };
        let why = format!("{when} lies past the deadline {} ({rule})", text(deadline));
        return Lateness::Near { deadline, why };
    };
    // Not before there was some time to try: a rotation that is due today is not late today.
    let chance = chance.unwrap_or(next);
    let half = chance + (deadline - chance) / 2;
    let warning = deadline - span(LONGEST_WARNING);
    match timing.max_age.is_some() && chance <= now && now >= half.max(warning) {
        true => Lateness::Near {
            deadline,
            why: format!(
                "due since {} and not rotated yet; too old {} ({rule})",
                text(chance),
                text(deadline)
            ),
        },
        false => Lateness::InTime,
    }
}

/// When the current credential could first be rotated: due, and the window open.
fn first_chance(timing: &Timing, ledger: &Ledger, adopted: DateTime<Utc>) -> Option<DateTime<Utc>> {
    timing.start_of(due_at(timing, ledger, adopted).0?)
}

fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
