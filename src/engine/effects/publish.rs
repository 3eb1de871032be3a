//! A store's *current* becomes the new pair. Other keys of the value are carried over; a value that somebody has
//! written since is not overwritten, whatever is in it.

use super::{answer, not_now};
use crate::document::Document;
use crate::engine::cache::Cache;
use crate::engine::seat::Seat;
use crate::engine::values::new_pair;
use crate::port::{Fault, Place, Refusal};
use crate::rotation::{Answer, Detail, State};

pub(super) async fn perform(seat: &Seat, cache: &Cache, state: &State, store: usize) -> Answer {
    let Some((at, lane)) = seat.stores.get(store).zip(state.lanes.get(store)) else {
        return Answer::Refused(Refusal::Invalid(format!("the app has no store {store}")));
    };
    let pair = match new_pair(seat, cache, state).await {
        Ok(Some(pair)) => pair,
        Ok(None) => {
            let gone = Fault::Unavailable("no store returns the pending credential".into());
            return not_now(seat.now(), &gone);
        }
        Err(fault) => return not_now(seat.now(), &fault),
    };
    // Kept since the last check where every second counts; the store itself refuses it if it is stale.
    let current = match cache.document(store, &lane.current_base) {
        Some(document) => document,
        None => match at.store.read(&Place::Current).await {
            Ok(slot) if slot.base != lane.current_base => {
                let text = format!("current is version {}, not {}", slot.base, lane.current_base);
                return Answer::Refused(Refusal::Conflict(text));
            }
            Ok(slot) => slot.value.unwrap_or_else(Document::empty),
            Err(fault) => return not_now(seat.now(), &fault),
        },
    };
    let prints = seat.prints(&pair);
    let value = current.with(&at.names, &pair, &seat.stamp(state.id));
    let outcome = at.store.publish(&lane.current_base, &value, state.id).await;
    answer(seat.now(), outcome, |version| Detail::Written {
        version,
        pair: prints.pair,
        key: prints.key,
    })
}
