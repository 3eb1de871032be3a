//! An incident in sentences for whoever is on call: what happened, since when, what it means for consumers now, what
//! rekeyd does next and when, and what to type. Pure; what it is made of holds no secret.
//!
//! - `app`, `org`: what happened, and what to do. `prospect`: what it means for consumers, and what comes next.
//! - `words`: sentences out of what others say.

mod app;
mod org;
mod prospect;
mod words;

use super::incident::{Directory, Incident, Kind, Subject};
use crate::clock::Timestamp;
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::engine::tell;
use crate::port::outbox::{Letter, Text};

use self::prospect::{consumers, next};
use self::words::{moment, sentence};

/// The text of an incident that is open.
pub fn opened(incident: &Incident, ledgers: &Ledgers, apps: &Directory, now: Timestamp) -> Text {
    let unknown = AppLedger::default();
    match &incident.subject {
        Subject::App(app) => {
            let ledger = ledgers.apps.get(app).unwrap_or(&unknown);
            app::of_app(incident, app, ledger, apps.get(app), now)
        }
        Subject::Org(org) => org::of_org(incident, org, ledgers),
        Subject::Service => org::of_service(ledgers),
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
    if last.kind == Kind::Leaked.word() {
        text.happened.push_str(&app::leak_over(ledger));
    }
    text.consumers = consumers(ledger);
    text.next = next(ledger, Some(card), now);
    text.command = help.map(sentence).unwrap_or_default();
    text
}
