//! One process writes. The operating system ends the lock with the process, however that ends, so there is
//! never a stale one to remove by hand.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::journal::JournalFault;

/// Held while the file is open. The lock file itself stays: removing it would let two processes lock two files of
/// one name.
#[derive(Debug)]
pub(super) struct WriterLock {
    file: File,
}

/// `path` with `suffix` put after its whole name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

impl WriterLock {
    /// A file of its own, because closing any descriptor of the database would drop SQLite's locks on it.
    pub fn take(journal: &Path) -> Result<WriterLock, JournalFault> {
        let path = beside(journal, ".lock");
        let unavailable = |error: std::io::Error| {
            JournalFault::Unavailable(format!(
                "{} cannot be written ({error}). The directory must exist and be writable by the user that rekeyd \
                 runs as.",
                path.display()
            ))
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(journal, &mut file)),
            Err(TryLockError::Error(error)) => return Err(unavailable(error)),
        }
        // Only for the message of whoever comes second; a full disk must not stop a daemon that could still read.
        let _ = note_our_pid(&mut file);
        Ok(WriterLock { file })
    }
}

impl Drop for WriterLock {
    /// By word and not only by closing: a child that is just being started has a copy of the descriptor, and would hold
    /// the lock for a moment longer.
    fn drop(&mut self) {
        // Closing does the rest.
        let _ = self.file.unlock();
    }
}

fn note_our_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn in_use(journal: &Path, file: &mut File) -> JournalFault {
    let mut noted = String::new();
    let by = match file.take(32).read_to_string(&mut noted) {
        Ok(_) => noted.trim().parse().ok(),
        Err(_) => None,
    };
    JournalFault::InUse {
        by,
        text: format!(
            "{}. Stop that process first, or give this one a journal of its own.",
            journal.display()
        ),
    }
}
