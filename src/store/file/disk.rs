//! What the store does to a disk, one system call or so per method.
//!
//! A parameter like time and randomness are: a test that counts these calls, and ends one of them badly, has
//! covered every place where a crash or a full disk can strike. Reads are not here, since they change nothing.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The calls that change something, or make a change durable. Each answers with the system's own error.
#[expect(
    clippy::missing_errors_doc,
    reason = "every method hands on the error of the one call it makes"
)]
pub trait Disk: Send + Sync {
    /// Makes a directory that only its owner may enter.
    fn make_directory(&self, path: &Path) -> io::Result<()>;

    /// Makes a file that only its owner may read; it must not exist.
    fn create(&self, path: &Path) -> io::Result<File>;

    /// Writes all of it.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()>;

    /// Returns once the file's content is on the disk.
    fn sync(&self, file: &File) -> io::Result<()>;

    /// Returns once the directory's names are on the disk.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Makes a symbolic link.
    fn link(&self, target: &Path, link: &Path) -> io::Result<()>;

    /// Gives a file or link another name, replacing what has it, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file or link.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn link(&self, target: &Path, link: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(target, link)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}
