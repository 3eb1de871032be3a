//! `rekeyd plan`: for each app whether it is due and why, when it will be, and every call that a rotation would make.
//!
//! Asks nobody and writes nothing: the policy and a copy of the journal are all it reads. What only Salesforce can
//! tell (a missing right, whether the app is the one that rekeyd logs in with) the preflight of every rotation asks.
//!
//! - `calls`: the calls of each method, in order. `places`: those of each store. `snapshot`: the copy.

mod calls;
mod places;
mod snapshot;

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use self::calls::Call;
use crate::cli::due::Due;
use crate::cli::exit::{self, Failure};
use crate::cli::{Context, config, due, output, runtime};
use crate::clock::{Clock, SystemClock};
use crate::doctor;
use crate::doctor::observed::Touched;
use crate::engine::examine::Remembered;
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::engine::tell;
use crate::policy::{AppPolicy, Login, Method, Policy, Target};
use crate::schedule::{self, Timing, deadline, duration};

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this app.
    app: Option<String>,
}

/// One app's plan.
#[derive(Serialize)]
struct Plan {
    app: String,
    org: String,
    kind: &'static str,
    name: String,
    method: &'static str,
    methods: Vec<String>,
    state: String,
    due: bool,
    why: String,
    next: Vec<String>,
    timing: Vec<String>,
    changes: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    touched: Option<Touched>,
    touches: Vec<String>,
    refused: Option<String>,
    calls: Vec<Call>,
}

pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let policy = config::load(context)?;
    if let Some(app) = args.app.as_ref().filter(|app| !policy.apps.contains_key(*app)) {
        return Err(Failure::failed(format!("the policy has no app {app}")));
    }
    let copy = snapshot::read(&policy.journal.database, policy.apps.keys());
    let (ledgers, examined) = runtime()?.block_on(copy)?;
    let now = SystemClock.now().to_utc();
    let chosen = policy
        .apps
        .values()
        .filter(|app| args.app.as_ref().is_none_or(|wanted| *wanted == app.name));
    let plans: Vec<Plan> = chosen
        .filter_map(|app| plan(app, &policy, &ledgers, examined.get(&app.name), now))
        .collect();
    match context.json {
        true => output::line(&json!({ "apps": plans }).to_string()),
        false => plans.iter().for_each(print),
    }
    Ok(ExitCode::from(exit::OK))
}

fn plan(
    app: &AppPolicy,
    policy: &Policy,
    ledgers: &Ledgers,
    examined: Option<&Remembered>,
    now: DateTime<Utc>,
) -> Option<Plan> {
    let org = policy.orgs.get(&app.org)?;
    let (method, methods) = method(app, examined)?;
    let none = AppLedger::default();
    let ledger = ledgers.apps.get(&app.name).unwrap_or(&none);
    let due = due::of(&app.timing, ledger, now);
    let touched = examined.and_then(|examined| examined.touched.clone());
    let touched = touched.filter(|_| method.changes_key());
    let Login::Jwt { client_id, .. } = &org.login;
    let own = match &app.target {
        Target::ExternalClientApp { consumer, .. } => consumer.as_ref() == Some(client_id),
        Target::ConnectedApp { .. } => false,
    };
    Some(Plan {
        app: app.name.clone(),
        org: app.org.clone(),
        kind: app.target.kind(),
        name: app.target.name().to_owned(),
        method: method.word(),
        methods,
        state: tell::status_words(ledger, &app.name, now.into()).0,
        next: next(&app.timing, &due, now),
        due: due.now,
        why: due.why,
        timing: timing(&app.timing, &ledger.for_schedule()),
        changes: match method.changes_key() {
            true => "the client id and the client secret: consumers must take both from the store".into(),
            false => "the client secret; the client id stays".into(),
        },
        touched: touched.clone(),
        touches: match (method.changes_key(), touched) {
            (false, _) => Vec::new(),
            (true, Some(touched)) => touched.lines(),
            (true, None) => vec![format!("not counted yet: `rekeyd doctor {}` asks now", app.name)],
        },
        refused: own.then(|| "this is what rekeyd itself logs in with: it is never rotated".into()),
        calls: calls::of(app, org, policy, method),
    })
}

/// The method that a rotation would begin with, and what the last examination found about each of them.
fn method(app: &AppPolicy, examined: Option<&Remembered>) -> Option<(Method, Vec<String>)> {
    let listed: Vec<String> = app
        .methods
        .iter()
        .map(|method| method.word().to_owned())
        .collect();
    let found = examined
        .map(|examined| examined.methods.as_slice())
        .unwrap_or_default();
    let choice = doctor::choose(&listed, found)?;
    let method = app.methods.iter().find(|method| method.word() == choice.method)?;
    let mut lines = Vec::new();
    match examined {
        None => lines.push(format!("not examined yet: `rekeyd doctor {}` asks now", app.name)),
        Some(examined) => {
            lines.push(format!("{}: {}", choice.method, choice.why));
            for verdict in &examined.methods {
                let (standing, why) = (verdict.standing.word(), &verdict.why);
                lines.push(format!("{} is {standing}: {why}", verdict.method));
            }
            lines.push(format!("found {} at API {}.0", examined.at, examined.version));
        }
    }
    Some((*method, lines))
}

/// The next three starts, if each rotation succeeded at once.
fn next(timing: &Timing, due: &Due, now: DateTime<Utc>) -> Vec<String> {
    let starts = due
        .next
        .into_iter()
        .flat_map(|from| timing.upcoming(from.max(now)));
    starts.take(3).map(due::text).collect()
}

fn timing(timing: &Timing, known: &schedule::Ledger) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(window) = &timing.window {
        let (cron, zone) = (&window.opens.cron, window.opens.zone.name());
        let length = duration::text(window.duration);
        lines.push(format!("window `{cron}` in {zone} for {length}"));
    }
    if !timing.jitter.is_zero() {
        let own = tell::duration_words(timing.delay);
        let most = duration::text(timing.jitter);
        lines.push(format!(
            "jitter {own} of at most {most}, always the same for this app"
        ));
    }
    if let Some(age) = timing.max_age {
        let age = duration::text(age);
        lines.push(match deadline(timing, known) {
            Some(at) => format!("max_age {age}: too old {}", due::text(at)),
            None => format!("max_age {age}"),
        });
    }
    lines
}

fn print(plan: &Plan) {
    let Plan {
        app,
        org,
        kind,
        name,
        method,
        ..
    } = plan;
    let kind = kind.replace('_', " ");
    output::line(&format!("{app}: {kind} {name} in org {org}, method {method}"));
    output::line(&format!("  state    {}", plan.state));
    output::line(&format!(
        "  due      {}: {}",
        if plan.due { "yes" } else { "no" },
        plan.why
    ));
    if !plan.next.is_empty() {
        output::line(&format!("  next     {}", plan.next.join(", ")));
    }
    for line in &plan.timing {
        output::line(&format!("  timing   {line}"));
    }
    for line in &plan.methods {
        output::line(&format!("  method   {line}"));
    }
    output::line(&format!("  changes  {}", plan.changes));
    for line in &plan.touches {
        output::line(&format!("  touches  {line}"));
    }
    if let Some(refused) = &plan.refused {
        output::line(&format!("  refused  {refused}"));
    }
    output::line("  calls    in this order; those marked * change something");
    let cell = |call: &Call| {
        let mark = if call.mutating { "*" } else { " " };
        vec![
            format!("    {mark}"),
            call.step.to_owned(),
            call.note.clone(),
            // Last, since addresses are long.
            format!("{} {}", call.method, call.target),
        ]
    };
    let cells: Vec<Vec<String>> = plan.calls.iter().map(cell).collect();
    output::line(&output::table(&cells));
}
