//! A real server with raft storage: killed and sealed mid-rotation, standing by, losing its lead; and what its audit log
//! has of a rotation.

use std::sync::Arc;
use std::time::Duration;

use rekeyd::clock::SystemClock;
use rekeyd::port::{Fault, Outcome, Place, Store};
use rekeyd::rotation::VersionRef;
use rekeyd::store::path::StorePath;
use rekeyd::store::vault::{Auth, Login, Method, Tls, VaultConnection, VaultSettings, VaultStore};
use reqwest::Method as Verb;
use serde_json::{Value, json};

use super::vault_contract::{POLICY, settings};
use super::world::{document, done, holds, publish, put_pending, rotation, version};
use crate::support::pki::secret;
use crate::support::raft::Raft;

const DAY: Duration = Duration::from_secs(86400);

fn open(raft: &Raft, auth: Option<Auth>) -> VaultStore {
    let settings = settings(&raft.bao.address(), &raft.bao.root);
    let settings = VaultSettings {
        tls: Tls {
            ca_file: Some(raft.pki.ca_file()),
            ..Tls::default()
        },
        auth: auth.unwrap_or(settings.auth.clone()),
        timeout: Duration::from_secs(3),
        ..settings
    };
    let connection = VaultConnection::new(settings, Arc::new(SystemClock)).unwrap();
    VaultStore::new(
        "corp",
        Arc::new(connection),
        &StorePath::parse("salesforce/app").unwrap(),
    )
    .unwrap()
}

async fn root(raft: &Raft, verb: Verb, path: &str, body: Value) -> Value {
    let (status, said) = raft.bao.root(verb, path, Some(body)).await;
    assert!(status < 300, "{path}: {status} {said}");
    said
}

/// An AppRole of our own, and the secret id that it takes.
async fn approle(raft: &Raft) -> (Auth, String) {
    root(
        raft,
        Verb::PUT,
        "sys/policies/acl/rekeyd",
        json!({ "policy": POLICY }),
    )
    .await;
    root(raft, Verb::POST, "sys/auth/approle", json!({ "type": "approle" })).await;
    let role = json!({ "token_policies": ["rekeyd"], "token_no_default_policy": true, "token_ttl": "1h" });
    root(raft, Verb::POST, "auth/approle/role/app", role).await;
    let (_, role_id) = raft
        .bao
        .root(Verb::GET, "auth/approle/role/app/role-id", None)
        .await;
    let secret_id = root(raft, Verb::POST, "auth/approle/role/app/secret-id", json!({})).await;
    let secret_id = secret_id["data"]["secret_id"].as_str().unwrap().to_owned();
    let file = raft.pki.home().join("secret-id");
    secret(&file, secret_id.as_bytes());
    let login = Login {
        mount: "approle".into(),
        method: Method::AppRole {
            role_id: role_id["data"]["role_id"].as_str().unwrap().into(),
            secret_id_file: file,
            wrapped: false,
        },
    };
    (Auth::Login(login), secret_id)
}

fn waits<T: std::fmt::Debug>(outcome: &Outcome<T>) -> bool {
    matches!(
        outcome,
        Outcome::NotNow(Fault::Unavailable(_) | Fault::Throttled { .. })
    )
}

/// Tries as the engine does: again after *not now*, and looks after *unknown*.
async fn published(store: &VaultStore, base: &VersionRef, value: u128) -> VersionRef {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..200 {
        tick.tick().await;
        match store.publish(base, &document(value), rotation(value)).await {
            Outcome::Done(version) => return version,
            Outcome::NotNow(Fault::Unavailable(_) | Fault::Throttled { .. }) => {}
            Outcome::Unknown(_) | Outcome::Refused(_) => {
                if let Ok(slot) = store.read(&Place::Current).await
                    && slot.base != *base
                {
                    assert_eq!(slot.value.as_ref().map(super::world::number), Some(value));
                    return slot.base;
                }
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("not published in twenty seconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_sealed_mid_rotation_it_goes_on_where_it_was_and_its_log_holds_no_secret() {
    let raft = Raft::start("").await;
    let (auth, secret_id) = approle(&raft).await;
    let store = open(&raft, Some(auth));
    assert_eq!(store.obstacles(DAY).await.unwrap(), Vec::<String>::new());
    let base = publish(&store, &version("0"), 1).await;
    let pending = put_pending(&store, &version("0"), 2).await;

    raft.restart().await;
    let outcome = store.publish(&base, &document(2), rotation(2)).await;
    assert!(waits(&outcome), "{outcome:?}");
    let fault = store.read(&Place::Pending).await.unwrap_err();
    assert!(matches!(&fault, Fault::Unavailable(_)), "{fault:?}");
    assert_eq!(
        store.obstacles(DAY).await.unwrap(),
        ["the server is sealed: unseal it"]
    );
    raft.unseal().await;
    raft.bao.answers(&[200]).await;

    assert_eq!(holds(&store, Place::Pending).await, Some(2));
    assert_eq!(published(&store, &base, 2).await, version("2"));
    done(store.clear_pending(&pending).await);
    assert_eq!(holds(&store, Place::Version(base)).await, Some(1));
    assert_eq!(store.obstacles(DAY).await.unwrap(), Vec::<String>::new());

    // Everything was logged, keyed hashes in place of what is secret, and paths that hold none.
    let audit = raft.audit();
    let paths: Vec<String> = audit
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["request"]["path"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    for wanted in [
        "auth/approle/login",
        "secret/data/salesforce/app",
        "secret/destroy/rekeyd-pending/salesforce/app",
    ] {
        assert!(paths.iter().any(|path| path == wanted), "{wanted}");
    }
    assert!(audit.contains("hmac-sha256:"));
    for canary in ["secret-1", "secret-2", secret_id.as_str(), raft.bao.root.as_str()] {
        assert!(!audit.contains(canary), "{canary} is in the audit log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_leader_mid_rotation_waits_and_heals() {
    let first = Raft::start("").await;
    let second = first.join().await;
    let (store, standby) = (open(&first, None), open(&second, None));
    let base = publish(&store, &version("0"), 1).await;
    assert_eq!(store.obstacles(DAY).await.unwrap(), Vec::<String>::new());
    let found = standby.obstacles(DAY).await.unwrap();
    let [text] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(text.contains("standby") && text.contains("`-active`"), "{text}");

    // The lead goes over while we publish to the one that has it.
    let (stepped, _) = first.bao.root(Verb::PUT, "sys/step-down", None).await;
    assert_eq!(stepped, 204);
    let base = published(&store, &base, 2).await;
    assert_eq!(base, version("2"));
    second.bao.answers(&[200, 429]).await;
    let leader = match second.bao.health().await {
        200 => &second,
        _ => &first,
    };
    leader.bao.answers(&[200]).await;
    let now = open(leader, None);
    assert_eq!(now.obstacles(DAY).await.unwrap(), Vec::<String>::new());
    assert_eq!(holds(&now, Place::Current).await, Some(2));
    assert_eq!(publish(&now, &base, 3).await, version("3"));
    assert_eq!(holds(&now, Place::Version(version("1"))).await, Some(1));
}
