//! Opens the journal to look at it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::cli::exit::Failure;
use crate::engine::examine::Remembered;
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

/// What was found out about each of `apps`, as the service last remembered it.
///
/// # Errors
/// As [`open`].
pub(super) async fn examined(
    path: &Path,
    apps: impl Iterator<Item = &String>,
) -> Result<BTreeMap<String, Remembered>, Failure> {
    let mut found = BTreeMap::new();
    let Some(journal) = open(path).await? else {
        return Ok(found);
    };
    for app in apps {
        let value = journal.recall(&Remembered::name(app)).await;
        let value = value.map_err(|fault| Failure::failed(fault.to_string()))?;
        // What another version of rekeyd remembered is found out again.
        let read = value.and_then(|value| serde_json::from_value(value).ok());
        found.extend(read.map(|read| (app.clone(), read)));
    }
    Ok(found)
}
