//! `rekeyd secret`: shows the current value of one app, after noting in the store who looked.

use std::process::ExitCode;

use crate::app;
use crate::cli::exit::{self, Failure};
use crate::cli::{Context, config, output, runtime};
use crate::clock::{Clock, SystemClock};
use crate::port::Place;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which app.
    app: String,
    /// From which of its stores; the first if left out.
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
    /// Why, for the store's own log.
    #[arg(long, value_name = "TEXT", default_value = "rekeyd secret")]
    reason: String,
}

pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let policy = config::load(context)?;
    let seat = app::open_store(&policy, &args.app, args.store.as_deref())?;
    runtime()?.block_on(async {
        let who = format!("uid {}", rustix::process::getuid().as_raw());
        let (name, now) = (seat.store.name(), SystemClock.now());
        app::record_access(&policy, &args.app, name, (&who, &args.reason), now).await?;
        let slot = seat.store.read(&Place::Current).await;
        let slot = slot.map_err(|fault| Failure::failed(format!("store {name}: {fault}")))?;
        let Some(value) = slot.value else {
            return Err(Failure::failed(format!(
                "store {name} holds nothing for {}",
                args.app
            )));
        };
        output::line(&value.text());
        Ok(ExitCode::from(exit::OK))
    })
}
