//! What a person is asked for, step by step (salesforce-oauth-rest.md §2): who, where in Setup, by when, and what breaks.

use super::event::moment;
use super::setup::SETUP;
use super::{AppKind, in_setup};
use crate::clock::Timestamp;
use crate::rotation::{Ask, Asked, State};

/// In one sentence, for the history.
pub(super) fn asked(what: Ask, deadline: Timestamp) -> String {
    let until = moment(deadline);
    match what {
        Ask::Pair => format!("a person is asked for a new credential by {until}"),
        Ask::Apply => format!(
            "the new credential is stored as pending everywhere; a person is asked to apply it in Setup by {until}"
        ),
    }
}

/// What is waited for, in a few words.
pub(super) fn waiting(asked: Asked, now: Timestamp) -> String {
    let until = match now <= asked.deadline {
        true => format!(" until {}", moment(asked.deadline)),
        false => format!(", overdue since {}", moment(asked.deadline)),
    };
    match asked.what {
        Ask::Pair => format!("waiting for a person's new credential{until}"),
        Ask::Apply => format!("waiting for a person to apply the new credential in Setup{until}"),
    }
}

/// What a person has to do, with the places and commands; `None` where nobody is asked for anything.
pub fn request(state: &State, app: &str, kind: Option<AppKind>) -> Option<String> {
    let asked = state.asked.filter(|_| state.asks())?;
    let until = moment(asked.deadline);
    let words = match asked.what {
        Ask::Pair => format!(
            "by {until}, somebody who may edit the app does this: 1. open {SETUP} and confirm who you are; 2. generate \
             staged consumer details, and do NOT apply them yet: nothing changes for consumers; 3. hand both values over \
             with `rekeyd submit {app}`; 4. wait for the word that they are stored. Then you are asked to apply them"
        ),
        Ask::Apply => format!(
            "by {until}, the same person does this: 1. open {SETUP} and apply the staged consumer details; 2. right after \
             that, `rekeyd resume {app}` says so, and rekeyd looks every few seconds; 3. see `rekeyd status {app}` say that \
             it is rotated. From Apply until then a login with the old credential may be refused, and Apply revokes the \
             access and refresh tokens of the app: whoever got one logs in anew. If they are not to be applied at all: `rekeyd abandon {app}`"
        ),
    };
    Some(in_setup(words, kind))
}
