//! What happened to an app, and what a person can do about it.

use super::prospect::{consumers, next};
use super::words::{full, moment, sentence};
use crate::alert::incident::{Incident, Kind};
use crate::clock::Timestamp;
use crate::engine::board::AppCard;
use crate::engine::health::Health;
use crate::engine::ledger::AppLedger;
use crate::engine::tell::{self, AppKind};
use crate::port::outbox::Text;

pub(super) fn of_app(
    incident: &Incident,
    app: &str,
    ledger: &AppLedger,
    card: Option<&AppCard>,
    now: Timestamp,
) -> Text {
    let look = format!("`rekeyd status {app}` and `rekeyd history {app}` show more.");
    let (what, happened, command) = match incident.kind {
        Kind::CurrentRefused | Kind::StoresDisagree | Kind::StoreUnreadable | Kind::ForeignChange => {
            let health = ledger.health.as_ref().map(|(_, health)| health);
            unhealthy(
                app,
                card.and_then(|card| AppKind::named(&card.kind)),
                health.unwrap_or(&Health::Fine),
            )
        }
        Kind::Leaked => leaked(incident, app, ledger, now),
        Kind::Held => {
            let (stands, help) = tell::status_words(ledger, app, now);
            (
                "is held and waits for a person".into(),
                full(stands),
                help.map(sentence).unwrap_or_default(),
            )
        }
        Kind::Asked => {
            let (stands, help) = tell::status_words(ledger, app, now);
            (
                "needs a person in Setup to be rotated".into(),
                full(stands),
                help.map(sentence).unwrap_or_default(),
            )
        }
        Kind::Failed => failed(incident, app, ledger, now),
        Kind::Overdue => {
            let overdue = ledger.overdue.as_ref();
            let what = match overdue.is_some_and(|overdue| overdue.past) {
                true => "has a credential that is OLDER than the policy allows",
                false => "will have a credential that is older than the policy allows",
            };
            let why = overdue.map_or_else(String::new, |overdue| {
                format!(
                    "{} The deadline is {}.",
                    full(&overdue.why),
                    moment(overdue.deadline)
                )
            });
            let command = match tell::wants_a_person(ledger) {
                true => tell::status_words(ledger, app, now)
                    .1
                    .map(sentence)
                    .unwrap_or_default(),
                false => format!("`rekeyd rotate {app} --ignore-window` rotates it now."),
            };
            (what.to_owned(), why, command)
        }
        Kind::Unadopted => (
            "cannot be adopted yet, so it is never rotated".into(),
            full(ledger.unadopted.as_deref().unwrap_or_default()),
            format!(
                "Put right what is named; where no API shows the pair, hand it over: `rekeyd submit {app}`."
            ),
        ),
        // Not about an app.
        Kind::ReloadRefused | Kind::Login | Kind::ClockOff | Kind::SwitchLeftOn | Kind::ApiBudget => {
            (String::new(), String::new(), String::new())
        }
    };
    let org = card.map_or_else(String::new, |card| format!(" (org {})", card.org));
    Text {
        headline: format!("App {app}{org} {what}"),
        happened,
        consumers: consumers(ledger),
        next: match incident.kind {
            Kind::CurrentRefused | Kind::StoresDisagree | Kind::StoreUnreadable | Kind::ForeignChange => {
                format!(
                    "rekeyd looks again by itself (`live_check`), and says when it is over. {}",
                    next(ledger, card, now)
                )
            }
            Kind::Leaked => match incident.case {
                "waits" => next(ledger, card, now),
                _ => "rekeyd goes on with ending it by itself, and says when that is done.".into(),
            },
            Kind::Held
            | Kind::Asked
            | Kind::Failed
            | Kind::Overdue
            | Kind::Unadopted
            | Kind::ReloadRefused
            | Kind::Login
            | Kind::ClockOff
            | Kind::SwitchLeftOn
            | Kind::ApiBudget => next(ledger, card, now),
        },
        command: match command.is_empty() {
            true => look,
            false => format!("{command} {look}"),
        },
    }
}

fn unhealthy(app: &str, kind: Option<AppKind>, health: &Health) -> (String, String, String) {
    let what = match health {
        Health::Fine => "is well",
        Health::Refused { .. } => "publishes a credential that Salesforce REFUSES",
        Health::Disagree { .. } => "has stores that do not hold one credential",
        Health::Foreign { .. } => "has a credential that somebody else put in force",
        Health::Unreadable { .. } => "has a store that rekeyd cannot read",
    };
    let setup = match kind {
        Some(kind) => format!("The pair in force: {}.", kind.setup()),
        None => {
            "Setup > App Manager, or Setup > External Client App Manager, shows the pair in force.".into()
        }
    };
    let command = match health {
        Health::Fine => String::new(),
        Health::Refused { .. } => format!(
            "{setup} Write it to every store, or hand it over: `rekeyd submit {app}`. See who changed it: Setup > \
             View Setup Audit Trail."
        ),
        Health::Disagree { .. } => format!(
            "Compare what the stores hold: `rekeyd secret {app} --store NAME`. Copy the one that works to the others."
        ),
        Health::Unreadable { .. } => format!(
            "Put right what is named. A value that is damaged is never written over: move it away by hand (file store: \
             the link `current` of the app), then `rekeyd adopt {app}` gives that store the live pair again."
        ),
        Health::Foreign { .. } => {
            format!(
                "Find out who changed it and whether it is to stay: `rekeyd adopt {app}` takes it over, or, where no \
                 API shows it, `rekeyd submit {app}`; otherwise put the one of before back in force."
            )
        }
    };
    (what.to_owned(), sentence(tell::health_sentence(health)), command)
}

fn leaked(incident: &Incident, app: &str, ledger: &AppLedger, now: Timestamp) -> (String, String, String) {
    let what = match incident.case {
        "tokens" => "has a leaked credential that is out of use, but whose live tokens are not revoked",
        "waits" => "has a LEAKED credential that is not ended, and waits for a person",
        "late" => "has a LEAKED credential that is not ended, and that takes too long",
        _ => "has a leaked credential, which is being ended",
    };
    let (stands, help) = tell::status_words(ledger, app, now);
    let mut happened = Vec::new();
    if let Some(emergency) = &ledger.emergency {
        let (ask, at) = (&emergency.ask, moment(emergency.at));
        let (word, pair) = (ask.leaked.word(), ask.pair.short());
        let why = full(&ask.why);
        happened.push(format!(
            "Said by {} at {at} of the {word} credential, {pair}: {why}",
            ask.by
        ));
        if let Some(late) = &emergency.late {
            happened.push(format!("In the way at {}: {}", moment(late.at), full(&late.why)));
        }
    }
    happened.push(format!("The app now: {}", full(stands)));
    let help = match (help, incident.case) {
        (Some(help), _) => sentence(help),
        (None, "tokens") => "In Setup a person can revoke them: Connected Apps OAuth Usage, the app.".into(),
        (None, _) => format!("See that org and stores answer: `rekeyd doctor {app}`."),
    };
    (what.into(), happened.join(" "), help)
}

/// What became of a leaked credential that nothing is to be done for any more.
pub(super) fn leak_over(ledger: &AppLedger) -> String {
    let Some(emergency) = &ledger.emergency else {
        return " The rotation that was to end it was abandoned: the leaked credential may work still."
            .into();
    };
    let mut words = String::new();
    if let Some(end) = ledger.run.as_ref().and_then(|run| run.state.end()) {
        words.push_str(&format!(" The rotation that ended it: {}", full(end)));
    }
    if let Some((_, tokens)) = &emergency.tokens {
        words.push_str(&format!(" {}", sentence(tokens)));
    }
    words
}

fn failed(incident: &Incident, app: &str, ledger: &AppLedger, now: Timestamp) -> (String, String, String) {
    if let Some(end) = ledger.stopped_by() {
        let help = tell::stopped_remedy(ledger, app)
            .map(sentence)
            .unwrap_or_default();
        return (
            "cannot be rotated, and rekeyd has stopped trying".into(),
            sentence(end),
            help,
        );
    }
    let times = match incident.count {
        1 => "once".to_owned(),
        count => format!("{count} times in a row"),
    };
    let what = format!("could not be rotated, tried {times}");
    let mut happened = Vec::new();
    if let Some(end) = &ledger.failed_by {
        happened.push(format!("The last rotation ended: {end}."));
    }
    if let Some(run) = ledger.running() {
        let stands = tell::state_words(&run.state, &run.stores, now);
        happened.push(format!("The rotation under way: {stands}."));
        if let Some(trouble) = &run.trouble {
            happened.push(format!("The last trouble: {}", full(trouble)));
        }
    }
    let kind = ledger.running().and_then(|run| AppKind::of(&run.policy));
    let help = ledger
        .running()
        .and_then(|run| run.state.hold())
        .zip(ledger.running())
        .map(|(hold, run)| {
            sentence(tell::in_setup(
                tell::remedy(hold, app, run.state.is_rotated()),
                kind,
            ))
        });
    (what, happened.join(" "), help.unwrap_or_default())
}
