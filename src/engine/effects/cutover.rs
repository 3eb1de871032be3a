//! Salesforce starts to take the new pair as primary.

use super::{answer, not_now, queued};
use crate::engine::cache::Cache;
use crate::engine::seat::Seat;
use crate::engine::values::{new_pair, old_pair};
use crate::port::{Cutover, Fault};
use crate::rotation::{Answer, Detail, State};

pub(super) async fn perform(seat: &Seat, cache: &Cache, state: &State) -> Answer {
    if state.caps.mints_at_cutover {
        return regenerate(seat, cache, state).await;
    }
    let new = match new_pair(seat, cache, state).await {
        Ok(Some(new)) => new,
        Ok(None) => {
            let gone = Fault::Unavailable("no store returns the pending credential".into());
            return not_now(seat.now(), &gone);
        }
        Err(fault) => return not_now(seat.now(), &fault),
    };
    let order = Cutover {
        staged: state.staged.clone(),
        new,
        modified: state.modified.clone(),
    };
    let outcome = seat.target.cutover(&order).await;
    answer(seat.now(), outcome, |()| Detail::Nothing)
}

/// Salesforce makes the new pair and puts it in force at once.
async fn regenerate(seat: &Seat, cache: &Cache, state: &State) -> Answer {
    let old = match old_pair(seat, cache, state).await {
        Ok(Some(old)) => old,
        Ok(None) => {
            let gone = Fault::Unavailable("no store returns the old credential".into());
            return not_now(seat.now(), &gone);
        }
        Err(fault) => return not_now(seat.now(), &fault),
    };
    let modified = state.modified.as_deref();
    queued(seat.now(), seat.target.regenerate(&old.client_id, modified).await)
}
