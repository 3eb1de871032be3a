//! Opens the journal to look at it.

use std::path::Path;
use std::sync::Arc;

use crate::cli::exit::Failure;
use crate::engine::ledger::Ledgers;
use crate::journal::SqliteJournal;
use crate::port::journal::{Journal, JournalFault, RecordQuery};

/// The journal at `path`, also while the daemon writes it; `None` if there is none yet.
///
/// # Errors
/// [`Failure`] (1) for one that cannot be read, with what to do.
pub(super) async fn open(path: &Path) -> Result<Option<Arc<dyn Journal>>, Failure> {
    match SqliteJournal::open_read_only(path).await {
        Ok(journal) => Ok(Some(Arc::new(journal))),
        Err(JournalFault::Missing(_)) => Ok(None),
        Err(fault) => Err(Failure::failed(fault.to_string())),
    }
}

/// What the journal at `path` adds up to; nothing where there is none.
///
/// # Errors
/// As [`open`]; also for records that this version does not know.
pub(super) async fn ledgers(path: &Path) -> Result<Ledgers, Failure> {
    let Some(journal) = open(path).await? else {
        return Ok(Ledgers::default());
    };
    let records = journal.read(&RecordQuery::default()).await;
    let records = records.map_err(|fault| Failure::failed(fault.to_string()))?;
    Ledgers::read(&records).map_err(|fault| Failure::failed(fault.to_string()))
}
