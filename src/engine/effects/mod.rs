//! One file per effect: what is read right before, and the one mutating request.
//!
//! Each answers with an [`Answer`]; none decides what follows. A read that fails before the write makes it
//! *not now*: nothing was sent.

mod cutover;
mod delete;
mod mint;
mod pending;
mod publish;
mod reset;
mod store;
mod undo;

use crate::clock::Timestamp;
use crate::engine::cache::Cache;
use crate::engine::seat::Seat;
use crate::port::{Fault, Outcome};
use crate::rotation::{Answer, Effect, State};

/// Performs `effect`, whose intent is journaled.
pub(super) async fn perform(seat: &Seat, cache: &Cache, state: &State, effect: Effect) -> Answer {
    match effect {
        Effect::Mint => mint::perform(seat, cache).await,
        Effect::Discard => delete::discard(seat, state).await,
        Effect::Revoke => delete::revoke(seat, state).await,
        Effect::Reset => reset::perform(seat).await,
        Effect::Store(store) => store::perform(seat, cache, state, store).await,
        Effect::Cutover => cutover::perform(seat, cache, state).await,
        Effect::Publish(store) => publish::perform(seat, cache, state, store).await,
        Effect::Undo => undo::perform(seat, cache, state).await,
        Effect::Clear(store) => pending::clear(seat, state, store).await,
        Effect::Quarantine(store) => pending::quarantine(seat, state, store).await,
    }
}

/// The machine's answer for a port's outcome.
fn answer<T>(
    now: Timestamp,
    outcome: Outcome<T>,
    detail: impl FnOnce(T) -> crate::rotation::Detail,
) -> Answer {
    match outcome {
        Outcome::Done(done) => Answer::Done(detail(done)),
        Outcome::Partly(why) => Answer::Partly(why),
        Outcome::Refused(why) => Answer::Refused(why),
        Outcome::NotNow(fault) => not_now(now, &fault),
        Outcome::Unknown(why) => Answer::Unknown(why),
    }
}

/// The same for what Salesforce takes on under an id.
fn queued(now: Timestamp, outcome: Outcome<String>) -> Answer {
    match outcome {
        Outcome::Done(job) => Answer::Queued(job),
        Outcome::Partly(why) => Answer::Partly(why),
        Outcome::Refused(why) => Answer::Refused(why),
        Outcome::NotNow(fault) => not_now(now, &fault),
        Outcome::Unknown(why) => Answer::Unknown(why),
    }
}

/// Nothing was sent, or it was certainly not applied.
fn not_now(now: Timestamp, fault: &Fault) -> Answer {
    let until = match fault {
        Fault::Throttled { wait, .. } => Some(now + *wait),
        Fault::Unavailable(_)
        | Fault::Unauthorized(_)
        | Fault::Forbidden(_)
        | Fault::SwitchedOff(_)
        | Fault::NotFound(_)
        | Fault::Unusable(_) => None,
    };
    Answer::NotNow {
        why: fault.to_string(),
        until,
    }
}
