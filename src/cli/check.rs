//! `rekeyd check`: every fault of the policy and of the files that it names.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::exit::{self, Failure};
use crate::cli::{Context, config, output, references};
use crate::policy::org::SecretsSwitch;
use crate::policy::{Fault, Policy};

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
                let notes = notes(&policy);
                if context.json {
                    let page =
                        json!({ "faults": [], "notes": notes, "apps": apps, "orgs": orgs, "stores": stores });
                    output::line(&page.to_string());
                } else {
                    output::line(&format!("ok: apps {apps}, orgs {orgs}, stores {stores}"));
                    notes
                        .iter()
                        .for_each(|note| output::line(&format!("note: {note}")));
                }
                return Ok(ExitCode::from(exit::OK));
            }
            faults
        }
    };
    output::line(&config::print(&faults, context.json));
    Ok(ExitCode::from(exit::CONFIG))
}

/// What is no fault, and has consequences that the policy does not show.
fn notes(policy: &Policy) -> Vec<String> {
    let opened = policy.orgs.values().filter_map(|org| match org.consumer_secrets_switch {
        SecretsSwitch::OpenForRotation => Some(format!(
            "[org.{}] consumer_secrets_switch: where `Allow access to External Client App consumer secrets via REST API` \
             is off, rekeyd turns it on while a rotation by `staged` or `regenerate` needs it, and off again; its user \
             needs `Modify Metadata Through Metadata API Functions` and `Customize Application`",
            org.name
        )),
        SecretsSwitch::Leave => None,
    });
    let packaged = policy.apps.values().filter_map(|app| {
        let (namespace, _) = app.target.name().split_once("__")?;
        Some(format!(
            "[app.{}] its name at Salesforce has the namespace {namespace}: if that is not the org's own, the app belongs \
             to a managed package, which only its publisher can rotate; `rekeyd doctor {}` says which it is",
            app.name, app.name
        ))
    });
    opened.chain(packaged).collect()
}
