//! Writes the new pair as *pending* of one store. Later stores copy what the first one holds.

use super::{answer, not_now};
use crate::document::Document;
use crate::engine::cache::Cache;
use crate::engine::seat::Seat;
use crate::engine::values::new_pair;
use crate::port::{Place, Refusal};
use crate::rotation::{Answer, Detail, State};

pub(super) async fn perform(seat: &Seat, cache: &Cache, state: &State, store: usize) -> Answer {
    let Some((at, lane)) = seat.stores.get(store).zip(state.lanes.get(store)) else {
        return Answer::Refused(Refusal::Invalid(format!("the app has no store {store}")));
    };
    // What another store keeps is what this one gets: read back, not remembered.
    if state.lanes.iter().any(|lane| lane.pending.is_done()) {
        cache.wipe();
    }
    let pair = match new_pair(seat, cache, state).await {
        Ok(Some(pair)) => pair,
        Ok(None) => return Answer::ValueGone,
        Err(fault) => return not_now(seat.now(), &fault),
    };
    let current = match at.store.read(&Place::Current).await {
        Ok(slot) => slot.value.unwrap_or_else(Document::empty),
        Err(fault) => return not_now(seat.now(), &fault),
    };
    let prints = seat.prints(&pair);
    let value = current.with(&at.names, &pair, &seat.stamp(state.id));
    let outcome = at.store.put_pending(&lane.pending_base, &value, state.id).await;
    answer(seat.now(), outcome, |version| Detail::Written {
        version,
        pair: prints.pair,
        key: prints.key,
    })
}
