//! A value is put where no reader looks, under a name that follows from what it is: so it is found again after a lost
//! answer, and put once.

use std::sync::{MutexGuard, PoisonError};

use super::adapter::AwsStore;
use super::fault::Failed;
use super::labels::private;
use super::requests::{Version, Which};
use super::seen;
use super::token::token;
use super::value::{Digested, same};
use crate::document::Document;
use crate::port::{Fault, Outcome, Refusal};
use crate::rotation::RotationId;

/// How many values one rotation may merge with one version.
const ATTEMPTS: u8 = 8;

/// What was put last, so that publishing it is one request and no read.
pub(super) struct Put {
    rotation: RotationId,
    base: String,
    digest: Digested,
    version: String,
}

/// Where a value is.
pub(super) enum Written {
    /// Under this version id.
    At(String),
    /// Nowhere; this is the id to put it under.
    Not(String),
}

impl AwsStore {
    pub(super) fn last_put(&self) -> MutexGuard<'_, Option<Put>> {
        // Replaced as a whole, so a panic elsewhere leaves nothing half done.
        self.put.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was put for this very write, if this process did.
    pub(super) fn remembered(&self, value: &Document, rotation: RotationId, base: &str) -> Option<String> {
        let digest = Digested::of(value, &self.stamp);
        let put = self.last_put();
        let put = put.as_ref()?;
        (put.rotation == rotation && put.base == base && put.digest == digest).then(|| put.version.clone())
    }

    pub(super) fn remember(&self, value: &Document, rotation: RotationId, base: &str, version: &str) {
        *self.last_put() = Some(Put {
            rotation,
            base: base.to_owned(),
            digest: Digested::of(value, &self.stamp),
            version: version.to_owned(),
        });
    }

    /// Looks for a value that `rotation` has merged with `base`.
    pub(super) async fn find<T>(
        &self,
        value: &Document,
        rotation: RotationId,
        base: &str,
    ) -> Result<Written, Outcome<T>> {
        if let Some(version) = self.remembered(value, rotation, base) {
            return Ok(Written::At(version));
        }
        for attempt in 0..ATTEMPTS {
            let id = token(rotation, Some(base), attempt);
            match self.requests.get(Which::Id(&id)).await {
                Ok(None) => return Ok(Written::Not(id)),
                Ok(Some(Version { value: Ok(there), .. })) if same(&there, value, &self.stamp) => {
                    self.remember(value, rotation, base, &id);
                    return Ok(Written::At(id));
                }
                // Another value of this rotation: the id cannot be had again.
                Ok(Some(_)) => {}
                Err(fault) => return Err(Outcome::NotNow(fault)),
            }
        }
        Err(Outcome::Refused(Refusal::Invalid(format!(
            "`{}` holds {ATTEMPTS} values of this rotation, none of which is the one to write",
            self.secret()
        ))))
    }

    /// Puts a value where no reader looks. That is not the write yet, so a lost answer is *not now*: no place has
    /// changed, and the next call looks whether the version is there.
    pub(super) async fn put_privately<T>(
        &self,
        version: &str,
        value: &Document,
        rotation: RotationId,
        base: &str,
    ) -> Outcome<T> {
        match self.requests.put(version, &private(rotation), value).await {
            Ok(()) => {}
            Err(Failed::Unclear(text) | Failed::Exists(text)) => {
                return Outcome::NotNow(Fault::Unavailable(text));
            }
            Err(failed) => return failed.outcome(),
        }
        let there = seen::until(self.requests.connection().clock(), seen::WRITE, || async move {
            Ok(self.requests.get(Which::Id(version)).await?.is_some())
        });
        if !there.await {
            return Outcome::NotNow(Fault::Unavailable(format!(
                "a new version of `{}` is not seen yet",
                self.secret()
            )));
        }
        self.remember(value, rotation, base, version);
        Outcome::Partly("the value is kept where no reader looks; its label comes next".into())
    }
}
