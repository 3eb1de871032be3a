//! `rekeyd check`: every fault of the policy and of the files that it names.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::exit::{self, Failure};
use crate::cli::{Context, config, output, references};
use crate::policy::Fault;

/// What to check.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the policy: for a machine that has none of the keys that it names.
    #[arg(long)]
    policy_only: bool,
}

/// Prints the faults to standard output, since they are what was asked for.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let faults = match config::read(&context.config) {
        Err(faults) => faults,
        Ok(policy) => {
            let faults: Vec<Fault> = match args.policy_only {
                true => Vec::new(),
                false => references::faults(&policy),
            };
            if faults.is_empty() {
                let (apps, orgs, stores) = (policy.apps.len(), policy.orgs.len(), policy.stores.len());
                output::line(&match context.json {
                    true => json!({ "faults": [], "apps": apps, "orgs": orgs, "stores": stores }).to_string(),
                    false => format!("ok: apps {apps}, orgs {orgs}, stores {stores}"),
                });
                return Ok(ExitCode::from(exit::OK));
            }
            faults
        }
    };
    output::line(&config::print(&faults, context.json));
    Ok(ExitCode::from(exit::CONFIG))
}
