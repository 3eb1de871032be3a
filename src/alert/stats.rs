//! How far each sink has come, as last seen: for metrics, without asking the journal.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::port::outbox::Standing;

/// By the sinks' names in the policy.
#[derive(Debug, Default)]
pub struct Stats(Mutex<BTreeMap<String, Standing>>);

impl Stats {
    /// All of them.
    pub fn sinks(&self) -> BTreeMap<String, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, sink: &str, standing: Standing) {
        let mut sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.insert(sink.to_owned(), standing);
    }

    pub(super) fn keep(&self, names: &[String]) {
        let mut sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.retain(|name, _| names.contains(name));
    }
}
