//! What a durable record is, whoever keeps it: the port between the engine and its journal.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Serialize, Serializer};

use crate::clock::Timestamp;
use crate::rotation::RotationId;

/// One fact to be kept for ever. The body never holds a secret (design.md §4 rule 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The app it is about, if about one.
    pub app: Option<String>,
    /// The rotation it belongs to, if to one.
    pub rotation: Option<RotationId>,
    /// What kind of fact, in the writer's words; decides how `body` is read.
    pub kind: String,
    /// The fact itself.
    pub body: serde_json::Value,
}

/// An entry in its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its place: 1 for the first, without gaps.
    pub seq: i64,
    /// When it was appended, by the writer's clock. Not necessarily ascending: clocks jump.
    pub at: Timestamp,
    /// What was appended.
    #[serde(flatten)]
    pub entry: Entry,
    /// The head before it.
    pub prev: Head,
    /// The head after it: a digest of `prev` and of everything above.
    pub hash: Head,
}

/// The digest that stands for a whole history up to one record. 64 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head(pub [u8; 32]);

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the head of a journal: 64 hexadecimal digits are wanted")]
pub struct NotAHead;

impl FromStr for Head {
    type Err = NotAHead;

    /// Takes either case: a person may have copied it from anywhere.
    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let digit = |byte: &u8| {
            char::from(*byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let digits: Option<Vec<u8>> = text.as_bytes().iter().map(digit).collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or(NotAHead)?;
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit))
            .collect();
        bytes.try_into().map(Head).map_err(|_| NotAHead)
    }
}

/// Which records to read. The default is all of them, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordQuery {
    /// Only those of this app.
    pub app: Option<String>,
    /// Only those of this rotation.
    pub rotation: Option<RotationId>,
    /// Only those after this place.
    pub after_seq: Option<i64>,
    /// At most this many; `None` is all of them.
    pub limit: Option<u32>,
    /// Begin at the newest and go back.
    pub newest_first: bool,
}

/// Why the journal did not answer, by what the caller does next. The texts name the journal and the remedy, and
/// hold nothing of what is kept in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// There is no journal. A reader says so; a writer would have made one.
    #[error("there is no journal yet: {0}")]
    Missing(String),
    /// Somebody else writes it. Stop: two writers would be two truths.
    #[error("the journal is in use{}: {text}", by.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    InUse {
        /// The process that holds it, if it is known.
        by: Option<u32>,
        /// What to do.
        text: String,
    },
    /// Others can read or replace it. Refuse to start until a person has closed it.
    #[error("the journal is open to others: {0}")]
    Exposed(String),
    /// No room. Change nothing outside; the same append works once there is room.
    #[error("there is no room to write the journal: {0}")]
    Full(String),
    /// It cannot be reached or written now. Change nothing outside; try again later.
    #[error("the journal is not available: {0}")]
    Unavailable(String),
    /// What it says cannot be relied on. Stop; a person restores it, or moves it away.
    #[error("the journal is damaged: {0}")]
    Corrupt(String),
    /// A later version of rekeyd wrote it. Stop; run that version.
    #[error("the journal was written by a later version of rekeyd: {0}")]
    Newer(String),
}

/// A whole history was recomputed and holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many records there are.
    pub count: i64,
    /// The head of the last one; of an empty journal the head that it began with.
    pub head: Head,
    /// Where the expected head stands, if one was given: 0 is the beginning, `count` is the last record. If it
    /// is less than `count`, the records after it are vouched for by this journal alone.
    pub expected_at: Option<i64>,
}

/// The first place where a history does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("record {seq}: {what}")]
pub struct Broken {
    /// The record at which it shows. One more than the last record if what is wrong is the end.
    pub seq: i64,
    /// What is wrong there.
    pub what: Damage,
}

/// What is wrong at a place in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// Another record stands here: one was removed or put elsewhere.
    #[error("it is missing, or stands elsewhere")]
    Missing,
    /// It does not follow from the record before it: one of the two was replaced.
    #[error("it does not follow from the one before it")]
    Unlinked,
    /// Its own digest is not that of its content: it was edited.
    #[error("its content was changed")]
    Edited,
    /// The journal's note of its last record names another: records were cut off or added at the end.
    #[error("the journal does not end where it says that it ends")]
    End,
    /// Its fields are not of the types that were written.
    #[error("it cannot be read")]
    Unreadable,
    /// The expected head occurs nowhere: the end was cut off, or the history was written anew.
    #[error("the expected head is not in this journal")]
    ExpectedHeadAbsent,
}

/// Why a verification did not end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyFault {
    /// It was read and does not hold.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// It could not be read to its end, which says nothing about what it holds.
    #[error(transparent)]
    Fault(#[from] JournalFault),
}

/// The durable record. Appending is the only change; the order is the truth.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Appends all entries or none, and returns the new head. On return they survive a loss of power. After a
    /// fault none of them is there. A call that is dropped before it answers may have either end: read before
    /// relying on one. Without entries it returns the present head.
    ///
    /// # Errors
    /// Any [`JournalFault`]; the journal stays usable, and a later append continues the same chain.
    async fn append(&self, at: Timestamp, entries: &[Entry]) -> Result<Head, JournalFault>;

    /// The records asked for.
    ///
    /// # Errors
    /// [`JournalFault::Corrupt`] if a record cannot be understood; [`JournalFault::Unavailable`].
    async fn read(&self, query: &RecordQuery) -> Result<Vec<Record>, JournalFault>;

    /// The head of the last record; of an empty journal the head that it began with.
    ///
    /// # Errors
    /// As [`Journal::read`].
    async fn head(&self) -> Result<Head, JournalFault>;

    /// Nothing was ever appended: it is new, or the one before it was lost (design.md §4 rule 9).
    ///
    /// # Errors
    /// As [`Journal::read`].
    async fn is_empty(&self) -> Result<bool, JournalFault>;

    /// Recomputes the whole history and, if `expected` is given (from the log, say), looks for that head in it.
    /// Only a head kept elsewhere shows that the end was cut off by somebody who rewrote the rest to match.
    ///
    /// # Errors
    /// [`VerifyFault::Broken`] with the first place that does not hold.
    async fn verify(&self, expected: Option<Head>) -> Result<Verified, VerifyFault>;

    /// Keeps a small value under `name`, replacing the one before. Outside the history, so only for what can be
    /// learned again: what an org was seen to do. Never a secret.
    ///
    /// # Errors
    /// As [`Journal::append`].
    async fn remember(&self, name: &str, value: &serde_json::Value) -> Result<(), JournalFault>;

    /// What [`Journal::remember`] kept last under `name`.
    ///
    /// # Errors
    /// As [`Journal::read`].
    async fn recall(&self, name: &str) -> Result<Option<serde_json::Value>, JournalFault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_from_its_text_and_nothing_else_does() {
        let head = Head(std::array::from_fn(|at| u8::try_from(at * 7).unwrap()));
        let text = head.to_string();
        assert_eq!(text.parse(), Ok(head));
        assert_eq!(text.to_uppercase().parse(), Ok(head));
        for wrong in [&text[1..], &format!("{text}0"), &text.replace('0', "g"), "", "é"] {
            assert_eq!(wrong.parse::<Head>(), Err(NotAHead), "{wrong}");
        }
    }
}
