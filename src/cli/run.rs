//! `rekeyd run`: the service.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::api::{Service, socket};
use crate::cli::exit::{Failure, OK};
use crate::cli::{Context, config, runtime};
use crate::clock::SystemClock;
use crate::daemon::Daemon;
use crate::engine::log;
use crate::lifecycle::{Signals, notify};
use crate::policy::Policy;
use crate::random::SystemRandom;
use crate::telemetry::logs::{self, DEFAULT_FILTER, Format};

/// How often what is due is computed anew.
const TICK: Duration = Duration::from_secs(1);

pub fn run(context: &Context) -> Result<ExitCode, Failure> {
    let policy = config::load_complete(context)?;
    logging(context.json)?;
    runtime()?.block_on(serve(&policy))
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

async fn serve(policy: &Policy) -> Result<ExitCode, Failure> {
    let signals = Signals::take()?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let mut daemon = Daemon::start(policy, clock, random, TICK, Arc::new(log::log)).await?;
    let socket = policy.api.as_ref().and_then(|api| api.socket.as_deref());
    let serving = match socket {
        Some(path) => {
            let bound = match socket::bind(path).await {
                Ok(bound) => bound,
                Err(fault) => {
                    daemon.drain.cancel();
                    daemon.ended().await?;
                    return Err(Failure::failed(fault.to_string()));
                }
            };
            let service = Service {
                commands: daemon.commands.clone(),
                ledgers: daemon.ledgers.clone(),
                clock: Arc::new(SystemClock),
            };
            Some(tokio::spawn(socket::serve(bound, service, daemon.drain.clone())))
        }
        None => None,
    };
    tracing::info!(
        apps = policy.apps.len(),
        version = env!("CARGO_PKG_VERSION"),
        "rekeyd is running"
    );
    notify::ready(&format!("apps {}", policy.apps.len()));
    let drain = daemon.drain.clone();
    let code = tokio::select! {
        ended = daemon.ended() => ended.map(|()| ExitCode::from(OK)),
        () = signals.drain_then_abort(drain) => Err(Failure::failed("aborted before every rotation had stopped")),
    };
    if let Some(serving) = serving {
        serving.abort();
        // Nothing is learnt by it but that the socket's file is gone.
        let _aborted = serving.await;
    }
    tracing::info!("rekeyd has stopped");
    code
}
