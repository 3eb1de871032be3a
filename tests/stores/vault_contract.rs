//! Vault KV version 2 in the world of its contract: a real OpenBao server, a daemon's token that may do just what
//! `deploy/vault/rekeyd-policy.hcl` says, and a consumer's token that may read one path.

use std::sync::Arc;

use async_trait::async_trait;
use rekeyd::clock::SystemClock;
use rekeyd::port::Store;
use rekeyd::secret::Secret;
use rekeyd::store::path::StorePath;
use rekeyd::store::vault::{Auth, TIMEOUT, Tls, TokenSource, VaultConnection, VaultSettings, VaultStore};
use reqwest::Method;

use super::world::World;
use crate::support::openbao::{OpenBao, fresh};

pub struct VaultWorld {
    pub bao: Arc<OpenBao>,
    pub path: String,
    daemon: String,
    consumer: String,
}

impl VaultWorld {
    pub async fn on(bao: Arc<OpenBao>) -> Self {
        VaultWorld::allowed(bao, POLICY).await
    }

    /// With a daemon's token that may do what `policy` says, and nothing by default.
    pub async fn allowed(bao: Arc<OpenBao>, policy: &str) -> Self {
        let path = format!("salesforce/app-{}", fresh());
        let daemon = bao.token(policy, false).await;
        let reads = format!(r#"path "secret/data/{path}" {{ capabilities = ["read"] }}"#);
        let consumer = bao.token(&reads, true).await;
        VaultWorld {
            bao,
            path,
            daemon,
            consumer,
        }
    }

    pub fn settings(&self) -> VaultSettings {
        settings(&self.bao.address(), &self.daemon)
    }

    pub fn store(&self, settings: VaultSettings) -> VaultStore {
        store(settings, &self.path)
    }

    /// One request about this path as root: `data` and so on.
    pub async fn root(&self, method: Method, kind: &str, body: Option<serde_json::Value>) -> u16 {
        let path = format!("secret/{kind}/{}", self.path);
        self.bao.root(method, &path, body).await.0
    }
}

/// All the rights that a rotation takes, word for word as an operator installs them.
pub const POLICY: &str = include_str!("../../deploy/vault/rekeyd-policy.hcl");

pub fn settings(address: &str, token: &str) -> VaultSettings {
    VaultSettings {
        address: address.parse().unwrap(),
        mount: "secret".into(),
        namespace: None,
        pending_prefix: "rekeyd-pending".into(),
        tls: Tls::default(),
        auth: Auth::Token(TokenSource::Value(Secret::new(token.to_owned()))),
        timeout: TIMEOUT,
    }
}

pub fn store(settings: VaultSettings, path: &str) -> VaultStore {
    let connection = Arc::new(VaultConnection::new(settings, Arc::new(SystemClock)).unwrap());
    VaultStore::new("corp", connection, &StorePath::parse(path).unwrap()).unwrap()
}

#[async_trait]
impl World for VaultWorld {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.store(self.settings()))
    }

    async fn consumer_reads(&self) -> Option<String> {
        let pending = format!("secret/data/rekeyd-pending/{}", self.path);
        let (status, _) = self.bao.call(&self.consumer, Method::GET, &pending, None).await;
        assert_eq!(status, 403, "a consumer may look at pending");
        let current = format!("secret/data/{}", self.path);
        let (status, body) = self.bao.call(&self.consumer, Method::GET, &current, None).await;
        assert!(status == 200 || status == 404, "{status}");
        (status == 200).then(|| body["data"]["data"].to_string())
    }

    fn keeps_bytes(&self) -> bool {
        false
    }
}

pub async fn world() -> VaultWorld {
    VaultWorld::on(OpenBao::shared().await).await
}

keeps_the_contract!(world);
