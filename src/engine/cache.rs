//! The values that one lane holds in memory: the new pair from its making until it is stored, and, without overlap,
//! both pairs from the last check until published, so that no read lies in the consumers' outage.
//!
//! Everything in it can be read again from a store or from Salesforce; a crash loses nothing but time, except a value
//! that Salesforce masks and no store holds yet. Wiped when dropped.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::document::Document;
use crate::port::VersionRef;
use crate::secret::Credential;

#[derive(Default)]
struct Values {
    new: Option<Credential>,
    old: Option<Credential>,
    documents: Vec<Option<(VersionRef, Document)>>,
}

/// One lane's values.
#[derive(Default)]
pub struct Cache(Mutex<Values>);

impl Cache {
    fn values(&self) -> MutexGuard<'_, Values> {
        // A panic elsewhere leaves whole values behind: each is replaced in one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The new pair.
    pub fn new_pair(&self) -> Option<Credential> {
        self.values().new.clone()
    }

    /// Keeps the new pair.
    pub fn keep_new(&self, pair: Credential) {
        self.values().new = Some(pair);
    }

    /// The old pair.
    pub fn old_pair(&self) -> Option<Credential> {
        self.values().old.clone()
    }

    /// Keeps the old pair.
    pub fn keep_old(&self, pair: Credential) {
        self.values().old = Some(pair);
    }

    /// *Current* of a store as it stood at `version`.
    pub fn document(&self, store: usize, version: &VersionRef) -> Option<Document> {
        let values = self.values();
        let (kept, document) = values.documents.get(store)?.as_ref()?;
        (kept == version).then(|| document.clone())
    }

    /// Keeps *current* of a store.
    pub fn keep_document(&self, store: usize, version: VersionRef, document: Document) {
        let mut values = self.values();
        if values.documents.len() <= store {
            values.documents.resize_with(store + 1, || None);
        }
        if let Some(place) = values.documents.get_mut(store) {
            *place = Some((version, document));
        }
    }

    /// Forgets everything.
    pub fn wipe(&self) {
        *self.values() = Values::default();
    }
}
