//! `rekeyd rotate`: asks the daemon for a rotation, and follows it in the journal until it is rotated, held or over.
//!
//! The daemon rotates, not this command: ending it stops nothing.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::exit::{self, Failure};
use crate::cli::follow::Tail;
use crate::cli::reach::Reach;
use crate::cli::{Context, output, reader, runtime};
use crate::engine::note::Note;
use crate::engine::tell::{self, AppKind};
use crate::port::journal::Record;
use crate::rotation::{Event, RotationId};

/// What to rotate.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which app.
    app: String,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "asked for")]
    reason: String,
    /// Also outside the app's window.
    #[arg(long)]
    ignore_window: bool,
    /// Return as soon as it has begun.
    #[arg(long)]
    no_wait: bool,
}

pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let reach = Reach::find(context);
    let client = reach.client()?;
    // Without the journal there is nothing to follow in: better said before anything begins.
    let journal = match args.no_wait {
        true => None,
        false => Some(reach.database()?),
    };
    runtime()?.block_on(async {
        let body = json!({ "reason": args.reason, "ignore_window": args.ignore_window });
        let answer = client.post(&args.app, "rotate", body.to_string()).await?;
        let id = answer.get("rotation").and_then(Value::as_str);
        let Some(id) = id.and_then(|id| id.parse::<RotationId>().ok()) else {
            return Err(Failure::failed("the daemon does not name the rotation that it began"));
        };
        let Some(journal) = journal else {
            output::line(&match context.json {
                true => answer.to_string(),
                false => format!("{}: rotation {id} has begun", args.app),
            });
            return Ok(ExitCode::from(exit::OK));
        };
        let Some(journal) = reader::open(journal).await? else {
            let path = journal.display();
            return Err(Failure::failed(format!("the journal is gone: {path}")));
        };
        let goes_on = format!("rotation {id} goes on when rekeyd runs again");
        let tail = Tail::new(journal, client, context.json, &args.app, Some(id), goes_on);
        let follow = Follow {
            app: args.app.clone(),
            kind: reach.kind(&args.app),
        };
        tokio::select! {
            end = follow.to_the_end(tail) => end,
            _ = tokio::signal::ctrl_c() => {
                let app = &args.app;
                Err(Failure::failed(format!(
                    "no longer watching; rotation {id} goes on: `rekeyd status {app}` tells, `rekeyd hold {app} \
                     --reason TEXT` stops it at the next boundary"
                )))
            }
        }
    })
}

struct Follow {
    app: String,
    kind: Option<AppKind>,
}

impl Follow {
    async fn to_the_end(&self, mut tail: Tail) -> Result<ExitCode, Failure> {
        loop {
            for record in tail.news().await? {
                tail.show(&record);
                if let Some(code) = self.verdict(&record)? {
                    return Ok(code);
                }
            }
        }
    }

    /// How this command ends, if this record says so.
    fn verdict(&self, record: &Record) -> Result<Option<ExitCode>, Failure> {
        let Ok(note) = Note::read(record) else {
            return Ok(None);
        };
        match note {
            Note::Step { step: Event::Rotated } => Ok(Some(ExitCode::from(exit::OK))),
            Note::Step {
                step: Event::Held { reason, .. },
            } => Err(Failure {
                code: exit::HELD,
                text: format!(
                    "held; what to do: {}",
                    tell::in_setup(tell::remedy(&reason, &self.app, false), self.kind)
                ),
            }),
            Note::Step {
                step: Event::Asked { .. },
            } => Err(Failure {
                code: exit::HELD,
                text: format!(
                    "a person is wanted in Setup: `rekeyd status {}` says what to do, step by step; the rotation goes on by \
                     itself once that is done",
                    self.app
                ),
            }),
            Note::HoldAsked { .. } | Note::Behind { .. } => Err(Failure {
                code: exit::HELD,
                text: format!("held; `rekeyd resume {}` lets it go on", self.app),
            }),
            Note::Step {
                step: Event::Ended { end },
            } if !end.is_rotated() => Err(Failure::failed(format!("not rotated: {end}"))),
            Note::Step { .. }
            | Note::Adopted { .. }
            | Note::Unadopted { .. }
            | Note::Adopting { .. }
            | Note::Started { .. }
            | Note::HoldLifted { .. }
            | Note::Inherited { .. }
            | Note::LiveChecked { .. }
            | Note::Overdue { .. }
            | Note::InTime
            | Note::RevokeAsked { .. }
            | Note::TokensRevoked { .. }
            | Note::RevokeLate { .. }
            | Note::AsideProbed { .. } => Ok(None),
        }
    }
}
