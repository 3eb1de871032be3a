//! The guards of the machine, by name, so that a test can take one away and see which promise breaks.

/// One rule that keeps a promise. The daemon always runs with all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// After *unknown* only a probe may follow.
    ProbeAfterUnknown,
    /// A negative probe is provisional until no late write can come.
    WaitOutLateWrites,
    /// The new pair is stored in every store before the cutover.
    StoreBeforeCutover,
    /// The new pair is accepted before it is published.
    ProveBeforePublish,
    /// A corrupted secret must be refused by the same probe.
    ControlBeforeProof,
    /// With overlap, acceptance must be stable.
    StableBeforePublish,
    /// A staged entry is ours only if our user made it inside the request.
    OwnSlotOnly,
    /// Somebody else's pending value is left alone.
    ForeignPendingUntouched,
    /// Somebody else's current credential is published over only if it is refused.
    ForeignCurrentUntouched,
    /// Everything is looked at again right before the cutover.
    RecheckBeforeCutover,
    /// The old pair is ended only when it is superseded in every store.
    SupersededBeforeRevoke,
    /// The old pair stays usable through the grace.
    GraceBeforeRevoke,
    /// Done means that the old pair is seen dead.
    DisproveBeforeDone,
    /// A cutover is taken back only while nothing can have been published.
    UndoOnlyUnpublished,
    /// A value that was sent is set aside, never destroyed.
    QuarantineSent,
    /// A second mint only after the first is seen gone.
    RemintOnlyAfterGone,
    /// Rotated means every store.
    EveryStoreBeforeRotated,
    /// Nothing starts unless the current pair is accepted and the same everywhere.
    SoundBaseline,
    /// A rotation is given up only once it is rotated.
    GiveUpOnlyRotated,
    /// It gives way to another pair only if that one is accepted, and a wrong one is not.
    ProveBeforeGivingWay,
    /// A request that makes a value and puts it in force at once is not sent again while the first is unanswered.
    MakeOnce,
}

/// All guards, in order.
pub const ALL: [Guard; 21] = [
    Guard::ProbeAfterUnknown,
    Guard::WaitOutLateWrites,
    Guard::StoreBeforeCutover,
    Guard::ProveBeforePublish,
    Guard::ControlBeforeProof,
    Guard::StableBeforePublish,
    Guard::OwnSlotOnly,
    Guard::ForeignPendingUntouched,
    Guard::ForeignCurrentUntouched,
    Guard::RecheckBeforeCutover,
    Guard::SupersededBeforeRevoke,
    Guard::GraceBeforeRevoke,
    Guard::DisproveBeforeDone,
    Guard::UndoOnlyUnpublished,
    Guard::QuarantineSent,
    Guard::RemintOnlyAfterGone,
    Guard::EveryStoreBeforeRotated,
    Guard::SoundBaseline,
    Guard::GiveUpOnlyRotated,
    Guard::ProveBeforeGivingWay,
    Guard::MakeOnce,
];

/// The guards in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    missing: Option<Guard>,
}

impl Guards {
    /// What the daemon runs with.
    pub const fn all() -> Self {
        Guards { missing: None }
    }

    /// All but one, for a test.
    pub const fn without(guard: Guard) -> Self {
        Guards { missing: Some(guard) }
    }

    /// Whether `guard` is in force.
    pub fn has(self, guard: Guard) -> bool {
        self.missing != Some(guard)
    }
}
