//! Ends what stands as *pending*: destroyed once published, set aside if it was sent and never published. Names the
//! version that we wrote, so that nobody else's is touched.

use super::answer;
use crate::engine::seat::Seat;
use crate::port::Refusal;
use crate::rotation::{Answer, Detail, State};

pub(super) async fn clear(seat: &Seat, state: &State, store: usize) -> Answer {
    let written = state
        .lanes
        .get(store)
        .and_then(|lane| lane.pending_version.as_ref());
    match (seat.stores.get(store), written) {
        (Some(at), Some(version)) => answer(seat.now(), at.store.clear_pending(version).await, |()| {
            Detail::Nothing
        }),
        (Some(_), None) => Answer::Done(Detail::Nothing),
        (None, _) => Answer::Refused(Refusal::Invalid(format!("the app has no store {store}"))),
    }
}

pub(super) async fn quarantine(seat: &Seat, state: &State, store: usize) -> Answer {
    let written = state
        .lanes
        .get(store)
        .and_then(|lane| lane.pending_version.as_ref());
    match (seat.stores.get(store), written) {
        (Some(at), Some(version)) => answer(seat.now(), at.store.quarantine(version, state.id).await, |()| {
            Detail::Nothing
        }),
        (Some(_), None) => Answer::Done(Detail::Nothing),
        (None, _) => Answer::Refused(Refusal::Invalid(format!("the app has no store {store}"))),
    }
}
