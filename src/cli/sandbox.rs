//! `rekeyd sandbox`: a simulated org for rehearsal, and a consumer that witnesses what its readers see.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::exit::{FAILED, Failure, OK};
use crate::cli::{Context, output, runtime};
use crate::lifecycle::{Asked, Signals};
use crate::sandbox;

/// What to serve.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Serve the org of a seed file until SIGTERM.
    Serve {
        /// The seed (TOML).
        seed: PathBuf,
        /// A loopback address; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Read credentials and log in with them, again and again, until standard input is closed. Ends 1 if a login was
    /// refused at the end.
    Consumer {
        /// The configuration (JSON).
        #[arg(long = "apps")]
        apps: PathBuf,
    },
}

pub fn run(_context: &Context, args: Args) -> Result<ExitCode, Failure> {
    match args.what {
        What::Serve { seed, listen } => runtime()?.block_on(async {
            let mut signals = Signals::take()?;
            let announce =
                |org: &sandbox::RunningSandbox| output::line(&format!("listening on {}", org.base_url()));
            let stop = async { while signals.next().await != Asked::Stop {} };
            let served = sandbox::run(&seed, listen, announce, stop).await;
            served.map_err(|fault| Failure::failed(fault.to_string()))?;
            Ok(ExitCode::from(OK))
        }),
        What::Consumer { apps } => runtime()?.block_on(async {
            let seen =
                sandbox::consumer::run(&apps, std::io::stdout(), sandbox::consumer::told_to_end()).await;
            let seen = seen.map_err(|fault| Failure::failed(fault.to_string()))?;
            let refused = seen.iter().any(|app| app.refused_at_end);
            Ok(ExitCode::from(if refused { FAILED } else { OK }))
        }),
    }
}
