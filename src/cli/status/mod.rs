//! `rekeyd status`: where every app stands, in words, when its next rotation is due, and what a person can do.
//!
//! Reads the policy and the journal, so it also answers while the daemon is down, and says that it is. Where the policy
//! on disk is refused, the daemon is asked what is due under its own.

mod daemon;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use self::daemon::Daemon;
use crate::api::AppView;
use crate::cli::exit::{self, Failure};
use crate::cli::reach::Reach;
use crate::cli::{Context, compare, due, output, reader, runtime};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::engine::health::{Health, is_outage};
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::engine::service::{LoginTrouble, ServiceLedger};
use crate::engine::tell;
use crate::policy::AppPolicy;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this app, with all that is known of it. Ends 3 if it is held, or something is wrong.
    app: Option<String>,

    /// Ask every store and Salesforce, and say which side is behind. Changes nothing. Ends 3 if a person is wanted.
    #[arg(long)]
    compare: bool,
}

/// One app.
#[derive(Serialize)]
struct Row {
    app: String,
    /// `None`: it has left the policy.
    org: Option<String>,
    kind: Option<String>,
    method: Option<String>,
    #[serde(flatten)]
    view: AppView,
    next_due: Option<String>,
    due: String,
    /// The org's switch for consumer secrets over REST is on by our hand: since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    switch_open_since: Option<String>,
    /// What is wrong besides: what the live check found, a deadline, our own login. In words, with what to do.
    troubles: Vec<String>,
}

pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    if args.compare {
        return compare::run(context, args.app.as_deref());
    }
    let reach = Reach::find(context);
    let (ledgers, daemon) = runtime()?.block_on(async {
        let ledgers = reader::ledgers(reach.database()?).await?;
        Ok::<_, Failure>((ledgers, Daemon::ask(&reach).await))
    })?;
    let absent = Some(reach.database()?).filter(|journal| !journal.exists());
    let now = SystemClock.now();
    let rows: Vec<Row> = names(&reach, &daemon, &ledgers)
        .into_iter()
        .filter(|app| args.app.as_ref().is_none_or(|wanted| wanted == app))
        .map(|app| row(&app, &reach, &daemon, &ledgers, now))
        .collect();
    // Nothing runs, and nothing could be started.
    let code = match (&reach.policy, daemon.running) {
        (None, Some(false)) => exit::CONFIG,
        (Some(_) | None, _) => exit::OK,
    };
    let Some(wanted) = &args.app else {
        match context.json {
            true => output::line(&json!({ "apps": rows, "daemon": daemon }).to_string()),
            false => {
                daemon.say(absent);
                table(&rows);
            }
        }
        return Ok(ExitCode::from(code));
    };
    let Some(row) = rows.first() else {
        return Err(Failure::failed(format!(
            "neither the policy nor the journal knows an app {wanted}"
        )));
    };
    match context.json {
        true => output::line(&json!(One { row, daemon: &daemon }).to_string()),
        false => {
            daemon.say(absent);
            details(row);
        }
    }
    let wanted = row.view.held || !row.troubles.is_empty();
    Ok(ExitCode::from(match code == exit::OK && wanted {
        true => exit::HELD,
        false => code,
    }))
}

#[derive(Serialize)]
struct One<'a> {
    #[serde(flatten)]
    row: &'a Row,
    daemon: &'a Daemon,
}

/// The apps of the policy, and those that left it while something of theirs was under way.
fn names(reach: &Reach, daemon: &Daemon, ledgers: &Ledgers) -> BTreeSet<String> {
    let left = ledgers
        .apps
        .iter()
        .filter(|(_, ledger)| ledger.running().is_some());
    let named = reach.apps.iter().chain(daemon.apps.keys()).cloned();
    named.chain(left.map(|(app, _)| app.clone())).collect()
}

fn row(app: &str, reach: &Reach, daemon: &Daemon, ledgers: &Ledgers, now: Timestamp) -> Row {
    let none = AppLedger::default();
    let ledger = ledgers.apps.get(app).unwrap_or(&none);
    if reach.policy.is_none() {
        return daemon.row(app, ledger, ledgers, now);
    }
    let managed = reach.policy.as_ref().and_then(|policy| policy.apps.get(app));
    let (next_due, mut due) = next_due(managed, ledger, now);
    let budget = managed.and_then(|app| ledgers.service.budget.get(&app.org));
    if let (Some("now"), Some((since, used, limit))) = (next_due.as_deref(), budget) {
        due = format!("{due}; it waits since {since}: the org has used {used} of its {limit} daily requests");
    }
    let running = ledger.running().map(|run| run.method.clone());
    Row {
        app: app.to_owned(),
        org: managed.map(|managed| managed.org.clone()),
        kind: managed.map(|managed| managed.target.kind().to_owned()),
        method: running.or_else(|| Some(managed?.methods.first()?.word().to_owned())),
        view: AppView::of(app, ledger, now),
        next_due,
        due,
        switch_open_since: managed.and_then(|app| open_since(&app.org, &ledgers.service)),
        troubles: troubles(app, ledger, managed.map(|app| app.org.as_str()), &ledgers.service),
    }
}

fn open_since(org: &str, service: &ServiceLedger) -> Option<String> {
    Some(service.switches.get(org)?.ours?.to_string())
}

/// A rotation that goes on by itself and does not come forward; from the first moment where consumers are out.
fn failing(ledger: &AppLedger) -> Option<String> {
    let run = ledger.running().filter(|run| run.state.hold().is_none())?;
    let trouble = run.trouble.as_ref().filter(|_| run.state.attempts > 0)?;
    match (is_outage(&run.state), run.state.attempts) {
        (true, _) => Some(format!(
            "OUTAGE: consumers read the old credential, which Salesforce may refuse, until the new one is published: {trouble}"
        )),
        (false, 0 | 1) => None,
        (false, times) => Some(format!("tried {times} times, the last trouble: {trouble}")),
    }
}

/// What an onlooker has to know first: whether consumers are out is not a matter of rotations.
fn troubles(app: &str, ledger: &AppLedger, org: Option<&str>, service: &ServiceLedger) -> Vec<String> {
    let login = org.and_then(|org| service.login.get(org));
    let switch = org.and_then(|org| service.switches.get(org)?.stuck.as_ref());
    let switch = switch.map(|stuck| {
        format!(
            "rekeyd turned on consumer secrets over REST in its org and has not been able to turn them off since {}: {}",
            stuck.since, stuck.why
        )
    });
    let health = ledger.health.as_ref().map(|(since, health)| {
        format!(
            "{} since {since}; `rekeyd status {app} --compare` {}",
            tell::health_sentence(health),
            match health {
                Health::Unreadable { .. } => "says what to do".to_owned(),
                Health::Fine
                | Health::Refused { .. }
                | Health::Disagree { .. }
                | Health::Foreign { .. } => format!(
                    "names the side that is behind, `rekeyd adopt {app}` or `rekeyd submit {app}` puts it right"
                ),
            }
        )
    });
    let overdue = ledger.overdue.as_ref().map(|overdue| overdue.why.clone());
    let login = login.map(|trouble| match trouble {
        LoginTrouble::Refused { since, why } => {
            format!("our own login to its org is refused since {since}: {why}")
        }
        LoginTrouble::Ending { at, .. } => format!("the certificate of our own login to its org ends {at}"),
    });
    failing(ledger)
        .into_iter()
        .chain(health)
        .chain(overdue)
        .chain(login)
        .chain(switch)
        .collect()
}

fn next_due(managed: Option<&AppPolicy>, ledger: &AppLedger, now: Timestamp) -> (Option<String>, String) {
    let Some(managed) = managed else {
        return (None, "it has left the policy: nothing new starts".into());
    };
    let due = due::of(&managed.timing, ledger, now.to_utc());
    let next = match due.now {
        true => Some("now".to_owned()),
        false => due.next.map(due::text),
    };
    (next, due.why)
}

fn table(rows: &[Row]) {
    let dash = || "-".to_owned();
    let head = [
        "APP", "ORG", "KIND", "METHOD", "STATE", "SINCE", "CURRENT", "NEXT DUE",
    ];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    let mut more = BTreeMap::new();
    for row in rows {
        let words = row.view.state.split(": ").next().unwrap_or_default();
        if words != row.view.state || row.view.remedy.is_some() {
            more.insert(&row.app, &row.view);
        }
        cells.push(vec![
            row.app.clone(),
            row.org.clone().unwrap_or_else(dash),
            row.kind.as_ref().map_or_else(dash, |kind| kind.replace('_', " ")),
            row.method.clone().unwrap_or_else(dash),
            words.to_owned(),
            row.view.since.clone().unwrap_or_else(dash),
            row.view.current.as_deref().map_or_else(dash, short),
            row.next_due.clone().unwrap_or_else(dash),
        ]);
    }
    output::line(output::table(&cells).trim_end());
    for row in rows {
        for trouble in &row.troubles {
            output::line(&format!("\n{}: {trouble}", row.app));
        }
    }
    for (app, view) in more {
        output::line(&format!("\n{app}: {}", view.state));
        if let Some(remedy) = &view.remedy {
            output::line(&format!("  what to do: {remedy}"));
        }
    }
}

fn details(row: &Row) {
    let dash = || "-".to_owned();
    let pairs = [
        ("app", row.app.clone()),
        ("org", row.org.clone().unwrap_or_else(dash)),
        (
            "kind",
            row.kind.as_ref().map_or_else(dash, |kind| kind.replace('_', " ")),
        ),
        ("method", row.method.clone().unwrap_or_else(dash)),
        ("state", row.view.state.clone()),
        (
            "what to do",
            match (&row.view.remedy, row.troubles.is_empty()) {
                (Some(remedy), _) => remedy.clone(),
                (None, true) => "nothing".into(),
                (None, false) => "what stands at WRONG".into(),
            },
        ),
        ("current", row.view.current.clone().unwrap_or_else(dash)),
        ("since", row.view.since.clone().unwrap_or_else(dash)),
        ("last rotated", row.view.last_rotated.clone().unwrap_or_else(dash)),
        (
            "rotation",
            row.view.rotation.map_or_else(dash, |id| id.to_string()),
        ),
        ("next due", row.next_due.clone().unwrap_or_else(dash)),
        ("why", row.due.clone()),
    ];
    let troubles = row
        .troubles
        .iter()
        .map(|what| vec!["WRONG".to_owned(), what.clone()]);
    let switch = row.switch_open_since.iter().map(|since| {
        let what = format!("consumer secrets over REST are on in its org, by rekeyd, since {since}");
        vec!["window".to_owned(), what]
    });
    let cells: Vec<_> = troubles
        .chain(pairs.map(|(name, value)| vec![name.to_owned(), value]))
        .chain(switch)
        .collect();
    output::line(output::table(&cells).trim_end());
}

fn short(print: &str) -> String {
    print.chars().take(8).collect()
}
