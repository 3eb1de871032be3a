//! The journal in one SQLite file: write-ahead log, every commit on the disk before it is answered.
//!
//! One connection appends and one reads. A connection whose call failed, or was dropped half-way, is thrown away
//! and the next call makes a new one: no half-open transaction can be inherited. In every append the end of the
//! history is compared with the writer's own note of it, in the same transaction.
//!
//! **Not here:** backups (any tool that copies a live SQLite database safely does), and networked file systems,
//! whose locks cannot be relied on.

mod fault;
mod files;
mod lane;
mod lock;
mod open;
mod outbox;
mod rows;
mod schema;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sqlx::Row;
use tokio::sync::Mutex;

use self::fault::classify;
use self::lane::Lane;
use self::lock::WriterLock;
use self::writer::Writer;
use super::{Entry, Head, Journal, JournalFault, Record, RecordQuery, Verified, VerifyFault};
use crate::clock::Timestamp;
use crate::port::outbox::{Letter, Outbox, Posted, Settled, Standing, Wanted};
use crate::random::Random;

/// A journal in a SQLite file.
#[derive(Debug)]
pub struct SqliteJournal {
    path: PathBuf,
    reader: Mutex<Lane>,
    writer: Option<Mutex<Writer>>,
}

impl SqliteJournal {
    /// Opens the journal at `path` to write it, and makes it if there is none. Recomputes the whole history.
    ///
    /// # Errors
    /// [`JournalFault::InUse`], [`JournalFault::Exposed`], [`JournalFault::Corrupt`], [`JournalFault::Newer`],
    /// [`JournalFault::Full`] or [`JournalFault::Unavailable`], each with what to do.
    pub async fn open(path: &Path, random: &dyn Random) -> Result<SqliteJournal, JournalFault> {
        Self::open_within(path, random, None).await
    }

    /// As [`SqliteJournal::open`]; an append that would make the file larger than `max_pages` pages of 4096 bytes
    /// is refused as [`JournalFault::Full`].
    ///
    /// # Errors
    /// As [`SqliteJournal::open`].
    pub async fn open_within(
        path: &Path,
        random: &dyn Random,
        max_pages: Option<u32>,
    ) -> Result<SqliteJournal, JournalFault> {
        let path = files::resolve(path)?;
        files::private(&path)?;
        let lock = WriterLock::take(&path)?;
        if !files::present(&path)? {
            open::create(&path, random).await?;
        }
        let options = open::writing(&path, max_pages);
        let mut connection = open::trust(&path, &options).await?;
        let tip = rows::tip(&path, &mut connection).await?;
        let lane = Lane::new(options, Some(connection));
        Ok(SqliteJournal {
            reader: Mutex::new(Lane::new(open::reading(&path), None)),
            writer: Some(Mutex::new(Writer::new(&path, lane, tip, lock))),
            path,
        })
    }

    /// Opens the journal at `path` to look at it, also while another process writes it. Checks that it can be
    /// understood, and not that it holds: that is [`Journal::verify`].
    ///
    /// # Errors
    /// [`JournalFault::Missing`], [`JournalFault::Corrupt`], [`JournalFault::Newer`] or
    /// [`JournalFault::Unavailable`].
    pub async fn open_read_only(path: &Path) -> Result<SqliteJournal, JournalFault> {
        let path = files::resolve(path)?;
        if !files::present(&path)? {
            return Err(JournalFault::Missing(path.display().to_string()));
        }
        let connection = open::trust_to_read(&path).await?;
        Ok(SqliteJournal {
            reader: Mutex::new(Lane::new(open::reading(&path), Some(connection))),
            writer: None,
            path,
        })
    }

    /// Ends the use of the file and leaves one file, without a write-ahead log beside it. Without this call nothing
    /// is lost either.
    ///
    /// # Errors
    /// [`JournalFault`] of the last write.
    pub async fn close(self) -> Result<(), JournalFault> {
        let fault = |error: sqlx::Error| classify(&self.path, &error);
        self.reader.into_inner().close().await.map_err(fault)?;
        match self.writer {
            Some(writer) => writer.into_inner().close().await.map_err(fault),
            None => Ok(()),
        }
    }

    fn fault(&self) -> impl Fn(sqlx::Error) -> JournalFault {
        |error| classify(&self.path, &error)
    }

    fn writer(&self) -> Result<&Mutex<Writer>, JournalFault> {
        self.writer.as_ref().ok_or_else(|| {
            JournalFault::Unavailable(format!("{} was opened for reading only", self.path.display()))
        })
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn append(&self, at: Timestamp, entries: &[Entry]) -> Result<Head, JournalFault> {
        self.writer()?.lock().await.append(at, entries, &[]).await
    }

    async fn read(&self, query: &RecordQuery) -> Result<Vec<Record>, JournalFault> {
        let mut lane = self.reader.lock().await;
        let mut connection = lane.take().await.map_err(self.fault())?;
        let records = rows::read(&self.path, &mut connection, query).await?;
        lane.give_back(connection);
        Ok(records)
    }

    async fn head(&self) -> Result<Head, JournalFault> {
        let mut lane = self.reader.lock().await;
        let mut connection = lane.take().await.map_err(self.fault())?;
        let tip = rows::tip(&self.path, &mut connection).await?;
        lane.give_back(connection);
        Ok(tip.hash)
    }

    async fn is_empty(&self) -> Result<bool, JournalFault> {
        let mut lane = self.reader.lock().await;
        let mut connection = lane.take().await.map_err(self.fault())?;
        let tip = rows::tip(&self.path, &mut connection).await?;
        lane.give_back(connection);
        Ok(tip.seq == 0)
    }

    async fn verify(&self, expected: Option<Head>) -> Result<Verified, VerifyFault> {
        // A connection of its own: a long history must not keep other readers waiting.
        let mut lane = Lane::new(open::reading(&self.path), None);
        let mut connection = lane.take().await.map_err(self.fault())?;
        rows::verify(&self.path, &mut connection, expected).await
    }

    async fn remember(&self, name: &str, value: &serde_json::Value) -> Result<(), JournalFault> {
        self.writer()?.lock().await.remember(name, value).await
    }

    async fn recall(&self, name: &str) -> Result<Option<serde_json::Value>, JournalFault> {
        let mut lane = self.reader.lock().await;
        let mut connection = lane.take().await.map_err(self.fault())?;
        let row = sqlx::query("SELECT value FROM fact WHERE name = ?")
            .bind(name)
            .fetch_optional(&mut connection)
            .await
            .map_err(self.fault())?;
        lane.give_back(connection);
        let Some(row) = row else { return Ok(None) };
        let text: String = row.try_get(0).map_err(self.fault())?;
        let value = serde_json::from_str(&text).map_err(|_| rows::unusable(&self.path))?;
        Ok(Some(value))
    }
}

#[async_trait]
impl Outbox for SqliteJournal {
    async fn append_with(
        &self,
        at: Timestamp,
        entries: &[Entry],
        letters: &[Letter],
    ) -> Result<Head, JournalFault> {
        self.writer()?.lock().await.append(at, entries, letters).await
    }

    async fn open_incidents(&self) -> Result<BTreeMap<String, Letter>, JournalFault> {
        let mut lane = self.reader.lock().await;
        let mut connection = lane.take().await.map_err(self.fault())?;
        let open = outbox::open_incidents(&mut connection).await;
        let open = open.map_err(self.fault())?;
        lane.give_back(connection);
        Ok(open)
    }

    async fn enrol(&self, sink: &str, wanted: Wanted<'_>) -> Result<(), JournalFault> {
        self.writer()?.lock().await.enrol(sink, wanted).await
    }

    async fn standing(&self, sink: &str) -> Result<Standing, JournalFault> {
        let mut lane = self.reader.lock().await;
        let mut connection = lane.take().await.map_err(self.fault())?;
        let standing = outbox::standing(&mut connection, sink).await;
        let standing = standing.map_err(self.fault())?;
        lane.give_back(connection);
        Ok(standing)
    }

    async fn next_letter(&self, sink: &str) -> Result<Option<Posted>, JournalFault> {
        let mut lane = self.reader.lock().await;
        let mut connection = lane.take().await.map_err(self.fault())?;
        let next = outbox::next(&mut connection, sink).await;
        let next = next.map_err(self.fault())?;
        lane.give_back(connection);
        Ok(next)
    }

    async fn settle(&self, sink: &str, posted: &Posted, settled: Settled) -> Result<(), JournalFault> {
        self.writer()?.lock().await.settle(sink, posted, settled).await
    }

    async fn told(&self, sink: &str) -> Result<Vec<Letter>, JournalFault> {
        let mut lane = self.reader.lock().await;
        let mut connection = lane.take().await.map_err(self.fault())?;
        let told = outbox::told(&mut connection, sink).await;
        let told = told.map_err(self.fault())?;
        lane.give_back(connection);
        Ok(told)
    }

    async fn prune(&self, sinks: &[String], before: Timestamp) -> Result<u64, JournalFault> {
        self.writer()?.lock().await.prune(sinks, before).await
    }
}
