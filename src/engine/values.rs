//! Where a lane finds the old and the new pair: in its cache, else in a store, else at Salesforce. A value found
//! anywhere counts only if its print is the one that the journal names.

use crate::engine::cache::Cache;
use crate::engine::seat::Seat;
use crate::port::{Fault, Place};
use crate::rotation::{State, ValueBy};
use crate::secret::Credential;

/// The new pair, or `None` if it is in no hand and no store.
///
/// # Errors
/// [`Fault`] when a place that may hold it did not answer.
pub(super) async fn new_pair(seat: &Seat, cache: &Cache, state: &State) -> Result<Option<Credential>, Fault> {
    let wanted = |pair: &Credential| {
        let prints = seat.prints(pair);
        match (state.new, state.new_key) {
            (Some(new), _) => prints.pair == new,
            // Minted and not stored anywhere yet: the key is all that is known.
            (None, Some(key)) => prints.key == key,
            (None, None) => false,
        }
    };
    if let Some(pair) = cache.new_pair().filter(wanted) {
        return Ok(Some(pair));
    }
    let mut fault = None;
    for (store, lane) in state.lanes.iter().enumerate() {
        let places = match (&lane.pending_version, lane.publish.is_done()) {
            // Somebody may have written over it since.
            (_, true) => vec![Place::Current, Place::Version(lane.current_base.clone())],
            (Some(version), false) => vec![Place::PendingVersion(version.clone())],
            (None, false) => Vec::new(),
        };
        for place in places {
            match seat.read(store, &place).await {
                Ok(slot) => {
                    if let Some(pair) = seat.credential(store, slot.value.as_ref()).filter(wanted) {
                        cache.keep_new(pair.clone());
                        return Ok(Some(pair));
                    }
                }
                Err(Fault::NotFound(_)) => {}
                Err(other) => fault = Some(other),
            }
        }
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    if state.caps.mints_at_cutover && state.new.is_some() {
        let pair = seat.target.live().await?.filter(wanted);
        if let Some(pair) = &pair {
            cache.keep_new(pair.clone());
        }
        return Ok(pair);
    }
    match (&state.staged, state.caps.value_by, state.cutover.is_open()) {
        (Some(id), ValueBy::Salesforce, true) => {
            let pair = seat.target.staged_value(id).await?.filter(wanted);
            if let Some(pair) = &pair {
                cache.keep_new(pair.clone());
            }
            Ok(pair)
        }
        (Some(_) | None, ValueBy::Salesforce | ValueBy::Us | ValueBy::Person, true | false) => Ok(None),
    }
}

/// The old pair, from the version of *current* that was noted at staging; never from what is current now.
///
/// # Errors
/// [`Fault`] when a store that may hold it did not answer.
pub(super) async fn old_pair(seat: &Seat, cache: &Cache, state: &State) -> Result<Option<Credential>, Fault> {
    let wanted = |pair: &Credential| Some(seat.prints(pair).pair) == state.old;
    if let Some(pair) = cache.old_pair().filter(wanted) {
        return Ok(Some(pair));
    }
    let mut fault = None;
    for (store, lane) in state.lanes.iter().enumerate() {
        match seat.read(store, &Place::Version(lane.old_version.clone())).await {
            Ok(slot) => {
                if let Some(pair) = seat.credential(store, slot.value.as_ref()).filter(wanted) {
                    cache.keep_old(pair.clone());
                    return Ok(Some(pair));
                }
            }
            Err(Fault::NotFound(_)) => {}
            Err(other) => fault = Some(other),
        }
    }
    fault.map_or(Ok(None), Err)
}
