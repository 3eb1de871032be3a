//! What the engine writes into the journal about an app: the notes, and how they become entries and come back.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::engine::emergency::Ask;
use crate::engine::health::Health;
use crate::port::journal::{Entry, Record};
use crate::port::{ProbeReport, VersionRef};
use crate::rotation::{Capabilities, Event, Limits, RotationId};
use crate::secret::Fingerprint;

/// One fact about an app. Holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "note")]
pub enum Note {
    /// *Current* is one accepted pair in every store: from here on rotations may start.
    Adopted {
        /// The pair.
        pair: Fingerprint,
        /// Since when it is current, if anything says so.
        since: Option<Timestamp>,
        /// Where it was found.
        found: String,
        /// How it was proven.
        proof: ProbeReport,
    },
    /// It cannot be adopted yet.
    Unadopted {
        /// Why, and what a person can do.
        why: String,
    },
    /// About to write a proven pair into a store that has none, or a refused one.
    Adopting {
        /// The store's name.
        store: String,
        /// The pair.
        pair: Fingerprint,
    },
    /// A rotation begins.
    Started {
        /// The method's name.
        method: String,
        /// What it can do.
        caps: Capabilities,
        /// The settings it runs under to its end.
        limits: Limits,
        /// The stores' names, in order.
        stores: Vec<String>,
        /// Why, for a person.
        reason: String,
        /// Who or what asked.
        by: String,
        /// The app's policy as it was: a retirement completes under it, also if the app leaves the policy.
        policy: serde_json::Value,
        /// The idempotency key of whoever asked, if one was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// One event of a rotation.
    Step {
        /// The event.
        step: Event,
    },
    /// A store knows a rotation (this record's) that the journal did not: the journal is an old one. Nothing it says of
    /// the app is relied on; a person resumes, and first contact is made anew.
    Behind {
        /// For a person.
        why: String,
    },
    /// What stood in the stores when a new journal first looked: rotations of a journal that is lost, or of an app's
    /// former name. They are known from here on, so that this journal is not taken for an old one.
    Inherited {
        /// Which.
        rotations: Vec<RotationId>,
    },
    /// A value that was set aside was probed again.
    AsideProbed {
        /// The store's name.
        store: String,
        /// Its version there.
        version: VersionRef,
        /// It is accepted.
        alive: bool,
    },
    /// The live check found *current* otherwise than before.
    LiveChecked {
        /// How.
        health: Health,
    },
    /// The credential is older than the policy allows, or will be before a rotation can start.
    Overdue {
        /// When it is too old.
        deadline: Timestamp,
        /// That moment has passed.
        past: bool,
        /// For a person.
        why: String,
    },
    /// It is not overdue any more, without a rotation: the policy was changed.
    InTime,
    /// A person says that a credential leaked; from here on it is ended.
    RevokeAsked {
        /// What was asked for.
        ask: Ask,
    },
    /// What became of the app's live tokens, which were to be revoked too.
    TokensRevoked {
        /// Nothing more is tried.
        over: bool,
        /// In words.
        what: String,
    },
    /// A credential that is said to have leaked is not ended, though that takes long already.
    RevokeLate {
        /// What stands in the way, for a person.
        why: String,
    },
    /// Somebody, or rekeyd itself, stops the app.
    HoldAsked {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// It may go on.
    HoldLifted {
        /// Who.
        by: String,
    },
}

impl Note {
    /// The short name under which it stands in the journal.
    pub fn kind(&self) -> &'static str {
        match self {
            Note::Adopted { .. } => "adopted",
            Note::Unadopted { .. } => "unadopted",
            Note::Adopting { .. } => "adopting",
            Note::Started { .. } => "started",
            Note::Step { .. } => "step",
            Note::Behind { .. } => "behind",
            Note::Inherited { .. } => "inherited",
            Note::AsideProbed { .. } => "aside-probed",
            Note::LiveChecked { .. } => "live-checked",
            Note::Overdue { .. } => "overdue",
            Note::InTime => "in-time",
            Note::RevokeAsked { .. } => "revoke-asked",
            Note::TokensRevoked { .. } => "tokens-revoked",
            Note::RevokeLate { .. } => "revoke-late",
            Note::HoldAsked { .. } => "hold-asked",
            Note::HoldLifted { .. } => "hold-lifted",
        }
    }

    /// As a journal entry.
    ///
    /// # Errors
    /// [`Unreadable`] if it does not serialise, which no note does.
    pub fn entry(&self, app: &str, rotation: Option<RotationId>) -> Result<Entry, Unreadable> {
        let body = serde_json::to_value(self).map_err(|_| Unreadable { seq: 0 })?;
        Ok(Entry {
            app: Some(app.to_owned()),
            rotation,
            kind: self.kind().to_owned(),
            body,
        })
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// [`Unreadable`]: a later version of rekeyd, or somebody else, wrote it.
    pub fn read(record: &Record) -> Result<Note, Unreadable> {
        serde_json::from_value(record.entry.body.clone()).map_err(|_| Unreadable { seq: record.seq })
    }
}

/// A record that this version cannot read: it refuses to start rather than to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} of the journal is not one that this version of rekeyd understands")]
pub struct Unreadable {
    /// Its place.
    pub seq: i64,
}
