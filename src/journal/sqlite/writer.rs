//! The one writer of the one process.

use std::path::{Path, PathBuf};

use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};

use super::fault::classify;
use super::lane::Lane;
use super::lock::WriterLock;
use super::outbox;
use super::rows::{self, Tip};
use crate::clock::Timestamp;
use crate::journal::{Entry, Head, JournalFault};
use crate::port::outbox::{Letter, Posted, Settled, Wanted};

/// Fields are dropped in this order: the lock goes last.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    lane: Lane,
    tip: Tip,
    /// The end that an append without an answer may have made.
    attempted: Option<Tip>,
    _lock: WriterLock,
}

impl Writer {
    pub fn new(path: &Path, lane: Lane, tip: Tip, lock: WriterLock) -> Writer {
        log_head(tip);
        Writer {
            path: path.to_path_buf(),
            lane,
            tip,
            attempted: None,
            _lock: lock,
        }
    }

    /// Entries and letters, all or none.
    pub async fn append(
        &mut self,
        at: Timestamp,
        entries: &[Entry],
        letters: &[Letter],
    ) -> Result<Head, JournalFault> {
        if entries.is_empty() && letters.is_empty() {
            return Ok(self.tip.hash);
        }
        let mut connection = self.take().await?;
        self.tip = self.write(&mut connection, at, entries, letters).await?;
        self.attempted = None;
        self.lane.give_back(connection);
        if !entries.is_empty() {
            log_head(self.tip);
        }
        Ok(self.tip.hash)
    }

    /// All of it in one transaction that is rolled back unless it is committed. `attempted` is noted right before
    /// the one moment whose outcome can stay unknown.
    async fn write(
        &mut self,
        connection: &mut SqliteConnection,
        at: Timestamp,
        entries: &[Entry],
        letters: &[Letter],
    ) -> Result<Tip, JournalFault> {
        let fault = |error: sqlx::Error| classify(&self.path, &error);
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        let mut tip = rows::tip(&self.path, &mut transaction).await?;
        if tip != self.tip && Some(tip) != self.attempted {
            return Err(JournalFault::InUse {
                by: None,
                text: format!(
                    "{} has records that this process did not append. Find the other writer, stop both, and run \
                     `rekeyd history --verify`.",
                    self.path.display()
                ),
            });
        }
        for entry in entries {
            let (row, next) = rows::following(tip, at, entry);
            rows::insert(&row, &mut transaction).await.map_err(fault)?;
            tip = next;
        }
        if !entries.is_empty() {
            sqlx::query("UPDATE chain SET seq = ?, hash = ?")
                .bind(tip.seq)
                .bind(tip.hash.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(fault)?;
        }
        outbox::post(&mut transaction, letters).await.map_err(fault)?;
        self.attempted = Some(tip);
        match transaction.commit().await {
            Ok(()) => Ok(tip),
            Err(error) => Err(classify(&self.path, &error)),
        }
    }

    pub async fn remember(&mut self, name: &str, value: &serde_json::Value) -> Result<(), JournalFault> {
        let mut connection = self.take().await?;
        sqlx::query(
            "INSERT INTO fact (name, value) VALUES (?, ?) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value.to_string())
        .execute(&mut connection)
        .await
        .map_err(|error| classify(&self.path, &error))?;
        self.lane.give_back(connection);
        Ok(())
    }

    pub async fn enrol(&mut self, sink: &str, wanted: Wanted<'_>) -> Result<(), JournalFault> {
        let mut connection = self.take().await?;
        let mut transaction = self.begin(&mut connection).await?;
        let done = outbox::enrol(&mut transaction, sink, wanted).await;
        done.map_err(|error| classify(&self.path, &error))?;
        self.end(transaction).await?;
        self.lane.give_back(connection);
        Ok(())
    }

    pub async fn settle(
        &mut self,
        sink: &str,
        posted: &Posted,
        settled: Settled,
    ) -> Result<(), JournalFault> {
        let mut connection = self.take().await?;
        let mut transaction = self.begin(&mut connection).await?;
        let done = outbox::settle(&mut transaction, sink, posted, settled).await;
        done.map_err(|error| classify(&self.path, &error))?;
        self.end(transaction).await?;
        self.lane.give_back(connection);
        Ok(())
    }

    pub async fn prune(&mut self, sinks: &[String], before: Timestamp) -> Result<u64, JournalFault> {
        let mut connection = self.take().await?;
        let mut transaction = self.begin(&mut connection).await?;
        let done = outbox::prune(&mut transaction, sinks, before).await;
        let count = done.map_err(|error| classify(&self.path, &error))?;
        self.end(transaction).await?;
        self.lane.give_back(connection);
        Ok(count)
    }

    async fn begin<'c>(
        &self,
        connection: &'c mut SqliteConnection,
    ) -> Result<Transaction<'c, Sqlite>, JournalFault> {
        let begun = connection.begin_with("BEGIN IMMEDIATE").await;
        begun.map_err(|error| classify(&self.path, &error))
    }

    async fn end(&self, transaction: Transaction<'_, Sqlite>) -> Result<(), JournalFault> {
        let ended = transaction.commit().await;
        ended.map_err(|error| classify(&self.path, &error))
    }

    pub async fn close(self) -> Result<(), sqlx::Error> {
        self.lane.close().await
    }

    async fn take(&mut self) -> Result<SqliteConnection, JournalFault> {
        self.lane
            .take()
            .await
            .map_err(|error| classify(&self.path, &error))
    }
}

/// The log keeps what the journal cannot keep about itself.
fn log_head(tip: Tip) {
    tracing::info!(target: "rekeyd::journal", head = %tip.hash, seq = tip.seq, "head of the journal");
}
