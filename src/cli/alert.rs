//! `rekeyd alert test`: tells every sink of the policy, or one, of an incident that is none. Needs no daemon.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;

use crate::alert::trial;
use crate::app;
use crate::cli::exit::{FAILED, Failure, OK};
use crate::cli::{Context, config, output, runtime};
use crate::clock::{Clock, SystemClock};
use crate::random::{self, SystemRandom};

/// What to do with the alerts.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Open a test incident at each sink and close it at once. Ends 0 if every sink took both.
    Test {
        /// One sink only, by its name in the policy.
        sink: Option<String>,
    },
}

pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let What::Test { sink } = &args.what;
    let mut policy = config::load(context)?;
    if let Some(sink) = sink {
        policy.alerts.retain(|name, _| name == sink);
        if policy.alerts.is_empty() {
            return Err(Failure::failed(format!("the policy has no sink {sink}")));
        }
    }
    if policy.alerts.is_empty() {
        return Err(Failure::failed(
            "the policy has no [alert.NAME]: nobody would be told",
        ));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let routes = app::alerts::routes(&policy, &clock)?;
    let results = runtime()?.block_on(async {
        let tests = routes.iter().map(|route| async {
            let id = random::uuid(&SystemRandom).map_err(|fault| fault.to_string());
            let tested = match id {
                Ok(id) => trial::test(route.sink.as_ref(), &id.to_string(), clock.now())
                    .await
                    .map_err(|trouble| trouble.to_string()),
                Err(why) => Err(why),
            };
            (route.name.clone(), route.kind, tested)
        });
        futures_util::future::join_all(tests).await
    });
    let all = results.iter().all(|(_, _, tested)| tested.is_ok());
    if context.json {
        let sinks: Vec<_> = results
            .iter()
            .map(|(name, kind, tested)| {
                json!({ "sink": name, "kind": kind, "ok": tested.is_ok(), "why": tested.as_ref().err() })
            })
            .collect();
        output::line(&json!({ "sinks": sinks }).to_string());
    } else {
        for (name, kind, tested) in &results {
            output::line(&match tested {
                Ok(()) => format!("{name} ({kind}): ok"),
                Err(why) => format!("{name} ({kind}): FAILED: {why}"),
            });
        }
    }
    match all {
        true => Ok(ExitCode::from(OK)),
        false => Ok(ExitCode::from(FAILED)),
    }
}
