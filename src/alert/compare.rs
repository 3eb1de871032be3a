//! What was said against what is so: the letters that are missing. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::incident::{Directory, Incident, Kind, Subject};
use super::message;
use crate::clock::Timestamp;
use crate::engine::ledger::Ledgers;
use crate::port::outbox::{Action, Letter, Text};

/// What is compared. The rest is neither opened nor closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    All,
    /// What is about these.
    Of {
        /// Apps, by name.
        apps: BTreeSet<String>,
        /// The service and its orgs.
        service: bool,
    },
}

impl Scope {
    fn holds(&self, letter: &Letter) -> bool {
        match (self, &letter.app) {
            (Scope::All, _) => true,
            (Scope::Of { apps, .. }, Some(app)) => apps.contains(app),
            (Scope::Of { service, .. }, None) => *service,
        }
    }

    fn has(&self, incident: &Incident) -> bool {
        match (self, &incident.subject) {
            (Scope::All, _) => true,
            (Scope::Of { apps, .. }, Subject::App(app)) => apps.contains(app),
            (Scope::Of { service, .. }, Subject::Org(_) | Subject::Service) => *service,
        }
    }
}

/// The letters that make `open` known to whoever knows `told`, without ids. What is over comes first, so that of two
/// incidents of one app the end of one is not read as the end of the other.
pub fn letters(
    scope: &Scope,
    told: &BTreeMap<String, Letter>,
    open: &BTreeMap<String, Incident>,
    ledgers: &Ledgers,
    apps: &Directory,
    now: Timestamp,
) -> Vec<Letter> {
    let ended = told
        .iter()
        .filter(|(key, letter)| scope.holds(letter) && !open.contains_key(*key))
        .map(|(_, last)| Letter {
            id: String::new(),
            at: now,
            action: Action::Resolve,
            text: message::over(last, ledgers, apps, now),
            ..last.clone()
        });
    let begun = open.iter().filter(|(_, incident)| scope.has(incident));
    let begun = begun.filter_map(|(key, incident)| {
        let last = told.get(key);
        let text = message::opened(incident, ledgers, apps, now);
        let action = match last {
            None => Action::Trigger,
            Some(last) if is_news(last, incident, &text) => Action::Update,
            Some(_) => return None,
        };
        let (app, org) = match &incident.subject {
            Subject::App(app) => (Some(app), apps.get(app).map(|card| &card.org)),
            Subject::Org(org) => (None, Some(org)),
            Subject::Service => (None, None),
        };
        Some(Letter {
            id: String::new(),
            at: now,
            action,
            incident: key.clone(),
            kind: incident.kind.word().to_owned(),
            severity: incident.severity,
            case: incident.case.to_owned(),
            count: incident.count,
            since: last.map(|last| last.since).or(incident.since).unwrap_or(now),
            app: app.cloned(),
            org: org.cloned(),
            rotation: incident.rotation,
            text,
        })
    });
    ended.chain(begun).collect()
}

/// Worth telling again: worse or better, another case, twice as often, or a policy refused for something else. What was told of the highest count stays
/// told, so that a count that falls and rises is not told at each step.
fn is_news(last: &Letter, incident: &Incident, text: &Text) -> bool {
    let refused_anew = incident.kind == Kind::ReloadRefused && last.text.happened != text.happened;
    refused_anew
        || last.severity != incident.severity
        || last.case != incident.case
        || Incident::edition(incident.count) > Incident::edition(last.count)
}
