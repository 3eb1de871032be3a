//! For each guard: the world in which it is missed, and the promise that breaks without it.

use rekeyd::rotation::Guard;

use crate::plan::{Plan, SINGLE, SPOKEN, all};
use crate::promise::Promise;

/// The promise that breaks.
pub fn breaks(guard: Guard) -> Promise {
    told(guard).1
}

/// The world in which it does.
pub fn plan(guard: Guard) -> Plan {
    let (name, _) = told(guard);
    let plan = all().into_iter().find(|plan| plan.name == name);
    Plan {
        // One of each is enough to show what a guard is for.
        budget: if plan.is_some_and(|plan| plan.budget.person > 0) {
            SPOKEN
        } else {
            SINGLE
        },
        weight: 0,
        ..plan.unwrap()
    }
}

fn told(guard: Guard) -> (&'static str, Promise) {
    match guard {
        Guard::ProbeAfterUnknown => ("staged, post replaces", Promise::P3),
        Guard::WaitOutLateWrites => ("staged, post replaces", Promise::P7),
        Guard::StoreBeforeCutover => ("update, applies", Promise::P1),
        Guard::ProveBeforePublish => ("update, ignores", Promise::P2),
        Guard::ControlBeforeProof => ("update, endpoint goes blind", Promise::P2),
        Guard::StableBeforePublish => ("staged, late known", Promise::P2),
        Guard::OwnSlotOnly => ("staged, late known", Promise::P4),
        Guard::ForeignPendingUntouched => ("staged, late known", Promise::P4),
        Guard::ForeignCurrentUntouched => ("update, applies", Promise::P4),
        Guard::RecheckBeforeCutover => ("staged, masked, early", Promise::P1),
        Guard::SupersededBeforeRevoke => ("staged, late known", Promise::P2),
        Guard::GraceBeforeRevoke => ("staged, late known", Promise::P2),
        Guard::DisproveBeforeDone => ("update, old one lives on", Promise::P5),
        Guard::UndoOnlyUnpublished => ("update, two stores", Promise::P2),
        Guard::QuarantineSent => ("update, lands beyond budgets", Promise::P7),
        Guard::RemintOnlyAfterGone => ("staged, masked, post replaces", Promise::P3),
        Guard::EveryStoreBeforeRotated => ("update, two stores", Promise::P2),
        Guard::SoundBaseline => ("update, old one lives on", Promise::P5),
        Guard::GiveUpOnlyRotated => ("update, a person speaks", Promise::P2),
        Guard::ProveBeforeGivingWay => ("staged, a person speaks", Promise::P2),
        Guard::MakeOnce => ("regenerate, deploys queue", Promise::P7),
    }
}
