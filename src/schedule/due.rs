//! Timing and what the journal knows, at one moment, to a decision with the sentence that explains it.
//!
//! ```text
//! unadopted -> running -> not due yet -> previous in grace -> backing off -> outside the window -> DUE
//! ```
//! The first that applies wins, so the reason names what has to pass first.

use chrono::{DateTime, SecondsFormat, Utc};

use super::timing::{First, Schedule, Timing};

/// What the journal knows of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// When current was first proven to be one accepted pair; `None` for an unadopted app.
    pub adopted_at: Option<DateTime<Utc>>,
    /// When the last rotation was published.
    pub last_success: Option<DateTime<Utc>>,
    /// When the adopted credential came to be, where Salesforce or a store says so.
    pub credential_since: Option<DateTime<Utc>>,
    /// Whether a rotation of this app is under way, held included.
    pub running: bool,
    /// Until when the previous credential is left usable.
    pub grace_until: Option<DateTime<Utc>>,
    /// The backoff of a failed attempt: no new one before this.
    pub retry_at: Option<DateTime<Utc>>,
}

/// What to do with one app now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start a rotation.
    Due {
        /// Since when it has been due.
        since: DateTime<Utc>,
        /// Why, for a person.
        reason: String,
    },
    /// Nothing yet.
    NotDue {
        /// When it becomes due; `None` where the schedule has no further time.
        next: Option<DateTime<Utc>>,
        /// Why, for a person.
        reason: String,
    },
    /// Due, but something has to pass first.
    Waiting {
        /// What has to pass.
        on: WaitingOn,
        /// Since when it has been due.
        since: DateTime<Utc>,
        /// When to look again; `None` where the window never opens again.
        next: Option<DateTime<Utc>>,
        /// Why, for a person.
        reason: String,
    },
    /// A rotation is under way already.
    Running {
        /// For a person.
        reason: String,
    },
    /// No rotation before the credential in the stores is known to be the live one.
    Unadopted {
        /// What is missing, for a person.
        reason: String,
    },
}

/// What a due app waits on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingOn {
    /// The previous credential still occupies the only slot.
    Grace,
    /// A failed attempt backs off.
    Backoff,
    /// The window is shut.
    Window,
}

impl Decision {
    /// Why, for a person.
    pub fn reason(&self) -> &str {
        match self {
            Self::Due { reason, .. }
            | Self::NotDue { reason, .. }
            | Self::Waiting { reason, .. }
            | Self::Running { reason }
            | Self::Unadopted { reason } => reason,
        }
    }

    /// When to ask again, where that is known.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Due { since, .. } => Some(*since),
            Self::NotDue { next, .. } | Self::Waiting { next, .. } => *next,
            Self::Running { .. } | Self::Unadopted { .. } => None,
        }
    }
}

/// Decides for one app. Depends on nothing but its arguments.
pub fn decide(timing: &Timing, ledger: &Ledger, now: DateTime<Utc>) -> Decision {
    let Some(adopted_at) = ledger.adopted_at else {
        return Decision::Unadopted {
            reason: "not adopted yet: no pair in the stores has been accepted by Salesforce".into(),
        };
    };
    if ledger.running {
        return Decision::Running {
            reason: "a rotation of this app is under way".into(),
        };
    }
    let (since, why) = due_at(timing, ledger, adopted_at);
    let Some(since) = since else {
        return Decision::NotDue {
            next: None,
            reason: format!("{why}; the schedule has no further time"),
        };
    };
    if since > now {
        return Decision::NotDue {
            next: Some(since),
            reason: format!("{why}; due {}", text(since)),
        };
    }
    let waiting = |on, next: Option<DateTime<Utc>>, what: &str| Decision::Waiting {
        on,
        since,
        next,
        reason: match next {
            Some(next) => format!("{why}; due since {}, {what} {}", text(since), text(next)),
            None => format!(
                "{why}; due since {}, but the window never opens again",
                text(since)
            ),
        },
    };
    if let Some(until) = ledger.grace_until.filter(|until| *until > now) {
        return waiting(
            WaitingOn::Grace,
            Some(until),
            "the previous credential is in grace until",
        );
    }
    if let Some(until) = ledger.retry_at.filter(|until| *until > now) {
        return waiting(
            WaitingOn::Backoff,
            Some(until),
            "the last attempt failed, next one at",
        );
    }
    if let Some(window) = timing.window.as_ref().filter(|window| !window.is_open(now)) {
        return waiting(WaitingOn::Window, window.next_open(now), "the window opens");
    }
    Decision::Due {
        since,
        reason: format!("{why}; due since {}", text(since)),
    }
}

/// When the current credential becomes due, and the first half of the reason.
pub(super) fn due_at(
    timing: &Timing,
    ledger: &Ledger,
    adopted_at: DateTime<Utc>,
) -> (Option<DateTime<Utc>>, String) {
    let rule = match &timing.schedule {
        Schedule::Every(every) => format!("every {}", super::duration::text(*every)),
        Schedule::Cron(calendar) => format!("cron `{}` in {}", calendar.cron, calendar.zone.name()),
    };
    let rule = match timing.delay.is_zero() {
        true => rule,
        false => format!("{rule} and {} of jitter", super::duration::text(timing.delay)),
    };
    let after = |base| timing.due_after(base);
    if let Some(last) = ledger.last_success {
        return (after(last), format!("{rule}, last rotated {}", text(last)));
    }
    if let Some(born) = ledger.credential_since {
        return (
            after(born),
            format!("{rule}, made {}, adopted {}", text(born), text(adopted_at)),
        );
    }
    let adopted = format!("age unknown, adopted {}", text(adopted_at));
    match timing.first {
        First::Now => (timing.later(adopted_at), format!("first = \"now\", {adopted}")),
        First::AfterInterval => (after(adopted_at), format!("{rule}, {adopted}")),
        First::At(at) => (
            timing.later(at.max(adopted_at)),
            format!("first = {}, {adopted}", text(at)),
        ),
    }
}

pub(super) fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
