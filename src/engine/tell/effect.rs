//! An effect in words: as something to do, and as something done.

use super::store_name;
use crate::port::VersionRef;
use crate::rotation::{Detail, Effect};

/// After "about to", "could not".
pub(super) fn to_do(effect: Effect, stores: &[String]) -> String {
    let store = |at| store_name(stores, at);
    match effect {
        Effect::Mint => "make a new credential at Salesforce".into(),
        Effect::Discard => {
            "remove a credential of this app that is left in the staged slot and that no store has as current"
                .into()
        }
        Effect::Store(at) => format!("write the new credential to pending in {}", store(at)),
        Effect::Cutover => "put the new credential in force at Salesforce".into(),
        Effect::Publish(at) => format!("publish the new credential in {}", store(at)),
        Effect::Undo => "put the old credential back in force at Salesforce".into(),
        Effect::Clear(at) => format!("clear pending in {}", store(at)),
        Effect::Quarantine(at) => format!("set the pending credential in {} aside", store(at)),
        Effect::Revoke => "revoke the old credential at Salesforce".into(),
        Effect::Reset => "reset the flag that makes a new secret at each deploy".into(),
    }
}

/// A reason that begins with an effect as the machine calls it, for a person.
pub fn in_words(why: &str, stores: &[String]) -> String {
    let of_stores = (0..stores.len()).flat_map(|at| {
        [
            Effect::Store(at),
            Effect::Publish(at),
            Effect::Clear(at),
            Effect::Quarantine(at),
        ]
    });
    let effects = [
        Effect::Mint,
        Effect::Discard,
        Effect::Cutover,
        Effect::Undo,
        Effect::Revoke,
        Effect::Reset,
    ];
    effects
        .into_iter()
        .chain(of_stores)
        .find_map(|effect| {
            let rest = why.strip_prefix(&format!("{effect}: "))?;
            Some(format!("could not {}: {rest}", to_do(effect, stores)))
        })
        .unwrap_or_else(|| why.to_owned())
}

/// As a sentence.
pub(super) fn done(effect: Effect, detail: &Detail, stores: &[String]) -> String {
    let store = |at| store_name(stores, at);
    let at_version = match detail {
        Detail::Written { version, .. } => format!(", version {}", short(version)),
        Detail::Nothing | Detail::Minted { .. } | Detail::Made { .. } => String::new(),
    };
    match effect {
        Effect::Mint => match detail {
            Detail::Minted { id, .. } => {
                format!("Salesforce made a new credential, staged as entry {id}")
            }
            Detail::Nothing | Detail::Written { .. } | Detail::Made { .. } => {
                "Salesforce made a new credential".into()
            }
        },
        Effect::Discard => "the credential that was left in the staged slot is removed".into(),
        Effect::Store(at) => {
            format!(
                "the new credential is stored as pending in {}{at_version}",
                store(at)
            )
        }
        Effect::Cutover => "Salesforce answered that the new credential is in force".into(),
        Effect::Publish(at) => {
            format!("the new credential is current in {}{at_version}", store(at))
        }
        Effect::Undo => "Salesforce answered that the old credential is in force again".into(),
        Effect::Clear(at) => format!("pending is cleared in {}", store(at)),
        Effect::Quarantine(at) => format!("the pending credential in {} is set aside", store(at)),
        Effect::Revoke => "the old credential is revoked at Salesforce".into(),
        Effect::Reset => "the flag that makes a new secret at each deploy is reset".into(),
    }
}

/// A version without what would make a line unreadable.
fn short(version: &VersionRef) -> String {
    version.0.chars().take(40).collect()
}
