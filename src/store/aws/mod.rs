//! AWS Secrets Manager: one secret in one region, whose versions and staging labels are the places.
//!
//! | place | what it is there |
//! |---|---|
//! | current | the version labelled `AWSCURRENT` |
//! | pending | the version labelled `AWSPENDING`, unless that is also `AWSCURRENT` or `AWSPREVIOUS` (AWS's own resting state) |
//! | a value set aside | a version labelled `rekeyd-aside-<rotation>` |
//! | an earlier version | any version, by its id |
//!
//! Facts that the rules rest on, from AWS's API reference (PutSecretValue, UpdateSecretVersionStage, CreateSecret):
//!
//! - A put is not conditional: with `AWSPENDING` or `AWSCURRENT` it takes that label from whoever holds it, and on a
//!   secret without versions it takes `AWSCURRENT` whatever was asked. So a value is put under the private label
//!   `rekeyd-<rotation>`, which no reader asks for.
//! - Moving a label *is* conditional: `RemoveFromVersionId` must name the version that holds it, and may only be left
//!   out while nobody does. That is the compare-and-set of every write here.
//! - The token of a put becomes the version's id. The same token with the same value does nothing; with another value
//!   it is refused. It is derived from the rotation and from the version that the value was merged with (`token.rs`).
//! - Versions without labels may be deleted by AWS; those with labels never are, so no private label is left behind.
//!
//! A write therefore takes two requests, put and move. Each is a call of its own: the first one answers
//! [`Outcome::Partly`](crate::port::Outcome::Partly), since no place shows a difference yet, and the next call finds
//! the version by its token. Publishing what is pending is one request, the move of `AWSCURRENT`; its `rotated_at` is
//! when it was stored, not when the label moved.
//!
//! An answer may be older than the last write. After a write its effect is read back until it is seen (`seen.rs`), and
//! a refused move that nothing explains is *not now* rather than a conflict.
//!
//! Requests are AWS's SDK's, with its retries off for whatever changes something. Not here: AWS's own rotation, which
//! is refused, and who may read a secret (`deploy/aws/`).

mod adapter;
mod connection;
mod fault;
mod labels;
mod moves;
mod obstacles;
mod put;
mod requests;
mod seen;
mod settings;
mod token;
mod value;

pub use adapter::AwsStore;
pub use connection::AwsConnection;
pub use settings::{AwsSettings, Creation, Credentials, TIMEOUT};
