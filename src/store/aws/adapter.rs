//! The port, as puts and moves of labels.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::connection::AwsConnection;
use super::fault::Failed;
use super::labels::{CURRENT, Described, PENDING, PREVIOUS, aside, is_kept, private};
use super::requests::{Requests, Version, Which};
use super::token::{Base, token};
use super::value::{Digested, same};
use super::{obstacles, seen};
use crate::document::Document;
use crate::port::{Fault, Outcome, Place, Refusal, Slot, Store, VersionRef};
use crate::rotation::RotationId;
use crate::store::path::StorePath;

/// How many values one rotation may merge with one version.
const ATTEMPTS: u8 = 8;

/// One app's secret.
pub struct AwsStore {
    name: String,
    requests: Requests,
    /// The key of a value that says when it was written.
    stamp: String,
    put: Mutex<Option<Put>>,
}

/// What was put last, so that publishing it is one request and no read.
struct Put {
    rotation: RotationId,
    base: String,
    digest: Digested,
    version: String,
}

/// Where a value is.
enum Written {
    /// Under this version id.
    At(String),
    /// Nowhere; this is the id to put it under.
    Not(String),
}

/// Moves of one label: to nobody is a removal, from nobody an addition.
struct Move {
    label: String,
    to: Option<String>,
    from: Option<String>,
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

    fn secret(&self) -> &str {
        self.requests.secret()
    }

    fn last_put(&self) -> std::sync::MutexGuard<'_, Option<Put>> {
        // Replaced as a whole, so a panic elsewhere leaves nothing half done.
        self.put.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was put for this very write, if this process did.
    fn remembered(&self, value: &Document, rotation: RotationId, base: &str) -> Option<String> {
        let digest = Digested::of(value, &self.stamp);
        let put = self.last_put();
        let put = put.as_ref()?;
        (put.rotation == rotation && put.base == base && put.digest == digest).then(|| put.version.clone())
    }

    fn remember(&self, value: &Document, rotation: RotationId, base: &str, version: &str) {
        *self.last_put() = Some(Put {
            rotation,
            base: base.to_owned(),
            digest: Digested::of(value, &self.stamp),
            version: version.to_owned(),
        });
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

    /// Looks for a value that `rotation` has merged with `base`.
    async fn find<T>(
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
    async fn put_privately<T>(
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

    /// The one conditional write of AWS, read back until it is seen.
    async fn relabel(&self, order: &Move) -> Outcome<()> {
        let (to, from) = (order.to.as_deref(), order.from.as_deref());
        match self.requests.relabel(&order.label, to, from).await {
            Ok(()) => {}
            Err(Failed::Parameter(text) | Failed::Absent(text)) => {
                // Perhaps the version has gone.
                *self.last_put() = None;
                return match self.requests.describe().await {
                    Ok(Some(seen)) if seen.holder(&order.label) == from => {
                        Outcome::NotNow(Fault::Unavailable(format!(
                            "{text}, although {} is still with the version named",
                            order.label
                        )))
                    }
                    Ok(Some(_) | None) => Outcome::Refused(Refusal::Conflict(text)),
                    Err(fault) => Outcome::NotNow(fault),
                };
            }
            Err(failed) => return failed.outcome(),
        }
        let moved = seen::until(self.requests.connection().clock(), seen::WRITE, || async {
            // As readers ask.
            if order.label == CURRENT {
                let current = self.requests.get(Which::Current).await?;
                return Ok(current.as_ref().map(|version| version.id.as_str()) == to);
            }
            let seen = self.requests.describe().await?;
            Ok(seen.as_ref().and_then(|seen| seen.holder(&order.label)) == to)
        });
        match moved.await {
            true => Outcome::Done(()),
            false => Outcome::Unknown(format!(
                "the move of {} on `{}` was answered as a success and is not seen",
                order.label,
                self.secret()
            )),
        }
    }

    /// The first of several moves; the others are for later calls.
    async fn first_of(&self, moves: Vec<Move>) -> Outcome<()> {
        let Some(first) = moves.first() else {
            return Outcome::Done(());
        };
        match self.relabel(first).await {
            Outcome::Done(()) if moves.len() > 1 => Outcome::Partly(format!(
                "{} is where it should be; the next label follows",
                first.label
            )),
            outcome @ (Outcome::Done(())
            | Outcome::Partly(_)
            | Outcome::Refused(_)
            | Outcome::NotNow(_)
            | Outcome::Unknown(_)) => outcome,
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

/// All that is left to do until nothing of the pending `version` is kept. Versions that are or were current need no
/// label of ours either: a crash may have left one there.
fn ending(seen: &Described, version: &str) -> Vec<Move> {
    let holders = [Some(version), seen.holder(CURRENT), seen.holder(PREVIOUS)];
    let mut moves: Vec<Move> = holders
        .into_iter()
        .flatten()
        .flat_map(|holder| seen.ours(holder).map(move |label| (label, holder)))
        .map(|(label, holder)| Move {
            label: label.to_owned(),
            to: None,
            from: Some(holder.to_owned()),
        })
        .collect();
    // A version may be named twice among the holders, and a label is on one version only.
    moves.sort_by(|one, other| one.label.cmp(&other.label));
    moves.dedup_by(|one, other| one.label == other.label);
    if seen.holder(PENDING) == Some(version) {
        moves.push(rest(seen, version));
    }
    moves
}

/// Takes `AWSPENDING` off. What was published just loses it. Otherwise it goes to what is current, where it says that
/// nothing waits (AWS reads it so too): were it nowhere, a late write of the same rotation would find it free.
fn rest(seen: &Described, version: &str) -> Move {
    let current = seen.holder(CURRENT).filter(|current| *current != version);
    Move {
        label: PENDING.into(),
        to: current.map(str::to_owned),
        from: Some(version.to_owned()),
    }
}

fn conflict<T>(label: &str) -> Outcome<T> {
    let text = format!("{label} is not with the version named");
    Outcome::Refused(Refusal::Conflict(text))
}
