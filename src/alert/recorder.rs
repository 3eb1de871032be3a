//! The journal as the engine sees it: every record goes down together with the letters that it gives rise to.
//!
//! What is appended is folded as everybody folds it; the incidents before and after are compared; records and letters
//! are one transaction. After an append whose outcome is not known, the next one reads what is there first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, watch};

use super::compare::{Scope, letters};
use super::incident::{Directory, open};
use crate::clock::Timestamp;
use crate::engine::ledger::Ledgers;
use crate::port::journal::{Entry, Head, Journal, JournalFault, Record, RecordQuery, Verified, VerifyFault};
use crate::port::outbox::{Action, Letter, Outbox};
use crate::random::{self, Random};

/// A journal that writes letters beside the records.
pub struct Recorder {
    outbox: Arc<dyn Outbox>,
    random: Arc<dyn Random>,
    posted: watch::Sender<()>,
    view: Mutex<View>,
}

/// What is known, as of record `seq`.
struct View {
    ledgers: Ledgers,
    seq: i64,
    /// The last letter of each open incident.
    told: BTreeMap<String, Letter>,
    /// Who is managed. Before that is known nothing is compared: every incident would seem to be over.
    apps: Option<Directory>,
    /// It is what the journal says; not so after an append that may have either end.
    sure: bool,
}

impl Recorder {
    /// Over a journal, of which everything is read. `posted` is told whenever there are new letters.
    ///
    /// # Errors
    /// As [`Journal::read`]; [`JournalFault::Newer`] for a record that this version does not understand.
    pub async fn new(
        outbox: Arc<dyn Outbox>,
        random: Arc<dyn Random>,
        posted: watch::Sender<()>,
    ) -> Result<Recorder, JournalFault> {
        let mut view = View {
            ledgers: Ledgers::default(),
            seq: 0,
            told: BTreeMap::new(),
            apps: None,
            sure: false,
        };
        view.look(outbox.as_ref()).await?;
        Ok(Recorder {
            outbox,
            random,
            posted,
            view: Mutex::new(view),
        })
    }

    /// These apps are managed from here on. Letters are written for whatever was not said yet: of incidents that this
    /// version is the first to know, of apps that came or left.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub async fn manage(&self, apps: Directory, now: Timestamp) -> Result<(), JournalFault> {
        let mut view = self.view.lock().await;
        view.look(self.outbox.as_ref()).await?;
        let found = open(&view.ledgers, &apps);
        let new = letters(&Scope::All, &view.told, &found, &view.ledgers, &apps, now);
        view.apps = Some(apps);
        if new.is_empty() {
            return Ok(());
        }
        let new = self.with_ids(new);
        view.sure = false;
        self.outbox.append_with(now, &[], &new).await?;
        view.posted(&new);
        view.sure = true;
        self.posted.send_replace(());
        Ok(())
    }

    /// An id that no other letter has, also not one of another installation at the same sink.
    fn with_ids(&self, letters: Vec<Letter>) -> Vec<Letter> {
        let mut letters = letters;
        for letter in &mut letters {
            letter.id = match random::uuid(self.random.as_ref()) {
                Ok(id) => id.to_string(),
                // An alert is not lost for want of a random number.
                Err(_) => format!("{}@{}", letter.incident, letter.at.0),
            };
        }
        letters
    }
}

impl View {
    /// Reads what it does not know yet.
    async fn look(&mut self, outbox: &dyn Outbox) -> Result<(), JournalFault> {
        if self.sure {
            return Ok(());
        }
        let query = RecordQuery {
            after_seq: Some(self.seq),
            ..RecordQuery::default()
        };
        for record in outbox.read(&query).await? {
            let folded = self.ledgers.add(&record);
            folded.map_err(|fault| JournalFault::Newer(fault.to_string()))?;
            self.seq = record.seq;
        }
        self.told = outbox.open_incidents().await?;
        self.sure = true;
        Ok(())
    }

    fn posted(&mut self, letters: &[Letter]) {
        for letter in letters {
            match letter.action {
                Action::Trigger | Action::Update => {
                    self.told.insert(letter.incident.clone(), letter.clone());
                }
                Action::Resolve => {
                    self.told.remove(&letter.incident);
                }
            }
        }
    }

    /// What is known after `entries`, of the apps that they are about, and of the service.
    fn after(&self, at: Timestamp, entries: &[Entry]) -> Result<(Ledgers, Scope), JournalFault> {
        let apps: BTreeSet<String> = entries.iter().filter_map(|entry| entry.app.clone()).collect();
        let known = |app: &String| Some((app.clone(), self.ledgers.apps.get(app)?.clone()));
        let mut ledgers = Ledgers {
            apps: apps.iter().filter_map(known).collect(),
            service: self.ledgers.service.clone(),
        };
        for entry in entries {
            let record = Record {
                seq: 0,
                at,
                entry: entry.clone(),
                prev: Head([0; 32]),
                hash: Head([0; 32]),
            };
            // What this very version writes, it reads.
            let folded = ledgers.add(&record);
            folded.map_err(|_| JournalFault::Unavailable("an entry that nobody could read again".into()))?;
        }
        let service = entries.iter().any(|entry| entry.app.is_none());
        Ok((ledgers, Scope::Of { apps, service }))
    }
}

#[async_trait]
impl Journal for Recorder {
    async fn append(&self, at: Timestamp, entries: &[Entry]) -> Result<Head, JournalFault> {
        if entries.is_empty() {
            return self.outbox.append(at, entries).await;
        }
        let mut view = self.view.lock().await;
        view.look(self.outbox.as_ref()).await?;
        let (after, scope) = view.after(at, entries)?;
        let new = match &view.apps {
            Some(apps) => {
                let found = open(&after, apps);
                self.with_ids(letters(&scope, &view.told, &found, &after, apps, at))
            }
            None => Vec::new(),
        };
        // From here until the answer nobody knows what the journal holds: a caller may also leave.
        view.sure = false;
        let head = self.outbox.append_with(at, entries, &new).await?;
        view.ledgers.apps.extend(after.apps);
        view.ledgers.service = after.service;
        view.seq = view
            .seq
            .saturating_add(i64::try_from(entries.len()).unwrap_or(i64::MAX));
        view.posted(&new);
        view.sure = true;
        drop(view);
        if !new.is_empty() {
            self.posted.send_replace(());
        }
        Ok(head)
    }

    async fn read(&self, query: &RecordQuery) -> Result<Vec<Record>, JournalFault> {
        self.outbox.read(query).await
    }

    async fn head(&self) -> Result<Head, JournalFault> {
        self.outbox.head().await
    }

    async fn is_empty(&self) -> Result<bool, JournalFault> {
        self.outbox.is_empty().await
    }

    async fn verify(&self, expected: Option<Head>) -> Result<Verified, VerifyFault> {
        self.outbox.verify(expected).await
    }

    async fn remember(&self, name: &str, value: &serde_json::Value) -> Result<(), JournalFault> {
        self.outbox.remember(name, value).await
    }

    async fn recall(&self, name: &str) -> Result<Option<serde_json::Value>, JournalFault> {
        self.outbox.recall(name).await
    }
}
