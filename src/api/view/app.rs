//! One app: where it stands, what comes next, and how its credential does.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{AppView, moment};
use crate::clock::Timestamp;
use crate::engine::board::Cards;
use crate::engine::due;
use crate::engine::health::Health;
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::engine::phase::Phase;
use crate::engine::tell;
use crate::schedule::deadline;

/// One app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppPage {
    app: String,
    org: Option<String>,
    kind: Option<String>,
    method: Option<String>,
    stores: Vec<String>,
    phase: Phase,
    #[serde(flatten)]
    words: AppView,
    grace_until: Option<String>,
    failures: u32,
    next_due: Option<String>,
    due: String,
    deadline: Option<String>,
    overdue: Option<Told>,
    health: Option<Told>,
    live: BTreeMap<String, Live>,
}

/// A finding, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Told {
    is: &'static str,
    since: String,
    what: String,
}

/// The last live check in one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Live {
    at: String,
    accepted: Option<bool>,
    store_up: bool,
}

/// The apps that are managed, and those that left the policy while something of theirs was under way.
pub fn names(ledgers: &Ledgers, cards: &Cards) -> BTreeSet<String> {
    let running = ledgers
        .apps
        .iter()
        .filter(|(_, ledger)| ledger.running().is_some());
    let running = running.map(|(app, _)| app.clone());
    cards.apps.keys().cloned().chain(running).collect()
}

/// Everything known of one app; `None` where neither the policy nor the journal knows it.
pub fn app_page(app: &str, ledgers: &Ledgers, cards: &Cards, now: Timestamp) -> Option<AppPage> {
    let (card, ledger) = (cards.apps.get(app), ledgers.apps.get(app));
    if card.is_none() && ledger.is_none() {
        return None;
    }
    let none = AppLedger::default();
    let ledger = ledger.unwrap_or(&none);
    let timing = card.and_then(|card| card.timing.as_ref());
    let due = timing.map(|timing| due::of(timing, ledger, now.to_utc()));
    let (next_due, why) = match due {
        Some(due) if due.now => (Some(moment(now)), due.why),
        Some(due) => (due.next.map(|at| moment(at.into())), due.why),
        None => (None, "it has left the policy: nothing new starts".into()),
    };
    let known = ledger.for_schedule();
    let running = ledger.running();
    let live = cards.live.iter().filter(|((of, _), _)| of == app);
    Some(AppPage {
        app: app.to_owned(),
        org: card.map(|card| card.org.clone()),
        kind: card.map(|card| card.kind.clone()),
        method: running
            .map(|run| run.method.clone())
            .or_else(|| card.map(|card| card.method.clone())),
        stores: card.map(|card| card.stores.clone()).unwrap_or_default(),
        phase: Phase::of(ledger, now),
        words: AppView::of(app, ledger, now),
        grace_until: ledger.grace_until().filter(|until| now < *until).map(moment),
        failures: ledger.failures,
        next_due,
        due: why,
        deadline: timing
            .and_then(|timing| deadline(timing, &known))
            .map(|at| moment(at.into())),
        overdue: ledger.overdue.as_ref().map(|overdue| Told {
            is: if overdue.past { "overdue" } else { "near" },
            since: moment(overdue.since),
            what: overdue.why.clone(),
        }),
        health: ledger.health.as_ref().map(|(since, health)| Told {
            is: health_word(health),
            since: moment(*since),
            what: tell::health_sentence(health),
        }),
        live: live
            .map(|((_, store), check)| {
                let live = Live {
                    at: moment(check.at),
                    accepted: check.accepted,
                    store_up: check.store_up,
                };
                (store.clone(), live)
            })
            .collect(),
    })
}

fn health_word(health: &Health) -> &'static str {
    match health {
        Health::Fine => "fine",
        Health::Refused { .. } => "refused",
        Health::Disagree { .. } => "disagree",
        Health::Foreign { .. } => "foreign",
        Health::Unreadable { .. } => "unreadable",
    }
}
