//! An incident in sentences for whoever is on call: what happened, since when, what it means for consumers now, what
//! rekeyd does next and when, and what to type. Pure; what it is made of holds no secret.

use crate::clock::Timestamp;
use crate::engine::board::AppCard;
use crate::engine::health::Health;
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::engine::service::{LoginTrouble, SwitchLedger};
use crate::engine::tell::{self, AppKind};
use crate::port::outbox::{Letter, Text};
use crate::rotation::{Hold, Rest, State};
use crate::schedule::decide;

use super::incident::{Directory, Incident, Kind, Subject, is_outage};

/// The text of an incident that is open.
pub fn opened(incident: &Incident, ledgers: &Ledgers, apps: &Directory, now: Timestamp) -> Text {
    let unknown = AppLedger::default();
    match &incident.subject {
        Subject::App(app) => {
            let ledger = ledgers.apps.get(app).unwrap_or(&unknown);
            of_app(incident, app, ledger, apps.get(app), now)
        }
        Subject::Org(org) => of_org(incident, org, ledgers),
        Subject::Service => of_service(ledgers),
    }
}

/// The text of one that is over. `last` is what was last said of it.
pub fn over(last: &Letter, ledgers: &Ledgers, apps: &Directory, now: Timestamp) -> Text {
    let lasted = tell::duration_words(now.since(last.since));
    let was = format!("It began {} and lasted {lasted}.", moment(last.since));
    let mut text = Text {
        headline: format!("Over: {}", last.text.headline),
        happened: was,
        consumers: "Nothing changes for consumers.".into(),
        next: String::new(),
        command: String::new(),
    };
    let Some(app) = &last.app else { return text };
    let (Some(ledger), Some(card)) = (ledgers.apps.get(app), apps.get(app)) else {
        text.happened
            .push_str(" The app has left the policy, so nothing more is said of it.");
        text.consumers = String::new();
        return text;
    };
    let (stands, help) = tell::status_words(ledger, app, now);
    text.happened.push_str(&format!(" The app now: {stands}."));
    text.consumers = consumers(ledger);
    text.next = next(ledger, Some(card), now);
    text.command = help.map(sentence).unwrap_or_default();
    text
}

fn of_app(
    incident: &Incident,
    app: &str,
    ledger: &AppLedger,
    card: Option<&AppCard>,
    now: Timestamp,
) -> Text {
    let look = format!("`rekeyd status {app}` and `rekeyd history {app}` show more.");
    let (what, happened, command) = match incident.kind {
        Kind::CurrentRefused | Kind::StoresDisagree | Kind::ForeignChange => {
            let health = ledger.health.as_ref().map(|(_, health)| health);
            unhealthy(
                app,
                card.and_then(|card| AppKind::named(&card.kind)),
                health.unwrap_or(&Health::Fine),
            )
        }
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
            Kind::CurrentRefused | Kind::StoresDisagree | Kind::ForeignChange => {
                format!(
                    "rekeyd looks again by itself (`live_check`), and says when it is over. {}",
                    next(ledger, card, now)
                )
            }
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
        Health::Foreign { .. } => {
            format!(
                "Find out who changed it and whether it is to stay: `rekeyd adopt {app}` takes it over, or, where no \
                 API shows it, `rekeyd submit {app}`; otherwise put the one of before back in force."
            )
        }
    };
    (what.to_owned(), sentence(tell::health_sentence(health)), command)
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

/// What it means for the apps that log in with the credential, now.
fn consumers(ledger: &AppLedger) -> String {
    match &ledger.health {
        Some((_, Health::Refused { stores, .. })) => {
            return format!(
                "Whoever reads the credential from {} now CANNOT log in.",
                stores.join(", ")
            );
        }
        Some((_, Health::Disagree { .. })) => {
            return "Consumers of one store read another credential than those of another; some of them may not be \
                    able to log in."
                .into();
        }
        Some((_, Health::Foreign { .. })) => {
            return "What consumers read is accepted: they can log in.".into();
        }
        Some((_, Health::Fine)) | None => {}
    }
    let Some(run) = ledger.running() else {
        return match ledger.adopted_at {
            Some(_) => {
                "The credential in the stores is the last one that was proven: consumers go on with it."
                    .into()
            }
            None => {
                "Nothing changed for consumers; whether what they read works is not known to rekeyd.".into()
            }
        };
    };
    let state = &run.state;
    match state.hold() {
        Some(Hold::CurrentRefused | Hold::NeitherAccepted { .. }) => {
            return "What consumers read is REFUSED: they cannot log in.".into();
        }
        Some(Hold::BrokenUndo { .. }) => {
            return "Consumers read the old credential, which Salesforce may not take any more: they may not be able \
                    to log in."
                .into();
        }
        Some(Hold::StillAccepted) => {
            return "Consumers have the new credential, which works; whoever knows the old one can still log in with \
                    it."
                .into();
        }
        Some(_) | None => {}
    }
    if is_outage(state) {
        return "OUTAGE: consumers read the old credential, which Salesforce may refuse from now on, until the new one \
                is published."
            .into();
    }
    if state.is_rotated() {
        return "Consumers have the new credential, which was proven.".into();
    }
    match state.caps.overlap && !state.cutover.is_open() {
        true => {
            "Consumers still read the old credential, which Salesforce goes on taking beside the new one."
                .into()
        }
        false => {
            "Nothing changed for consumers: they read the credential of before, which is still in force."
                .into()
        }
    }
}

/// What rekeyd does next for the app, and when.
fn next(ledger: &AppLedger, card: Option<&AppCard>, now: Timestamp) -> String {
    if ledger.hold.is_some() {
        return "rekeyd does nothing for this app until a person resumes it.".into();
    }
    if let Some(run) = ledger.running() {
        return match &run.state.rest {
            Rest::Held { again: None, .. } => {
                "rekeyd does nothing for this app until a person decides.".into()
            }
            Rest::Held {
                again: Some(again), ..
            } => format!("rekeyd looks again by itself at {}.", moment(*again)),
            Rest::Running if state_asks(&run.state) => {
                "rekeyd waits for that person, looks whether it is done, and reminds.".into()
            }
            Rest::Running | Rest::Ended(_) => match run.state.not_before.filter(|until| *until > now) {
                Some(until) => format!("rekeyd tries again by itself at {}.", moment(until)),
                None => "rekeyd goes on with the rotation now.".into(),
            },
        };
    }
    if ledger.stopped_by().is_some() {
        return "rekeyd starts no rotation of this app until a person resumes it.".into();
    }
    if ledger.adopted_at.is_none() {
        return "rekeyd looks again by itself, and rotates nothing of it until then.".into();
    }
    let Some(timing) = card.and_then(|card| card.timing.as_ref()) else {
        return "The app has left the policy: rekeyd starts nothing new for it.".into();
    };
    let decision = decide(timing, &ledger.for_schedule(), now.to_utc());
    let when = match decision.next().map(Timestamp::from) {
        Some(next) if next > now => format!("rekeyd goes on by itself at {}", moment(next)),
        Some(_) => "rekeyd goes on by itself now".to_owned(),
        None => "rekeyd knows of no next time".to_owned(),
    };
    format!("{when}: {}.", decision.reason())
}

fn state_asks(state: &State) -> bool {
    state.asks() && state.asked.is_some()
}

fn of_org(incident: &Incident, org: &str, ledgers: &Ledgers) -> Text {
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
                next: "rekeyd starts nothing scheduled in this org, and ends no grace there, until the clocks agree; it \
                       looks again by itself. What a person asks for is done."
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
        | Kind::StoresDisagree
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

fn of_service(ledgers: &Ledgers) -> Text {
    let why = ledgers.service.reload_refused.as_ref();
    Text {
        headline: "A new policy was refused".into(),
        happened: why.map(|(_, why)| full(why)).unwrap_or_default(),
        consumers: "Nothing changes for consumers.".into(),
        next: "rekeyd goes on under the policy of before; nothing of the new one is in force.".into(),
        command: "`rekeyd check` shows every fault and where it stands; put it right and send SIGHUP.".into(),
    }
}

/// To the second: nobody plans by milliseconds.
fn moment(at: Timestamp) -> String {
    at.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// With a full stop. What comes from elsewhere may begin with a name, which keeps its letters.
fn full(words: impl ToString) -> String {
    let words = words.to_string();
    match words.is_empty() || words.ends_with(['.', '!', '?']) {
        true => words,
        false => format!("{words}."),
    }
}

/// Words of our own that can stand in the middle of a sentence, as one.
fn sentence(words: impl ToString) -> String {
    let words = full(words);
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::End;

    #[test]
    fn words_become_a_sentence_once() {
        for (words, wanted) in [
            ("held by me", "Held by me."),
            ("Held.", "Held."),
            ("`rekeyd status` shows it", "`rekeyd status` shows it."),
            ("", ""),
        ] {
            assert_eq!(sentence(words), wanted);
        }
        assert!(sentence(End::Ignored).ends_with("untouched."));
    }
}
