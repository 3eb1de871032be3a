//! Whether the daemon runs, and what its own policy says of the apps where the one on disk is refused.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{Row, troubles};
use crate::api::AppView;
use crate::cli::client::Refusal;
use crate::cli::output;
use crate::cli::reach::Reach;
use crate::clock::Timestamp;
use crate::engine::ledger::{AppLedger, Ledgers};

/// What the daemon said of itself.
#[derive(Serialize)]
pub(super) struct Daemon {
    /// It answers; `None`: nobody can tell.
    pub running: Option<bool>,
    /// Why it is not known to run, for a person.
    why: Option<String>,
    /// Its apps, as it shows them; asked for only where the policy on disk does not tell.
    #[serde(skip)]
    pub apps: BTreeMap<String, Value>,
}

impl Daemon {
    pub async fn ask(reach: &Reach) -> Daemon {
        let not = |running, why| Daemon {
            running,
            why: Some(why),
            apps: BTreeMap::new(),
        };
        let client = match reach.client() {
            Ok(client) => client,
            Err(failure) => {
                return not(
                    None,
                    format!("whether rekeyd runs is not known: {}", failure.text),
                );
            }
        };
        let said = match reach.policy {
            Some(_) => client.is_alive().await.map(|()| Value::Null),
            None => client.apps().await,
        };
        match said {
            Ok(page) => Daemon {
                running: Some(true),
                why: None,
                apps: by_name(page),
            },
            Err(Refusal::Refused(why) | Refusal::Held(why)) => not(Some(true), why),
            Err(Refusal::Unreached { why, nobody }) => not(nobody.then_some(false), why),
        }
    }

    /// Tells a person where it does not simply run, and where what it would have recorded is `absent`.
    pub fn say(&self, absent: Option<&Path>) {
        let source = match (absent, &self.why) {
            (Some(journal), _) => format!(
                "no journal at {}: what follows is the policy, and nothing is known of any rotation",
                journal.display()
            ),
            (None, Some(_)) => "what follows is what the journal says".to_owned(),
            (None, None) => return,
        };
        let why = self.why.iter().map(|why| format!("{why}\n"));
        output::line(&format!("{}{source}\n", why.collect::<String>()));
    }

    /// An app of which the policy on disk says nothing that counts.
    pub fn row(&self, app: &str, ledger: &AppLedger, ledgers: &Ledgers, now: Timestamp) -> Row {
        let page = self.apps.get(app);
        let text = |key| page.and_then(|page| page.get(key)?.as_str().map(str::to_owned));
        let org = text("org");
        let running = ledger.running().map(|run| run.method.clone());
        Row {
            app: app.to_owned(),
            kind: text("kind"),
            method: running.or_else(|| text("method")),
            view: AppView::of(app, ledger, now),
            next_due: text("next_due"),
            due: text("due").unwrap_or_else(|| "the policy on disk is refused".to_owned()),
            switch_open_since: org
                .as_deref()
                .and_then(|org| super::open_since(org, &ledgers.service)),
            troubles: troubles(app, ledger, org.as_deref(), &ledgers.service),
            org,
        }
    }
}

fn by_name(page: Value) -> BTreeMap<String, Value> {
    let apps = page.get("apps").and_then(Value::as_array).cloned();
    let named = |app: Value| Some((app.get("app")?.as_str()?.to_owned(), app));
    apps.unwrap_or_default().into_iter().filter_map(named).collect()
}
