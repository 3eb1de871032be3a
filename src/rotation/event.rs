//! What is written down. The state is a fold of these and of nothing else.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::rotation::{Ask, Detail, Effect, End, Hold, Subject};
use crate::rotation::{ProbeReport, Refusal, VersionRef};
use crate::secret::Fingerprint;

/// One line of a rotation's history. Holds ids, versions and prints; never a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The process ended and has begun anew. What it had just looked at is stale.
    Restarted,
    /// The preflight passed; this is what the rotation starts from.
    Baselined {
        /// The old pair.
        old: Fingerprint,
        /// Its key.
        old_key: Fingerprint,
        /// Version of *current* per store.
        current: Vec<VersionRef>,
        /// What a write of *pending* must name, per store.
        pending: Vec<VersionRef>,
        /// Last-modified mark of the component.
        modified: Option<String>,
        /// Salesforce's clock when the slot was seen empty.
        slot_empty_at: Option<Timestamp>,
        /// A foreign staged entry that a person gave us to remove.
        orphan: Option<String>,
        /// How the current pair was proven.
        proof: Option<ProbeReport>,
    },
    /// The journal was lost while this rotation ran; the stores and Salesforce told this much. Whether the cutover
    /// took is for a probe to say.
    Recovered {
        /// The old pair.
        old: Fingerprint,
        /// Its key.
        old_key: Fingerprint,
        /// The pending pair.
        new: Fingerprint,
        /// Its key.
        new_key: Fingerprint,
        /// Version of *current* per store.
        current: Vec<VersionRef>,
        /// Version of *pending* per store, and whether it holds the new pair.
        pending: Vec<(VersionRef, bool)>,
        /// The staged entry, if it still is in the slot.
        staged: Option<String>,
    },
    /// We chose a value.
    Chosen {
        /// Its print.
        pair: Fingerprint,
    },
    /// About to perform an effect.
    Intended {
        /// Which.
        effect: Effect,
    },
    /// It was applied, and answered so.
    Applied {
        /// Which.
        effect: Effect,
        /// What was learnt.
        detail: Detail,
    },
    /// It was definitely not applied.
    Declined {
        /// Which.
        effect: Effect,
        /// Why.
        why: Refusal,
    },
    /// It was definitely not applied, and may be tried later.
    Postponed {
        /// Which.
        effect: Effect,
        /// Why.
        why: String,
    },
    /// Salesforce took it on under an id; what becomes of it is for that id's status to say.
    Queued {
        /// Which.
        effect: Effect,
        /// The id.
        job: String,
    },
    /// The pair that the cutover made was read.
    Fetched {
        /// Its print.
        pair: Fingerprint,
    },
    /// Nobody knows.
    Lost {
        /// Which.
        effect: Effect,
        /// Why.
        why: String,
    },
    /// A probe found that it had been applied.
    FoundApplied {
        /// Which.
        effect: Effect,
        /// What was learnt.
        detail: Detail,
    },
    /// A probe found no trace, and no late write can come any more.
    FoundAbsent {
        /// Which.
        effect: Effect,
    },
    /// Conditional writes of this effect must name another version from now on.
    Rebased {
        /// Which.
        effect: Effect,
        /// The version.
        base: VersionRef,
    },
    /// Somebody else's credential stands in this store's *current*, refused so far. New answers about it may still
    /// mix with old ones.
    Disputed {
        /// Which.
        effect: Effect,
        /// The version.
        base: VersionRef,
    },
    /// Somebody else's credential stands in this store's *current*; its turn comes after the other stores'.
    Blocked {
        /// Which.
        effect: Effect,
        /// What was found.
        what: String,
    },
    /// The value is in no hand and no store any more.
    ValueGone,
    /// A pair was judged.
    Probed {
        /// For what decision.
        subject: Subject,
        /// The judgement.
        pair: ProbeReport,
        /// What was judged beside it.
        beside: Option<ProbeReport>,
    },
    /// The staged pair does not log in before the cutover here.
    LateProof,
    /// Everything was as it should be, right before the cutover.
    Rechecked {
        /// Version of *current* per store.
        current: Vec<VersionRef>,
        /// Last-modified mark of the component.
        modified: Option<String>,
    },
    /// Current is the new pair everywhere, and this entry is the old one.
    Superseded {
        /// The entry to delete; `None`: it is gone already.
        entry: Option<String>,
    },
    /// The old pair's value is in nobody's hand, so its death can be reported but not proven.
    OldUnknown,
    /// Published in every store.
    Rotated,
    /// Nothing before this time.
    Deferred {
        /// When.
        until: Timestamp,
        /// Why.
        why: String,
        /// It counts as a failed attempt.
        failed: bool,
    },
    /// A person must look; or, with a time, nothing more until then.
    Held {
        /// Why.
        reason: Hold,
        /// Look again by ourselves.
        again: Option<Timestamp>,
    },
    /// It goes on.
    Resumed {
        /// Who, or what.
        by: String,
        /// The foreign thing that was given to us.
        take_over: Option<String>,
    },
    /// No way forward: clean up.
    Aborting {
        /// Why.
        why: End,
    },
    /// Taking the cutover back.
    Undoing {
        /// Why.
        why: String,
    },
    /// A person ends a rotation that is rotated, before the old pair's retirement.
    GivingUp {
        /// Who, and in what words.
        by: String,
        /// The pair that takes the place of ours.
        adopting: Option<Fingerprint>,
        /// How that one was proven.
        proof: Option<ProbeReport>,
    },
    /// A person ends the grace: the old pair leaked, or must not outlive the rotation.
    GraceEnded {
        /// Who, and in what words.
        by: String,
    },
    /// A person is asked for something.
    Asked {
        /// For what.
        what: Ask,
        /// Until when.
        deadline: Timestamp,
    },
    /// A person was asked again.
    Reminded,
    /// A person has handed the new pair over.
    Handed {
        /// Who, and in what words.
        by: String,
        /// The pair.
        pair: Fingerprint,
        /// Its key.
        key: Fingerprint,
        /// It was accepted already when it was handed over.
        early: bool,
    },
    /// A pair that a person handed over is not taken.
    TurnedAway {
        /// Who brought it.
        by: String,
        /// Why.
        why: String,
    },
    /// Neither the old nor the new pair is accepted: the person is at it, or has applied another pair.
    Neither {
        /// What was answered.
        answer: String,
    },
    /// These were current here once; a retired entry of theirs may be removed from then on.
    Former {
        /// Keys, each with its time.
        keys: Vec<(Fingerprint, Timestamp)>,
    },
    /// Finished.
    Ended {
        /// How.
        end: End,
    },
}
