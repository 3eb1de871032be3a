//! A journal that there is not: for commands that look at apps before the service has ever run.

use async_trait::async_trait;

use super::{Entry, Head, Journal, JournalFault, Record, RecordQuery, Verified, VerifyFault};
use crate::clock::Timestamp;

/// Empty, and closed to every write.
pub struct NoJournal;

fn missing() -> JournalFault {
    JournalFault::Missing("there is no journal".into())
}

#[async_trait]
impl Journal for NoJournal {
    async fn append(&self, _at: Timestamp, _entries: &[Entry]) -> Result<Head, JournalFault> {
        Err(missing())
    }

    async fn read(&self, _query: &RecordQuery) -> Result<Vec<Record>, JournalFault> {
        Ok(Vec::new())
    }

    async fn head(&self) -> Result<Head, JournalFault> {
        Err(missing())
    }

    async fn is_empty(&self) -> Result<bool, JournalFault> {
        Ok(true)
    }

    async fn verify(&self, _expected: Option<Head>) -> Result<Verified, VerifyFault> {
        Err(VerifyFault::Fault(missing()))
    }

    async fn remember(&self, _name: &str, _value: &serde_json::Value) -> Result<(), JournalFault> {
        Err(missing())
    }

    async fn recall(&self, _name: &str) -> Result<Option<serde_json::Value>, JournalFault> {
        Ok(None)
    }
}
