//! `rekeyd history`: what happened, a line for each record; and whether the record still holds.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::exit::{self, Failure};
use crate::cli::line::Lines;
use crate::cli::{Context, config, output, reader, runtime};
use crate::port::journal::{Head, Journal, RecordQuery, VerifyFault};
use crate::rotation::RotationId;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this app.
    app: Option<String>,
    /// Only this rotation.
    #[arg(long, value_name = "ID")]
    rotation: Option<RotationId>,
    /// Recompute the chain of the whole journal instead of showing it.
    #[arg(long)]
    verify: bool,
    /// A head that was kept elsewhere (the log has one after every write); it must be in the journal.
    #[arg(long, requires = "verify")]
    head: Option<Head>,
}

pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let policy = config::load(context)?;
    runtime()?.block_on(async {
        let path = &policy.journal.database;
        let Some(journal) = reader::open(path).await? else {
            return Err(Failure::failed(format!(
                "there is no journal yet: {}",
                path.display()
            )));
        };
        match args.verify {
            true => verify(journal.as_ref(), args.head, context.json).await,
            false => show(journal.as_ref(), args, context.json).await,
        }
    })
}

async fn show(journal: &dyn Journal, args: &Args, json: bool) -> Result<ExitCode, Failure> {
    let query = RecordQuery {
        app: args.app.clone(),
        rotation: args.rotation,
        ..RecordQuery::default()
    };
    let records = journal.read(&query).await;
    let records = records.map_err(|fault| Failure::failed(fault.to_string()))?;
    let mut lines = Lines::default();
    for record in &records {
        output::line(&match json {
            true => json!(record).to_string(),
            false => lines.line(record),
        });
    }
    Ok(ExitCode::from(exit::OK))
}

async fn verify(journal: &dyn Journal, head: Option<Head>, json: bool) -> Result<ExitCode, Failure> {
    match journal.verify(head).await {
        Ok(verified) if json => output::line(&json!(verified).to_string()),
        Ok(verified) => {
            output::line(&format!(
                "records {}, head {}: the chain holds",
                verified.count, verified.head
            ));
            if let Some(at) = verified.expected_at {
                let after = verified.count - at;
                output::line(&match after {
                    0 => "the given head is the last one".to_owned(),
                    _ => format!(
                        "the given head is at record {at}; the {after} after it are vouched for by this journal alone"
                    ),
                });
            }
        }
        Err(VerifyFault::Broken(broken)) => {
            if json {
                output::line(&json!({ "broken": broken }).to_string());
            }
            return Err(Failure::failed(format!("the chain does not hold: {broken}")));
        }
        Err(VerifyFault::Fault(fault)) => return Err(Failure::failed(fault.to_string())),
    }
    Ok(ExitCode::from(exit::OK))
}
