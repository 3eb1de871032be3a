//! What must be true of the files before SQLite is let near them.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::lock::beside;
use crate::journal::JournalFault;

/// The path without links, so that one journal has one lock whatever name it is opened by.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, JournalFault> {
    let unavailable =
        |error: std::io::Error| JournalFault::Unavailable(format!("{}: {error}", path.display()));
    match fs::canonicalize(path) {
        Ok(real) => return Ok(real),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(unavailable(error)),
    }
    if fs::symlink_metadata(path).is_ok() {
        return Err(JournalFault::Unavailable(format!(
            "{} is a link to a place that is not there. Is a volume not mounted?",
            path.display()
        )));
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(JournalFault::Unavailable(format!(
            "{} does not name a file",
            path.display()
        )));
    };
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    let parent = fs::canonicalize(parent).map_err(|error| {
        JournalFault::Unavailable(format!(
            "its directory {} cannot be used ({error}). Create it, writable by the user that rekeyd runs as.",
            parent.display()
        ))
    })?;
    Ok(parent.join(name))
}

/// Whether there is a journal at `path`. Remains of one are a fault: SQLite would play them into a new journal,
/// and an empty file was a journal once, since ours appear with their first content in them.
pub(super) fn present(path: &Path) -> Result<bool, JournalFault> {
    let Some(found) = metadata(path)? else {
        let rest = beside(path, "-wal");
        if metadata(&rest)?.is_some() {
            return Err(JournalFault::Corrupt(format!(
                "{} is gone, but its {} is there. Restore both from one backup, or move the rest away too: rekeyd \
                 then rebuilds what it can from the stores.",
                path.display(),
                rest.display()
            )));
        }
        return Ok(false);
    };
    if !found.is_file() {
        return Err(JournalFault::Unavailable(format!(
            "{} is not a file",
            path.display()
        )));
    }
    if found.len() == 0 {
        return Err(JournalFault::Corrupt(format!(
            "{} is empty. {}",
            path.display(),
            super::fault::RESTORE
        )));
    }
    Ok(true)
}

/// Refuses files that others can read, and a directory in which anybody can replace them.
pub(super) fn private(path: &Path) -> Result<(), JournalFault> {
    for file in [path.to_path_buf(), beside(path, "-wal"), beside(path, "-shm")] {
        if let Some(found) = metadata(&file)?
            && found.permissions().mode() & 0o077 != 0
        {
            return Err(JournalFault::Exposed(format!(
                "{0} has mode {1:04o}. Run: chmod 600 '{0}'",
                file.display(),
                found.mode() & 0o7777
            )));
        }
    }
    let directory = path.parent().unwrap_or(Path::new("/"));
    if let Some(found) = metadata(directory)?
        && found.mode() & 0o002 != 0
    {
        return Err(JournalFault::Exposed(format!(
            "anybody can write to its directory (mode {:04o}). Run: chmod o-w '{}', or use a directory of its own",
            found.mode() & 0o7777,
            directory.display()
        )));
    }
    Ok(())
}

fn metadata(path: &Path) -> Result<Option<Metadata>, JournalFault> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(JournalFault::Unavailable(format!("{}: {error}", path.display()))),
    }
}
