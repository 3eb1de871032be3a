//! What the engine tells the machine. Facts only: no judgement has been made of them.

use crate::clock::Timestamp;
use crate::rotation::Effect;
use crate::rotation::{ProbeReport, Refusal, VersionRef};
use crate::secret::Fingerprint;

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The process has (re)started: whatever was on its way has an unknown outcome.
    Restarted,
    /// Time has passed; nothing else.
    Tick,
    /// Answer to `Look::Baseline`, `Look::Recheck` and `Look::Superseded`.
    Surveyed(Box<Facts>),
    /// Answer to `Look::Choose`: a value was generated and is in hand.
    Chosen(Fingerprint),
    /// What became of an effect.
    Performed(Effect, Answer),
    /// Answer to `Look::Took`.
    Found(Effect, Finding),
    /// Answer to `Look::Probe`.
    Probed(Subject, Probes),
    /// A look could not be had; the text says why, `wait` if the other side named a time.
    Unavailable {
        /// Why, without secrets.
        why: String,
        /// Not before.
        until: Option<Timestamp>,
        /// Only a person can change it (a login that is refused, a right that is missing).
        person: bool,
    },
    /// A person says: go on, and take over the named foreign thing if one is named.
    Resume {
        /// Who, and in what words.
        by: String,
        /// The staged entry or pending version to take over.
        take_over: Option<String>,
    },
    /// A person hands the new pair over, as they were asked to.
    Handed {
        /// Who, and in what words.
        by: String,
        /// The pair.
        pair: PairFacts,
        /// What the token endpoint makes of it now, and of a corrupted one.
        new: Probes,
        /// And of the current one.
        old: crate::rotation::Verdict,
    },
    /// A person puts another pair in the place of the one that this rotation has published.
    GiveUp {
        /// Who, and in what words.
        by: String,
        /// That pair.
        pair: Fingerprint,
        /// How it was judged, with its control.
        probes: Probes,
    },
    /// A person says: no grace for the old pair. It ends as soon as the new one is published everywhere.
    EndGrace {
        /// Who, and in what words.
        by: String,
    },
    /// A person says: stop for good.
    Abandon {
        /// Who, and in what words.
        by: String,
    },
}

/// The answer to one mutating request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Applied, with what was learnt.
    Done(Detail),
    /// One of several requests was applied, and no place shows a difference yet: the next one is due.
    Partly(String),
    /// Taken on under this id; nobody knows yet what becomes of it.
    Queued(String),
    /// Definitely not applied.
    Refused(Refusal),
    /// Definitely not applied, may work later.
    NotNow {
        /// Why, without secrets.
        why: String,
        /// Not before.
        until: Option<Timestamp>,
    },
    /// Nobody knows.
    Unknown(String),
    /// The value to send is in no hand and no store any more. Nothing was sent.
    ValueGone,
    /// The old pair was to be put back, and a person has given the new one to the readers of these stores. Nothing was
    /// sent.
    Published(Vec<(usize, Detail)>),
}

/// What an applied effect taught.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Detail {
    /// Nothing more.
    Nothing,
    /// Mint: the entry, and the prints of its key and, where it could be read, its pair.
    Minted {
        /// Salesforce's id of the staged entry.
        id: String,
        /// Print of the consumer key.
        key: Fingerprint,
    },
    /// A cutover that mints: the print of the pair that is in force now.
    Made {
        /// The pair.
        pair: Fingerprint,
    },
    /// Store, publish: the version written, and the print of the pair in it.
    Written {
        /// Its name in that store.
        version: VersionRef,
        /// The pair.
        pair: Fingerprint,
        /// The print of its consumer key.
        key: Fingerprint,
    },
}

/// Whether an effect took, as seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It did.
    Taken(Detail),
    /// What was taken on under an id is still under way.
    Running,
    /// What was taken on under an id has ended and was definitely not applied.
    Refused(Refusal),
    /// The same, and it may work later; why.
    NotNow(String),
    /// No trace of it. Provisional until a late write is out of the question.
    NotTaken,
    /// No trace, and the conditional write must now name this version (same credential, other keys changed).
    Moved(VersionRef),
    /// Mint: an entry stands in the slot; whether it is ours is for the machine to judge.
    Entry(Entry),
    /// Somebody else's value is there.
    Foreign {
        /// Its name: a version, an entry id or a key's print.
        what: String,
        /// Whether the token endpoint takes it, where that was asked.
        accepted: Option<bool>,
        /// Which version a write over it must name.
        base: Option<VersionRef>,
    },
    /// Nobody can tell from what was seen (old and new both refused, or inconclusive).
    Unclear(String),
}

/// An entry in the staged slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Salesforce's id.
    pub id: String,
    /// Print of its key.
    pub key: Fingerprint,
    /// Our own user made it.
    pub by_us: bool,
    /// When, by Salesforce's clock.
    pub created: Option<Timestamp>,
    /// It is the former primary pair (state `Rotated`).
    pub retired: bool,
    /// Until when it lives.
    pub expires: Option<Timestamp>,
}

/// Which pair a probe judges, and for what decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The new pair before the cutover.
    Early,
    /// The new pair after it.
    New,
    /// The new pair after publishing, where old and new do not overlap.
    Settle,
    /// The old pair, which should be dead; the new one beside it.
    Dead,
    /// The old pair, which should live again after an undo.
    Alive,
}

/// One judgement: the pair itself and, where asked, what was judged beside it by the same probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probes {
    /// The pair. `None`: the pair is in nobody's hand.
    pub pair: Option<ProbeReport>,
    /// The corrupted control (or, for [`Subject::Dead`], the new pair).
    pub beside: Option<ProbeReport>,
}

/// Everything that a preflight, a recheck or a revocation check rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Per store, in the app's order.
    pub stores: Vec<StoreFacts>,
    /// Print of the key that Salesforce holds as primary, where readable.
    pub primary_key: Option<Fingerprint>,
    /// Print of the primary pair, where readable.
    pub live: Option<Fingerprint>,
    /// The staged slot; `None` for targets without one.
    pub slot: Option<Option<Entry>>,
    /// How the first store's current pair was judged, with its control; only in a baseline.
    pub current: Option<Probes>,
    /// The app is the one that we log in with.
    pub own_login: bool,
    /// What stands in the way, each with its remedy.
    pub obstacles: Vec<String>,
    /// Last-modified mark of the component.
    pub modified: Option<String>,
    /// Salesforce's clock.
    pub server_time: Option<Timestamp>,
}

/// What one store holds for the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFacts {
    /// The version a conditional write of *current* must name.
    pub current_base: VersionRef,
    /// The pair in *current*.
    pub current: Option<PairFacts>,
    /// The version a conditional write of *pending* must name.
    pub pending_base: VersionRef,
    /// The pair in *pending*, and whether this very rotation wrote it.
    pub pending: Option<(PairFacts, bool)>,
}

/// A stored pair, by prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairFacts {
    /// The pair.
    pub pair: Fingerprint,
    /// Its key.
    pub key: Fingerprint,
}
