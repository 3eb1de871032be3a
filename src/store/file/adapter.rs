//! The port, spoken to by the engine; every call works on a thread that may block.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::commit::{Files, Stopped};
use super::disk::{Disk, SystemDisk};
use super::identity::StoreKey;
use super::layout::{Layout, Link};
use super::pointer::{Pointer, number_of};
use super::{access, free, permissions};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::port::{Fault, Outcome, Place, Refusal, Slot, Store, VersionRef};
use crate::rotation::RotationId;
use crate::store::path::StorePath;

/// A file larger than this is not one of ours, in bytes.
const LARGEST_VALUE: u64 = 4 * 1024 * 1024;

/// How often a read starts again because the place changed under it.
const RETRIES: usize = 8;

/// One app's path in one encrypted directory.
pub struct FileStore {
    name: String,
    path: StorePath,
    shared: Arc<Shared>,
}

struct Shared {
    key: StoreKey,
    files: Files,
}

impl FileStore {
    /// Opens the store of the policy's name `name` at an app's path. Reads the identity file once; writes nothing.
    ///
    /// # Errors
    /// [`Fault::Unusable`], with what to do: the directory is missing, the directory or the identity file is open
    /// to others, the identity file is no age identity.
    pub fn open(name: &str, directory: &Path, identity_file: &Path, path: &StorePath) -> Result<Self, Fault> {
        Self::on(Arc::new(SystemDisk), name, directory, identity_file, path)
    }

    /// The same on a given disk.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    pub fn on(
        disk: Arc<dyn Disk>,
        name: &str,
        directory: &Path,
        identity_file: &Path,
        path: &StorePath,
    ) -> Result<Self, Fault> {
        if !permissions::private(directory, "store directory")?.is_dir() {
            let shown = directory.display();
            return Err(Fault::Unusable(format!(
                "the store directory {shown} is not a directory: run `install -d -m 700 '{shown}'`"
            )));
        }
        let key = StoreKey::load(identity_file)?;
        let files = Files::new(disk, Layout::new(directory, path)?);
        Ok(FileStore {
            name: name.to_owned(),
            path: path.clone(),
            shared: Arc::new(Shared { key, files }),
        })
    }

    /// Notes in the store's own `access.log` that `who` reads this app's value by hand, and `why`. Returns once
    /// the line is on the disk: call it before showing anything.
    ///
    /// # Errors
    /// [`Fault::Unavailable`]: then nothing may be shown.
    pub async fn record_access(&self, who: &str, why: &str, at: Timestamp) -> Result<(), Fault> {
        let (who, why, path) = (who.to_owned(), why.to_owned(), self.path.clone());
        self.blocking(move |shared| {
            let log = shared.files.layout().access_log();
            access::record(&log, path.as_str(), &who, &why, at)
        })
        .await
        .unwrap_or_else(|text| Err(Fault::Unavailable(text)))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> Result<T, String> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || work(&shared))
            .await
            .map_err(|_| "the file store's thread ended early".to_owned())
    }

    async fn put(&self, link: Link, base: &VersionRef, value: &Document) -> Outcome<VersionRef> {
        let Some(base) = number_of(&base.0) else {
            return Outcome::Refused(Refusal::Invalid(not_ours(base)));
        };
        let value = value.clone();
        let done = self.blocking(move |shared| {
            let sealed = match shared.key.seal(&value) {
                Ok(sealed) => sealed,
                Err(fault) => return Outcome::NotNow(fault),
            };
            let put = shared.files.put(link, base, &sealed);
            outcome(put.map(|number| VersionRef(number.to_string())))
        });
        done.await.unwrap_or_else(Outcome::Unknown)
    }
}

#[async_trait]
impl Store for FileStore {
    fn name(&self) -> &str {
        &self.name
    }

    async fn read(&self, place: &Place) -> Result<Slot, Fault> {
        let place = place.clone();
        self.blocking(move |shared| match &place {
            Place::Current => shared.place(Link::Current),
            Place::Pending => shared.place(Link::Pending),
            Place::Version(version) | Place::PendingVersion(version) => shared.version(version),
        })
        .await
        .unwrap_or_else(|text| Err(Fault::Unavailable(text)))
    }

    async fn obstacles(&self, _grace: Duration) -> Result<Vec<String>, Fault> {
        // Generations are kept by number, not by age, so no grace is too long.
        self.blocking(|shared| free::obstacles(shared.files.layout()))
            .await
            .map_err(Fault::Unavailable)
    }

    async fn put_pending(
        &self,
        base: &VersionRef,
        value: &Document,
        _rotation: RotationId,
    ) -> Outcome<VersionRef> {
        self.put(Link::Pending, base, value).await
    }

    async fn publish(
        &self,
        base: &VersionRef,
        value: &Document,
        _rotation: RotationId,
    ) -> Outcome<VersionRef> {
        self.put(Link::Current, base, value).await
    }

    async fn clear_pending(&self, version: &VersionRef) -> Outcome<()> {
        let Some(number) = number_of(&version.0) else {
            return Outcome::Refused(Refusal::Invalid(not_ours(version)));
        };
        let done = self.blocking(move |shared| outcome(shared.files.clear(number)));
        done.await.unwrap_or_else(Outcome::Unknown)
    }

    async fn quarantine(&self, version: &VersionRef, rotation: RotationId) -> Outcome<()> {
        let Some(number) = number_of(&version.0) else {
            return Outcome::Refused(Refusal::Invalid(not_ours(version)));
        };
        let done = self.blocking(move |shared| outcome(shared.files.quarantine(number, rotation)));
        done.await.unwrap_or_else(Outcome::Unknown)
    }
}

impl Shared {
    /// What a place holds. Another process may replace it between the link and the file: then once more.
    fn place(&self, link: Link) -> Result<Slot, Fault> {
        let path = self.files.layout().link(link);
        for _ in 0..RETRIES {
            let pointer = self
                .files
                .pointer(link)
                .map_err(|fault| unreadable(&path, &fault))?;
            let base = VersionRef(pointer.number().to_string());
            match pointer {
                Pointer::Nothing | Pointer::Cleared(_) => return Ok(Slot { base, value: None }),
                Pointer::Value(number) => {
                    if let Some(value) = self.generation(number)? {
                        return Ok(Slot {
                            base,
                            value: Some(value),
                        });
                    }
                }
            }
        }
        Err(Fault::Unusable(format!(
            "{} names a generation that is gone: restore it from a backup, or remove the link",
            path.display()
        )))
    }

    fn version(&self, version: &VersionRef) -> Result<Slot, Fault> {
        let number = number_of(&version.0).ok_or_else(|| Fault::Unusable(not_ours(version)))?;
        Ok(Slot {
            base: version.clone(),
            value: self.generation(number)?,
        })
    }

    fn generation(&self, number: u64) -> Result<Option<Document>, Fault> {
        let path = self.files.layout().generation(number);
        let mut sealed = Vec::new();
        match File::open(&path).and_then(|file| file.take(LARGEST_VALUE).read_to_end(&mut sealed)) {
            Ok(_) => self.key.open(&sealed, &path).map(Some),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(unreadable(&path, &fault)),
        }
    }
}

fn not_ours(version: &VersionRef) -> String {
    format!("`{version}` is not a generation of the file store")
}

fn unreadable(path: &Path, fault: &io::Error) -> Fault {
    let (shown, kind) = (path.display(), fault.kind());
    if kind == io::ErrorKind::PermissionDenied {
        return Fault::Forbidden(format!(
            "{shown} cannot be read: give it to the user that rekeyd runs as"
        ));
    }
    if kind == io::ErrorKind::InvalidData {
        return Fault::Unusable(format!(
            "{shown} is not a link that rekeyd made: move it away, or restore the store from a backup"
        ));
    }
    Fault::Unavailable(format!("{shown} cannot be read: {kind}"))
}

/// A write that ended, in the port's words.
fn outcome<T>(ended: Result<T, Stopped>) -> Outcome<T> {
    ended.map_or_else(Outcome::from, Outcome::Done)
}

impl<T> From<Stopped> for Outcome<T> {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Stale(text) => Outcome::Refused(Refusal::Conflict(text)),
            Stopped::Before(fault) => Outcome::NotNow(Fault::Unavailable(format!(
                "the file store could not write: {}",
                fault.kind()
            ))),
            Stopped::After(fault) => {
                Outcome::Unknown(format!("written, but perhaps not for good: {}", fault.kind()))
            }
        }
    }
}
