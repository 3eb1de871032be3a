//! What stops a rotation before it begins, each named with its remedy; and a write is refused for the same.

use std::time::Duration;

use rekeyd::port::{Fault, Outcome, Place, Refusal};
use rekeyd::store::aws::AwsSettings;
use serde_json::{Value, json};

use super::aws_world::{AwsWorld, stub_world};
use super::world::{World, document, holds, read, rotation, version};

async fn obstacles(world: &AwsWorld) -> Vec<String> {
    world.open().obstacles(Duration::from_secs(86400)).await.unwrap()
}

fn describe(world: &AwsWorld, key: &str, value: Value) {
    world.stub().hands_on(&world.name, |secret| {
        secret.described.insert(key.into(), value);
    });
}

/// The one obstacle, which must hold all of these words; and nothing is written past it.
async fn refused(world: &AwsWorld, words: &[&str]) {
    let found = obstacles(world).await;
    let [text] = found.as_slice() else {
        panic!("not one: {found:?}");
    };
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    let store = world.open();
    let changes = world.stub().changes().len();
    let outcome = store.put_pending(&version("0"), &document(2), rotation(2)).await;
    let Outcome::Refused(Refusal::Permission(why)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(&why, text);
    assert_eq!(world.stub().changes().len(), changes);
}

#[tokio::test]
async fn awss_own_rotation_is_refused() {
    let world = stub_world().await;
    world.adopted().await;
    describe(&world, "RotationEnabled", true.into());
    refused(&world, &["cancel-rotate-secret", &world.name]).await;
    describe(&world, "RotationEnabled", false.into());
    assert_eq!(obstacles(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_secret_of_another_service_is_refused() {
    let world = stub_world().await;
    world.adopted().await;
    describe(&world, "OwningService", "rds".into());
    refused(&world, &["`rds`", "another secret"]).await;
}

#[tokio::test]
async fn a_secret_that_is_to_be_deleted_is_refused_in_reads_too() {
    let world = stub_world().await;
    world.adopted().await;
    describe(&world, "DeletedDate", json!(1_900_000_000.0));
    let command = format!("restore-secret --secret-id {}", world.name);
    refused(&world, &[&command]).await;
    let fault = world.open().read(&Place::Current).await.unwrap_err();
    assert!(
        matches!(&fault, Fault::Unusable(text) if text.contains(&command)),
        "{fault:?}"
    );
}

#[tokio::test]
async fn a_replica_is_refused_and_its_home_named() {
    let world = stub_world().await;
    world.adopted().await;
    describe(&world, "PrimaryRegion", "us-east-1".into());
    refused(&world, &["replica", "`us-east-1`"]).await;
    describe(&world, "PrimaryRegion", "eu-west-1".into());
    assert_eq!(obstacles(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn replicas_that_are_not_in_step_are_told() {
    let world = stub_world().await;
    world.adopted().await;
    let replica = |status: &str| json!([{ "Region": "eu-central-1", "Status": status }]);
    describe(&world, "ReplicationStatus", replica("Failed"));
    let found = obstacles(&world).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("eu-central-1") && found[0].contains("replicate-secret-to-regions"));
    // One that is under way passes: asked again later, and no person is called.
    describe(&world, "ReplicationStatus", replica("InProgress"));
    let fault = world.open().obstacles(Duration::ZERO).await.unwrap_err();
    assert!(
        matches!(&fault, Fault::Unavailable(text) if text.contains("eu-central-1")),
        "{fault:?}"
    );
    describe(&world, "ReplicationStatus", replica("InSync"));
    assert_eq!(obstacles(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_an_obstacle_unless_it_may_be_created() {
    let world = stub_world().await;
    assert_eq!(obstacles(&world).await, Vec::<String>::new());
    let settings = AwsSettings {
        create: None,
        ..world.settings()
    };
    let store = world.store(settings);
    let found = rekeyd::port::Store::obstacles(&store, Duration::ZERO)
        .await
        .unwrap();
    assert!(
        matches!(found.as_slice(), [text] if text.contains("create = true")),
        "{found:?}"
    );
}

#[tokio::test]
async fn too_many_labelled_versions_are_told_before_the_quota_is_met() {
    let world = stub_world().await;
    world.adopted().await;
    world.stub().hands_on(&world.name, |secret| {
        for number in 0..80 {
            let token = format!("00000000-0000-4000-8000-{number:012}");
            secret.put(&token, "{}", vec![format!("mine-{number}")]).unwrap();
        }
    });
    let found = obstacles(&world).await;
    assert!(
        matches!(found.as_slice(), [text] if text.contains("81 versions") && text.contains("update-secret-version-stage")),
        "{found:?}"
    );
}

/// AWS says so of a pending value that its rotation has left where current is.
#[tokio::test]
async fn awspending_on_current_or_previous_waits_for_nobody() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.open();
    let current = read(&*store, Place::Current).await.base;
    world.stub().hands_on(&world.name, |secret| {
        secret.update_stage("AWSPENDING", Some(&current.0), None).unwrap();
    });
    let slot = read(&*store, Place::Pending).await;
    assert_eq!((&slot.base, slot.value.is_none()), (&current, true));
    let theirs = "99999999-9999-4999-8999-999999999999";
    world.stub().hands_on(&world.name, |secret| {
        secret.put(theirs, "{}", vec!["AWSCURRENT".into()]).unwrap();
    });
    assert!(read(&*store, Place::Pending).await.value.is_none());
    super::world::put_pending(&*store, &current, 2).await;
    assert_eq!(holds(&*store, Place::Pending).await, Some(2));
}
