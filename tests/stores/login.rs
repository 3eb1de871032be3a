//! What the cases of logging in share: an auth method of their own on a real server, a proxy that sees every request,
//! and a clock that only the test moves.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rekeyd::clock::{Clock, Timestamp};
use rekeyd::port::{Fault, Place, Store};
use rekeyd::store::path::StorePath;
use rekeyd::store::vault::{Auth, Login, Method, Tls, VaultConnection, VaultSettings, VaultStore};
use reqwest::Method as Verb;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use super::vault_contract::{POLICY, settings};
use crate::support::openbao::{OpenBao, fresh};
use crate::support::pki::secret;
use crate::support::proxy::Proxy;

/// Stands still until it is moved.
pub struct StillClock {
    now: Mutex<Timestamp>,
    moved: watch::Sender<()>,
}

impl StillClock {
    pub fn new() -> Arc<Self> {
        Arc::new(StillClock {
            now: Mutex::new(Timestamp(1_800_000_000_000)),
            moved: watch::Sender::new(()),
        })
    }

    pub fn advance(&self, seconds: u64) {
        let mut now = self.now.lock().unwrap();
        *now = *now + Duration::from_secs(seconds);
        drop(now);
        self.moved.send_replace(());
    }
}

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep_until(&self, until: Timestamp) {
        let mut moved = self.moved.subscribe();
        while self.now() < until {
            if moved.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// One auth method and one app's path.
pub struct Desk {
    pub bao: Arc<OpenBao>,
    pub proxy: Proxy,
    pub clock: Arc<StillClock>,
    pub mount: String,
    pub path: String,
    home: TempDir,
    /// Wakes with each request that the proxy sees.
    seen: watch::Receiver<()>,
}

impl Desk {
    /// Mounts the auth method `kind`, and installs the policy under the name `rekeyd`.
    pub async fn new(kind: &str) -> Desk {
        let bao = OpenBao::shared().await;
        let mount = format!("{kind}-{}", fresh());
        let (tell, seen) = watch::channel(());
        let witness = Arc::new(move |_: &_| {
            tell.send_replace(());
        });
        let desk = Desk {
            proxy: Proxy::witnessed(bao.socket(), witness).await,
            bao,
            clock: StillClock::new(),
            mount,
            path: format!("salesforce/app-{}", fresh()),
            home: tempfile::tempdir().unwrap(),
            seen,
        };
        if kind != "token" {
            let path = format!("sys/auth/{}", desk.mount);
            desk.root(Verb::POST, &path, json!({ "type": kind })).await;
        }
        desk.root(Verb::PUT, "sys/policies/acl/rekeyd", json!({ "policy": POLICY }))
            .await;
        desk
    }

    /// A successful request as root.
    pub async fn root(&self, verb: Verb, path: &str, body: Value) -> Value {
        let body = (verb != Verb::GET && verb != Verb::DELETE).then_some(body);
        let (status, answer) = self.bao.root(verb, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// What every role's tokens get, and more.
    pub fn role(&self, more: Value) -> Value {
        let mut role =
            json!({ "token_policies": ["rekeyd"], "token_no_default_policy": true, "token_ttl": "60s" });
        for (key, value) in more.as_object().unwrap() {
            role[key] = value.clone();
        }
        role
    }

    /// A file that only its owner reads.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        secret(&path, format!("{text}\n").as_bytes());
        path
    }

    pub fn path_of(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn login(&self, method: Method) -> VaultSettings {
        self.with(Auth::Login(Login {
            mount: self.mount.clone(),
            method,
        }))
    }

    pub fn with(&self, auth: Auth) -> VaultSettings {
        VaultSettings {
            address: self.proxy.address().parse().unwrap(),
            auth,
            tls: Tls::default(),
            ..settings(&self.bao.address(), "")
        }
    }

    /// A daemon that has just started.
    pub fn open(&self, settings: VaultSettings) -> VaultStore {
        let connection = VaultConnection::new(settings, self.clock.clone()).unwrap();
        VaultStore::new(
            "corp",
            Arc::new(connection),
            &StorePath::parse(&self.path).unwrap(),
        )
        .unwrap()
    }

    /// How many requests to this path there were, by its end.
    pub fn count(&self, end: &str) -> usize {
        let seen = self.proxy.seen();
        seen.iter().filter(|seen| seen.path.ends_with(end)).count()
    }

    pub fn logins(&self) -> usize {
        self.count("/login")
    }

    /// Waits until there were so many.
    pub async fn until(&self, count: usize, end: &str) {
        let mut seen = self.seen.clone();
        let waiting = async {
            while self.count(end) < count {
                seen.changed().await.unwrap();
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        assert!(
            ended.is_ok(),
            "{} of {count} requests to {end} in half a minute",
            self.count(end)
        );
    }

    /// Ends every token that logins here have made.
    pub async fn revoke_all(&self) {
        let path = format!("sys/leases/revoke-prefix/auth/{}/login", self.mount);
        self.root(Verb::PUT, &path, json!({ "sync": true })).await;
    }

    /// Nothing that was sent had any of these in its path or query, nor any token.
    pub fn urls_are_clean(&self, secrets: &[&str]) {
        for seen in self.proxy.seen() {
            for secret in secrets {
                assert!(!secret.is_empty() && !seen.path.contains(secret), "{}", seen.path);
            }
            assert!(!seen.path.contains("s."), "{}", seen.path);
        }
    }
}

pub async fn refused(store: &dyn Store) -> String {
    match store.read(&Place::Current).await.unwrap_err() {
        Fault::Unauthorized(text) => text,
        other => panic!("{other:?}"),
    }
}

pub async fn reads(store: &dyn Store) {
    store.read(&Place::Current).await.unwrap();
}
