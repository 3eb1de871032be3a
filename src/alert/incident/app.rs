//! The incidents of an app.

use super::{Incident, Kind, Subject};
use crate::clock::Timestamp;
use crate::engine::health::{Health, is_outage};
use crate::engine::ledger::AppLedger;
use crate::port::outbox::Severity;
use crate::rotation::{Ask, End, Hold, Rest, RotationId, State};

/// Those of one app.
pub fn of_app(app: &str, ledger: &AppLedger) -> Vec<Incident> {
    let found = [
        health(ledger),
        leaked(ledger),
        held(ledger),
        asked(ledger),
        failed(ledger),
        overdue(ledger),
        unadopted(ledger),
    ];
    let named = found.into_iter().flatten().map(|found| Incident {
        subject: Subject::App(app.to_owned()),
        kind: found.kind,
        severity: found.severity,
        case: found.case,
        count: found.count,
        since: found.since,
        rotation: found.rotation,
    });
    named.collect()
}

struct Found {
    kind: Kind,
    severity: Severity,
    case: &'static str,
    count: u32,
    since: Option<Timestamp>,
    rotation: Option<RotationId>,
}

impl Found {
    fn new(kind: Kind, severity: Severity, case: &'static str, since: Option<Timestamp>) -> Found {
        Found {
            kind,
            severity,
            case,
            count: 1,
            since,
            rotation: None,
        }
    }
}

fn health(ledger: &AppLedger) -> Option<Found> {
    let (since, health) = ledger.health.as_ref()?;
    let (kind, severity) = match health {
        Health::Fine => return None,
        Health::Refused { .. } => (Kind::CurrentRefused, Severity::Critical),
        Health::Disagree { .. } => (Kind::StoresDisagree, Severity::Error),
        Health::Foreign { .. } => (Kind::ForeignChange, Severity::Warning),
        Health::Unreadable { .. } => (Kind::StoreUnreadable, Severity::Error),
    };
    Some(Found::new(kind, severity, "", Some(*since)))
}

/// What a person said has leaked, until it is out of use: at once, and louder where nothing goes on by itself or it takes
/// long.
fn leaked(ledger: &AppLedger) -> Option<Found> {
    let emergency = ledger.emergency.as_ref().filter(|open| open.is_open(ledger))?;
    let waits = ledger.hold.is_some()
        || ledger.stopped_by().is_some()
        || ledger
            .running()
            .is_some_and(|run| matches!(run.state.rest, Rest::Held { again: None, .. }));
    let (severity, case) = match (emergency.is_settled(ledger), waits, &emergency.late) {
        (true, _, None) => (Severity::Warning, "tokens"),
        (true, _, Some(_)) => (Severity::Error, "tokens"),
        (false, true, _) => (Severity::Critical, "waits"),
        (false, false, Some(_)) => (Severity::Critical, "late"),
        (false, false, None) => (Severity::Warning, "begun"),
    };
    Some(Found {
        // Told at 1, 2, 4, 8, …: so each time that it is late again is.
        count: 1_u32 << emergency.late.as_ref().map_or(0, |late| late.times).min(30),
        rotation: ledger.running().map(|run| run.state.id),
        ..Found::new(Kind::Leaked, severity, case, Some(emergency.at))
    })
}

/// What waits for a person's word. A rotation that only tries again, however often, is [`failed`].
fn held(ledger: &AppLedger) -> Option<Found> {
    if let Some((by, _)) = &ledger.hold {
        return Some(match by.as_str() {
            "rekeyd" => Found::new(Kind::Held, Severity::Error, "by-rekeyd", None),
            _ => Found::new(Kind::Held, Severity::Warning, "by-person", None),
        });
    }
    let run = ledger.running()?;
    let hold = run.state.hold()?;
    let case = case_of(hold)?;
    let severity = match consumers_suffer(hold, &run.state) {
        true => Severity::Critical,
        false => Severity::Error,
    };
    Some(Found {
        count: run.state.attempts.max(1),
        rotation: Some(run.state.id),
        ..Found::new(Kind::Held, severity, case, None)
    })
}

/// What a person is asked to do in Setup. Each reminder is told, and the nearer the end, the louder.
fn asked(ledger: &AppLedger) -> Option<Found> {
    let run = ledger
        .running()
        .filter(|run| run.state.asks() && run.state.hold().is_none())?;
    // A pair that was handed over and is being stored: the same request, until the next one is made.
    let storing = run.state.asked.is_none() && run.state.new.is_some();
    let (what, reminders, since) = match run.state.asked {
        Some(asked) => (asked.what, asked.reminders, Some(asked.since)),
        None if storing => (Ask::Pair, 0, None),
        None => return None,
    };
    let severity = match reminders {
        0 | 1 => Severity::Warning,
        2 => Severity::Error,
        3.. => Severity::Critical,
    };
    let case = match what {
        Ask::Pair => "pair",
        Ask::Apply => "apply",
    };
    Some(Found {
        // Told at 1, 2, 4, 8, …: so each reminder is.
        count: 1_u32 << reminders.min(30),
        rotation: Some(run.state.id),
        ..Found::new(Kind::Asked, severity, case, since)
    })
}

/// One word for each reason; `None` for the one that is a failure.
fn case_of(hold: &Hold) -> Option<&'static str> {
    Some(match hold {
        Hold::OwnLogin => "own-login",
        Hold::Obstacles { .. } => "obstacles",
        Hold::StoresDisagree => "stores-disagree",
        Hold::CurrentRefused => "current-refused",
        Hold::CurrentDiffers => "current-differs",
        Hold::Inconclusive { .. } => "inconclusive",
        Hold::ForeignSlot { .. } => "foreign-slot",
        Hold::ForeignPending { .. } => "foreign-pending",
        Hold::ForeignCurrent { .. } => "foreign-current",
        Hold::EarlyRefused => "early-refused",
        Hold::NeverAccepted => "never-accepted",
        Hold::NeitherAccepted { .. } => "neither-accepted",
        Hold::StillAccepted => "still-accepted",
        Hold::BrokenUndo { .. } => "broken-undo",
        Hold::Unanswered => "unanswered",
        Hold::Refused { .. } => "refused",
        Hold::Masked => "masked",
        Hold::Exhausted { .. } => return None,
    })
}

fn consumers_suffer(hold: &Hold, state: &State) -> bool {
    let by_itself = match hold {
        Hold::CurrentRefused | Hold::NeitherAccepted { .. } | Hold::BrokenUndo { .. } => true,
        Hold::OwnLogin
        | Hold::Obstacles { .. }
        | Hold::StoresDisagree
        | Hold::CurrentDiffers
        | Hold::Inconclusive { .. }
        | Hold::ForeignSlot { .. }
        | Hold::ForeignPending { .. }
        | Hold::ForeignCurrent { .. }
        | Hold::EarlyRefused
        | Hold::NeverAccepted
        | Hold::StillAccepted
        | Hold::Unanswered
        | Hold::Refused { .. }
        | Hold::Masked
        | Hold::Exhausted { .. } => false,
    };
    by_itself || is_outage(state)
}

/// Failed attempts: rotations that ended without success, and tries of the one under way. While it waits for a person
/// its tries are those of [`held`].
fn failed(ledger: &AppLedger) -> Option<Found> {
    let run = ledger.running();
    let hold = run.and_then(|run| run.state.hold());
    let exhausted = hold.is_some_and(|hold| case_of(hold).is_none());
    let tries = match (run, hold) {
        (Some(run), None) => run.state.attempts,
        (Some(run), Some(_)) if exhausted => run.state.attempts.max(1),
        (Some(_), Some(_)) | (None, _) => 0,
    };
    // A person who abandons one knows it.
    let ended = match ledger.failed_by {
        Some(End::Abandoned { .. } | End::GivenUp { .. }) | None => 0,
        Some(End::Done { .. } | End::Ignored | End::NotOffered { .. } | End::Undone { .. }) => {
            ledger.failures
        }
    };
    let count = ended.saturating_add(tries);
    if count == 0 {
        return None;
    }
    let outage = run.is_some_and(|run| is_outage(&run.state));
    let (severity, case) = match (outage, ended) {
        _ if ledger.stopped_by().is_some() => (Severity::Error, "stopped"),
        (true, _) => (Severity::Critical, "outage"),
        _ if exhausted => (Severity::Error, "exhausted"),
        (false, 1..) => (Severity::Error, "ended"),
        // One answer that did not come is what the machine is made for.
        (false, 0) if count == 1 => (Severity::Info, "trying"),
        (false, 0) => (Severity::Warning, "trying"),
    };
    Some(Found {
        count,
        rotation: ledger.run.as_ref().map(|run| run.state.id),
        ..Found::new(Kind::Failed, severity, case, None)
    })
}

fn overdue(ledger: &AppLedger) -> Option<Found> {
    let overdue = ledger.overdue.as_ref()?;
    let (severity, case) = match overdue.past {
        true => (Severity::Error, "past"),
        false => (Severity::Warning, "ahead"),
    };
    Some(Found::new(Kind::Overdue, severity, case, Some(overdue.since)))
}

fn unadopted(ledger: &AppLedger) -> Option<Found> {
    let waits = ledger.adopted_at.is_none() && ledger.unadopted.is_some() && ledger.hold.is_none();
    waits.then(|| Found::new(Kind::Unadopted, Severity::Warning, "", None))
}
