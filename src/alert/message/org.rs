//! What happened to an org or to the service itself, and what a person can do about it.

use super::words::{full, moment};
use crate::alert::incident::{Incident, Kind};
use crate::engine::ledger::Ledgers;
use crate::engine::service::{LoginTrouble, SwitchLedger};
use crate::port::outbox::Text;

pub(super) fn of_org(incident: &Incident, org: &str, ledgers: &Ledgers) -> Text {
    let service = &ledgers.service;
    match incident.kind {
        Kind::ClockOff => {
            let by = service.clock_off.get(org).map_or(0, |(_, by)| *by);
            let side = if by < 0 { "behind" } else { "ahead of" };
            let seconds = by.unsigned_abs() / 1000;
            Text {
                headline: format!("This machine's clock is {seconds} s {side} that of org {org}"),
                happened: "One of the two is wrong, so the schedule cannot be relied on.".into(),
                consumers: "Nothing changes for consumers.".into(),
                next: "rekeyd starts nothing scheduled in this org until the clocks agree; it looks again by itself."
                    .into(),
                command: "Set this machine's clock: `timedatectl status` says whether it follows a time server.".into(),
            }
        }
        Kind::SwitchLeftOn => left_on(org, service.switches.get(org), incident.case),
        Kind::ApiBudget => {
            let (used, limit) = service
                .budget
                .get(org)
                .map_or((0, 0), |(_, used, limit)| (*used, *limit));
            Text {
                headline: format!("Org {org} has used {used} of its {limit} daily requests: rotations wait"),
                happened: "The org is above the share of its daily requests that `api_budget` leaves to rekeyd.".into(),
                consumers: "Nothing changes for consumers.".into(),
                next: "The clock starts no rotation in this org until enough requests are left; what is under way goes \
                       on. rekeyd asks again every ten minutes."
                    .into(),
                command: "`rekeyd rotate APP` rotates one all the same; Setup, Company Information shows what used them up."
                    .into(),
            }
        }
        Kind::CurrentRefused
        | Kind::Leaked
        | Kind::StoresDisagree
        | Kind::StoreUnreadable
        | Kind::ForeignChange
        | Kind::Held
        | Kind::Asked
        | Kind::Failed
        | Kind::Overdue
        | Kind::Unadopted
        | Kind::ReloadRefused
        | Kind::Login => login(org, service.login.get(org)),
    }
}

fn left_on(org: &str, switch: Option<&SwitchLedger>, case: &str) -> Text {
    let label = "`Allow access to External Client App consumer secrets via REST API`";
    let why = switch.and_then(|switch| switch.stuck.as_ref());
    let why = why.map_or_else(String::new, |stuck| full(&stuck.why));
    let next = match case {
        "no-app-left" => "rekeyd does nothing about it: no app of this org is in the policy any more.",
        _ => {
            "rekeyd tries again by itself, every quarter of an hour at the longest, and says when it is off."
        }
    };
    Text {
        headline: format!(
            "rekeyd turned on consumer secrets over REST in org {org}, and could not turn them off"
        ),
        happened: format!(
            "The switch {label} was turned on for a rotation, which does not need it any more. {why}"
        )
        .trim_end()
        .to_owned(),
        consumers: "Nothing changes for consumers.".into(),
        next: next.into(),
        command: format!(
            "Turn {label} off in Setup, External Client App Settings; rekeyd's user needs `Modify Metadata Through \
             Metadata API Functions` and `Customize Application` to do it."
        ),
    }
}

fn login(org: &str, trouble: Option<&LoginTrouble>) -> Text {
    let (headline, happened) = match trouble {
        Some(LoginTrouble::Ending { at, .. }) => (
            format!("rekeyd's own login to org {org} ends {}", moment(*at)),
            "Its certificate ends then; from that moment nothing can be rotated in this org.".into(),
        ),
        Some(LoginTrouble::Refused { why, .. }) => (
            format!("rekeyd's own login to org {org} is REFUSED"),
            format!("{} Nothing can be rotated in this org.", full(why)),
        ),
        None => (format!("rekeyd's own login to org {org}"), String::new()),
    };
    Text {
        headline,
        happened,
        consumers: "Nothing changes for consumers: they go on with the credentials that they have.".into(),
        next: "rekeyd tries its login again by itself.".into(),
        command: format!(
            "See that the user and the app of [org.{org}.login.jwt] are active and the app's certificate is that of \
             `key_file` (Setup > External Client App Manager, or App Manager for a Connected App); a new key is taken in by a reload (SIGHUP)."
        ),
    }
}

pub(super) fn of_service(ledgers: &Ledgers) -> Text {
    let why = ledgers.service.reload_refused.as_ref();
    Text {
        headline: "A new policy was refused".into(),
        happened: why.map(|(_, why)| full(why)).unwrap_or_default(),
        consumers: "Nothing changes for consumers.".into(),
        next: "rekeyd goes on under the policy of before; nothing of the new one is in force.".into(),
        command: "`rekeyd check` shows every fault and where it stands; put it right and send SIGHUP.".into(),
    }
}
