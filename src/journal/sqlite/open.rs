//! From a path to a journal that can be relied on, or to a refusal that says what to do.
//!
//! A new journal is made under another name and appears with one rename, so that a crash leaves either none or a
//! whole one. A file that is there is looked at read-only first, so that nothing of a later version's, or of some
//! other program's, is touched.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::fault::{RESTORE, classify};
use super::lock::beside;
use super::{rows, schema};
use crate::journal::chain;
use crate::journal::{JournalFault, VerifyFault};
use crate::random::{self, Random};

/// How long SQLite waits for another program (a backup, a shell) to let go.
const PATIENCE: Duration = Duration::from_secs(5);

/// Options that can only read.
pub(super) fn reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(PATIENCE)
        .disable_statement_logging()
}

/// Options under which a commit is on the disk before it is answered. `max_pages` bounds the file.
pub(super) fn writing(path: &Path, max_pages: Option<u32>) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .disable_statement_logging();
    match max_pages {
        Some(pages) => options.pragma("max_page_count", pages.to_string()),
        None => options,
    }
}

/// Makes a new journal at `path`, where there is none. The caller holds the writer's lock.
pub(super) async fn create(path: &Path, random: &dyn Random) -> Result<(), JournalFault> {
    let unfinished = beside(path, ".new");
    let unavailable = |error: std::io::Error| {
        let text = format!("{} cannot be made: {error}", path.display());
        if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            JournalFault::Full(text)
        } else {
            JournalFault::Unavailable(text)
        }
    };
    for suffix in ["", "-wal", "-shm", "-journal"] {
        match fs::remove_file(beside(&unfinished, suffix)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(unavailable(error)),
        }
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(unavailable)?;

    fill(&unfinished, random).await?;

    File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .map_err(unavailable)?;
    fs::rename(&unfinished, path).map_err(unavailable)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(unavailable)
}

async fn fill(path: &Path, random: &dyn Random) -> Result<(), JournalFault> {
    let fault = |error: sqlx::Error| classify(path, &error);
    let installation = random::uuid(random)
        .map_err(|error| JournalFault::Unavailable(error.to_string()))?
        .to_string();
    let options = writing(path, None).pragma("application_id", schema::APPLICATION_ID.to_string());
    let mut connection = options.connect().await.map_err(fault)?;
    schema::migrate(path, &mut connection).await?;
    sqlx::query("INSERT INTO chain (only_row, installation, seq, hash) VALUES (1, ?, 0, ?)")
        .bind(&installation)
        .bind(chain::genesis(installation.as_bytes()).to_string())
        .execute(&mut connection)
        .await
        .map_err(fault)?;
    // Closing the last connection moves everything from the write-ahead log into the file.
    connection.close().await.map_err(fault)
}

/// Refuses what cannot be relied on, brings an older schema up to date, and answers with a connection to append
/// by. Reads everything once: a journal that was edited must not decide what happens to a credential.
pub(super) async fn trust(
    path: &Path,
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, JournalFault> {
    let fault = |error: sqlx::Error| classify(path, &error);
    let mut glance = reading(path).connect().await.map_err(fault)?;
    schema::look(path, &mut glance).await?;
    glance.close().await.map_err(fault)?;

    let mut connection = options.connect().await.map_err(fault)?;
    // Not `quick_check`: that does not compare the indexes with the records, and a record that an index has lost is
    // lost to whoever asks for one app.
    let findings = sqlx::query("PRAGMA integrity_check(1)")
        .fetch_all(&mut connection)
        .await
        .map_err(fault)?;
    for finding in findings {
        let finding: String = finding.try_get(0).map_err(fault)?;
        if finding != "ok" {
            return Err(JournalFault::Corrupt(format!(
                "{} ({finding}). {RESTORE}",
                path.display()
            )));
        }
    }
    schema::migrate(path, &mut connection).await?;
    // SQLite opens a file that it may not write without a word, and would refuse the first append only. This
    // changes nothing, and is a write all the same.
    sqlx::query("DELETE FROM fact WHERE name IS NULL")
        .execute(&mut connection)
        .await
        .map_err(fault)?;
    match rows::verify(path, &mut connection, None).await {
        Ok(_) => {}
        Err(VerifyFault::Fault(fault)) => return Err(fault),
        Err(VerifyFault::Broken(broken)) => {
            return Err(JournalFault::Corrupt(format!(
                "{}: {broken}. {RESTORE}",
                path.display()
            )));
        }
    }
    Ok(connection)
}

/// A reader needs the very schema that it was built for.
pub(super) async fn trust_to_read(path: &Path) -> Result<SqliteConnection, JournalFault> {
    let mut connection = reading(path)
        .connect()
        .await
        .map_err(|error| classify(path, &error))?;
    match schema::look(path, &mut connection).await? {
        schema::Age::Same => Ok(connection),
        schema::Age::Older => Err(JournalFault::Unavailable(format!(
            "{} has an older schema. Start this version of rekeyd once to bring it up to date.",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        create(&path, &SystemRandom).await.unwrap();
        let mut connection = writing(&path, None).connect().await.unwrap();
        let mut ask = async |pragma: &'static str| -> String {
            let row = sqlx::query(pragma).fetch_one(&mut connection).await.unwrap();
            row.try_get_unchecked(0).unwrap()
        };
        assert_eq!(
            ask("SELECT synchronous || '' FROM pragma_synchronous").await,
            "2",
            "not FULL"
        );
        assert_eq!(ask("SELECT journal_mode FROM pragma_journal_mode").await, "wal");
        assert_eq!(
            ask("SELECT foreign_keys || '' FROM pragma_foreign_keys").await,
            "1"
        );
    }
}
