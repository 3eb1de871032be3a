//! The port, as seven kinds of request.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::connection::VaultConnection;
use super::obstacles;
use super::tombstone::Tombstone;
use crate::document::Document;
use crate::port::{Fault, Outcome, Place, Refusal, Slot, Store, VersionRef};
use crate::rotation::RotationId;
use crate::store::path::{BadPath, StorePath};

/// One app's path in one mount.
pub struct VaultStore {
    name: String,
    connection: Arc<VaultConnection>,
    current: String,
    pending: String,
}

/// An answer about one version.
#[derive(Deserialize)]
pub(super) struct Version {
    #[serde(default)]
    data: Option<Map<String, Value>>,
    pub(super) metadata: VersionMetadata,
}

/// What belongs to a version whether or not its value is still there.
#[derive(Deserialize)]
pub(super) struct VersionMetadata {
    pub(super) version: u64,
    #[serde(default)]
    pub(super) destroyed: bool,
}

impl VaultStore {
    /// One app's path in the store of the policy's name `name`. Sends nothing.
    ///
    /// # Errors
    /// [`BadPath`] if the pending prefix and the path do not make a path.
    pub fn new(name: &str, connection: Arc<VaultConnection>, path: &StorePath) -> Result<Self, BadPath> {
        let pending = StorePath::parse(&format!("{}/{path}", connection.settings().pending_prefix))?;
        Ok(VaultStore {
            name: name.to_owned(),
            connection,
            current: path.as_str().to_owned(),
            pending: pending.as_str().to_owned(),
        })
    }

    /// `data`, `metadata` or `destroy` of a path, as policies name it.
    fn right(&self, verb: &str, kind: &str, path: &str) -> String {
        format!("{verb} on `{}/{kind}/{path}`", self.connection.settings().mount)
    }

    async fn latest(&self, path: &str) -> Result<Slot, Fault> {
        let answer = self.get(path, None).await?;
        if answer.is_absence() {
            return Ok(Slot {
                base: version_ref(0),
                value: None,
            });
        }
        let version = version(&answer)?;
        Ok(Slot {
            base: version_ref(version.metadata.version),
            value: version.data.map(Document::from_object),
        })
    }

    async fn version(&self, path: &str, wanted: &VersionRef) -> Result<Slot, Fault> {
        let absent = Slot {
            base: wanted.clone(),
            value: None,
        };
        let number: u64 = wanted.0.parse().map_err(|_| Fault::Unusable(not_ours(wanted)))?;
        // The server takes 0 for "the latest".
        if number == 0 {
            return Ok(absent);
        }
        let answer = self.get(path, Some(number)).await?;
        if answer.is_absence() {
            return Ok(absent);
        }
        let version = version(&answer)?;
        if version.metadata.version != number {
            return Err(Fault::Unusable(
                "the server answered about another version".into(),
            ));
        }
        Ok(Slot {
            value: version.data.map(Document::from_object),
            ..absent
        })
    }

    async fn get(&self, path: &str, version: Option<u64>) -> Result<Answer, Fault> {
        let request = self.connection.requests().read(path, version)?;
        self.connection
            .ask(request, &self.right("`read`", "data", path))
            .await
    }

    async fn write(&self, path: &str, base: &VersionRef, value: &Document) -> Outcome<VersionRef> {
        let Ok(cas) = base.0.parse() else {
            return Outcome::Refused(Refusal::Invalid(not_ours(base)));
        };
        let request = match self.connection.requests().write(path, value, cas) {
            Ok(request) => request,
            Err(fault) => return Outcome::NotNow(fault),
        };
        let right = self.right("`create` and `update`", "data", path);
        match self.connection.change(request, &right).await {
            Ok(answer) => match answer.data::<VersionMetadata>() {
                Some(written) => Outcome::Done(version_ref(written.version)),
                None => Outcome::Unknown(
                    "the write was answered as a success without a version: is the mount KV version 2?"
                        .into(),
                ),
            },
            Err(outcome) => outcome,
        }
    }

    /// Is `version` already below a tombstone of its own?
    async fn is_aside(&self, version: u64) -> Result<bool, Fault> {
        let above = version_ref(version.saturating_add(1));
        let stone = self.version(&self.pending, &above).await?.value;
        let stone = stone.as_ref().and_then(Tombstone::read);
        Ok(stone.is_some_and(|stone| stone.version == version))
    }
}

#[async_trait]
impl Store for VaultStore {
    fn name(&self) -> &str {
        &self.name
    }

    async fn read(&self, place: &Place) -> Result<Slot, Fault> {
        match place {
            Place::Current => self.latest(&self.current).await,
            Place::Pending => {
                let mut slot = self.latest(&self.pending).await?;
                slot.value = slot.value.filter(|value| Tombstone::read(value).is_none());
                Ok(slot)
            }
            Place::Version(version) => self.version(&self.current, version).await,
            Place::PendingVersion(version) => self.version(&self.pending, version).await,
        }
    }

    async fn obstacles(&self, grace: Duration) -> Result<Vec<String>, Fault> {
        obstacles::find(&self.connection, &self.current, &self.pending, grace).await
    }

    async fn put_pending(
        &self,
        base: &VersionRef,
        value: &Document,
        _rotation: RotationId,
    ) -> Outcome<VersionRef> {
        self.write(&self.pending, base, value).await
    }

    async fn publish(
        &self,
        base: &VersionRef,
        value: &Document,
        _rotation: RotationId,
    ) -> Outcome<VersionRef> {
        self.write(&self.current, base, value).await
    }

    async fn clear_pending(&self, version: &VersionRef) -> Outcome<()> {
        let Ok(number) = version.0.parse() else {
            return Outcome::Refused(Refusal::Invalid(not_ours(version)));
        };
        if number == 0 {
            return Outcome::Done(());
        }
        let request = match self.connection.requests().destroy(&self.pending, number) {
            Ok(request) => request,
            Err(fault) => return Outcome::NotNow(fault),
        };
        let right = self.right("`update`", "destroy", &self.pending);
        match self.connection.change(request, &right).await {
            Ok(answer) if answer.is_empty_success() => Outcome::Done(()),
            // Still there as far as anybody knows: a look tells.
            Ok(_) => Outcome::Unknown("something else answered in the server's place".into()),
            Err(outcome) => outcome,
        }
    }

    async fn quarantine(&self, version: &VersionRef, rotation: RotationId) -> Outcome<()> {
        let Ok(number) = version.0.parse() else {
            return Outcome::Refused(Refusal::Invalid(not_ours(version)));
        };
        if number == 0 {
            return Outcome::Refused(Refusal::Conflict("nothing was ever pending".into()));
        }
        let stone = Tombstone::new(rotation, number).document();
        match self.write(&self.pending, version, &stone).await {
            Outcome::Refused(Refusal::Conflict(text)) => match self.is_aside(number).await {
                Ok(true) => Outcome::Done(()),
                Ok(false) => Outcome::Refused(Refusal::Conflict(text)),
                Err(fault) => Outcome::NotNow(fault),
            },
            other @ (Outcome::Done(_)
            | Outcome::Partly(_)
            | Outcome::Refused(_)
            | Outcome::NotNow(_)
            | Outcome::Unknown(_)) => other.map(|_| ()),
        }
    }
}

fn version(answer: &Answer) -> Result<Version, Fault> {
    answer.data().ok_or_else(|| match answer.status {
        404 => Fault::NotFound("no KV mount of that name is there, or something else answered".into()),
        _ => Fault::Unusable("the server's answer is not that of a KV version 2 mount".into()),
    })
}

fn version_ref(number: u64) -> VersionRef {
    VersionRef(number.to_string())
}

fn not_ours(version: &VersionRef) -> String {
    format!("`{version}` is not a version number of KV version 2")
}
