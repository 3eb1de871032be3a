//! What people are to be told, kept until they were: the port between whoever notices and whoever delivers.
//!
//! A [`Letter`] is written in the same transaction as the record that it is about, so that neither is there without
//! the other. Each sink takes the letters in order at its own pace. Letters are not part of the history: they are
//! removed once they are old and delivered. None holds a secret.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::port::journal::{Entry, Head, Journal, JournalFault};
use crate::rotation::RotationId;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should look, during the day.
    Warning,
    /// Somebody has to do something.
    Error,
    /// Consumers cannot log in, or will not in a moment.
    Critical,
}

impl Severity {
    /// As sinks write it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Critical => "critical",
        }
    }
}

/// What a letter does to its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Opens it.
    Trigger,
    /// It goes on, and is worse, or another, or has gone on for long.
    Update,
    /// Closes it.
    Resolve,
}

/// What is said, for a person. Whole sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// One line that says which app and what.
    pub headline: String,
    /// What happened.
    pub happened: String,
    /// What it means for the apps that log in with the credential, now.
    pub consumers: String,
    /// What rekeyd does next, and when.
    pub next: String,
    /// What a person can do, with the commands to type. Empty: nothing is wanted.
    pub command: String,
}

/// One message about one incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its own id; the same however often it is sent.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
    /// What it does to the incident.
    pub action: Action,
    /// The incident's key: the same from its opening to its closing, and when it opens again.
    pub incident: String,
    /// What kind of incident, as one word with hyphens.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// Which case of its kind: another is told anew.
    pub case: String,
    /// How often it has happened: told anew as it grows.
    pub count: u32,
    /// Since when it is so.
    pub since: Timestamp,
    /// The app it is about, if about one.
    pub app: Option<String>,
    /// The org it is about, if about one.
    pub org: Option<String>,
    /// The rotation it is about, if about one.
    pub rotation: Option<RotationId>,
    /// What is said.
    pub text: Text,
}

/// A letter in its place in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its place: ascending, not without gaps.
    pub seq: i64,
    /// The letter.
    pub letter: Letter,
    /// What the sink was last told of the incident, if it is open there.
    pub before: Option<Letter>,
}

/// How far a sink has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Attempts in a row that failed.
    pub attempts: u32,
    /// Nothing is sent before this time.
    pub not_before: Option<Timestamp>,
    /// Letters that it took, ever.
    pub delivered: u64,
    /// Attempts that failed, ever.
    pub failed: u64,
    /// Letters that it refused for good and that were passed over, ever.
    pub refused: u64,
    /// Letters that wait for it.
    pub waiting: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
}

/// What became of an attempt to deliver a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The sink took it.
    Delivered,
    /// It is not for this sink.
    NotForIt,
    /// The sink refuses it for good: passed over.
    Refused,
    /// Not now; to be tried again.
    Failed {
        /// Not before this time.
        until: Timestamp,
    },
}

/// Which letters a sink is sent that opens an incident it has not been told of.
pub type Wanted<'a> = &'a (dyn Fn(&Letter) -> bool + Send + Sync);

/// A journal that keeps letters beside the records.
#[async_trait]
pub trait Outbox: Journal {
    /// As [`Journal::append`], with letters in the same transaction: all of it, or nothing. Without entries the letters
    /// are written alone.
    ///
    /// # Errors
    /// As [`Journal::append`].
    async fn append_with(
        &self,
        at: Timestamp,
        entries: &[Entry],
        letters: &[Letter],
    ) -> Result<Head, JournalFault>;

    /// Every incident that is open, by its key, with the letter that was last written about it.
    ///
    /// # Errors
    /// As [`Journal::read`].
    async fn open_incidents(&self) -> Result<BTreeMap<String, Letter>, JournalFault>;

    /// Makes a sink known, or known again. It is sent every letter from here on, and what [`missing`] finds.
    ///
    /// # Errors
    /// As [`Journal::append`].
    async fn enrol(&self, sink: &str, wanted: Wanted<'_>) -> Result<(), JournalFault>;

    /// How far a sink has come; an unknown one has come nowhere, and nothing waits for it.
    ///
    /// # Errors
    /// As [`Journal::read`].
    async fn standing(&self, sink: &str) -> Result<Standing, JournalFault>;

    /// The next letter for a sink.
    ///
    /// # Errors
    /// As [`Journal::read`].
    async fn next_letter(&self, sink: &str) -> Result<Option<Posted>, JournalFault>;

    /// Notes what became of a letter. All but [`Settled::Failed`] moves the sink on to the next one.
    ///
    /// # Errors
    /// As [`Journal::append`].
    async fn settle(&self, sink: &str, posted: &Posted, settled: Settled) -> Result<(), JournalFault>;

    /// What is open at a sink, by what it was last told.
    ///
    /// # Errors
    /// As [`Journal::read`].
    async fn told(&self, sink: &str) -> Result<Vec<Letter>, JournalFault>;

    /// Removes letters that were written before `before` and that each of `sinks` has behind it. Returns how many.
    ///
    /// # Errors
    /// As [`Journal::append`].
    async fn prune(&self, sinks: &[String], before: Timestamp) -> Result<u64, JournalFault>;
}

/// What a sink has to be sent besides the letters that wait for it, so that it knows of every incident that is open and
/// of no other: it is new, is wanted for more than before, or was away while letters were removed.
pub fn missing(
    open: &BTreeMap<String, Letter>,
    told: &BTreeMap<String, Letter>,
    waiting: &BTreeSet<String>,
    wanted: Wanted<'_>,
) -> Vec<Letter> {
    let unknown = open
        .values()
        .filter(|letter| !told.contains_key(&letter.incident) && !waiting.contains(&letter.incident))
        .filter(|letter| wanted(letter));
    let ended = told
        .values()
        .filter(|letter| !open.contains_key(&letter.incident) && !waiting.contains(&letter.incident));
    let ended = ended.map(|letter| Letter {
        id: format!("{}-ended", letter.id),
        action: Action::Resolve,
        text: Text {
            headline: format!("Over: {}", letter.text.headline),
            happened: "It is over. When, this sink could not be told.".into(),
            ..Text::default()
        },
        ..letter.clone()
    });
    unknown.cloned().chain(ended).collect()
}
