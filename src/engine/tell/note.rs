//! One note about an app as one sentence.

use super::event::judged;
use super::sentence;
use crate::engine::note::Note;

/// One note in words. `stores` are those of the rotation that it belongs to.
pub fn note_sentence(note: &Note, stores: &[String]) -> String {
    match note {
        Note::Adopted {
            pair, found, proof, ..
        } => format!("adopted: {} {found} is {}", pair.short(), judged(proof)),
        Note::Unadopted { why } => format!("not adopted yet: {why}"),
        Note::Adopting { store, pair } => {
            format!("about to write {} to {store}, which lacks it", pair.short())
        }
        Note::Started {
            method,
            stores,
            reason,
            by,
            ..
        } => format!(
            "rotation started by {by}, method {method}, stores {}: {reason}",
            stores.join(", ")
        ),
        Note::Step { step } => sentence(step, stores),
        Note::Behind { why } => format!("held: {why}"),
        Note::Inherited { rotations } => {
            let ids: Vec<String> = rotations.iter().map(ToString::to_string).collect();
            format!(
                "found values of rotations that are older than this journal: {}",
                ids.join(", ")
            )
        }
        Note::AsideProbed {
            store,
            version,
            alive,
        } => format!(
            "the value set aside in store {store} as version {version} is {}",
            if *alive {
                "ACCEPTED by Salesforce"
            } else {
                "not accepted"
            }
        ),
        Note::HoldAsked { by, why } => format!("held by {by}: {why}"),
        Note::HoldLifted { by } => format!("hold lifted by {by}"),
    }
}
