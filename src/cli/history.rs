//! `rekeyd history`: what happened, a line for each record; and whether the record still holds.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::exit::{self, Failure};
use crate::cli::line::Lines;
use crate::cli::reach::Reach;
use crate::cli::{Context, output, reader, runtime};
use crate::port::journal::{Damage, Head, Journal, Record, RecordQuery, VerifyFault};
use crate::rotation::RotationId;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this app.
    app: Option<String>,
    /// Only this rotation: its id, or as many of its first digits as are needed.
    #[arg(long, value_name = "ID", value_parser = digits)]
    rotation: Option<String>,
    /// Recompute the chain of the whole journal instead of showing it.
    #[arg(long)]
    verify: bool,
    /// A head that was kept elsewhere (the log has one at each start and stop, and hourly); it must be in the journal.
    #[arg(long, requires = "verify")]
    head: Option<Head>,
}

pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let reach = Reach::find(context);
    let path = reach.database()?;
    runtime()?.block_on(async {
        let Some(journal) = reader::open(path).await? else {
            return Err(Failure::failed(format!(
                "there is no journal yet: {}",
                path.display()
            )));
        };
        match args.verify {
            true => verify(journal.as_ref(), args.head, context.json).await,
            false => show(journal.as_ref(), args, &reach.apps, context.json).await,
        }
    })
}

async fn show(
    journal: &dyn Journal,
    args: &Args,
    managed: &BTreeSet<String>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let query = RecordQuery {
        app: args.app.clone(),
        ..RecordQuery::default()
    };
    let records = journal.read(&query).await;
    let mut records = records.map_err(|fault| Failure::failed(fault.to_string()))?;
    if let Some(app) = args.app.as_ref().filter(|app| !managed.contains(*app))
        && records.is_empty()
    {
        return Err(Failure::failed(format!(
            "no such app in policy or journal: {app}"
        )));
    }
    if let Some(digits) = &args.rotation {
        let id = named(&records, digits)?;
        records.retain(|record| record.entry.rotation == Some(id));
    }
    let mut lines = Lines::default();
    for record in &records {
        if !json && lines.is_repeated(record) {
            continue;
        }
        output::line(&match json {
            true => json!(record).to_string(),
            false => lines.line(record),
        });
    }
    Ok(ExitCode::from(exit::OK))
}

/// What can begin an id. Hyphens are as `history` prints them.
fn digits(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_hexdigit() || c == '-';
    match !text.is_empty() && text.len() <= 36 && text.chars().all(good) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("not a rotation id, nor the beginning of one: hexadecimal digits are wanted".into()),
    }
}

/// The one rotation of these records whose id begins so.
fn named(records: &[Record], digits: &str) -> Result<RotationId, Failure> {
    let all: BTreeSet<RotationId> = records
        .iter()
        .filter_map(|record| record.entry.rotation)
        .collect();
    let mut found = all.into_iter().filter(|id| id.to_string().starts_with(digits));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Failure::failed(format!("no rotation here begins with {digits}"))),
        (Some(first), Some(second)) => {
            let ids: Vec<String> = [first, second]
                .into_iter()
                .chain(found)
                .map(|id| id.to_string())
                .collect();
            Err(Failure::failed(format!(
                "several rotations begin with {digits}: {}",
                ids.join(", ")
            )))
        }
    }
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
            return Err(Failure::failed(match broken.what {
                Damage::ExpectedHeadAbsent => {
                    "no such head in this chain (another journal, or one that was cut): its own records hold"
                        .to_owned()
                }
                Damage::Missing | Damage::Unlinked | Damage::Edited | Damage::End | Damage::Unreadable => {
                    format!("the chain does not hold: {broken}")
                }
            }));
        }
        Err(VerifyFault::Fault(fault)) => return Err(Failure::failed(fault.to_string())),
    }
    Ok(ExitCode::from(exit::OK))
}
