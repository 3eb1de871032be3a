//! SQLite's result codes, by what the caller does next (<https://sqlite.org/rescode.html>).

use std::path::Path;

use crate::journal::JournalFault;

/// What a person does about a damaged journal.
pub(super) const RESTORE: &str = "Restore it from a backup, or move it away: rekeyd then rebuilds what it can from the stores before it rotates.";

const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const CONSTRAINT: i32 = 19;
const NOTADB: i32 = 26;

/// The messages of SQLite name tables, columns and our own triggers, never a value.
pub(super) fn classify(path: &Path, error: &sqlx::Error) -> JournalFault {
    let at = path.display();
    if matches!(
        error,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound
    ) {
        return JournalFault::Corrupt(format!("{at} does not hold what was written. {RESTORE}"));
    }
    let Some(database) = error.as_database_error() else {
        return JournalFault::Unavailable(format!("{at}: {error}"));
    };
    let text = database.message();
    // The low byte is the class; what lies above it is detail.
    let class = database
        .code()
        .and_then(|code| code.parse::<i32>().ok())
        .map_or(0, |code| code & 0xff);
    match class {
        FULL => JournalFault::Full(format!(
            "{at} ({text}). Free space on that file system; nothing is lost and nothing was changed outside."
        )),
        CORRUPT | NOTADB | CONSTRAINT => JournalFault::Corrupt(format!("{at} ({text}). {RESTORE}")),
        BUSY | LOCKED => JournalFault::Unavailable(format!("{at} ({text}). Another program holds it.")),
        READONLY | CANTOPEN => JournalFault::Unavailable(format!(
            "{at} ({text}). It and its directory must be writable by the user that rekeyd runs as."
        )),
        _ => JournalFault::Unavailable(format!("{at} ({text})")),
    }
}
