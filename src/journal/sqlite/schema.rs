//! Which journals this program understands.

use std::path::Path;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Row, SqliteConnection};

use super::fault::{RESTORE, classify};
use crate::journal::JournalFault;

/// Every schema so far. A file that was released is never edited: its digest is kept in every journal.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("src/journal/sqlite/migrations");

/// `rkyd` in ASCII, in the header of the file: `file journal.db` shows it, and a database of some other program
/// is refused before anything in it changes.
pub(super) const APPLICATION_ID: i32 = 0x726b_7964;

/// How a journal's schema stands to this program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Same,
    Older,
}

/// Looks without changing anything.
pub(super) async fn look(path: &Path, connection: &mut SqliteConnection) -> Result<Age, JournalFault> {
    let id: i32 = sqlx::query("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|error| classify(path, &error))?;
    if id != APPLICATION_ID {
        return Err(JournalFault::Corrupt(format!(
            "{} is a database, but not a journal of rekeyd. Name another file.",
            path.display()
        )));
    }
    let found: Option<i64> = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|error| classify(path, &error))?;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max();
    match found.cmp(&known) {
        std::cmp::Ordering::Less => Ok(Age::Older),
        std::cmp::Ordering::Equal => Ok(Age::Same),
        std::cmp::Ordering::Greater => Err(newer(path, found)),
    }
}

/// Brings the schema up to date, each step in a transaction of its own.
pub(super) async fn migrate(path: &Path, connection: &mut SqliteConnection) -> Result<(), JournalFault> {
    let Err(error) = MIGRATIONS.run(connection).await else {
        return Ok(());
    };
    if let MigrateError::VersionMissing(version) = error {
        return Err(newer(path, Some(version)));
    }
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return Err(classify(path, &error));
    }
    // What is left has no cause but a migration, or the journal's list of them, that somebody edited.
    Err(JournalFault::Corrupt(format!(
        "{} ({error}). {RESTORE}",
        path.display()
    )))
}

fn newer(path: &Path, version: Option<i64>) -> JournalFault {
    JournalFault::Newer(format!(
        "{} has schema {}, and this program knows up to {}. Run the version of rekeyd that wrote it, or a later one.",
        path.display(),
        version.unwrap_or_default(),
        MIGRATIONS
            .iter()
            .map(|migration| migration.version)
            .max()
            .unwrap_or_default()
    ))
}
