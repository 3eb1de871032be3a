//! The durable record: what rekeyd meant to do, did, and saw, in an order that nobody changes afterwards.
//!
//! The engine appends before it acts, so that after any crash the journal says what *may* have happened
//! outside. Every record is chained to the one before by a digest (`chain`), and the newest digest, the *head*,
//! goes into the log at each start and stop, and hourly while something is written: whoever keeps the log can tell later that no record was edited, removed,
//! put elsewhere or cut off ([`Journal::verify`]).
//!
//! [`SqliteJournal`] is for one process, which a lock enforces; readers may look on while it runs. There is none for
//! several replicas yet.
//!
//! **Not here:** what the records mean (`rotation`), when one is written (`engine`), and secrets: none ever gets
//! here, only ids, version references and fingerprints.

mod chain;
mod nothing;
mod sqlite;

pub use crate::port::journal::{
    Broken, Damage, Entry, Head, Journal, JournalFault, NotAHead, Record, RecordQuery, Verified, VerifyFault,
};
pub use nothing::NoJournal;
pub use sqlite::SqliteJournal;
