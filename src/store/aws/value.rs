//! Is a version's value the one to be written? The time stamp does not count: a retry is stamped anew, and the bytes
//! of a version cannot change.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::document::Document;

/// The same but for the key `stamp`.
pub(super) fn same(one: &Document, other: &Document, stamp: &str) -> bool {
    let keys = |document: &Document| document.object().keys().filter(|key| *key != stamp).count();
    keys(one) == keys(other)
        && one
            .object()
            .iter()
            .all(|(key, value)| key == stamp || other.object().get(key) == Some(value))
}

/// Stands for a value in memory, so that what was just put need not be fetched again. Never leaves the process.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Digested([u8; 32]);

impl Digested {
    pub(super) fn of(document: &Document, stamp: &str) -> Self {
        let mut hash = Sha256::new();
        for (key, value) in document.object().iter().filter(|(key, _)| *key != stamp) {
            // JSON values always serialise.
            let value = Zeroizing::new(serde_json::to_vec(value).unwrap_or_default());
            for part in [key.as_bytes(), value.as_slice()] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        Digested(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_stamp_counts() {
        let base = Document::parse(r#"{"a":"1","at":"then","b":[2]}"#).unwrap();
        for (text, equal) in [
            (r#"{"a":"1","at":"now","b":[2]}"#, true),
            (r#"{"a":"1","b":[2]}"#, true),
            (r#"{"a":"2","at":"then","b":[2]}"#, false),
            (r#"{"a":"1","at":"then"}"#, false),
            (r#"{"a":"1","at":"then","b":[2],"c":0}"#, false),
        ] {
            let other = Document::parse(text).unwrap();
            assert_eq!(same(&base, &other, "at"), equal, "{text}");
            assert_eq!(same(&other, &base, "at"), equal, "{text}");
            assert_eq!(
                Digested::of(&base, "at") == Digested::of(&other, "at"),
                equal,
                "{text}"
            );
        }
    }
}
