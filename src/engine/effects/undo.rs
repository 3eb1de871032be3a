//! Puts the old pair back in force, while nothing can have been published.

use super::{answer, not_now};
use crate::engine::cache::Cache;
use crate::engine::seat::Seat;
use crate::engine::values::old_pair;
use crate::port::{Fault, Place, Refusal};
use crate::rotation::{Answer, Detail, Hold, State};

pub(super) async fn perform(seat: &Seat, cache: &Cache, state: &State) -> Answer {
    let old = match old_pair(seat, cache, state).await {
        Ok(Some(old)) => old,
        Ok(None) => {
            let gone = Fault::Unavailable("no store returns the old credential".into());
            return not_now(seat.now(), &gone);
        }
        Err(fault) => return not_now(seat.now(), &fault),
    };
    if let Some(answer) = by_hand(seat, state).await {
        return answer;
    }
    let outcome = seat.target.undo(&old).await;
    answer(seat.now(), outcome, |()| Detail::Nothing)
}

/// What a person has done to the stores who was told that this is broken: the old pair in force again would shut out the
/// readers of any other. Not asked before that, since every second is the consumers' outage; a store that does not answer
/// is passed over.
async fn by_hand(seat: &Seat, state: &State) -> Option<Answer> {
    let told = matches!(state.hold(), Some(Hold::BrokenUndo { .. }));
    if !told && state.resumed_at.is_none() {
        return None;
    }
    let mut published = Vec::new();
    for store in 0..state.lanes.len() {
        let Ok(slot) = seat.read(store, &Place::Current).await else {
            continue;
        };
        let Some(pair) = seat.credential(store, slot.value.as_ref()) else {
            continue;
        };
        let prints = seat.prints(&pair);
        if Some(prints.pair) == state.new {
            let detail = Detail::Written {
                version: slot.base,
                pair: prints.pair,
                key: prints.key,
            };
            published.push((store, detail));
        } else if Some(prints.pair) != state.old {
            let name = seat.store_name(store);
            let text = format!("store {name} gives its readers neither the old nor the new credential");
            return Some(Answer::Refused(Refusal::Conflict(text)));
        }
    }
    (!published.is_empty()).then_some(Answer::Published(published))
}
