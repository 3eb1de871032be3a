//! An application that uses a credential, as its owner would run it: it reads the store's current value through
//! the store's public way of reading, and logs in with it, again and again. It never retries, and counts every
//! refusal. It is the witness that nobody lost their access, so it shares no code with the daemon's stores and
//! client, and never writes a secret.
//!
//! What it prints, one JSON object a line: `changed` (another pair was read), `refused` (the first refusal after
//! an acceptance), `accepted_again` (with the outage), `unreadable` (the first failed read in a row), and at the end one `summary`.

mod config;
mod login;
mod reader;
mod tally;

use super::time::{Stopwatch, pause};
use config::Config;
use login::{Door, Outcome};
use reader::{ReadError, Reader};
use serde_json::{Value, json};
use std::future::Future;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tally::Tally;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use config::{AppConfig, Config as ConsumerConfig, Flow, ReaderConfig};
pub use tally::Summary;

/// Why a consumer did not run, by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// Correct the configuration file.
    #[error("{0}")]
    Config(String),
    /// What it prints cannot be written any more.
    #[error("writing: {0}")]
    Output(std::io::Error),
    /// An app's loop ended before it was told to.
    #[error("an app's loop ended early")]
    Ended,
}

/// Where lines are printed, one at a time.
struct Lines<W>(Mutex<W>);

impl<W: Write> Lines<W> {
    fn print(&self, line: &Value) -> Result<(), ConsumerError> {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(out, "{line}")
            .and_then(|()| out.flush())
            .map_err(ConsumerError::Output)
    }
}

/// Runs every app of a configuration file until `stop` is ready; prints to `out` and answers the summaries.
///
/// # Errors
/// When the file is not as it must be, or `out` breaks.
pub async fn run<W: Write + Send + 'static>(
    config: &Path,
    out: W,
    stop: impl Future<Output = ()>,
) -> Result<Vec<Summary>, ConsumerError> {
    let config = Config::read(config).map_err(ConsumerError::Config)?;
    let lines = Arc::new(Lines(Mutex::new(out)));
    let stopped = CancellationToken::new();
    let since = Stopwatch::start();
    let interval = Duration::from_millis(config.interval_ms.max(1));
    let mut apps = JoinSet::new();
    for app in config.apps {
        let reader = Reader::new(&app).await.map_err(ConsumerError::Config)?;
        let door = Door::new(&app).map_err(ConsumerError::Config)?;
        apps.spawn(watch(
            app.name,
            reader,
            door,
            interval,
            since,
            Arc::clone(&lines),
            stopped.clone(),
        ));
    }
    tokio::select! {
        () = stop => {}
        // Loops end only on an error while nobody has stopped them.
        Some(ended) = apps.join_next() => {
            return Err(ended.ok().and_then(Result::err).unwrap_or(ConsumerError::Ended));
        }
    }
    stopped.cancel();
    let mut summaries = Vec::new();
    while let Some(ended) = apps.join_next().await {
        summaries.push(ended.map_err(|_| ConsumerError::Ended)??);
    }
    summaries.sort_by(|left, right| left.app.cmp(&right.app));
    lines.print(&json!({ "event": "summary", "apps": summaries }))?;
    Ok(summaries)
}

/// One app: read, log in, count, wait; until stopped.
async fn watch<W: Write>(
    name: String,
    mut reader: Reader,
    door: Door,
    interval: Duration,
    since: Stopwatch,
    lines: Arc<Lines<W>>,
    stopped: CancellationToken,
) -> Result<Summary, ConsumerError> {
    let mut tally = Tally::new(name);
    while !stopped.is_cancelled() {
        let line = match reader.read().await {
            Ok(value) => {
                if let Some(line) = tally.read(&value, since.ms()) {
                    lines.print(&line)?;
                }
                match door.log_in(&value).await {
                    Outcome::Accepted => tally.accepted(since.ms()),
                    Outcome::Refused(why) => tally.refused(&why, since.ms()),
                    Outcome::Unanswered => tally.unanswered(),
                }
            }
            Err(ReadError::Absent) => tally.absent(since.ms()),
            Err(ReadError::Failed(why)) => tally.unread(why, since.ms()),
        };
        if let Some(line) = line {
            lines.print(&line)?;
        }
        tokio::select! {
            () = pause(interval) => {}
            () = stopped.cancelled() => {}
        }
    }
    Ok(tally.summary(since.ms()))
}

/// Ready when standard input is closed, or SIGTERM comes: how a parent ends its consumer.
pub async fn told_to_end() {
    let (closed, end) = tokio::sync::oneshot::channel::<()>();
    // A thread of its own: a blocked read must not keep the runtime from ending.
    std::thread::spawn(move || {
        let ended = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        drop((ended, closed));
    });
    let term = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut term) => {
                term.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = end => {}
        () = term => {}
    }
}
