//! `rekeyd status --compare`: the stores, the journal and Salesforce side by side. Needs no daemon and changes nothing.

use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::app;
use crate::cli::exit::{self, Failure};
use crate::cli::{Context, config, output, reader, runtime};
use crate::clock::SystemClock;
use crate::engine::compare::{Comparison, compare};
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::random::SystemRandom;

#[derive(Serialize)]
struct Row {
    app: String,
    #[serde(flatten)]
    comparison: Comparison,
}

pub fn run(context: &Context, wanted: Option<&str>) -> Result<ExitCode, Failure> {
    let policy = config::load_complete(context)?;
    let rows = runtime()?.block_on(async {
        let database = &policy.journal.database;
        let ledgers = reader::ledgers(database).await?;
        let Some(journal) = reader::open(database).await? else {
            let shown = database.display();
            return Err(Failure::failed(format!("there is no journal yet: {shown}")));
        };
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let prints = app::fingerprint_key(&policy)?;
        let house = app::house(journal, prints, clock, random);
        let none = AppLedger::default();
        let mut rows = Vec::new();
        for (name, managed) in app::build(&policy, &Ledgers::default(), &house)? {
            if wanted.is_some_and(|wanted| wanted != name) {
                continue;
            }
            let ledger = ledgers.apps.get(&name).unwrap_or(&none);
            let comparison = compare(&managed.seat, ledger).await;
            rows.push(Row {
                app: name,
                comparison,
            });
        }
        Ok(rows)
    })?;
    if let (Some(wanted), true) = (wanted, rows.is_empty()) {
        return Err(Failure::failed(format!("the policy has no app {wanted}")));
    }
    match context.json {
        true => output::line(&json!({ "apps": rows }).to_string()),
        false => print(&rows),
    }
    let agree = rows.iter().all(|row| row.comparison.agree);
    Ok(ExitCode::from(if agree { exit::OK } else { exit::HELD }))
}

fn print(rows: &[Row]) {
    let head = ["APP", "SIDE", "CREDENTIAL", "ACCEPTED", "NOTE"];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        for side in &row.comparison.sides {
            let accepted = match side.accepted {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "-",
            };
            cells.push(vec![
                row.app.clone(),
                side.side.clone(),
                side.pair.map_or_else(|| "-".into(), |pair| pair.short()),
                accepted.into(),
                side.note.clone().unwrap_or_default(),
            ]);
        }
    }
    output::line(output::table(&cells).trim_end());
    for row in rows {
        output::line(&format!("{}: {}", row.app, row.comparison.verdict));
    }
}
