//! What the tests of the journal share.

use std::path::{Path, PathBuf};

use rekeyd::clock::Timestamp;
use rekeyd::journal::{Entry, Journal, JournalFault, RecordQuery, SqliteJournal};
use rekeyd::random::SystemRandom;
use rekeyd::rotation::RotationId;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use tempfile::TempDir;

pub struct Place {
    pub directory: TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place {
            directory: TempDir::new().unwrap(),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("journal.db")
    }

    pub async fn open(&self) -> Result<SqliteJournal, JournalFault> {
        SqliteJournal::open(&self.path(), &SystemRandom).await
    }

    pub async fn look(&self) -> Result<SqliteJournal, JournalFault> {
        SqliteJournal::open_read_only(&self.path()).await
    }

    /// A closed journal with `count` records in it.
    pub async fn filled(count: usize) -> Place {
        let place = Place::new();
        let journal = place.open().await.unwrap();
        for at in 0..count {
            journal.append(at_millis(at), &[entry(at)]).await.unwrap();
        }
        journal.close().await.unwrap();
        place
    }

    /// Behind the journal's back, without its triggers.
    pub async fn tamper(&self, statements: &str) {
        let mut connection = raw(&self.path()).await;
        for trigger in [
            "record_is_never_changed",
            "record_is_never_removed",
            "record_is_only_added_at_the_end",
            "chain_only_grows",
            "chain_is_never_removed",
            "chain_is_written_once",
        ] {
            run(&mut connection, &format!("DROP TRIGGER {trigger}"))
                .await
                .unwrap();
        }
        run(&mut connection, statements).await.unwrap();
        connection.close().await.unwrap();
    }
}

pub async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap()
}

pub async fn run(connection: &mut SqliteConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .map(drop)
}

pub fn at_millis(at: usize) -> Timestamp {
    Timestamp(i64::try_from(at).unwrap())
}

pub fn rotation(number: u128) -> RotationId {
    RotationId::from(uuid::Uuid::from_u128(number))
}

pub fn entry(number: usize) -> Entry {
    Entry {
        app: Some(format!("app-{}", number % 3)),
        rotation: (!number.is_multiple_of(4)).then(|| rotation((number % 5) as u128)),
        kind: "test".into(),
        body: json!({ "number": number, "text": "naïve\n\"quoted\"" }),
    }
}

pub async fn numbers(journal: &SqliteJournal) -> Vec<u64> {
    let records = journal.read(&RecordQuery::default()).await.unwrap();
    records
        .iter()
        .map(|record| record.entry.body["number"].as_u64().unwrap())
        .collect()
}
