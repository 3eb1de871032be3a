//! What a contract case needs of a store beside the port: a second pair of eyes, and the values it writes.

use async_trait::async_trait;
use rekeyd::clock::Timestamp;
use rekeyd::document::{Document, FieldNames, Stamp};
use rekeyd::port::{Outcome, Place, Refusal, Slot, Store, VersionRef};
use rekeyd::rotation::RotationId;
use rekeyd::secret::{Credential, Secret};

/// A store that is empty at the path of one app, seen from outside.
#[async_trait]
pub trait World: Send + Sync {
    /// The adapter, opened anew each time.
    fn open(&self) -> Box<dyn Store>;

    /// What a consumer reads at its documented path, with its own means and rights.
    async fn consumer_reads(&self) -> Option<String>;

    /// Does the store keep a value's bytes, or only what they mean?
    fn keeps_bytes(&self) -> bool;

    /// Makes the place one that takes a pending value. Most do from the start.
    async fn adopted(&self) {}

    /// The well-formed name of a version that never was.
    fn never_written(&self) -> VersionRef {
        version("7")
    }

    /// A version of another kind of store.
    fn foreign_version(&self) -> &'static str {
        "EXAMPLE1-90ab-cdef-fedc-ba987SECRET"
    }

    /// Why this world cannot show a case: what stands in for the store gets it wrong.
    fn skips(&self, _case: &str) -> Option<&'static str> {
        None
    }

    /// A length that the text of a large value exceeds, in bytes.
    fn large(&self) -> usize {
        64 * 1024
    }
}

pub fn version(text: &str) -> VersionRef {
    VersionRef(text.into())
}

pub fn rotation(number: u128) -> RotationId {
    RotationId::from(uuid::Uuid::from_u128(number))
}

/// A credential's document, told apart by `number`.
pub fn document(number: u128) -> Document {
    with_credential(&Document::empty(), number)
}

pub fn with_credential(before: &Document, number: u128) -> Document {
    let credential = Credential {
        client_id: format!("id-{number}"),
        client_secret: Secret::new(format!("secret-{number}")),
    };
    let stamp = Stamp {
        rotation: rotation(number),
        at: Timestamp(0),
        org: "prod".into(),
        token_url: "https://login.example/token".into(),
        base_uri: "https://login.example".into(),
        record: None,
    };
    before.with(&FieldNames::default(), &credential, &stamp)
}

/// The number of the credential, if both its halves and the rotation id agree.
pub fn number(document: &Document) -> u128 {
    let names = FieldNames::default();
    let pair = document.credential(&names).unwrap();
    let number = pair.client_id.strip_prefix("id-").unwrap().parse().unwrap();
    assert_eq!(pair.client_secret.expose(), format!("secret-{number}"));
    assert_eq!(document.rotation(&names), Some(rotation(number)));
    number
}

pub async fn read(store: &dyn Store, place: Place) -> Slot {
    store.read(&place).await.unwrap()
}

/// The credential's number in a place, if there is one.
pub async fn holds(store: &dyn Store, place: Place) -> Option<u128> {
    read(store, place).await.value.as_ref().map(number)
}

pub async fn publish(store: &dyn Store, base: &VersionRef, value: u128) -> VersionRef {
    done(store.publish(base, &document(value), rotation(value)).await)
}

pub async fn put_pending(store: &dyn Store, base: &VersionRef, value: u128) -> VersionRef {
    done(store.put_pending(base, &document(value), rotation(value)).await)
}

#[track_caller]
pub fn done<T: std::fmt::Debug>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Done(value) => value,
        other => panic!("not done: {other:?}"),
    }
}

#[track_caller]
pub fn conflict<T: std::fmt::Debug>(outcome: Outcome<T>) {
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::Conflict(_))),
        "no conflict: {outcome:?}"
    );
}
