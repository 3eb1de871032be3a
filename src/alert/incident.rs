//! Which incidents are open: read off the ledgers, so that each is there exactly as long as its condition is. Pure.

use crate::clock::Timestamp;
use crate::engine::board::AppCard;
use crate::engine::health::Health;
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::engine::service::{LoginTrouble, ServiceLedger, SwitchLedger};
use crate::port::outbox::Severity;
use crate::rotation::{Ask, End, Hold, RotationId, State};
use std::collections::BTreeMap;

/// The managed apps by name. What is known of an app that is none of them is nobody's incident any more.
pub type Directory = BTreeMap<String, AppCard>;

/// What an incident is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An app, by name.
    App(String),
    /// An org, by name.
    Org(String),
    /// The service itself.
    Service,
}

/// The kinds of incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Consumers read a credential that Salesforce refuses.
    CurrentRefused,
    /// The stores do not hold one credential.
    StoresDisagree,
    /// Somebody else changed the credential.
    ForeignChange,
    /// A rotation or an app waits for a person.
    Held,
    /// A person is asked to do something in Setup.
    Asked,
    /// Attempts fail, and are repeated.
    Failed,
    /// The credential is, or will be, older than the policy allows.
    Overdue,
    /// An app cannot be adopted yet.
    Unadopted,
    /// A new policy was refused.
    ReloadRefused,
    /// Our own login is refused, or will be.
    Login,
    /// The clocks of this machine and of an org are apart.
    ClockOff,
    /// We turned on an org's switch for consumer secrets over REST, and cannot turn it off.
    SwitchLeftOn,
    /// The clock starts no rotation, since an org has used its requests of the day.
    ApiBudget,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 13] = [
        Kind::CurrentRefused,
        Kind::StoresDisagree,
        Kind::ForeignChange,
        Kind::Held,
        Kind::Asked,
        Kind::Failed,
        Kind::Overdue,
        Kind::Unadopted,
        Kind::ReloadRefused,
        Kind::Login,
        Kind::ClockOff,
        Kind::SwitchLeftOn,
        Kind::ApiBudget,
    ];

    /// As it stands in keys and labels.
    pub fn word(self) -> &'static str {
        match self {
            Kind::CurrentRefused => "current-refused",
            Kind::StoresDisagree => "stores-disagree",
            Kind::ForeignChange => "foreign-change",
            Kind::Held => "held",
            Kind::Asked => "asked",
            Kind::Failed => "failed",
            Kind::Overdue => "overdue",
            Kind::Unadopted => "unadopted",
            Kind::ReloadRefused => "reload-refused",
            Kind::Login => "login",
            Kind::ClockOff => "clock-off",
            Kind::SwitchLeftOn => "switch-left-on",
            Kind::ApiBudget => "api-budget",
        }
    }
}

/// One incident that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What it is about.
    pub subject: Subject,
    /// Its kind.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// Which case of its kind; another is told anew.
    pub case: &'static str,
    /// How often it has happened.
    pub count: u32,
    /// Since when it is so, where the ledger says it.
    pub since: Option<Timestamp>,
    /// The rotation it is about.
    pub rotation: Option<RotationId>,
}

impl Incident {
    /// The same from the opening to the closing, across restarts, and when it opens again.
    pub fn key(&self) -> String {
        let kind = self.kind.word();
        // A colon stands in no name, so an app called `service` is not taken for the service.
        match &self.subject {
            Subject::App(app) => format!("rekeyd/{app}/{kind}"),
            Subject::Org(org) => format!("rekeyd/org:{org}/{kind}"),
            Subject::Service => format!("rekeyd/service:/{kind}"),
        }
    }

    /// How often it was told after it has happened `count` times: at 1, 2, 4, 8, …
    pub fn edition(count: u32) -> u32 {
        u32::BITS - count.max(1).leading_zeros()
    }
}

/// All of them, by key.
pub fn open(ledgers: &Ledgers, apps: &Directory) -> BTreeMap<String, Incident> {
    let of_apps = ledgers
        .apps
        .iter()
        .filter(|(app, _)| apps.contains_key(*app))
        .flat_map(|(app, ledger)| of_app(app, ledger));
    let all = of_apps.chain(of_service(&ledgers.service, apps));
    all.map(|incident| (incident.key(), incident)).collect()
}

/// Those of one app.
pub fn of_app(app: &str, ledger: &AppLedger) -> Vec<Incident> {
    let found = [
        health(ledger),
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
    };
    Some(Found::new(kind, severity, "", Some(*since)))
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

/// Without overlap, from the moment that the cutover may have been applied until a store has published or it is taken
/// back, consumers read a credential that Salesforce may not take.
pub(super) fn is_outage(state: &State) -> bool {
    let published = state.lanes.iter().all(|lane| lane.publish.is_done());
    !state.caps.overlap
        && !state.cutover.is_open()
        && !published
        && !state.undo.is_done()
        && state.end().is_none()
        // The old one was seen in force.
        && state.hold() != Some(&Hold::Unanswered)
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

/// Those of the service and of the orgs that a managed app is in.
pub fn of_service(ledger: &ServiceLedger, apps: &Directory) -> Vec<Incident> {
    let mut all = Vec::new();
    if let Some((since, _)) = &ledger.reload_refused {
        all.push(incident(
            Subject::Service,
            Kind::ReloadRefused,
            Severity::Warning,
            "",
            *since,
        ));
    }
    let used = |org: &str| apps.values().any(|card| card.org == org);
    for (org, trouble) in ledger.login.iter().filter(|(org, _)| used(org)) {
        let (severity, case, since) = match trouble {
            LoginTrouble::Refused { since, .. } => (Severity::Error, "refused", since),
            LoginTrouble::Ending { since, .. } => (Severity::Warning, "ending", since),
        };
        all.push(incident(
            Subject::Org(org.clone()),
            Kind::Login,
            severity,
            case,
            *since,
        ));
    }
    for (org, (since, _)) in ledger.clock_off.iter().filter(|(org, _)| used(org)) {
        all.push(incident(
            Subject::Org(org.clone()),
            Kind::ClockOff,
            Severity::Error,
            "",
            *since,
        ));
    }
    for (org, (since, _, _)) in ledger.budget.iter().filter(|(org, _)| used(org)) {
        all.push(incident(
            Subject::Org(org.clone()),
            Kind::ApiBudget,
            Severity::Warning,
            "",
            *since,
        ));
    }
    for (org, switch) in &ledger.switches {
        all.extend(left_on(org, switch, used(org)));
    }
    all
}

/// What nobody sees to any more, since the org has left the policy, is told as well.
fn left_on(org: &str, switch: &SwitchLedger, used: bool) -> Option<Incident> {
    let subject = Subject::Org(org.to_owned());
    let of = |severity, case, since| incident(subject, Kind::SwitchLeftOn, severity, case, since);
    match (&switch.stuck, used, switch.ours.or(switch.out.map(|(_, at)| at))) {
        (_, false, Some(since)) => Some(of(Severity::Error, "no-app-left", since)),
        (Some(stuck), true, _) => {
            // One answer that did not come passes.
            let severity = match stuck.attempts {
                0..=2 => Severity::Warning,
                3.. => Severity::Error,
            };
            Some(Incident {
                count: stuck.attempts.max(1),
                ..of(severity, "stuck", stuck.since)
            })
        }
        (None, true, _) | (_, false, None) => None,
    }
}

fn incident(
    subject: Subject,
    kind: Kind,
    severity: Severity,
    case: &'static str,
    since: Timestamp,
) -> Incident {
    Incident {
        subject,
        kind,
        severity,
        case,
        count: 1,
        since: Some(since),
        rotation: None,
    }
}
