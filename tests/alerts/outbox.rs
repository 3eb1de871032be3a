//! A letter and the record that it is about: both or neither, whatever happens in between.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use rekeyd::alert::incident::open;
use rekeyd::clock::{Clock, Timestamp};
use rekeyd::engine::ledger::Ledgers;
use rekeyd::journal::{Journal, SqliteJournal};
use rekeyd::port::journal::{Entry, Head, JournalFault, Record, RecordQuery, Verified, VerifyFault};
use rekeyd::port::outbox::{Action, Letter, Outbox, Posted, Settled, Standing, Wanted};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use crate::incidents::directory;
use crate::notes::*;
use crate::world::World;

async fn sql(path: &Path, statement: &str) {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap();
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
}

/// Every letter that was ever written, in order.
pub async fn letters(path: &Path) -> Vec<Letter> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap();
    let rows = sqlx::query("SELECT body FROM letter ORDER BY seq")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let read = |row: &sqlx::sqlite::SqliteRow| serde_json::from_str(row.get::<&str, _>(0)).unwrap();
    rows.iter().map(read).collect()
}

/// What the letters leave open, if each is one that can follow.
fn left_open(letters: &[Letter]) -> BTreeMap<String, Letter> {
    let mut left = BTreeMap::new();
    for letter in letters {
        let before = match letter.action {
            Action::Trigger | Action::Update => left.insert(letter.incident.clone(), letter.clone()),
            Action::Resolve => left.remove(&letter.incident),
        };
        assert_eq!(
            before.is_some(),
            letter.action != Action::Trigger,
            "out of turn: {letter:?}"
        );
    }
    left
}

/// Records, open incidents and letters say the same.
async fn agree(journal: &SqliteJournal, path: &Path) {
    let records = journal.read(&RecordQuery::default()).await.unwrap();
    let ledgers = Ledgers::read(&records).unwrap();
    let wanted: Vec<String> = open(&ledgers, &directory(&["billing"])).into_keys().collect();
    let told: Vec<String> = journal.open_incidents().await.unwrap().into_keys().collect();
    assert_eq!(told, wanted, "what is noted as open");
    let left: Vec<String> = left_open(&letters(path).await).into_keys().collect();
    assert_eq!(left, wanted, "what the letters leave open");
}

#[tokio::test]
async fn a_fault_on_either_side_leaves_neither() {
    let world = World::new();
    let journal = world.journal().await;
    let alerts = world.alerts(journal.clone(), Vec::new()).await;
    world.say(&alerts, &[adopted("billing")]).await;
    let records = async || journal.read(&RecordQuery::default()).await.unwrap().len();

    for table in ["letter", "record", "incident"] {
        let trap = format!(
            "CREATE TRIGGER trap BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'a fault of the test'); END"
        );
        sql(&world.path(), &trap).await;
        let entry = refused("billing").entry();
        let before = (records().await, letters(&world.path()).await.len());
        let failed = alerts
            .journal()
            .append(world.clock.now(), std::slice::from_ref(&entry))
            .await;
        assert!(failed.is_err(), "{table} took it");
        assert_eq!(
            (records().await, letters(&world.path()).await.len()),
            before,
            "{table}"
        );
        sql(&world.path(), "DROP TRIGGER trap").await;
        // The same again, as the engine does it.
        alerts
            .journal()
            .append(world.clock.now(), &[entry])
            .await
            .unwrap();
        assert_eq!(
            (records().await, letters(&world.path()).await.len()),
            (before.0 + 1, before.1 + 1)
        );
        world.say(&alerts, &[fine("billing")]).await;
        agree(&journal, &world.path()).await;
    }
    journal.verify(None).await.unwrap();
}

/// A full disk, in the middle of the letters.
#[tokio::test]
async fn no_room_leaves_neither() {
    let world = World::new();
    let random = rekeyd::random::SystemRandom;
    let journal = SqliteJournal::open_within(&world.path(), &random, Some(60))
        .await
        .unwrap();
    let journal = Arc::new(journal);
    let alerts = world.alerts(journal.clone(), Vec::new()).await;
    world.say(&alerts, &[adopted("billing")]).await;
    let mut full = false;
    for turn in 0..2000 {
        let said = if turn % 2 == 0 {
            refused("billing")
        } else {
            fine("billing")
        };
        match alerts.journal().append(world.clock.now(), &[said.entry()]).await {
            Ok(_) => {}
            Err(JournalFault::Full(_)) => {
                full = true;
                break;
            }
            Err(fault) => panic!("{fault}"),
        }
    }
    assert!(full, "it never was full");
    agree(&journal, &world.path()).await;
}

const CHILD: &str = "REKEYD_TEST_ALERTS_CHILD";

/// In the child: opens and ends an incident, again and again, until it is killed.
#[tokio::test]
async fn child_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let mut world = World::new();
    world.directory = tempfile::TempDir::new().unwrap();
    let journal = SqliteJournal::open(Path::new(&path), &rekeyd::random::SystemRandom)
        .await
        .unwrap();
    let alerts = world.alerts(Arc::new(journal), Vec::new()).await;
    world.say(&alerts, &[adopted("billing")]).await;
    loop {
        world
            .say(
                &alerts,
                &[refused("billing"), overdue("billing", true), fine("billing")],
            )
            .await;
        let in_time = Said::App("billing", None, Box::new(rekeyd::engine::note::Note::InTime));
        world.say(&alerts, &[in_time]).await;
        println!("again");
    }
}

#[tokio::test]
async fn killed_at_any_moment_records_and_letters_agree() {
    let world = World::new();
    let mut open_once = 0;
    for round in 1..=12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "outbox::child_that_is_killed",
                "--exact",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(CHILD, world.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        while seen < round {
            let line = lines.next().expect("the child ended by itself").unwrap();
            seen += i32::from(line.contains("again"));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let journal = world.journal().await;
        agree(&journal, &world.path()).await;
        open_once += journal.open_incidents().await.unwrap().len();
        journal.verify(None).await.unwrap();
        // What is open is closed by whoever starts next, not forgotten.
        let alerts = world.alerts(journal.clone(), Vec::new()).await;
        world.say(&alerts, &[fine("billing")]).await;
        agree(&journal, &world.path()).await;
        alerts.finish(std::time::Duration::from_secs(5)).await;
    }
    println!("{open_once} incidents were open where a process was killed");
}

/// An outbox whose answer can be lost after it did as asked.
struct Forgetful {
    journal: Arc<SqliteJournal>,
    lose: AtomicBool,
    hang: AtomicBool,
}

#[async_trait]
impl Journal for Forgetful {
    async fn append(&self, at: Timestamp, entries: &[Entry]) -> Result<Head, JournalFault> {
        self.append_with(at, entries, &[]).await
    }
    async fn read(&self, query: &RecordQuery) -> Result<Vec<Record>, JournalFault> {
        self.journal.read(query).await
    }
    async fn head(&self) -> Result<Head, JournalFault> {
        self.journal.head().await
    }
    async fn is_empty(&self) -> Result<bool, JournalFault> {
        self.journal.is_empty().await
    }
    async fn verify(&self, expected: Option<Head>) -> Result<Verified, VerifyFault> {
        self.journal.verify(expected).await
    }
    async fn remember(&self, name: &str, value: &serde_json::Value) -> Result<(), JournalFault> {
        self.journal.remember(name, value).await
    }
    async fn recall(&self, name: &str) -> Result<Option<serde_json::Value>, JournalFault> {
        self.journal.recall(name).await
    }
}

#[async_trait]
impl Outbox for Forgetful {
    async fn append_with(
        &self,
        at: Timestamp,
        entries: &[Entry],
        letters: &[Letter],
    ) -> Result<Head, JournalFault> {
        let head = self.journal.append_with(at, entries, letters).await?;
        if self.hang.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        match self.lose.swap(false, Ordering::SeqCst) {
            true => Err(JournalFault::Unavailable("the answer was lost".into())),
            false => Ok(head),
        }
    }
    async fn open_incidents(&self) -> Result<BTreeMap<String, Letter>, JournalFault> {
        self.journal.open_incidents().await
    }
    async fn enrol(&self, sink: &str, wanted: Wanted<'_>) -> Result<(), JournalFault> {
        self.journal.enrol(sink, wanted).await
    }
    async fn standing(&self, sink: &str) -> Result<Standing, JournalFault> {
        self.journal.standing(sink).await
    }
    async fn next_letter(&self, sink: &str) -> Result<Option<Posted>, JournalFault> {
        self.journal.next_letter(sink).await
    }
    async fn settle(&self, sink: &str, posted: &Posted, settled: Settled) -> Result<(), JournalFault> {
        self.journal.settle(sink, posted, settled).await
    }
    async fn told(&self, sink: &str) -> Result<Vec<Letter>, JournalFault> {
        self.journal.told(sink).await
    }
    async fn prune(&self, sinks: &[String], before: Timestamp) -> Result<u64, JournalFault> {
        self.journal.prune(sinks, before).await
    }
}

#[tokio::test]
async fn an_append_whose_answer_is_lost_is_neither_told_twice_nor_forgotten() {
    let world = World::new();
    let journal = world.journal().await;
    let outbox = Arc::new(Forgetful {
        journal: journal.clone(),
        lose: AtomicBool::new(false),
        hang: AtomicBool::new(false),
    });
    let alerts = world.alerts(outbox.clone(), Vec::new()).await;
    world.say(&alerts, &[adopted("billing")]).await;

    outbox.lose.store(true, Ordering::SeqCst);
    let entry = refused("billing").entry();
    let lost = alerts
        .journal()
        .append(world.clock.now(), std::slice::from_ref(&entry))
        .await;
    assert!(lost.is_err());
    agree(&journal, &world.path()).await;
    // Whoever asked tries again: the record is there twice, the incident once.
    alerts
        .journal()
        .append(world.clock.now(), &[entry])
        .await
        .unwrap();
    agree(&journal, &world.path()).await;
    assert_eq!(letters(&world.path()).await.len(), 1);

    // A caller that leaves in the middle.
    outbox.hang.store(true, Ordering::SeqCst);
    let entry = [fine("billing").entry()];
    let shared = alerts.journal();
    let left = tokio::time::timeout(
        std::time::Duration::from_millis(200),
        shared.append(world.clock.now(), &entry),
    );
    assert!(left.await.is_err());
    outbox.hang.store(false, Ordering::SeqCst);
    world.say(&alerts, &[overdue("billing", true)]).await;
    agree(&journal, &world.path()).await;
    let short: Vec<_> = letters(&world.path())
        .await
        .iter()
        .map(crate::world::short)
        .collect();
    assert_eq!(
        short,
        [
            "+ rekeyd/billing/current-refused",
            "- rekeyd/billing/current-refused",
            "+ rekeyd/billing/overdue"
        ]
    );
}

/// What an older version, which knew nothing of letters, left behind is told by the first start of this one; what was
/// told stays told.
#[tokio::test]
async fn a_start_tells_what_was_not_told() {
    let world = World::new();
    let journal = world.journal().await;
    let entries = [adopted("billing").entry(), refused("billing").entry()];
    journal.append(START, &entries).await.unwrap();
    for _ in 0..2 {
        let _alerts = world.alerts(journal.clone(), Vec::new()).await;
        agree(&journal, &world.path()).await;
        assert_eq!(letters(&world.path()).await.len(), 1);
    }
    // The app leaves the policy.
    let _alerts = world.alerts_for(&["other"], journal.clone(), Vec::new()).await;
    assert_eq!(letters(&world.path()).await.len(), 2);
    assert!(journal.open_incidents().await.unwrap().is_empty());
    // And comes back.
    let _alerts = world.alerts(journal.clone(), Vec::new()).await;
    agree(&journal, &world.path()).await;
}

/// A journal of the version before has no tables for letters: a start makes them and changes no record.
#[tokio::test]
async fn a_journal_of_the_version_before_is_taken_over() {
    let world = World::new();
    let head = {
        let journal = world.journal().await;
        journal
            .append(START, &[adopted("billing").entry()])
            .await
            .unwrap();
        let head = journal.head().await.unwrap();
        Arc::into_inner(journal).unwrap().close().await.unwrap();
        head
    };
    let back = "DROP TABLE letter; DROP TABLE incident; DROP TABLE sink; DROP TABLE told; \
                DELETE FROM _sqlx_migrations WHERE version = 2";
    sql(&world.path(), back).await;
    let journal = world.journal().await;
    assert_eq!(journal.head().await.unwrap(), head);
    let alerts = world.alerts(journal.clone(), Vec::new()).await;
    world.say(&alerts, &[refused("billing")]).await;
    agree(&journal, &world.path()).await;
}
