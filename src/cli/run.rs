//! `rekeyd run`: the service.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::alert::stats::Stats;
use crate::api::metrics::{self, SinkStats};
use crate::api::{Bound, Doors, Limits, Service, Serving};
use crate::cli::exit::{Failure, OK};
use crate::cli::{Context, config, runtime};
use crate::clock::{Clock, SteadyClock};
use crate::daemon::{Daemon, Opened};
use crate::engine::command::Control;
use crate::engine::log;
use crate::lifecycle::{Asked, Reloader, Signals, notify};
use crate::policy::{ApiPolicy, Policy, SignalPolicy};
use crate::random::SystemRandom;
use crate::telemetry::logs::{self, DEFAULT_FILTER, Format};

/// How often what is due is computed anew.
const TICK: Duration = Duration::from_secs(1);

pub fn run(context: &Context) -> Result<ExitCode, Failure> {
    let policy = config::load_complete(context)?;
    logging(context.json)?;
    runtime()?.block_on(serve(context, policy))
}

fn logging(json: bool) -> Result<(), Failure> {
    let format = match json {
        true => Format::Json,
        false => Format::Text {
            color: std::io::stderr().is_terminal(),
        },
    };
    let filter = std::env::var("REKEYD_LOG").unwrap_or_else(|_| DEFAULT_FILTER.to_owned());
    logs::init(format, &filter, std::io::stderr).map_err(|fault| Failure::config(fault.to_string()))
}

async fn serve(context: &Context, policy: Policy) -> Result<ExitCode, Failure> {
    let mut signals = Signals::take()?;
    let clock: Arc<dyn Clock> = Arc::new(SteadyClock::start());
    let random = Arc::new(SystemRandom);
    // What only one process can have comes first: who is refused any of it has done nothing yet.
    let opened = Opened::open(&policy, random).await?;
    let bound = match &policy.api {
        Some(api) => Some(bind(api).await?),
        None => None,
    };
    let mut daemon = Daemon::start(opened, &policy, clock.clone(), TICK, Arc::new(log::log)).await?;
    let doors = bound.map(|(bound, doors)| (Serving::start(bound, &service(&daemon, doors.clone())), doors));
    let (serving, doors) = doors.unzip();
    tracing::info!(
        apps = policy.apps.len(),
        version = env!("CARGO_PKG_VERSION"),
        "rekeyd is running"
    );
    notify::ready(&in_force(&policy));
    let board = daemon.board.clone();
    tokio::spawn(notify::watchdog(move || board.cards().heartbeat));
    let mut reloader = Reloader::new(context.config.clone(), policy);
    let code = until_ended(&mut daemon, &mut signals, &mut reloader, doors.as_deref()).await;
    match (serving, &code) {
        (Some(serving), Ok(_)) => serving.stop().await,
        (Some(serving), Err(_)) => serving.abort().await,
        (None, _) => {}
    }
    tracing::info!("rekeyd has stopped");
    code
}

async fn bind(api: &ApiPolicy) -> Result<(Bound, Arc<Doors>), Failure> {
    let bound = Bound::bind(api).await;
    let bound = bound.map_err(|fault| Failure::failed(fault.to_string()))?;
    Ok((bound, Arc::new(Doors::new(api))))
}

fn service(daemon: &Daemon, doors: Arc<Doors>) -> Service {
    Service {
        commands: daemon.commands.clone(),
        ledgers: daemon.ledgers.clone(),
        board: daemon.board.clone(),
        journal: daemon.house.journal.clone(),
        clock: daemon.house.clock.clone(),
        doors,
        outbox: outbox(daemon.alerts.stats()),
        drain: daemon.drain.clone(),
        limits: Limits::default(),
    }
}

/// How the sinks stand, for the metrics.
fn outbox(stats: Arc<Stats>) -> metrics::Outbox {
    Arc::new(move || {
        let sinks = stats.sinks().into_iter();
        sinks
            .map(|(sink, standing)| SinkStats {
                sink,
                letters: standing.waiting,
                oldest: standing.oldest,
                delivered: standing.delivered,
                failed: standing.failed.saturating_add(standing.refused),
            })
            .collect()
    })
}

async fn until_ended(
    daemon: &mut Daemon,
    signals: &mut Signals,
    reloader: &mut Reloader,
    doors: Option<&Doors>,
) -> Result<ExitCode, Failure> {
    loop {
        let asked = tokio::select! {
            ended = daemon.ended() => return ended.map(|()| ExitCode::from(OK)),
            asked = signals.next() => asked,
        };
        match asked {
            Asked::Reload => {
                notify::reloading();
                let taken = reloader.reload(daemon).await;
                if let (true, Some(doors), Some(api)) = (taken, doors, &reloader.policy.api) {
                    doors.replace(api);
                }
                let policy = in_force(&reloader.policy);
                notify::ready(&match taken {
                    true => policy,
                    false => format!("{policy}; a new policy was refused, see the log"),
                });
            }
            Asked::Rotate => {
                let wanted = match &reloader.policy.signal {
                    SignalPolicy::Due => None,
                    SignalPolicy::Apps(apps) => Some(apps.clone()),
                };
                tracing::info!("asked to rotate by SIGUSR1");
                // An engine that has ended is told of by its end.
                let _ended = daemon.controls.send(Control::Wake(wanted)).await;
            }
            Asked::Stop if daemon.drain.is_cancelled() => {
                return Err(Failure::failed("aborted before every rotation had stopped"));
            }
            Asked::Stop => {
                // Before anybody is told: whoever reads it asks whether we are ready.
                daemon.drain.cancel();
                tracing::info!("draining: stopping each rotation at its next boundary");
                notify::stopping("draining");
            }
        }
    }
}

/// For the service manager's line.
fn in_force(policy: &Policy) -> String {
    let (apps, orgs, stores) = (policy.apps.len(), policy.orgs.len(), policy.stores.len());
    format!("apps {apps}, orgs {orgs}, stores {stores}")
}
