//! `rekeyd demo`: the whole job on a simulated org, by the daemon's own code over real HTTP.
//!
//! A directory of its own gets keys, a seed, a policy, the journal and the encrypted store. An independent process
//! reads every store and logs in throughout. Each app must end as its seed says. Nothing outside the directory is
//! touched, and it is left behind to look at.
//!
//! - `cast`: the apps, and how each is to end. - `shelf`: the stores. - `stage`: the files. - `witness`: the consumer's process. - `finale`:
//!   the table.

mod cast;
mod finale;
mod shelf;
mod stage;
mod witness;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::cli::exit::{FAILED, Failure, OK};
use crate::cli::{Context, output, runtime};
use crate::clock::{Clock, SystemClock};
use crate::daemon::{Daemon, Opened};
use crate::engine::command::{Command, Reply};
use crate::engine::ledger::Ledgers;
use crate::engine::tell;
use crate::policy::{SourceFile, compile, to_text};
use crate::port::ProbeReport;
use crate::random::SystemRandom;
use crate::rotation::{Event, State, Subject};
use crate::sandbox::{RunningSandbox, Sandbox};
use crate::secret::{Credential, Secret};

/// How to run it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to put everything; a new directory under the system's temporary one if left out.
    #[arg(long)]
    directory: Option<PathBuf>,
    #[command(flatten)]
    stores: shelf::Shelves,
}

/// Longer than any cast takes.
const PATIENCE: Duration = Duration::from_secs(50);
/// The demo looks often, since its budgets are small.
const TICK: Duration = Duration::from_millis(100);

/// What the demo notes of each app while it listens.
#[derive(Clone, Default)]
pub struct Seen {
    proven: Option<ProbeReport>,
    dead: Option<ProbeReport>,
}

pub fn run(_context: &Context, args: Args) -> Result<ExitCode, Failure> {
    runtime()?.block_on(play(args))
}

async fn play(args: Args) -> Result<ExitCode, Failure> {
    let clock = SystemClock;
    let began = clock.now();
    let stage = stage::build(&args)?;
    let org = Sandbox::start(&stage.seed)
        .await
        .map_err(|fault| Failure::failed(fault.to_string()))?;
    let policy_file = stage.write_policy(org.base_url())?;
    let text = std::fs::read_to_string(&policy_file).map_err(|fault| Failure::failed(fault.to_string()))?;
    let source = SourceFile {
        name: policy_file.display().to_string(),
        text,
    };
    let policy = compile(&[source]).map_err(|faults| Failure::config(to_text(&faults)))?;
    output::line(&format!(
        "a simulated Salesforce org answers at {}",
        org.base_url()
    ));
    output::line(&format!("everything else is in {}", stage.directory.display()));
    let witness = witness::Witness::start(&stage, org.base_url())?;
    let seen: Arc<Mutex<BTreeMap<String, Seen>>> = Arc::default();
    let told = {
        let seen = seen.clone();
        move |app: &str, stores: &[String], state: &State, events: &[Event]| {
            listen(&seen, stores, began, app, state, events)
        }
    };
    let random = Arc::new(SystemRandom);
    let opened = Opened::open(&policy, random).await?;
    let mut daemon = Daemon::start(opened, &policy, Arc::new(clock), TICK, Arc::new(told)).await?;
    hand_over(&daemon, &org).await?;
    let over = wait_for_all(&daemon.ledgers, &clock, began).await;
    let witnessed = witness.end().await?;
    daemon.drain.cancel();
    daemon.ended().await?;
    let ledgers = daemon
        .ledgers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let state = org.state();
    let report = finale::Report {
        ledgers: &ledgers,
        seen: &seen,
        shelves: &stage.shelves,
        witnessed: &witnessed,
        org: &state,
    };
    output::line("");
    output::line(&report.table());
    report.held().iter().for_each(|held| output::line(held));
    let faults = report.faults();
    org.shutdown()
        .await
        .map_err(|fault| Failure::failed(fault.to_string()))?;
    faults
        .iter()
        .for_each(|fault| output::line(&format!("NOT AS SEEDED  {fault}")));
    if !over {
        output::line(&format!("not over after {} s", PATIENCE.as_secs()));
    }
    let took = clock.now().since(began).as_secs_f32();
    output::line(&format!(
        "{took:.0} s. To look further (the org is gone, the record stays):"
    ));
    for command in ["status", "history", "plan"] {
        output::line(&format!("  rekeyd --config {} {command}", policy_file.display()));
    }
    Ok(ExitCode::from(if faults.is_empty() && over {
        OK
    } else {
        FAILED
    }))
}

/// One plain line per event, and what the final table needs.
fn listen(
    seen: &Mutex<BTreeMap<String, Seen>>,
    stores: &[String],
    began: crate::clock::Timestamp,
    app: &str,
    state: &State,
    events: &[Event],
) {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let note = seen.entry(app.to_owned()).or_default();
    for event in events {
        if let Event::Probed { subject, pair, .. } = event {
            match subject {
                Subject::New | Subject::Settle => note.proven = Some(pair.clone()),
                Subject::Dead => note.dead = Some(pair.clone()),
                Subject::Early | Subject::Alive => {}
            }
        }
        if let Event::Intended { .. } = event {
            continue;
        }
        let at = SystemClock.now().since(began).as_secs_f32();
        output::line(&format!(
            "{at:5.1} s  {app:<16}  {}",
            tell::sentence(event, stores)
        ));
    }
    let _ = state;
}

/// What a person does once for each Connected App, since no API shows its secret.
async fn hand_over(daemon: &Daemon, org: &RunningSandbox) -> Result<(), Failure> {
    for app in cast::CAST
        .iter()
        .filter(|app| app.kind == cast::Kind::ConnectedApp)
    {
        let Some(pair) = cast::initial(org, app) else {
            return Err(Failure::failed(format!(
                "the org does not know {}",
                app.developer_name
            )));
        };
        let pair = Credential {
            client_id: pair.0,
            client_secret: Secret::new(pair.1),
        };
        let command = |pair: Credential| Command::Submit {
            app: app.name.into(),
            pair,
            by: "the demo".into(),
        };
        loop {
            let (answer, answered) = oneshot::channel();
            let sent = daemon.commands.send((command(pair.clone()), answer)).await;
            sent.map_err(|_| Failure::failed("the service has ended"))?;
            match answered.await {
                Ok(Reply::Refused { why, .. }) if why.contains("try again") => {
                    SystemClock.sleep_until(SystemClock.now() + TICK).await;
                }
                Ok(Reply::Done(_) | Reply::Started(_)) => break,
                Ok(
                    Reply::Refused { why, .. }
                    | Reply::Held { why, .. }
                    | Reply::UnderWay { why, .. }
                    | Reply::Unknown(why),
                ) => return Err(Failure::failed(why)),
                Ok(Reply::CoolingDown { .. } | Reply::Radius(_) | Reply::Revoking { .. }) | Err(_) => {
                    return Err(Failure::failed("the service has ended"));
                }
            }
        }
        output::line(&format!(
            "         {:<16}  a person handed its current credential over",
            app.name
        ));
    }
    Ok(())
}

async fn wait_for_all(ledgers: &Mutex<Ledgers>, clock: &SystemClock, began: crate::clock::Timestamp) -> bool {
    while clock.now().since(began) < PATIENCE {
        let over = {
            let ledgers = ledgers.lock().unwrap_or_else(PoisonError::into_inner);
            cast::CAST.iter().all(|app| {
                ledgers
                    .apps
                    .get(app.name)
                    .is_some_and(|ledger| app.ending.is_reached(ledger))
            })
        };
        if over {
            return true;
        }
        clock.sleep_until(clock.now() + TICK).await;
    }
    false
}
