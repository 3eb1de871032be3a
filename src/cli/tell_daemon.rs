//! `rekeyd adopt`, `hold`, `resume` and `abandon`: one word to the daemon, and its answer.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::exit::{self, Failure};
use crate::cli::reach::Reach;
use crate::cli::{Context, output, runtime};

/// `rekeyd hold`
#[derive(Debug, clap::Args)]
pub struct Hold {
    /// Which app.
    app: String,
    /// Why, for the history and for whoever finds it held.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// `rekeyd resume`
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// Which app.
    app: String,
    /// The foreign staged entry or pending version to take over, as `status` names it.
    #[arg(long, value_name = "ID")]
    take_over: Option<String>,
}

/// `rekeyd abandon`
#[derive(Debug, clap::Args)]
pub struct Abandon {
    /// Which app.
    app: String,
}

/// `rekeyd adopt`
#[derive(Debug, clap::Args)]
pub struct Adopt {
    /// Which app.
    app: String,
}

pub fn adopt(context: &Context, args: &Adopt) -> Result<ExitCode, Failure> {
    say(context, &args.app, "adopt", &json!({}))
}

pub fn hold(context: &Context, args: &Hold) -> Result<ExitCode, Failure> {
    say(context, &args.app, "hold", &json!({ "why": args.reason }))
}

pub fn resume(context: &Context, args: &Resume) -> Result<ExitCode, Failure> {
    say(
        context,
        &args.app,
        "resume",
        &json!({ "take_over": args.take_over }),
    )
}

pub fn abandon(context: &Context, args: &Abandon) -> Result<ExitCode, Failure> {
    say(context, &args.app, "abandon", &json!({}))
}

fn say(context: &Context, app: &str, verb: &str, body: &Value) -> Result<ExitCode, Failure> {
    let client = Reach::find(context).client()?;
    let answer = runtime()?.block_on(client.post(app, verb, body.to_string()))?;
    report(context.json, app, &answer);
    Ok(ExitCode::from(exit::OK))
}

/// Prints what the daemon did.
pub(super) fn report(json: bool, app: &str, answer: &Value) {
    if json {
        return output::line(&answer.to_string());
    }
    let done = answer.get("done").and_then(Value::as_str).unwrap_or("done");
    output::line(&format!("{app}: {done}"));
}
