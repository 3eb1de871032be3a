//! The running service, as `run` and `demo` start it: journal, apps, supervisor, and the sender of commands.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::alert::Alerts;
use crate::app;
use crate::cli::exit::Failure;
use crate::clock::Clock;
use crate::engine::board::Board;
use crate::engine::command::{Command, Control, Reply};
use crate::engine::ledger::Ledgers;
use crate::engine::seat::House;
use crate::engine::supervisor::{Supervisor, Told};
use crate::journal::SqliteJournal;
use crate::policy::{JournalPolicy, Policy};
use crate::port::journal::{Journal, JournalFault, RecordQuery};
use crate::random::Random;
use crate::secret::FingerprintKey;

/// How long, at the end, alerts are still sent. What is left is sent after the next start.
const LAST_LETTERS: Duration = Duration::from_secs(5);

/// A request and where its answer goes.
pub type Asked = (Command, oneshot::Sender<Reply>);

/// A started service.
pub struct Daemon {
    /// Where commands go in.
    pub commands: mpsc::Sender<Asked>,
    /// Where words to the engine as a whole go in.
    pub controls: mpsc::Sender<Control>,
    /// What is known now.
    pub board: Arc<Board>,
    /// Journal, clock, randomness and fingerprints.
    pub house: House,
    /// What is known of each app, kept up to date.
    pub ledgers: Arc<Mutex<Ledgers>>,
    /// Who is told when something is wrong.
    pub alerts: Arc<Alerts>,
    /// Cancel it to drain.
    pub drain: CancellationToken,
    task: JoinHandle<Result<(), JournalFault>>,
    /// How the supervisor ended, once it has.
    outcome: Option<Result<(), Failure>>,
}

/// The journal of a service that is about to start: no other process can write it now, and nothing is done yet. What
/// else only one process may have, its doors, is taken between this and [`Daemon::start`].
pub struct Opened {
    journal: Arc<SqliteJournal>,
    prints: FingerprintKey,
    random: Arc<dyn Random>,
}

impl Opened {
    /// Opens the journal that the policy names, with its key.
    ///
    /// # Errors
    /// [`Failure`]: 78 for the key, 1 for a journal that is in use, damaged or newer.
    pub async fn open(policy: &Policy, random: Arc<dyn Random>) -> Result<Opened, Failure> {
        let prints = app::fingerprint_key(policy)?;
        let journal = SqliteJournal::open(&policy.journal.database, random.as_ref()).await;
        let journal = Arc::new(journal.map_err(journal_failure)?);
        know_key(journal.as_ref(), &prints, &policy.journal).await?;
        Ok(Opened {
            journal,
            prints,
            random,
        })
    }
}

impl Daemon {
    /// Builds every app and starts the supervisor. Binds nothing.
    ///
    /// # Errors
    /// [`Failure`]: 78 for the configuration, 1 for a journal that cannot be read.
    pub async fn start(
        opened: Opened,
        policy: &Policy,
        clock: Arc<dyn Clock>,
        tick: Duration,
        told: Told,
    ) -> Result<Daemon, Failure> {
        let Opened {
            journal,
            prints,
            random,
        } = opened;
        let routes = app::alerts::routes(policy, &clock)?;
        let alerts = Alerts::begin(journal, clock.clone(), random.clone()).await;
        let alerts = Arc::new(alerts.map_err(journal_failure)?);
        let house = app::house(alerts.journal(), prints, clock, random);
        let records = house
            .journal
            .read(&RecordQuery::default())
            .await
            .map_err(journal_failure)?;
        let ledgers = Ledgers::read(&records).map_err(|fault| Failure::failed(fault.to_string()))?;
        let apps = app::build(policy, &ledgers, &house)?;
        let applied = alerts.apply(app::alerts::directory(&apps), routes).await;
        applied.map_err(journal_failure)?;
        let drain = CancellationToken::new();
        let supervisor = Supervisor::new(house.clone(), apps, tick, told, drain.clone())
            .await
            .map_err(journal_failure)?;
        let ledgers = supervisor.ledgers();
        let board = supervisor.board();
        let (commands, asked) = mpsc::channel(32);
        let (controls, told) = mpsc::channel(8);
        let task = tokio::spawn(supervisor.run(asked, told));
        Ok(Daemon {
            commands,
            controls,
            board,
            house,
            ledgers,
            alerts,
            drain,
            task,
            outcome: None,
        })
    }

    /// Waits until it is drained, and its last letters are sent. May be dropped and called again.
    ///
    /// # Errors
    /// [`Failure`] (1) when the journal stopped it.
    pub async fn ended(&mut self) -> Result<(), Failure> {
        if self.outcome.is_none() {
            self.outcome = Some(match (&mut self.task).await {
                Ok(ended) => ended.map_err(journal_failure),
                Err(fault) => Err(Failure::failed(format!("the supervisor failed: {fault}"))),
            });
        }
        self.alerts.finish(LAST_LETTERS).await;
        self.outcome.take().unwrap_or(Ok(()))
    }
}

/// Where the journal keeps what it knows its key by.
const KEY: &str = "key of the journal";

/// With another key nothing that the journal knows would be recognised, and every credential taken for a stranger's. A
/// journal that has not met its key yet takes the one that it is given.
async fn know_key(
    journal: &dyn Journal,
    prints: &FingerprintKey,
    policy: &JournalPolicy,
) -> Result<(), Failure> {
    let mark = serde_json::json!(prints.mark());
    match journal.recall(KEY).await.map_err(journal_failure)? {
        None => journal.remember(KEY, &mark).await.map_err(journal_failure),
        Some(known) if known == mark => Ok(()),
        Some(_) => Err(Failure::config(format!(
            "{}: this is not the key that {} was written with: none of its fingerprints would be recognised, and every \
             credential would be taken for somebody else's. Put the right key back. If it is lost, move the journal away: \
             then every app is adopted anew.",
            policy.key_file.display(),
            policy.database.display()
        ))),
    }
}

fn journal_failure(fault: JournalFault) -> Failure {
    Failure::failed(fault.to_string())
}
