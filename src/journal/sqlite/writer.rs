//! The one writer of the one process.

use std::path::{Path, PathBuf};
use std::time::Duration;

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
    said: Said,
    _lock: WriterLock,
}

impl Writer {
    pub fn new(path: &Path, lane: Lane, tip: Tip, lock: WriterLock) -> Writer {
        Writer {
            path: path.to_path_buf(),
            lane,
            tip,
            attempted: None,
            said: Said::begin(tip),
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
            self.said.moved(self.tip, at);
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

/// How often the log has the head at least, while the journal grows.
const SAY_EVERY: Duration = Duration::from_secs(60 * 60);

/// The log keeps what the journal cannot keep about itself, so that somebody outside can anchor it: each head for who
/// asks for *debug*, and for everybody the one at the start, one an hour at most, and the last.
#[derive(Debug)]
struct Said {
    /// The end as it is now.
    tip: Tip,
    /// The last that everybody was told: which, and when.
    last: i64,
    at: Option<Timestamp>,
}

impl Said {
    fn begin(tip: Tip) -> Said {
        tracing::info!(target: "rekeyd::journal", head = %tip.hash, seq = tip.seq, "head of the journal");
        Said {
            tip,
            last: tip.seq,
            at: None,
        }
    }

    fn moved(&mut self, tip: Tip, at: Timestamp) {
        self.tip = tip;
        // The hour counts from the first record: what time it was at the start nobody said here.
        let since = *self.at.get_or_insert(at);
        match at.since(since) >= SAY_EVERY {
            true => {
                self.at = Some(at);
                self.say();
            }
            false => {
                tracing::debug!(target: "rekeyd::journal", head = %tip.hash, seq = tip.seq, "head of the journal");
            }
        }
    }

    fn say(&mut self) {
        let Tip { seq, hash } = self.tip;
        self.last = seq;
        tracing::info!(target: "rekeyd::journal", head = %hash, seq, "head of the journal");
    }
}

impl Drop for Said {
    /// Also where the process ends by a fault.
    fn drop(&mut self) {
        if self.last != self.tip.seq {
            self.say();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everybody_is_told_the_first_head_one_an_hour_and_the_last() {
        let page = Page::default();
        let sink = page.clone();
        let log = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(move || sink.clone())
            .finish();
        let tip = |seq| Tip {
            seq,
            hash: Head([0; 32]),
        };
        let minute = |minutes: i64| Timestamp(1_800_000_000_000 + minutes * 60_000);
        tracing::subscriber::with_default(log, || {
            let mut said = Said::begin(tip(0));
            for (seq, at) in [(1, 0), (2, 59), (3, 60), (4, 61), (5, 119), (6, 125), (7, 126)] {
                said.moved(tip(seq), minute(at));
            }
            drop(said);
            // Nothing was written: the last was told already.
            drop(Said::begin(tip(7)));
        });
        let bytes = page.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        let seqs: Vec<&str> = text
            .lines()
            .filter_map(|line| Some(line.split_once(" seq=")?.1.trim()))
            .collect();
        assert_eq!(seqs, ["0", "3", "6", "7", "7"], "{text}");
    }
}
