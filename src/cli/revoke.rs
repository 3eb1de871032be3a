//! `rekeyd revoke`: a credential leaked. Without `--confirm` it says who is hit and changes nothing; with the token that
//! was said then, the daemon ends the credential, and this command follows until that one is seen dead.
//!
//! The daemon revokes, not this command: ending it stops nothing.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::exit::{self, Failure};
use crate::cli::follow::Tail;
use crate::cli::reach::Reach;
use crate::cli::{Context, output, reader, runtime};
use crate::engine::note::Note;
use crate::engine::tell::{self, AppKind};
use crate::port::journal::Record;
use crate::rotation::{End, Event, RotationId};

/// What to revoke.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which app.
    app: String,
    /// Which credential leaked: the one that consumers read, or the one before it.
    #[arg(value_enum)]
    which: Which,
    /// Do it: the token that was printed without this.
    #[arg(long, value_name = "TOKEN")]
    confirm: Option<String>,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "no reason was given")]
    reason: String,
    /// Revoke the app's refresh tokens as well, those of honest users too.
    #[arg(long)]
    tokens: bool,
    /// Return as soon as it has begun.
    #[arg(long)]
    no_wait: bool,
}

/// Which credential.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Which {
    /// The one before the one that consumers read.
    Previous,
    /// The one that consumers read.
    Current,
}

pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let reach = Reach::find(context);
    let client = reach.client()?;
    let which = match args.which {
        Which::Previous => "previous",
        Which::Current => "current",
    };
    let body =
        json!({ "which": which, "confirm": args.confirm, "reason": args.reason, "tokens": args.tokens });
    runtime()?.block_on(async {
        // What has been written already is of no interest.
        let journal = match (&args.confirm, args.no_wait) {
            (Some(_), false) => reader::open(reach.database()?).await?,
            (Some(_), true) | (None, _) => None,
        };
        let answer = client.post(&args.app, "revoke", body.to_string()).await?;
        if args.confirm.is_none() {
            return Ok(told(context.json, args, which, &answer));
        }
        crate::cli::tell_daemon::report(context.json, &args.app, &answer);
        if answer.get("held").and_then(Value::as_bool) == Some(true) {
            return Ok(ExitCode::from(exit::HELD));
        }
        let Some(journal) = journal else {
            return Ok(ExitCode::from(exit::OK));
        };
        let goes_on = "what was asked for is noted, and goes on when rekeyd runs again".to_owned();
        let tail = Tail::new(journal, client, context.json, &args.app, None, goes_on);
        let follow = Follow {
            app: args.app.clone(),
            which: args.which,
            kind: reach.kind(&args.app),
            leaked: text(&answer, "credential").unwrap_or_default(),
            rotation: text(&answer, "rotation").and_then(|id| id.parse().ok()),
            tokens: args.tokens,
        };
        tokio::select! {
            end = follow.to_the_end(tail) => end,
            _ = tokio::signal::ctrl_c() => {
                let app = &args.app;
                Err(Failure::failed(format!("no longer watching; it goes on: `rekeyd status {app}` tells")))
            }
        }
    })
}

fn text(answer: &Value, name: &str) -> Option<String> {
    answer.get(name)?.as_str().map(str::to_owned)
}

/// Who is hit, and how to go on.
fn told(json: bool, args: &Args, which: &str, answer: &Value) -> ExitCode {
    let flag = |name: &str| answer.get(name).and_then(Value::as_bool).unwrap_or(false);
    if json {
        output::line(&answer.to_string());
    } else {
        let lines = answer.get("lines").and_then(Value::as_array);
        for line in lines.into_iter().flatten().filter_map(Value::as_str) {
            output::line(line);
        }
        let tokens = if args.tokens { " --tokens" } else { "" };
        match text(answer, "confirm") {
            Some(token) => output::line(&format!(
                "nothing was changed; to do it: rekeyd revoke {} {which}{tokens} --confirm {token} --reason TEXT",
                args.app
            )),
            None => output::line("nothing was changed, and there is nothing to confirm"),
        }
    }
    ExitCode::from(match (flag("possible"), flag("dead"), flag("wants_a_person")) {
        (true, ..) | (_, true, _) => exit::OK,
        (false, false, true) => exit::HELD,
        (false, false, false) => exit::FAILED,
    })
}

struct Follow {
    app: String,
    which: Which,
    kind: Option<AppKind>,
    leaked: String,
    rotation: Option<RotationId>,
    tokens: bool,
}

impl Follow {
    async fn to_the_end(&self, mut tail: Tail) -> Result<ExitCode, Failure> {
        // What the rotation that is being told of replaces.
        let (mut old, mut is_dead, mut told) = (String::new(), false, false);
        loop {
            let records = tail.news().await?;
            let mine = |note: &Note| matches!(note, Note::RevokeAsked { ask } if ask.pair.to_string() == self.leaked);
            // From the last word about it on, and what the rotation under way began from.
            let word = records
                .iter()
                .rfind(|record| Note::read(record).is_ok_and(|note| mine(&note)));
            let from = word.map_or(0, |record| record.seq);
            told |= word.is_some();
            for record in records {
                let Ok(note) = Note::read(&record) else { continue };
                if let Note::Step {
                    step: Event::Baselined { old: pair, .. } | Event::Recovered { old: pair, .. },
                } = &note
                {
                    old = pair.to_string();
                }
                if !told || record.seq < from {
                    continue;
                }
                tail.show(&record);
                is_dead |= self.ends(&record, &note, &old)?;
                let tokens = matches!(note, Note::TokensRevoked { over: true, .. });
                if tokens || (is_dead && !self.tokens) {
                    return Ok(ExitCode::from(exit::OK));
                }
            }
        }
    }

    /// Whether the leaked credential is out of use.
    fn ends(&self, record: &Record, note: &Note, old: &str) -> Result<bool, Failure> {
        let held = |text: String| Failure {
            code: exit::HELD,
            text: format!("held, and goes on once a person has settled this; what to do: {text}"),
        };
        match note {
            Note::Step {
                step: Event::Ended { end },
            } => {
                let this = match self.which {
                    Which::Previous => record.entry.rotation == self.rotation,
                    Which::Current => old == self.leaked,
                };
                match (this, end) {
                    (true, End::Done { .. }) => Ok(true),
                    (true, end) => Err(Failure::failed(format!("not revoked: {end}"))),
                    (false, _) => Ok(false),
                }
            }
            Note::Step {
                step: Event::Held { reason, .. },
            } => {
                let remedy = tell::remedy(reason, &self.app, false);
                Err(held(tell::in_setup(remedy, self.kind)))
            }
            Note::HoldAsked { .. } | Note::Behind { .. } => {
                Err(held(format!("`rekeyd resume {}` lets it go on", self.app)))
            }
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
            | Note::AsideProbed { .. } => Ok(false),
        }
    }
}
