//! What is known of one rotation. A fold of its events; nothing in it is secret.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::rotation::{
    Asked, Capabilities, Effect, End, Hold, Progress, RotationId, Stand, Subject, ValueBy,
};
use crate::rotation::{Verdict, VersionRef};
use crate::secret::Fingerprint;

/// The settings that a rotation began with. All times are real durations; `1d` is 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// How late an unanswered write may still be applied.
    pub request_lifetime: Duration,
    /// How long old and new answers may mix after a change.
    pub propagation: Duration,
    /// Consecutive acceptances wanted.
    pub stable_tries: u32,
    /// Between two of them.
    pub stable_spacing: Duration,
    /// From the first to the last of them, at least.
    pub stable_span: Duration,
    /// Without overlap: how long no store may manage to publish before the cutover is taken back.
    pub cutover_timeout: Duration,
    /// With overlap: how long the old pair is left usable after publishing.
    pub grace: Duration,
    /// How long a person has for what they are asked.
    #[serde(default = "answer_within")]
    pub answer_within: Duration,
}

/// What journals of versions without it mean.
fn answer_within() -> Duration {
    Duration::from_secs(7 * 86_400)
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            request_lifetime: Duration::from_secs(600),
            propagation: Duration::from_secs(900),
            stable_tries: 3,
            stable_spacing: Duration::from_secs(10),
            stable_span: Duration::from_secs(30),
            cutover_timeout: Duration::from_secs(60),
            grace: Duration::ZERO,
            answer_within: answer_within(),
        }
    }
}

/// Which way it is going.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Towards the new pair.
    #[default]
    Forward,
    /// No way forward: cleaning up, then ending so.
    Abort(End),
    /// Taking the cutover back, because of this.
    Undo(String),
    /// Rotated; a person ends it before the old pair is retired. What is ours is cleaned up, nothing is revoked.
    GiveUp {
        /// Who, and in what words.
        by: String,
        /// The pair that takes the place of ours, proven.
        adopting: Option<Fingerprint>,
    },
}

/// Whether it may go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rest {
    /// It may.
    #[default]
    Running,
    /// A person is wanted; with a time, it also looks again by itself.
    Held {
        /// Why.
        reason: Hold,
        /// When to look again.
        again: Option<Timestamp>,
    },
    /// It has ended.
    Ended(End),
}

/// One store's part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// What a conditional write of *current* must name.
    pub current_base: VersionRef,
    /// The version of *current* that holds the old pair.
    pub old_version: VersionRef,
    /// What a conditional write of *pending* must name.
    pub pending_base: VersionRef,
    /// The pending version that we wrote.
    pub pending_version: Option<VersionRef>,
    /// Writing *pending*.
    pub pending: Progress,
    /// Writing *current*.
    pub publish: Progress,
    /// A write of *current* sent at about this time was never answered, and may land as long as the base holds.
    pub publish_lost: Option<Timestamp>,
    /// Ending *pending*, or setting it aside.
    pub clear: Progress,
    /// Somebody else's refused credential stands in *current* under this version, seen first at this time.
    pub disputed: Option<(VersionRef, Timestamp)>,
    /// Somebody else's accepted credential stands in *current*.
    pub blocked: Option<String>,
}

/// A run of probes for one decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trial {
    /// Successes in a row.
    pub run: u32,
    /// When the run began.
    pub first: Option<Timestamp>,
    /// When it was last judged.
    pub last: Option<Timestamp>,
    /// The control has been refused by the same probe.
    pub control: bool,
    /// Accepted once, the control not yet asked.
    pub want_control: bool,
    /// What the last judgement was.
    pub answer: TrialAnswer,
    /// Whether any judgement so far was something else than a refusal.
    pub wavered: bool,
}

/// The last judgement of a trial, as far as decisions differ by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrialAnswer {
    /// None yet.
    #[default]
    None,
    /// As wished.
    Good,
    /// Definitely not as wished.
    Bad,
    /// Nobody can tell.
    Unclear,
}

/// A rotation's state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// Its id.
    pub id: RotationId,
    /// What the method can do.
    pub caps: Capabilities,
    /// The settings it began with.
    pub limits: Limits,
    /// Which way it is going.
    pub mode: Mode,
    /// Whether it may go on.
    pub rest: Rest,
    /// Per store.
    pub lanes: Vec<Lane>,
    /// The preflight has passed and still stands.
    pub baselined: bool,
    /// The old pair.
    pub old: Option<Fingerprint>,
    /// Its key.
    pub old_key: Option<Fingerprint>,
    /// The new pair's print, once its bytes are fixed.
    pub new: Option<Fingerprint>,
    /// The new pair's key.
    pub new_key: Option<Fingerprint>,
    /// Each pair that we may have written under this id.
    pub candidates: Vec<Fingerprint>,
    /// Salesforce's id of the staged entry.
    pub staged: Option<String>,
    /// A staged entry to remove before the next mint.
    pub orphan: Option<String>,
    /// Salesforce's clock when the slot was last seen empty.
    pub slot_empty_at: Option<Timestamp>,
    /// Last-modified mark of the component.
    pub modified: Option<String>,
    /// How many mints were applied.
    pub mints: u8,
    /// The mint.
    pub mint: Progress,
    /// Removing an orphan.
    pub discard: Progress,
    /// The cutover.
    pub cutover: Progress,
    /// The cutover was intended at least once: the value has been sent.
    pub sent: bool,
    /// Taking it back.
    pub undo: Progress,
    /// Ending the old pair.
    pub revoke: Progress,
    /// Resetting what the cutover left set.
    pub reset: Progress,
    /// Under which id Salesforce took on the cutover or the reset that is out.
    pub job: Option<String>,
    /// Everything was as it should be a moment ago.
    pub rechecked: bool,
    /// The old pair's entry, checked a moment ago.
    pub superseded: Option<String>,
    /// No early proof here.
    pub late_proof: bool,
    /// The old pair's value is in nobody's hand.
    pub old_unknown: bool,
    /// Probes of the staged pair.
    pub early: Trial,
    /// Probes of the new pair.
    pub proof: Trial,
    /// Probes after publishing without overlap.
    pub settle: Trial,
    /// Probes of the old pair's end.
    pub dead: Trial,
    /// Probes of the old pair after an undo.
    pub alive: Trial,
    /// When every store had published.
    pub rotated_at: Option<Timestamp>,
    /// A person has ended the grace, whenever it would begin.
    pub grace_ended: bool,
    /// Failed attempts in a row.
    pub attempts: u32,
    /// Nothing before this time.
    pub not_before: Option<Timestamp>,
    /// When the process last began anew. Time in which it was away is no failure to publish.
    pub restarted_at: Option<Timestamp>,
    /// A person's Resume restarts the budgets.
    pub resumed_at: Option<Timestamp>,
    /// The foreign thing that a person gave us.
    pub take_over: Option<String>,
    /// What a person is asked for.
    pub asked: Option<Asked>,
    /// The pair that a person handed over was accepted already then, so acceptance alone does not show that it was
    /// applied; and nobody has said since that it is.
    pub handed_early: bool,
    /// Since when neither pair is accepted, while a person is to apply the new one.
    pub neither_since: Option<Timestamp>,
    /// The old pair outlived its revocation: whether its entry is still there is looked at again.
    pub relook: bool,
    /// What the old pair and the published one were when a retirement was given up.
    pub left_as: Option<(Stand, Stand)>,
    /// Keys of pairs that were current here once, and from when on a retired entry of theirs may be removed: nobody
    /// else does it once their own retirement is given up.
    pub former: Vec<(Fingerprint, Timestamp)>,
}

impl State {
    /// A rotation that has just been decided on, over `stores` stores.
    pub fn new(id: RotationId, caps: Capabilities, limits: Limits, stores: usize) -> Self {
        let none = || VersionRef(String::new());
        let lane = || Lane {
            current_base: none(),
            old_version: none(),
            pending_base: none(),
            pending_version: None,
            pending: Progress::Open,
            publish: Progress::Open,
            publish_lost: None,
            clear: Progress::Open,
            disputed: None,
            blocked: None,
        };
        State {
            id,
            caps,
            limits,
            mode: Mode::Forward,
            rest: Rest::Running,
            lanes: (0..stores).map(|_| lane()).collect(),
            baselined: false,
            old: None,
            old_key: None,
            new: None,
            new_key: None,
            candidates: Vec::new(),
            staged: None,
            orphan: None,
            slot_empty_at: None,
            modified: None,
            mints: 0,
            mint: Progress::Open,
            discard: Progress::Open,
            cutover: Progress::Open,
            sent: false,
            undo: Progress::Open,
            revoke: Progress::Open,
            reset: Progress::Open,
            job: None,
            rechecked: false,
            superseded: None,
            late_proof: false,
            old_unknown: false,
            early: Trial::default(),
            proof: Trial::default(),
            settle: Trial::default(),
            dead: Trial::default(),
            alive: Trial::default(),
            rotated_at: None,
            grace_ended: false,
            attempts: 0,
            not_before: None,
            restarted_at: None,
            resumed_at: None,
            take_over: None,
            asked: None,
            handed_early: false,
            neither_since: None,
            relook: false,
            left_as: None,
            former: Vec::new(),
        }
    }

    /// How far `effect` has come.
    pub fn progress(&self, effect: Effect) -> Progress {
        let lane = |store: usize| self.lanes.get(store);
        match effect {
            Effect::Mint => self.mint,
            Effect::Discard => self.discard,
            Effect::Cutover => self.cutover,
            Effect::Undo => self.undo,
            Effect::Revoke => self.revoke,
            Effect::Reset => self.reset,
            Effect::Store(store) => lane(store).map(|lane| lane.pending).unwrap_or_default(),
            Effect::Publish(store) => lane(store).map(|lane| lane.publish).unwrap_or_default(),
            Effect::Clear(store) | Effect::Quarantine(store) => {
                lane(store).map(|lane| lane.clear).unwrap_or_default()
            }
        }
    }

    /// Every effect that can be out, in a fixed order. Pending is either cleared or set aside, by the mode.
    pub fn effects(&self) -> Vec<Effect> {
        let mut all = vec![
            Effect::Mint,
            Effect::Discard,
            Effect::Cutover,
            Effect::Undo,
            Effect::Revoke,
            Effect::Reset,
        ];
        for store in 0..self.lanes.len() {
            all.extend([
                Effect::Store(store),
                Effect::Publish(store),
                self.ending_of_pending(store),
            ]);
        }
        all
    }

    /// How this rotation ends a store's pending value: a value that was ever sent is kept unless it was published.
    pub fn ending_of_pending(&self, store: usize) -> Effect {
        match self.mode {
            // What was published stays readable among the versions of *current*.
            Mode::Forward | Mode::GiveUp { .. } => Effect::Clear(store),
            Mode::Abort(_) | Mode::Undo(_) if self.sent => Effect::Quarantine(store),
            Mode::Abort(_) | Mode::Undo(_) => Effect::Clear(store),
        }
    }

    /// The trial for a subject.
    pub fn trial(&self, subject: Subject) -> &Trial {
        match subject {
            Subject::Early => &self.early,
            Subject::New => &self.proof,
            Subject::Settle => &self.settle,
            Subject::Dead => &self.dead,
            Subject::Alive => &self.alive,
        }
    }

    /// Rotated: proven and published in every store; retirement may remain.
    pub fn is_rotated(&self) -> bool {
        self.rotated_at.is_some()
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<&End> {
        match &self.rest {
            Rest::Ended(end) => Some(end),
            Rest::Running | Rest::Held { .. } => None,
        }
    }

    /// Why it is held, if it is.
    pub fn hold(&self) -> Option<&Hold> {
        match &self.rest {
            Rest::Held { reason, .. } => Some(reason),
            Rest::Running | Rest::Ended(_) => None,
        }
    }

    /// A person may still end it: nothing was put in force, and nothing is on its way to be.
    pub fn may_abandon(&self) -> bool {
        self.cutover.is_open() && self.mode == Mode::Forward && self.end().is_none()
    }

    /// Until when the old pair is left usable, once the new one is published everywhere.
    pub fn grace_ends(&self) -> Option<Timestamp> {
        let grace = match self.grace_ended {
            true => Duration::ZERO,
            false => self.limits.grace,
        };
        self.rotated_at.map(|at| at + grace)
    }

    /// A person may end the grace: there is one, now or later.
    pub fn may_end_grace(&self) -> bool {
        let unrevoked = self.caps.overlap && !self.revoke.is_done();
        unrevoked && !self.grace_ended && self.mode == Mode::Forward && self.end().is_none()
    }

    /// A person may end it without the old pair's retirement: the new one was proven and published everywhere.
    pub fn may_give_up(&self) -> bool {
        self.is_rotated() && self.mode == Mode::Forward && self.end().is_none()
    }

    /// A person has ended it so, and what is ours is still being cleaned up.
    pub fn is_given_up(&self) -> bool {
        matches!(self.mode, Mode::GiveUp { .. }) && self.end().is_none()
    }

    /// A drain or a person's hold may stop here. Without overlap nothing stops between cutover and publish or
    /// undo, since every second is the consumers' outage.
    pub fn may_pause(&self) -> bool {
        let published = self.lanes.iter().all(|lane| lane.publish.is_done());
        self.caps.overlap
            || self.cutover.is_open()
            || published
            || self.undo.is_done()
            || self.end().is_some()
            // Not answered, and nothing has changed for anybody.
            || (self.cutover.is_unknown() && self.hold() == Some(&Hold::Unanswered))
    }

    /// Whether the cutover has left something set that is still to be reset.
    pub fn owes_reset(&self) -> bool {
        self.caps.leaves_flag && self.cutover.is_done() && !self.reset.is_done()
    }

    /// Salesforce has made a value, or may have, and not every store keeps it yet: it may have to be read again.
    pub fn lies_between_mint_and_stored(&self) -> bool {
        let making = match self.caps.mints_at_cutover {
            true => !self.cutover.is_open(),
            false => self.caps.value_by == ValueBy::Salesforce && !self.mint.is_open(),
        };
        making && self.end().is_none() && self.lanes.iter().any(|lane| !lane.pending.is_done())
    }

    /// There is a new pair, and no store keeps it: what holds it in memory must not let go of it.
    pub fn lies_in_no_store(&self) -> bool {
        self.new.is_some() && !self.lanes.iter().any(|lane| lane.pending.is_done())
    }

    /// Whether a mint at Salesforce stands that no reader was ever given.
    pub fn has_unpromoted_mint(&self) -> bool {
        self.caps.value_by == ValueBy::Salesforce && self.mint.is_done() && self.cutover.is_open()
    }
}

impl From<&Verdict> for TrialAnswer {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Accepted => TrialAnswer::Good,
            Verdict::Refused => TrialAnswer::Bad,
            Verdict::Inconclusive(_) => TrialAnswer::Unclear,
        }
    }
}
