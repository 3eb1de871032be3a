//! Deleting a staged entry: an orphan that no reader was ever given, or the old pair after its grace. The slot is
//! read again right before, and the entry is matched by its key, since Salesforce may keep an id across the swap
//! (salesforce-metadata.md OPEN-6).

use super::{answer, not_now};
use crate::engine::seat::{Seat, clear_survey};
use crate::port::Refusal;
use crate::rotation::{Answer, Detail, State};
use crate::secret::Fingerprint;

/// Removes our unpromoted pair, or the foreign entry that a person gave us.
pub(super) async fn discard(seat: &Seat, state: &State) -> Answer {
    let given = state.orphan.is_some() && state.orphan == state.take_over;
    let wanted = state.orphan.as_deref().or(state.staged.as_deref());
    delete(seat, |id, key, primary| {
        let named = wanted == Some(id) && primary != Some(key);
        named && (given || state.new_key.is_none_or(|new| new == key))
    })
    .await
}

/// Ends the old pair.
pub(super) async fn revoke(seat: &Seat, state: &State) -> Answer {
    delete(seat, |id, key, primary| {
        let superseded = state.superseded.as_deref() == Some(id) && Some(key) == state.old_key;
        superseded && primary.is_some() && primary == state.new_key
    })
    .await
}

async fn delete(seat: &Seat, may: impl Fn(&str, Fingerprint, Option<Fingerprint>) -> bool) -> Answer {
    let survey = match clear_survey(seat).await {
        Ok(survey) => survey,
        Err(fault) => return not_now(seat.now(), &fault),
    };
    let Some(entry) = survey.staged else {
        return Answer::Done(Detail::Nothing);
    };
    let print = |key: &str| seat.house.prints.key_print(key);
    if !may(&entry.id, print(&entry.key), survey.key.as_deref().map(print)) {
        return Answer::Refused(Refusal::Conflict(
            "the staged slot holds another entry now".into(),
        ));
    }
    let outcome = seat.target.delete_staged(&entry.id).await;
    answer(seat.now(), outcome, |()| Detail::Nothing)
}
