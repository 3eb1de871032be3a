//! What is written over a pending value that is set aside, so that *pending* reads as empty while the value below
//! stays readable by its number.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::Document;
use crate::rotation::RotationId;

const KIND: &str = "quarantined";

/// The whole of the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tombstone {
    rekeyd: String,
    /// Whose value it is.
    pub(super) rotation_id: RotationId,
    /// Which version is set aside.
    pub(super) version: u64,
}

impl Tombstone {
    pub(super) fn new(rotation_id: RotationId, version: u64) -> Self {
        Tombstone {
            rekeyd: KIND.into(),
            rotation_id,
            version,
        }
    }

    pub(super) fn document(&self) -> Document {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => Document::from_object(fields),
            // It is an object of a text, an id and a number, which always serialises.
            Ok(_) | Err(_) => Document::empty(),
        }
    }

    pub(super) fn read(document: &Document) -> Option<Self> {
        // Not to copy a whole credential in order to see that it is one.
        if document.object().get("rekeyd").and_then(Value::as_str) != Some(KIND) {
            return None;
        }
        serde_json::from_value(Value::Object(document.object().clone())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_is_known_again_and_nothing_else_is_one() {
        let stone = Tombstone::new(RotationId::from(uuid::Uuid::from_u128(7)), 3);
        assert_eq!(Tombstone::read(&stone.document()), Some(stone));
        for other in [
            "{}",
            r#"{"rekeyd":"quarantined"}"#,
            r#"{"rekeyd":"other","client_id":"a"}"#,
            r#"{"rekeyd":"quarantined","rotation_id":"x","version":1}"#,
        ] {
            assert_eq!(Tombstone::read(&Document::parse(other).unwrap()), None, "{other}");
        }
    }
}
