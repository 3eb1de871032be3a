//! Salesforce makes a new pair. The journaled intent follows an empty slot, seen at the baseline.

use super::answer;
use crate::engine::cache::Cache;
use crate::engine::seat::Seat;
use crate::rotation::{Answer, Detail};

pub(super) async fn perform(seat: &Seat, cache: &Cache) -> Answer {
    let outcome = seat.target.mint().await;
    answer(seat.now(), outcome, |minted| {
        let key = seat.house.prints.key_print(&minted.key);
        if let Some(pair) = minted.credential {
            cache.keep_new(pair);
        }
        Detail::Minted { id: minted.id, key }
    })
}
