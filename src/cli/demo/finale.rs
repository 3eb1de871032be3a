//! The table at the end, and whether each app ended as its seed says.

use std::collections::BTreeMap;

use super::Seen;
use super::cast::{App, CAST, Ending, Kind};
use super::shelf::{Shelf, watched_as};
use crate::cli::output;
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::sandbox::Snapshot;
use crate::sandbox::consumer::Summary;

/// Everything that was seen.
pub struct Report<'a> {
    pub ledgers: &'a Ledgers,
    pub seen: &'a BTreeMap<String, Seen>,
    pub shelves: &'a [Shelf],
    pub witnessed: &'a BTreeMap<String, Summary>,
    pub org: &'a Snapshot,
}

impl Report<'_> {
    /// The table.
    pub fn table(&self) -> String {
        let heads = [
            "app",
            "kind",
            "method",
            "old → new",
            "proven by",
            "the old one",
            "mints",
            "outage seen",
        ];
        let mut rows = vec![heads.map(str::to_owned).to_vec()];
        rows.extend(CAST.iter().map(|app| self.row(app)));
        output::table(&rows)
    }

    fn row(&self, app: &App) -> Vec<String> {
        let none = AppLedger::default();
        let ledger = self.ledgers.apps.get(app.name).unwrap_or(&none);
        let seen = self.seen.get(app.name).cloned().unwrap_or_default();
        let state = ledger.run.as_ref().map(|run| &run.state);
        let short = |print: Option<crate::secret::Fingerprint>| {
            print.map_or_else(|| "-".into(), |print| print.short())
        };
        let rotated = state.is_some_and(|state| state.is_rotated());
        let pairs = match rotated {
            true => format!(
                "{} → {}",
                short(state.and_then(|s| s.old)),
                short(state.and_then(|s| s.new))
            ),
            false => format!("{} (kept)", short(state.and_then(|s| s.old))),
        };
        let old = match (state.and_then(|state| state.end()), ledger.grace_until()) {
            (Some(end), _) if end.is_rotated() => match &seen.dead {
                Some(dead) => format!("dead: {}", dead.answer),
                None => "reported gone".into(),
            },
            (Some(_), _) => "untouched; held, see below".into(),
            (None, Some(until)) => format!("in grace until {until}"),
            (None, None) => "-".into(),
        };
        let proven = seen
            .proven
            .filter(|_| rotated)
            .map_or_else(|| "-".into(), |report| report.probe);
        let worst = self.witnesses(app);
        let logins: u64 = worst.clone().map(|witness| witness.logins).sum();
        let outage = match worst.max_by_key(|witness| (witness.refusals, witness.longest_outage_ms)) {
            Some(witness) if witness.refusals == 0 => format!("none in {logins} logins"),
            Some(witness) => {
                let trips = witness.longest_outage_round_trips;
                let plural = if trips == 1 { "" } else { "s" };
                format!("{} ms, {trips} round trip{plural}", witness.longest_outage_ms)
            }
            None => "not seen".into(),
        };
        let kind = match app.kind {
            Kind::ExternalClientApp => "External Client App",
            Kind::ConnectedApp => "Connected App",
        };
        let method = ledger.run.as_ref().map_or("-", |run| run.method.as_str());
        vec![
            app.name.into(),
            kind.into(),
            method.into(),
            pairs,
            proven,
            old,
            match app.kind {
                Kind::ExternalClientApp => self.mints(app).to_string(),
                Kind::ConnectedApp => "ours".into(),
            },
            outage,
        ]
    }

    /// What its consumers saw, one in each store.
    fn witnesses<'b>(&'b self, app: &'b App) -> impl Iterator<Item = &'b Summary> + Clone {
        let stores = self.shelves.iter();
        stores.filter_map(|shelf| self.witnessed.get(&watched_as(app.name, shelf.name)))
    }

    fn mints(&self, app: &App) -> u64 {
        let consumers = self
            .org
            .app(app.developer_name)
            .map(|app| app.consumers.as_slice())
            .unwrap_or_default();
        consumers.iter().map(|consumer| consumer.mints).sum()
    }

    /// Each app that ended otherwise than its seed says.
    pub fn faults(&self) -> Vec<String> {
        CAST.iter()
            .flat_map(|app| self.fault(app).map(|fault| format!("{}: {fault}", app.name)))
            .collect()
    }

    fn fault(&self, app: &App) -> Option<String> {
        let ledger = self.ledgers.apps.get(app.name);
        if !ledger.is_some_and(|ledger| app.ending.is_reached(ledger)) {
            return Some("it did not end so".into());
        }
        if self.witnesses(app).count() != self.shelves.len() {
            return Some("not each of its consumers was seen".into());
        }
        let staged = app.kind == Kind::ExternalClientApp && !app.regenerates;
        let overlap = staged || app.ending == Ending::Ignored;
        for witness in self.witnesses(app) {
            if witness.refused_at_end || witness.read_errors > 0 || witness.logins == 0 {
                let why = witness.last_read_error.as_deref().unwrap_or("refused");
                return Some(format!("its consumer ended without it, or could not read: {why}"));
            }
            if overlap && witness.refusals > 0 {
                return Some(format!("its consumer was refused {} times", witness.refusals));
            }
        }
        (self.mints(app) > 1).then(|| "it was minted more than once".into())
    }

    /// What is held, why, and what remains.
    pub fn held(&self) -> Vec<String> {
        let held = CAST.iter().filter_map(|app| {
            let end = self.ledgers.apps.get(app.name)?.stopped_by()?;
            let remains = "what remains: a person rotates it in Setup and hands the new pair over (`rekeyd submit`), or \
                           the app is migrated to an External Client App, which `staged` rotates";
            Some(format!("held  {}: {end}; {remains}", app.name))
        });
        held.collect()
    }
}
