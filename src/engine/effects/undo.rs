//! Puts the old pair back in force, while nothing can have been published.

use super::{answer, not_now};
use crate::engine::cache::Cache;
use crate::engine::seat::Seat;
use crate::engine::values::old_pair;
use crate::port::Fault;
use crate::rotation::{Answer, Detail, State};

pub(super) async fn perform(seat: &Seat, cache: &Cache, state: &State) -> Answer {
    let old = match old_pair(seat, cache, state).await {
        Ok(Some(old)) => old,
        Ok(None) => {
            let gone = Fault::Unavailable("no store returns the old credential".into());
            return not_now(seat.now(), &gone);
        }
        Err(fault) => return not_now(seat.now(), &fault),
    };
    let outcome = seat.target.undo(&old).await;
    answer(seat.now(), outcome, |()| Detail::Nothing)
}
