//! TLS to a real server with raft storage and an audit log: whom we trust, what we show, and login by certificate.

use std::sync::Arc;
use std::time::Duration;

use rekeyd::clock::SystemClock;
use rekeyd::port::{Fault, Place, Store};
use rekeyd::store::path::StorePath;
use rekeyd::store::vault::{
    Auth, ClientFiles, Login, Method, Tls, VaultConnection, VaultSettings, VaultStore,
};
use reqwest::Method as Verb;
use serde_json::json;

use super::login::{reads, refused};
use super::vault_contract::{POLICY, VaultWorld, settings, store};
use super::world::{World, done, holds, publish, put_pending, version};
use crate::support::openbao::fresh;
use crate::support::pki::{Pair, Pki};
use crate::support::raft::{NAME, Raft};

/// The contract again, over TLS.
pub struct TlsWorld {
    raft: Arc<Raft>,
    world: VaultWorld,
}

pub async fn world() -> TlsWorld {
    let raft = Raft::shared().await;
    let world = VaultWorld::allowed(raft.bao.clone(), POLICY).await;
    TlsWorld { raft, world }
}

#[async_trait::async_trait]
impl World for TlsWorld {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.world.store(trusting(&self.raft, self.world.settings())))
    }

    async fn consumer_reads(&self) -> Option<String> {
        self.world.consumer_reads().await
    }

    fn keeps_bytes(&self) -> bool {
        self.world.keeps_bytes()
    }
}

keeps_the_contract!(world);

fn trusting(raft: &Raft, settings: VaultSettings) -> VaultSettings {
    VaultSettings {
        tls: Tls {
            ca_file: Some(raft.pki.ca_file()),
            ..Tls::default()
        },
        ..settings
    }
}

fn shown(pair: &Pair) -> Option<ClientFiles> {
    Some(ClientFiles {
        certificate: pair.certificate.clone(),
        key: pair.key.clone(),
    })
}

async fn unavailable(settings: VaultSettings) -> String {
    let fault = store(settings, "salesforce/x")
        .read(&Place::Current)
        .await
        .unwrap_err();
    match fault {
        Fault::Unavailable(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_the_named_authority_and_name_are_trusted() {
    let raft = Raft::shared().await;
    let by_name = trusting(&raft, settings(&raft.bao.address(), &raft.bao.root));
    reads(&store(by_name.clone(), "salesforce/x")).await;

    let text = unavailable(VaultSettings {
        tls: Tls::default(),
        ..by_name.clone()
    })
    .await;
    assert!(text.contains("ca_file"), "{text}");
    let stranger = Pki::new("stranger");
    let mut wrong = by_name.clone();
    wrong.tls.ca_file = Some(stranger.ca_file());
    let text = unavailable(wrong).await;
    assert!(text.contains("ca_file"), "{text}");

    let mut by_address = by_name;
    by_address.address = format!("https://{}", raft.bao.socket()).parse().unwrap();
    let text = unavailable(by_address.clone()).await;
    assert!(text.contains("tls_server_name"), "{text}");
    by_address.tls.server_name = Some(NAME.into());
    reads(&store(by_address.clone(), "salesforce/x")).await;
    by_address.tls.server_name = Some("other.test".into());
    let text = unavailable(by_address).await;
    assert!(text.contains("tls_server_name"), "{text}");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let raft = Raft::shared().await;
    let good = raft.pki.client("someone");
    let other = raft.pki.client("someone-else");
    let missing = raft.pki.home().join("missing.pem");
    let mixed = Pair {
        certificate: good.certificate.clone(),
        key: other.key.clone(),
    };
    let no_key = Pair {
        certificate: good.certificate.clone(),
        key: good.certificate.clone(),
    };
    let cases = [
        (
            Tls {
                ca_file: Some(missing.clone()),
                ..Tls::default()
            },
            &missing,
        ),
        (
            Tls {
                ca_file: Some(good.key.clone()),
                ..Tls::default()
            },
            &good.key,
        ),
        (
            Tls {
                client: shown(&mixed),
                ..Tls::default()
            },
            &good.certificate,
        ),
        (
            Tls {
                client: shown(&no_key),
                ..Tls::default()
            },
            &good.certificate,
        ),
    ];
    for (tls, named) in cases {
        let settings = VaultSettings {
            tls,
            ..settings(&raft.bao.address(), &raft.bao.root)
        };
        let fault = store(settings, "salesforce/x")
            .read(&Place::Current)
            .await
            .unwrap_err();
        let Fault::Unusable(text) = &fault else {
            panic!("{fault:?}");
        };
        assert!(
            text.contains(named.to_str().unwrap()) && !text.contains("BEGIN"),
            "{text}"
        );
    }
}

/// A role for certificates of the server's authority with this common name.
async fn certificate_role(raft: &Raft, name: &str) -> Login {
    let mount = format!("cert-{}", fresh());
    let root = |path: String, body| async move {
        let (status, said) = raft.bao.root(Verb::POST, &path, Some(body)).await;
        assert!(status < 300, "{path}: {status} {said}");
    };
    root(format!("sys/auth/{mount}"), json!({ "type": "cert" })).await;
    root("sys/policies/acl/rekeyd".into(), json!({ "policy": POLICY })).await;
    let role = json!({
        "certificate": raft.pki.ca(), "allowed_common_names": [name], "token_policies": ["rekeyd"],
        "token_no_default_policy": true, "token_ttl": "60s",
    });
    root(format!("auth/{mount}/certs/app"), role).await;
    Login {
        mount,
        method: Method::Certificate {
            role: Some("app".into()),
        },
    }
}

#[tokio::test]
async fn a_client_certificate_logs_in_and_is_read_again_when_it_is_replaced() {
    let raft = Raft::shared().await;
    let name = format!("rekeyd-{}", fresh());
    let login = certificate_role(&raft, &name).await;
    let pair = raft.pki.client(&name);
    let mut settings = trusting(&raft, settings(&raft.bao.address(), ""));
    settings.tls.client = shown(&pair);
    settings.auth = Auth::Login(login.clone());
    let open = |settings: VaultSettings| {
        let connection = VaultConnection::new(settings, Arc::new(SystemClock)).unwrap();
        let path = StorePath::parse(&format!("salesforce/app-{}", fresh())).unwrap();
        VaultStore::new("corp", Arc::new(connection), &path).unwrap()
    };
    let store = open(settings.clone());
    assert_eq!(
        store.obstacles(Duration::ZERO).await.unwrap(),
        Vec::<String>::new()
    );
    let pending = put_pending(&store, &version("0"), 1).await;
    publish(&store, &version("0"), 1).await;
    done(store.clear_pending(&pending).await);

    // Another name is not the role's; the files are replaced, one after the other, and it is.
    let stranger = raft.pki.client("stranger");
    settings.tls.client = shown(&stranger);
    let other = open(settings);
    let text = refused(&other).await;
    assert!(
        text.contains("client certificate") && text.contains("the role `app`"),
        "{text}"
    );
    std::fs::copy(&pair.certificate, &stranger.certificate).unwrap();
    let fault = other.read(&Place::Current).await.unwrap_err();
    assert!(
        matches!(fault, Fault::Unauthorized(_)),
        "half replaced: {fault:?}"
    );
    std::fs::copy(&pair.key, &stranger.key).unwrap();
    reads(&other).await;
    assert_eq!(holds(&store, Place::Current).await, Some(1));
}

/// A listener that wants a certificate from everybody.
#[tokio::test]
async fn a_listener_that_insists_gets_our_certificate() {
    let insists = "tls_require_and_verify_client_cert = true\n tls_client_ca_file = \"AUTHORITY\"";
    let raft = Raft::start(insists).await;
    let ours = raft.pki.client("rekeyd");
    let mut settings = trusting(&raft, settings(&raft.bao.address(), &raft.bao.root));
    unavailable(settings.clone()).await;
    settings.tls.client = shown(&ours);
    publish(&store(settings, "salesforce/x"), &version("0"), 1).await;
}
