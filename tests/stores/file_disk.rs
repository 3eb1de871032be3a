//! A disk that fails at one chosen call: by dying there, or by being full.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rekeyd::store::file::disk::{Disk, SystemDisk};

/// How the chosen call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Before it does anything; no later call does anything either.
    DeadBefore,
    /// After it has done its work, or half of it if it writes; no later call does anything.
    DeadAfter,
    /// It finds no space; later calls work.
    Full,
}

/// One call, for looking at their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    MakeDirectory,
    Create,
    Write,
    Sync,
    SyncDirectory(PathBuf),
    Link,
    Rename(PathBuf),
    Remove,
}

/// The system's disk until call number `at`, counted from 0.
pub struct FailingDisk {
    at: usize,
    end: End,
    calls: Mutex<Vec<Call>>,
}

impl FailingDisk {
    pub fn new(at: usize, end: End) -> Self {
        FailingDisk {
            at,
            end,
            calls: Mutex::new(Vec::new()),
        }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Was the chosen call reached?
    pub fn failed(&self) -> bool {
        self.calls().len() > self.at
    }

    fn call<T>(
        &self,
        call: Call,
        half: impl FnOnce() -> io::Result<T>,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(call);
            calls.len() - 1
        };
        let dead = || io::Error::other("the process is dead");
        match self.end {
            _ if number < self.at => work(),
            End::Full if number > self.at => work(),
            End::Full => {
                // A write that finds no space has often written a part.
                half().ok();
                Err(io::ErrorKind::StorageFull.into())
            }
            End::DeadAfter if number == self.at => {
                half().ok();
                Err(dead())
            }
            End::DeadBefore | End::DeadAfter => Err(dead()),
        }
    }

    /// A call that is done or not done; a full disk does not do it.
    fn whole(&self, call: Call, work: impl Fn() -> io::Result<()>) -> io::Result<()> {
        let half = || {
            if self.end == End::Full { Ok(()) } else { work() }
        };
        self.call(call, half, &work)
    }
}

impl Disk for FailingDisk {
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        self.whole(Call::MakeDirectory, || SystemDisk.make_directory(path))
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        let half = || match self.end {
            End::Full => Err(io::ErrorKind::StorageFull.into()),
            End::DeadBefore | End::DeadAfter => SystemDisk.create(path),
        };
        self.call(Call::Create, half, || SystemDisk.create(path))
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let mut again = file.try_clone().unwrap();
        self.call(
            Call::Write,
            || again.write_all(&bytes[..bytes.len() / 2]),
            || SystemDisk.write(file, bytes),
        )
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.whole(Call::Sync, || SystemDisk.sync(file))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.whole(Call::SyncDirectory(path.to_owned()), || {
            SystemDisk.sync_directory(path)
        })
    }

    fn link(&self, target: &Path, link: &Path) -> io::Result<()> {
        self.whole(Call::Link, || SystemDisk.link(target, link))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole(Call::Rename(to.to_owned()), || SystemDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole(Call::Remove, || SystemDisk.remove(path))
    }
}
