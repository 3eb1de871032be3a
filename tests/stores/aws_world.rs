//! AWS Secrets Manager in the world of its contract: a secret of a name of its own on one of three servers. A consumer
//! asks by hand for what is current.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rekeyd::clock::SystemClock;
use rekeyd::document::Document;
use rekeyd::port::{Fault, Outcome, Place, Slot, Store, VersionRef};
use rekeyd::rotation::RotationId;
use rekeyd::store::aws::{AwsConnection, AwsSettings, AwsStore, Creation, Credentials, TIMEOUT};
use rekeyd::store::path::StorePath;
use serde_json::json;
use tempfile::TempDir;

use super::aws_gaps::skipped;
use super::world::{World, publish, version};
use crate::support::aws::emulator::{Emulator, Kind};
use crate::support::aws::stub::Stub;
use crate::support::aws::{KEY, REGION, call, credentials, fresh_name, http};

/// Which server is asked.
pub enum Server {
    Stub(Stub),
    Other(Arc<Emulator>),
}

pub struct AwsWorld {
    pub server: Server,
    pub name: String,
    pub home: TempDir,
}

impl AwsWorld {
    pub fn on(server: Server) -> Self {
        let home = tempfile::tempdir().unwrap();
        credentials(home.path(), KEY);
        AwsWorld {
            server,
            name: fresh_name(),
            home,
        }
    }

    pub fn address(&self) -> String {
        match &self.server {
            Server::Stub(stub) => stub.address(),
            Server::Other(emulator) => emulator.address(),
        }
    }

    pub fn stub(&self) -> &Stub {
        match &self.server {
            Server::Stub(stub) => stub,
            Server::Other(_) => panic!("not the strict server"),
        }
    }

    pub fn settings(&self) -> AwsSettings {
        AwsSettings {
            region: REGION.into(),
            endpoint_url: Some(self.address().parse().unwrap()),
            credentials: Credentials::File {
                path: self.home.path().join("aws-credentials"),
                profile: None,
            },
            create: Some(Creation::default()),
            timeout: TIMEOUT,
        }
    }

    /// The adapter as it is: each call makes one request that changes something.
    pub fn store(&self, settings: AwsSettings) -> AwsStore {
        let connection = Arc::new(AwsConnection::new(settings, Arc::new(SystemClock)));
        let path = StorePath::parse(&self.name).unwrap();
        AwsStore::new("cloud", connection, &path, "rotated_at")
    }
}

/// Does what the engine does with a write that takes several requests: calls again at once.
pub struct Whole(pub AwsStore);

/// No write takes more.
const MOST: usize = 4;

macro_rules! whole {
    ($call:expr) => {{
        let mut calls = 0;
        loop {
            calls += 1;
            match $call.await {
                Outcome::Partly(_) if calls < MOST => {}
                outcome => break outcome,
            }
        }
    }};
}

#[async_trait]
impl Store for Whole {
    fn name(&self) -> &str {
        self.0.name()
    }

    async fn read(&self, place: &Place) -> Result<Slot, Fault> {
        self.0.read(place).await
    }

    async fn obstacles(&self, grace: Duration) -> Result<Vec<String>, Fault> {
        self.0.obstacles(grace).await
    }

    async fn put_pending(
        &self,
        base: &VersionRef,
        value: &Document,
        rotation: RotationId,
    ) -> Outcome<VersionRef> {
        whole!(self.0.put_pending(base, value, rotation))
    }

    async fn publish(
        &self,
        base: &VersionRef,
        value: &Document,
        rotation: RotationId,
    ) -> Outcome<VersionRef> {
        whole!(self.0.publish(base, value, rotation))
    }

    async fn clear_pending(&self, version: &VersionRef) -> Outcome<()> {
        whole!(self.0.clear_pending(version))
    }

    async fn quarantine(&self, version: &VersionRef, rotation: RotationId) -> Outcome<()> {
        whole!(self.0.quarantine(version, rotation))
    }
}

#[async_trait]
impl World for AwsWorld {
    fn open(&self) -> Box<dyn Store> {
        Box::new(Whole(self.store(self.settings())))
    }

    async fn consumer_reads(&self) -> Option<String> {
        let wish = json!({ "SecretId": self.name });
        let (status, body) = call(&http(), &self.address(), "GetSecretValue", &wish).await;
        assert!(matches!(status, 200 | 400 | 404), "{status}: {body}");
        (status == 200).then(|| body["SecretString"].as_str().unwrap().to_owned())
    }

    fn keeps_bytes(&self) -> bool {
        true
    }

    /// AWS makes the first version of a secret current whatever is asked, so there is no pending before a current.
    async fn adopted(&self) {
        publish(&*self.open(), &version("0"), 1000).await;
    }

    fn never_written(&self) -> VersionRef {
        version("00000000-0000-4000-8000-000000000007")
    }

    fn skips(&self, case: &str) -> Option<&'static str> {
        match &self.server {
            Server::Stub(_) => None,
            Server::Other(emulator) => skipped(emulator.kind, case),
        }
    }

    fn foreign_version(&self) -> &'static str {
        "7"
    }

    /// AWS takes 65,536 bytes. The text is longer than this by its escapes.
    fn large(&self) -> usize {
        40 * 1024
    }
}

pub async fn stub_world() -> AwsWorld {
    AwsWorld::on(Server::Stub(Stub::start().await))
}

pub async fn moto_world() -> AwsWorld {
    AwsWorld::on(Server::Other(Emulator::shared(Kind::Moto).await))
}

pub async fn ministack_world() -> AwsWorld {
    AwsWorld::on(Server::Other(Emulator::shared(Kind::Ministack).await))
}
