//! The incidents of the orgs and of the service itself.

use super::{Directory, Incident, Kind, Subject};
use crate::clock::Timestamp;
use crate::engine::service::{LoginTrouble, ServiceLedger, SwitchLedger};
use crate::port::outbox::Severity;

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
    match (&switch.stuck, used, switch.open_since()) {
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
