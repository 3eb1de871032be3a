//! The JSON value that a store holds for one app: our fields, and whatever else people keep beside them.
//!
//! A consumer reads one value and gets id and secret of one generation. Keys that are not ours are carried
//! over as they are, in their order; a number keeps its value as a 64-bit integer or a double, as JSON's readers take
//! it, and not its spelling. Not here: where a value lives (`store/`), or which one is current.

use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use crate::clock::Timestamp;
use crate::rotation::RotationId;
use crate::secret::{Credential, Secret};

/// The names under which a store's users find our fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldNames {
    /// The consumer key.
    pub client_id: String,
    /// The consumer secret.
    pub client_secret: String,
    /// Where a consumer asks for a token; `None`: not written.
    pub token_url: Option<String>,
    /// The org's name in the policy; `None`: not written.
    pub org: Option<String>,
    /// The org's origin; `None`: not written.
    pub base_uri: Option<String>,
    /// The app's id at Salesforce; `None`: not written.
    pub app_id: Option<String>,
    /// The consumer's id at Salesforce; `None`: not written.
    pub consumer_id: Option<String>,
    /// When this credential became current, RFC 3339.
    pub rotated_at: String,
    /// The rotation that wrote it.
    pub rotation_id: String,
}

impl Default for FieldNames {
    fn default() -> Self {
        FieldNames {
            client_id: "client_id".into(),
            client_secret: "client_secret".into(),
            token_url: Some("token_url".into()),
            org: Some("org".into()),
            base_uri: None,
            app_id: None,
            consumer_id: None,
            rotated_at: "rotated_at".into(),
            rotation_id: "rotation_id".into(),
        }
    }
}

/// A stored value is not what rekeyd or a person would have put there. Says which part, never what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not an object.
    #[error("the stored value is not a JSON object")]
    NotAnObject,
    /// The id or the secret is missing, empty, or not text.
    #[error("the stored value lacks a client id or a client secret under the configured names")]
    NoCredential,
}

/// What accompanies a credential in its document.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The rotation that writes it.
    pub rotation: RotationId,
    /// When.
    pub at: Timestamp,
    /// The org's name in the policy.
    pub org: String,
    /// Where a consumer asks for a token.
    pub token_url: String,
    /// The org's origin.
    pub base_uri: String,
    /// The app at Salesforce, if the method knows it by id; otherwise what stands there stays.
    pub record: Option<RecordIds>,
}

/// A consumer of an External Client App, by the ids of salesforce-oauth-rest.md §1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordIds {
    /// The app's.
    pub app: String,
    /// The consumer's.
    pub consumer: String,
}

/// One stored value. Wiped when dropped.
#[derive(Clone)]
pub struct Document {
    fields: Map<String, Value>,
}

impl Document {
    /// An object without keys, for a place that holds nothing yet.
    pub fn empty() -> Self {
        Document { fields: Map::new() }
    }

    /// Reads a stored value.
    ///
    /// # Errors
    /// [`Malformed::NotAnObject`]; the parser's own message is dropped, since it can quote the value.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        serde_json::from_str(text)
            .map(|fields| Document { fields })
            .map_err(|_| Malformed::NotAnObject)
    }

    /// Wraps an object that a client library has already parsed.
    pub fn from_object(fields: Map<String, Value>) -> Self {
        Document { fields }
    }

    /// The object, for a client library that serialises it itself. The caller drops it within the request.
    pub fn object(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// The text to store.
    pub fn text(&self) -> Zeroizing<String> {
        // An object of JSON values always serialises.
        Zeroizing::new(serde_json::to_string(&self.fields).unwrap_or_default())
    }

    /// The credential inside.
    ///
    /// # Errors
    /// [`Malformed::NoCredential`].
    pub fn credential(&self, names: &FieldNames) -> Result<Credential, Malformed> {
        match (self.string(&names.client_id), self.string(&names.client_secret)) {
            (Some(id), Some(secret)) if !id.is_empty() && !secret.is_empty() => Ok(Credential {
                client_id: id.to_owned(),
                client_secret: Secret::new(secret.to_owned()),
            }),
            (Some(_) | None, Some(_) | None) => Err(Malformed::NoCredential),
        }
    }

    /// The rotation that wrote it, if one of ours did.
    pub fn rotation(&self, names: &FieldNames) -> Option<RotationId> {
        self.string(&names.rotation_id).and_then(|text| text.parse().ok())
    }

    /// Since when it is current, if it says so.
    pub fn rotated_at(&self, names: &FieldNames) -> Option<Timestamp> {
        let text = self.string(&names.rotated_at)?;
        chrono::DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|at| at.to_utc().into())
    }

    /// A copy that carries `credential` and its stamp; every other key stays as it is.
    pub fn with(&self, names: &FieldNames, credential: &Credential, stamp: &Stamp) -> Document {
        let mut copy = self.clone();
        let fields = [
            (Some(&names.client_id), credential.client_id.clone()),
            (
                Some(&names.client_secret),
                credential.client_secret.expose().to_owned(),
            ),
            (names.token_url.as_ref(), stamp.token_url.clone()),
            (names.org.as_ref(), stamp.org.clone()),
            (names.base_uri.as_ref(), stamp.base_uri.clone()),
            (
                names.app_id.as_ref().filter(|_| stamp.record.is_some()),
                stamp
                    .record
                    .as_ref()
                    .map_or_else(String::new, |record| record.app.clone()),
            ),
            (
                names.consumer_id.as_ref().filter(|_| stamp.record.is_some()),
                stamp
                    .record
                    .as_ref()
                    .map_or_else(String::new, |record| record.consumer.clone()),
            ),
            (Some(&names.rotated_at), stamp.at.to_string()),
            (Some(&names.rotation_id), stamp.rotation.to_string()),
        ];
        for (name, mut value) in fields {
            match name.map(|name| {
                copy.fields
                    .insert(name.clone(), Value::String(std::mem::take(&mut value)))
            }) {
                Some(Some(mut replaced)) => wipe(&mut replaced),
                Some(None) => {}
                None => value.zeroize(),
            }
        }
        copy
    }

    fn string(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Document(..)")
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        self.fields.iter_mut().for_each(|(_, value)| wipe(value));
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, value)| wipe(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_keys_stay_and_ours_are_replaced_together() {
        let names = FieldNames::default();
        let before = Document::parse(
            r#"{"note":"keep","client_id":"a","client_secret":"b","n":[1,4.4444444444444443e77]}"#,
        )
        .unwrap();
        let stamp = Stamp {
            rotation: RotationId::from(uuid::Uuid::from_u128(5)),
            at: Timestamp(0),
            org: "prod".into(),
            token_url: "https://x.example/token".into(),
            base_uri: "https://x.example".into(),
            record: None,
        };
        let new = Credential {
            client_id: "c".into(),
            client_secret: Secret::new("d".into()),
        };
        let after = before.with(&names, &new, &stamp);
        assert!(after.text().starts_with(
            r#"{"note":"keep","client_id":"c","client_secret":"d","n":[1,4.4444444444444443e+77],"#
        ));
        assert_eq!(after.rotation(&names), Some(stamp.rotation));
        assert_eq!(after.rotated_at(&names), Some(Timestamp(0)));
    }

    #[test]
    fn a_malformed_value_is_named_and_never_quoted() {
        let fault = Document::parse("sup3rs3cret").unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains("sup3rs3cret"));
        let half = Document::parse(r#"{"client_id":"a"}"#).unwrap();
        assert_eq!(
            half.credential(&FieldNames::default()).unwrap_err(),
            Malformed::NoCredential
        );
    }
}
