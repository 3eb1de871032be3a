//! The port, as puts and moves of labels.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::connection::AwsConnection;
use super::labels::{CURRENT, Described, PENDING, aside, is_kept, private};
use super::moves::{Move, conflict, ending, rest};
use super::put::{Put, Written};
use super::requests::{Requests, Version, Which};
use super::token::{Base, token};
use super::{obstacles, seen};
use crate::document::Document;
use crate::port::{Fault, Outcome, Place, Refusal, Slot, Store, VersionRef};
use crate::rotation::RotationId;
use crate::store::path::StorePath;

/// One app's secret.
pub struct AwsStore {
    name: String,
    pub(super) requests: Requests,
    /// The key of a value that says when it was written.
    pub(super) stamp: String,
    pub(super) put: Mutex<Option<Put>>,
}

impl AwsStore {
    /// One app's secret in the store of the policy's name `name`. `stamp` is the key under which a value says when it
    /// was written. Sends nothing.
    pub fn new(name: &str, connection: Arc<AwsConnection>, secret: &StorePath, stamp: &str) -> Self {
        AwsStore {
            name: name.to_owned(),
            requests: Requests::new(connection, secret.as_str()),
            stamp: stamp.to_owned(),
            put: Mutex::new(None),
        }
    }

    pub(super) fn secret(&self) -> &str {
        self.requests.secret()
    }

    /// The secret, if it may be written to.
    async fn writable<T>(&self) -> Result<Option<Described>, Outcome<T>> {
        let seen = self.requests.describe().await.map_err(Outcome::NotNow)?;
        let region = &self.requests.connection().settings().region;
        match seen
            .as_ref()
            .and_then(|seen| obstacles::refusal(self.secret(), seen, region))
        {
            Some(why) => Err(Outcome::Refused(Refusal::Permission(why))),
            None => Ok(seen),
        }
    }

    /// The very first value: a secret that is created with it, or one that had none.
    async fn first(&self, value: &Document, rotation: RotationId) -> Outcome<VersionRef> {
        let wanted = token(rotation, None, 0);
        let written = match self.writable().await {
            Err(outcome) => return outcome,
            Ok(Some(seen)) if !seen.labels.is_empty() => {
                return Outcome::Refused(Refusal::Conflict(format!("`{}` holds a value", self.secret())));
            }
            // Whoever comes second gets the private label alone.
            Ok(Some(_)) => {
                let put = self.requests.put(&wanted, &private(rotation), value).await;
                put.map(|()| None)
            }
            Ok(None) => match &self.requests.connection().settings().create {
                Some(with) => self.requests.create(&wanted, value, with).await,
                None => return Outcome::Refused(Refusal::Permission(obstacles::absent(self.secret()))),
            },
        };
        let version = match written {
            Ok(answered) => answered.unwrap_or(wanted),
            Err(failed) => return failed.outcome(),
        };
        let clock = self.requests.connection().clock();
        let there = seen::until(clock, seen::WRITE, || async {
            Ok(self.requests.get(Which::Current).await?.is_some())
        });
        there.await;
        match self.requests.get(Which::Current).await {
            Ok(Some(current)) if current.id == version => {}
            Ok(Some(_)) => {
                let text = format!("somebody else gave `{}` its first value", self.secret());
                return Outcome::Refused(Refusal::Conflict(text));
            }
            Ok(None) | Err(_) => {
                let text = format!("the first value of `{}` was taken and is not seen", self.secret());
                return Outcome::Unknown(text);
            }
        }
        // One that fails, or takes longer, is reported as an obstacle from here on.
        seen::until(clock, seen::REPLICAS, || async {
            let seen = self.requests.describe().await?;
            Ok(seen.is_none_or(|seen| obstacles::under_way(self.secret(), &seen).is_none()))
        })
        .await;
        Outcome::Done(VersionRef(version))
    }

    async fn replace(&self, from: &str, value: &Document, rotation: RotationId) -> Outcome<VersionRef> {
        let version = match self.remembered(value, rotation, from) {
            Some(version) => version,
            None => {
                let seen = match self.writable().await {
                    Ok(seen) => seen.unwrap_or_default(),
                    Err(outcome) => return outcome,
                };
                if seen.holder(CURRENT) != Some(from) {
                    return conflict(CURRENT);
                }
                match self.find(value, rotation, from).await {
                    Ok(Written::At(version)) => version,
                    Ok(Written::Not(version)) => {
                        return self.put_privately(&version, value, rotation, from).await;
                    }
                    Err(outcome) => return outcome,
                }
            }
        };
        let order = Move {
            label: CURRENT.into(),
            to: Some(version.clone()),
            from: Some(from.to_owned()),
        };
        self.relabel(&order).await.map(|()| VersionRef(version))
    }

    async fn pending(&self) -> Result<Slot, Fault> {
        let seen = self.requests.describe().await?.unwrap_or_default();
        let base = Base::of(seen.holder(PENDING));
        let Some(waiting) = seen.waiting() else {
            return Ok(Slot { base, value: None });
        };
        // AWS's own rotation names a version before it has a value. That, too, is somebody's.
        let version = self.requests.get(Which::Id(waiting)).await?;
        let value = version.and_then(|version| version.value.ok());
        Ok(Slot {
            base,
            value: Some(value.unwrap_or_else(Document::empty)),
        })
    }

    async fn current(&self) -> Result<Slot, Fault> {
        match self.requests.get(Which::Current).await {
            Ok(version) => Ok(Slot {
                base: Base::of(version.as_ref().map(|version| version.id.as_str())),
                value: version.map(|version| self.document(version)).transpose()?,
            }),
            // What the service says of a secret that is to be deleted says nothing of the way back.
            Err(fault @ Fault::Unusable(_)) => {
                let region = &self.requests.connection().settings().region;
                let seen = self.requests.describe().await?;
                Err(seen
                    .and_then(|seen| obstacles::refusal(self.secret(), &seen, region))
                    .map_or(fault, Fault::Unusable))
            }
            Err(fault) => Err(fault),
        }
    }

    /// A version by name. Of *pending* only what we still keep counts: AWS shows ended versions until it deletes them.
    async fn version(&self, wanted: &VersionRef, pending: bool) -> Result<Slot, Fault> {
        let base = wanted.clone();
        let Base(Some(id)) = Base::parse(wanted).map_err(Fault::Unusable)? else {
            return Ok(Slot { base, value: None });
        };
        let version = self.requests.get(Which::Id(&id)).await?;
        let version = version.filter(|version| !pending || is_kept(&version.labels));
        let value = version.map(|version| self.document(version)).transpose()?;
        Ok(Slot { base, value })
    }

    fn document(&self, version: Version) -> Result<Document, Fault> {
        version
            .value
            .map_err(|fault| Fault::Unusable(format!("`{}`: {fault}", self.secret())))
    }
}

#[async_trait]
impl Store for AwsStore {
    fn name(&self) -> &str {
        &self.name
    }

    async fn read(&self, place: &Place) -> Result<Slot, Fault> {
        match place {
            Place::Current => self.current().await,
            Place::Pending => self.pending().await,
            Place::Version(version) => self.version(version, false).await,
            Place::PendingVersion(version) => self.version(version, true).await,
        }
    }

    async fn obstacles(&self, _grace: Duration) -> Result<Vec<String>, Fault> {
        let settings = self.requests.connection().settings();
        let Some(seen) = self.requests.describe().await? else {
            let found = settings
                .create
                .is_none()
                .then(|| obstacles::absent(self.secret()));
            return Ok(found.into_iter().collect());
        };
        match obstacles::under_way(self.secret(), &seen) {
            Some(text) => Err(Fault::Unavailable(text)),
            None => Ok(obstacles::of(self.secret(), &seen, &settings.region)),
        }
    }

    async fn put_pending(
        &self,
        base: &VersionRef,
        value: &Document,
        rotation: RotationId,
    ) -> Outcome<VersionRef> {
        let Base(from) = match Base::parse(base) {
            Ok(base) => base,
            Err(text) => return Outcome::Refused(Refusal::Invalid(text)),
        };
        let seen = match self.writable().await {
            Ok(Some(seen)) => seen,
            Ok(None) => return Outcome::Refused(Refusal::Permission(obstacles::absent(self.secret()))),
            Err(outcome) => return outcome,
        };
        let Some(current) = seen.holder(CURRENT) else {
            return Outcome::Refused(Refusal::Permission(obstacles::versionless(self.secret())));
        };
        if seen.holder(PENDING) != from.as_deref() {
            return conflict(PENDING);
        }
        let version = match self.find(value, rotation, current).await {
            Ok(Written::At(version)) => version,
            Ok(Written::Not(version)) => {
                return self.put_privately(&version, value, rotation, current).await;
            }
            Err(outcome) => return outcome,
        };
        let order = Move {
            label: PENDING.into(),
            to: Some(version.clone()),
            from,
        };
        self.relabel(&order).await.map(|()| VersionRef(version))
    }

    async fn publish(
        &self,
        base: &VersionRef,
        value: &Document,
        rotation: RotationId,
    ) -> Outcome<VersionRef> {
        match Base::parse(base) {
            Ok(Base(None)) => self.first(value, rotation).await,
            Ok(Base(Some(from))) => self.replace(&from, value, rotation).await,
            Err(text) => Outcome::Refused(Refusal::Invalid(text)),
        }
    }

    async fn clear_pending(&self, version: &VersionRef) -> Outcome<()> {
        let version = match Base::parse(version) {
            Ok(Base(Some(version))) => version,
            Ok(Base(None)) => return Outcome::Done(()),
            Err(text) => return Outcome::Refused(Refusal::Invalid(text)),
        };
        match self.requests.describe().await {
            Ok(Some(seen)) => self.first_of(ending(&seen, &version)).await,
            Ok(None) => Outcome::Done(()),
            Err(fault) => Outcome::NotNow(fault),
        }
    }

    async fn quarantine(&self, version: &VersionRef, rotation: RotationId) -> Outcome<()> {
        let version = match Base::parse(version) {
            Ok(Base(Some(version))) => version,
            Ok(Base(None)) => return conflict(PENDING),
            Err(text) => return Outcome::Refused(Refusal::Invalid(text)),
        };
        let seen = match self.requests.describe().await {
            Ok(seen) => seen.unwrap_or_default(),
            Err(fault) => return Outcome::NotNow(fault),
        };
        match (seen.holder(PENDING) == Some(&version), seen.is_aside(&version)) {
            (false, true) => Outcome::Done(()),
            (false, false) => conflict(PENDING),
            (true, true) => self.first_of(vec![rest(&seen, &version)]).await,
            (true, false) => {
                let keep = Move {
                    label: aside(rotation),
                    to: Some(version.clone()),
                    from: None,
                };
                self.first_of(vec![keep, rest(&seen, &version)]).await
            }
        }
    }
}
