//! The writes. Each is a few steps of which one rename is the commit; before it nothing has changed for any
//! reader, after it everything has.
//!
//! All of them hold the app's lock, so that the comparison and the write are one. The kernel lets the lock go when
//! its holder dies. What a dead writer left unfinished has names that no reader looks at, and is swept by the next.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use super::disk::Disk;
use super::layout::{Layout, Link};
use super::pointer::{Pointer, number_of};
use super::retention;
use crate::rotation::RotationId;

/// Why a write did not end well.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The place no longer holds what the caller saw.
    Stale(String),
    /// Nothing has changed.
    Before(io::Error),
    /// It took effect, but may not outlive a power failure.
    After(io::Error),
}

/// The files of one app, for writing.
pub(super) struct Files {
    disk: Arc<dyn Disk>,
    layout: Layout,
}

impl Files {
    pub(super) fn new(disk: Arc<dyn Disk>, layout: Layout) -> Self {
        Files { disk, layout }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Puts a new generation where `link` still holds `base`.
    pub(super) fn put(&self, link: Link, base: u64, sealed: &[u8]) -> Result<u64, Stopped> {
        self.make_directories().map_err(Stopped::Before)?;
        let _lock = self.lock().map_err(Stopped::Before)?;
        let held = self.pointer(link).map_err(Stopped::Before)?.number();
        if held != base {
            return Err(Stopped::Stale(format!("it holds generation {held}, not {base}")));
        }
        self.sweep();
        let number = self.next().map_err(Stopped::Before)?;
        let written = self
            .write_generation(number, sealed)
            .and_then(|()| self.point(link, Pointer::Value(number)));
        if let Err(fault) = written {
            return Err(self.back_out(link, number, fault));
        }
        self.disk
            .sync_directory(self.layout.app())
            .map_err(Stopped::After)?;
        self.prune();
        Ok(number)
    }

    /// Ends generation `number` of *pending*: empties the place if it holds it, and removes the file and what set
    /// it aside. Doing it again does nothing.
    pub(super) fn clear(&self, number: u64) -> Result<(), Stopped> {
        if !self.layout.app().is_dir() {
            return Ok(());
        }
        let _lock = self.lock().map_err(Stopped::Before)?;
        if self.pointer(Link::Current).map_err(Stopped::Before)? == Pointer::Value(number) {
            return Err(Stopped::Stale(format!("generation {number} is current")));
        }
        self.empty(number)?;
        for link in self.quarantine_links(Some(number)).map_err(Stopped::Before)? {
            self.remove(&link).map_err(Stopped::Before)?;
        }
        self.remove(&self.layout.generation(number))
            .map_err(Stopped::Before)
    }

    /// Sets generation `number` of *pending* aside. Doing it again does nothing.
    pub(super) fn quarantine(&self, number: u64, rotation: RotationId) -> Result<(), Stopped> {
        if !self.layout.generation(number).is_file() {
            return Err(Stopped::Stale(format!("generation {number} does not exist")));
        }
        let _lock = self.lock().map_err(Stopped::Before)?;
        let held = self.pointer(Link::Pending).map_err(Stopped::Before)?;
        let aside = self.layout.quarantined(rotation, number);
        if held != Pointer::Value(number) {
            return match Pointer::read_aside(&aside) {
                Some(found) if found == number => Ok(()),
                Some(_) | None => Err(Stopped::Stale(format!(
                    "it holds generation {}, not {number}",
                    held.number()
                ))),
            };
        }
        self.set_aside(&aside, number).map_err(Stopped::Before)?;
        self.empty(number)
    }

    /// What a place holds now.
    pub(super) fn pointer(&self, link: Link) -> io::Result<Pointer> {
        Pointer::read(&self.layout.link(link))
    }

    fn make_directories(&self) -> io::Result<()> {
        self.layout
            .directories()
            .iter()
            .try_for_each(|directory| self.make_directory(directory))
    }

    /// A directory that was there may not be durable yet if its maker died, so its parent is made so either way.
    fn make_directory(&self, directory: &Path) -> io::Result<()> {
        if !directory.is_dir() {
            match self.disk.make_directory(directory) {
                Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => return Err(fault),
                Ok(()) | Err(_) => {}
            }
        }
        directory
            .parent()
            .map_or(Ok(()), |parent| self.disk.sync_directory(parent))
    }

    fn lock(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(self.layout.lock())?;
        file.lock()?;
        Ok(file)
    }

    fn sweep(&self) {
        for unfinished in [self.layout.unfinished_generation(), self.layout.unfinished_link()] {
            let _nothing_was_left = self.disk.remove(&unfinished);
        }
    }

    fn next(&self) -> io::Result<u64> {
        let mut last = self.existing()?.last().copied().unwrap_or(0);
        for link in [Link::Current, Link::Pending] {
            last = last.max(self.pointer(link)?.number());
        }
        last.checked_add(1)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    fn write_generation(&self, number: u64, sealed: &[u8]) -> io::Result<()> {
        let unfinished = self.layout.unfinished_generation();
        let mut file = self.disk.create(&unfinished)?;
        self.disk.write(&mut file, sealed)?;
        self.disk.sync(&file)?;
        self.disk.rename(&unfinished, &self.layout.generation(number))?;
        self.disk.sync_directory(&self.layout.generations())
    }

    /// The commit is the rename.
    fn point(&self, link: Link, pointer: Pointer) -> io::Result<()> {
        let target = pointer.target().unwrap_or_default();
        let unfinished = self.layout.unfinished_link();
        self.disk.link(&target, &unfinished)?;
        self.disk.rename(&unfinished, &self.layout.link(link))
    }

    /// Takes back what a failed write has left, unless it turns out to have taken effect.
    fn back_out(&self, link: Link, number: u64, fault: io::Error) -> Stopped {
        match self.pointer(link) {
            Ok(held) if held != Pointer::Value(number) => {
                self.sweep();
                let _never_named = self.disk.remove(&self.layout.generation(number));
                Stopped::Before(fault)
            }
            Ok(_) | Err(_) => Stopped::After(fault),
        }
    }

    /// Empties *pending* if it holds `number`.
    fn empty(&self, number: u64) -> Result<(), Stopped> {
        if self.pointer(Link::Pending).map_err(Stopped::Before)? != Pointer::Value(number) {
            return Ok(());
        }
        self.sweep();
        self.point(Link::Pending, Pointer::Cleared(number))
            .map_err(|fault| {
                self.sweep();
                Stopped::Before(fault)
            })?;
        self.disk
            .sync_directory(self.layout.app())
            .map_err(Stopped::After)
    }

    fn set_aside(&self, aside: &Path, number: u64) -> io::Result<()> {
        let directory = self.layout.quarantine();
        self.make_directory(&directory)?;
        let target = Path::new("../generations").join(number.to_string());
        match self.disk.link(&target, aside) {
            Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => return Err(fault),
            Ok(()) | Err(_) => {}
        }
        self.disk.sync_directory(&directory)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match self.disk.remove(path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(()) => path
                .parent()
                .map_or(Ok(()), |parent| self.disk.sync_directory(parent)),
            Err(fault) => Err(fault),
        }
    }

    fn existing(&self) -> io::Result<BTreeSet<u64>> {
        let mut numbers = BTreeSet::new();
        for entry in std::fs::read_dir(self.layout.generations())? {
            numbers.extend(entry?.file_name().to_str().and_then(number_of));
        }
        Ok(numbers)
    }

    /// The links in quarantine: all, or those to one generation.
    fn quarantine_links(&self, only: Option<u64>) -> io::Result<Vec<std::path::PathBuf>> {
        let entries = match std::fs::read_dir(self.layout.quarantine()) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut links = Vec::new();
        for entry in entries {
            let link = entry?.path();
            let number = Pointer::read_aside(&link);
            if number.is_some() && (only.is_none() || only == number) {
                links.push(link);
            }
        }
        Ok(links)
    }

    /// A value too many is no fault of the write that has just been made, so what cannot be removed stays.
    fn prune(&self) {
        let Ok(superfluous) = self.superfluous() else {
            return;
        };
        for number in superfluous {
            let _stays_until_the_next_write = self.disk.remove(&self.layout.generation(number));
        }
    }

    fn superfluous(&self) -> io::Result<Vec<u64>> {
        let mut referred = BTreeSet::from([
            self.pointer(Link::Current)?.number(),
            self.pointer(Link::Pending)?.number(),
        ]);
        let aside = self.quarantine_links(None)?;
        referred.extend(aside.iter().filter_map(|link| Pointer::read_aside(link)));
        Ok(retention::superfluous(&self.existing()?, &referred))
    }
}
