//! The journal as it was at one moment, read without touching it.
//!
//! SQLite makes files beside a database that it reads in write-ahead mode. So the database and its log are copied to a
//! private directory, which is removed again, and the copy is read there. A copy that a writer got in between shows by
//! the times and sizes of the files, and is made again.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::cli::exit::Failure;
use crate::cli::reader;
use crate::engine::examine::Remembered;
use crate::engine::ledger::Ledgers;
use crate::random::{self, SystemRandom};

/// How often a copy is tried while somebody writes.
const TRIES: usize = 20;

/// What the journal adds up to, and what was remembered beside it of the apps' examinations; nothing where there is none.
pub(super) async fn read(
    journal: &Path,
    apps: impl Iterator<Item = &String>,
) -> Result<(Ledgers, BTreeMap<String, Remembered>), Failure> {
    let unreadable =
        |error: io::Error| Failure::failed(format!("{} cannot be read: {}", journal.display(), error.kind()));
    let Some(copy) = copy(journal).map_err(unreadable)? else {
        return Ok((Ledgers::default(), BTreeMap::new()));
    };
    let ledgers = reader::ledgers(&copy.database()).await?;
    let examined = reader::examined(&copy.database(), apps).await?;
    Ok((ledgers, examined))
}

/// A private directory that goes when this is dropped.
struct Copy(PathBuf);

impl Copy {
    fn new() -> io::Result<Copy> {
        let id = random::uuid(&SystemRandom).map_err(io::Error::other)?;
        let directory = std::env::temp_dir().join(format!("rekeyd-plan-{id}"));
        DirBuilder::new().mode(0o700).create(&directory)?;
        Ok(Copy(directory))
    }

    fn database(&self) -> PathBuf {
        self.0.join("journal.db")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Best effort: it is private, and holds no secret.
        fs::remove_dir_all(&self.0).ok();
    }
}

fn copy(journal: &Path) -> io::Result<Option<Copy>> {
    let log = with_suffix(journal, "-wal");
    let target = Copy::new()?;
    for _ in 0..TRIES {
        let before = (stamp(journal)?, stamp(&log)?);
        if before.0.is_none() {
            return Ok(None);
        }
        let database = target.database();
        copy_file(journal, &database)?;
        copy_file(&log, &with_suffix(&database, "-wal"))?;
        if before == (stamp(journal)?, stamp(&log)?) {
            return Ok(Some(target));
        }
    }
    Err(io::Error::from(ErrorKind::ResourceBusy))
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = match OpenOptions::new().read(true).open(from) {
        Ok(from) => from,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match fs::remove_file(to) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        Err(error) => return Err(error),
    };
    let mut options = OpenOptions::new();
    let mut to = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(to)?;
    io::copy(&mut from, &mut to).map(|_| ())
}

/// Size and time of the last write, to the nanosecond.
type Stamp = (u64, i64, i64);

fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    let of = |found: Metadata| (found.size(), found.mtime(), found.mtime_nsec());
    match fs::metadata(path) {
        Ok(found) => Ok(Some(of(found))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
