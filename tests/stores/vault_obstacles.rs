//! What stops a rotation before it begins, each named with its remedy.

use std::time::Duration;

use rekeyd::port::{Fault, Outcome, Place, Store};
use rekeyd::store::vault::VaultSettings;
use reqwest::Method;
use serde_json::json;

use super::vault_contract::{VaultWorld, settings, store, world};
use super::world::{World, document, holds, publish, put_pending, read, rotation, version};
use crate::support::openbao::{OpenBao, ROOT, fresh};

const DAY: Duration = Duration::from_secs(86400);

async fn obstacles(world: &VaultWorld) -> Vec<String> {
    world.open().obstacles(DAY * 7).await.unwrap()
}

/// The one obstacle, which must hold all of these words.
#[track_caller]
fn only(found: &[String], words: &[&str]) {
    let [text] = found else {
        panic!("not one: {found:?}");
    };
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

async fn as_root(world: &VaultWorld, mount: &str) -> Vec<String> {
    let settings = VaultSettings {
        mount: mount.into(),
        ..settings(&world.bao.address(), ROOT)
    };
    let store = store(settings, &world.path);
    store.obstacles(DAY * 7).await.unwrap()
}

async fn mount(bao: &OpenBao, wish: serde_json::Value) -> String {
    let name = format!("mount-{}", fresh());
    let (status, _) = bao
        .root(Method::POST, &format!("sys/mounts/{name}"), Some(wish))
        .await;
    assert_eq!(status, 204);
    name
}

#[tokio::test]
async fn another_engine_is_refused() {
    let world = world().await;
    let one = mount(&world.bao, json!({ "type": "kv", "options": { "version": "1" } })).await;
    only(
        &as_root(&world, &one).await,
        &["KV version 1", "enable-versioning"],
    );
    let transit = mount(&world.bao, json!({ "type": "transit" })).await;
    only(&as_root(&world, &transit).await, &["no KV mount"]);
    only(
        &as_root(&world, "nowhere").await,
        &["`nowhere/`", "must be a mount"],
    );
    // And should a write reach version 1 all the same, its answer is not taken for done.
    let settings = VaultSettings {
        mount: one,
        ..settings(&world.bao.address(), ROOT)
    };
    let store = store(settings, &world.path);
    let outcome = store.publish(&version("0"), &document(1), rotation(1)).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Unusable(_)), "{fault:?}");
}

#[tokio::test]
async fn a_mount_that_is_not_there_is_no_empty_place() {
    let world = world().await;
    let settings = VaultSettings {
        mount: "nowhere".into(),
        ..settings(&world.bao.address(), ROOT)
    };
    let store = store(settings, &world.path);
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::NotFound(_)), "{fault:?}");
    let outcome = store.publish(&version("0"), &document(1), rotation(1)).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
}

#[tokio::test]
async fn too_few_versions_are_refused() {
    let world = world().await;
    let pending = format!("secret/metadata/rekeyd-pending/{}", world.path);
    for versions in [1, 2] {
        world
            .root(
                Method::POST,
                "metadata",
                Some(json!({ "max_versions": versions })),
            )
            .await;
        only(
            &obstacles(&world).await,
            &[&world.path, "max_versions", &format!("keeps {versions}")],
        );
    }
    let wish = Some(json!({ "max_versions": 3 }));
    world.root(Method::POST, "metadata", wish).await;
    assert_eq!(obstacles(&world).await, Vec::<String>::new());
    world
        .bao
        .root(Method::POST, &pending, Some(json!({ "max_versions": 1 })))
        .await;
    only(
        &obstacles(&world).await,
        &[&format!("`secret/rekeyd-pending/{}`", world.path)],
    );
    // On the mount; what the path says counts too if it is more.
    let small = mount(&world.bao, json!({ "type": "kv", "options": { "version": "2" } })).await;
    let config = format!("{small}/config");
    world
        .bao
        .root(Method::POST, &config, Some(json!({ "max_versions": 2 })))
        .await;
    assert_eq!(as_root(&world, &small).await.len(), 2);
    let of_path = format!("{small}/metadata/{}", world.path);
    world
        .bao
        .root(Method::POST, &of_path, Some(json!({ "max_versions": 5 })))
        .await;
    only(&as_root(&world, &small).await, &["rekeyd-pending"]);
    // The server does keep them: what the rule above rests on.
    let settings = VaultSettings {
        mount: small,
        ..settings(&world.bao.address(), ROOT)
    };
    let store = store(settings, &world.path);
    let mut base = version("0");
    for value in 1..=5 {
        base = publish(&store, &base, value).await;
    }
    assert_eq!(holds(&store, Place::Version(version("1"))).await, Some(1));
}

#[tokio::test]
async fn versions_that_end_before_the_grace_are_refused() {
    let world = world().await;
    for (after, refused) in [("167h", true), ("168h", false), ("0s", false)] {
        let wish = json!({ "delete_version_after": after });
        world.root(Method::POST, "metadata", Some(wish)).await;
        let found = obstacles(&world).await;
        if refused {
            only(&found, &[&world.path, "delete_version_after", "grace of 604800s"]);
        } else {
            assert_eq!(found, Vec::<String>::new(), "{after}");
        }
    }
    let short = mount(&world.bao, json!({ "type": "kv", "options": { "version": "2" } })).await;
    let config = format!("{short}/config");
    world
        .bao
        .root(
            Method::POST,
            &config,
            Some(json!({ "delete_version_after": "1h" })),
        )
        .await;
    assert_eq!(as_root(&world, &short).await.len(), 2);
}

#[tokio::test]
async fn a_deleted_current_is_named_with_what_brings_it_back() {
    let world = world().await;
    let store = world.open();
    let base = publish(&*store, &version("0"), 1).await;
    assert_eq!(world.root(Method::DELETE, "data", None).await, 204);
    let command = format!("kv undelete -mount=secret -versions=1 {}", world.path);
    only(&obstacles(&world).await, &[&command]);
    let slot = read(&*store, Place::Current).await;
    assert_eq!((slot.base.clone(), slot.value.is_none()), (base, true));
    let versions = Some(json!({ "versions": [1] }));
    assert_eq!(world.root(Method::POST, "undelete", versions.clone()).await, 204);
    assert_eq!(holds(&*store, Place::Current).await, Some(1));
    assert_eq!(obstacles(&world).await, Vec::<String>::new());
    // One destroyed on purpose is gone: no obstacle, and a write names its number.
    assert_eq!(world.root(Method::POST, "destroy", versions).await, 204);
    assert_eq!(obstacles(&world).await, Vec::<String>::new());
    let slot = read(&*store, Place::Current).await;
    assert_eq!((slot.base.clone(), slot.value.is_none()), (version("1"), true));
    assert_eq!(publish(&*store, &slot.base, 2).await, version("2"));
}

/// `custom_metadata` may exist before the first version; that is still a place never written.
#[tokio::test]
async fn metadata_without_versions_is_a_place_never_written() {
    let world = world().await;
    let wish = json!({ "custom_metadata": { "owner": "team" } });
    world.root(Method::POST, "metadata", Some(wish)).await;
    let store = world.open();
    assert_eq!(read(&*store, Place::Current).await.base, version("0"));
    publish(&*store, &version("0"), 1).await;
}

#[tokio::test]
async fn namespaces_are_kept_apart() {
    let world = world().await;
    let name = format!("space-{}", fresh());
    let (status, _) = world
        .bao
        .root(Method::POST, &format!("sys/namespaces/{name}"), Some(json!({})))
        .await;
    assert!(status < 300, "{status}");
    let kv = json!({ "type": "kv", "options": { "version": "2" } });
    let (status, _) = world
        .bao
        .root(Method::POST, &format!("{name}/sys/mounts/secret"), Some(kv))
        .await;
    assert_eq!(status, 204);
    let inside = VaultSettings {
        namespace: Some(name),
        ..settings(&world.bao.address(), ROOT)
    };
    let inside = store(inside, &world.path);
    assert_eq!(inside.obstacles(DAY).await.unwrap(), Vec::<String>::new());
    put_pending(&inside, &version("0"), 1).await;
    publish(&inside, &version("0"), 1).await;
    assert_eq!(read(&*world.open(), Place::Current).await.base, version("0"));
    assert_eq!(holds(&inside, Place::Current).await, Some(1));
}
