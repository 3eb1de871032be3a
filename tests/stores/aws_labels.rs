//! Labels, tokens and versions: what AWS's rules would get wrong if they were used naively.

use std::collections::BTreeSet;

use rekeyd::document::{Document, FieldNames};
use rekeyd::port::{Fault, Outcome, Place, Refusal, Store, VersionRef};
use rekeyd::store::aws::{AwsSettings, Creation};
use serde_json::{Value, json};

use super::aws_world::{AwsWorld, Whole, stub_world};
use super::world::{
    World, conflict, document, done, holds, number, publish, put_pending, read, rotation, version,
    with_credential,
};

const THEIRS: &str = "99999999-9999-4999-8999-999999999999";

/// The labels of a version, sorted.
fn labels(world: &AwsWorld, version: &VersionRef) -> Vec<String> {
    world
        .stub()
        .labels(&world.name)
        .get(&version.0)
        .cloned()
        .unwrap_or_default()
}

fn foreign_put(world: &AwsWorld, token: &str, text: &str, label: &str) {
    world.stub().hands_on(&world.name, |secret| {
        secret.put(token, text, vec![label.to_owned()]).unwrap();
    });
}

/// How one rotation looks from the outside, one changing request a call.
#[tokio::test]
async fn a_rotation_is_a_put_and_moves_of_labels() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.store(world.settings());
    let old = read(&store, Place::Current).await.base;
    let value = document(5);
    let private = format!("rekeyd-{}", rotation(5));
    let changes = || world.stub().changes().split_off(1);

    let put = store.put_pending(&version("0"), &value, rotation(5)).await;
    assert!(matches!(put, Outcome::Partly(_)), "{put:?}");
    assert_eq!(changes(), ["PutSecretValue"]);
    assert!(read(&store, Place::Pending).await.value.is_none());
    let new = done(store.put_pending(&version("0"), &value, rotation(5)).await);
    assert_eq!(changes().len(), 2);
    assert_eq!(labels(&world, &new), ["AWSPENDING", &private]);

    let asked = world.stub().asked().len();
    let published = done(store.publish(&old, &value, rotation(5)).await);
    assert_eq!(published, new);
    // Nothing is read before it: every second may be the consumers'.
    assert_eq!(world.stub().asked()[asked].0, "UpdateSecretVersionStage");
    assert_eq!(labels(&world, &new), ["AWSCURRENT", "AWSPENDING", &private]);
    assert_eq!(labels(&world, &old), ["AWSPREVIOUS"]);

    let clear = store.clear_pending(&new).await;
    assert!(matches!(clear, Outcome::Partly(_)), "{clear:?}");
    done(store.clear_pending(&new).await);
    assert_eq!(labels(&world, &new), ["AWSCURRENT"]);
    let moves = ["UpdateSecretVersionStage"; 4];
    assert_eq!(changes(), [&["PutSecretValue"][..], &moves[..]].concat());
    assert_eq!(read(&store, Place::Pending).await.base, version("0"));
    done(store.clear_pending(&new).await);
    assert_eq!(changes().len(), 5, "a cleared place needs no request");
}

/// A process that has put the value in its former life publishes by its token, and puts nothing again.
#[tokio::test]
async fn after_a_restart_the_token_finds_the_value() {
    let world = stub_world().await;
    world.adopted().await;
    let old = read(&*world.open(), Place::Current).await.base;
    let pending = put_pending(&*world.open(), &version("0"), 5).await;
    let puts = || {
        world
            .stub()
            .changes()
            .iter()
            .filter(|action| *action == "PutSecretValue")
            .count()
    };
    assert_eq!(puts(), 1);
    // Stamped with another time, as it would be.
    let mut fields = document(5).object().clone();
    fields.insert("rotated_at".into(), "2031-01-01T00:00:00.000Z".into());
    let later = Document::from_object(fields);
    let published = done(
        world
            .store(world.settings())
            .publish(&old, &later, rotation(5))
            .await,
    );
    assert_eq!((published, puts()), (pending, 1));
}

#[tokio::test]
async fn awspending_of_somebody_else_is_not_taken() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.open();
    foreign_put(&world, THEIRS, "not even JSON", "AWSPENDING");
    conflict(store.put_pending(&version("0"), &document(2), rotation(2)).await);
    let slot = read(&*store, Place::Pending).await;
    assert_eq!(slot.base, version(THEIRS));
    assert!(slot.value.is_some(), "what is not ours is something all the same");
    assert_eq!(labels(&world, &slot.base), ["AWSPENDING"]);
    // Once a person has said so.
    put_pending(&*store, &slot.base, 2).await;
    assert_eq!(labels(&world, &slot.base), Vec::<String>::new());
}

/// AWS's own rotation names a version before that has a value (DescribeSecret); an aborted one leaves it so.
#[tokio::test]
async fn awspending_on_a_version_without_a_value_is_somebodys() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.open();
    foreign_put(&world, THEIRS, "", "AWSPENDING");
    let slot = read(&*store, Place::Pending).await;
    assert_eq!((slot.base, slot.value.is_some()), (version(THEIRS), true));
}

#[tokio::test]
async fn a_label_stolen_between_look_and_move_is_a_conflict() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.store(world.settings());
    let old = read(&store, Place::Current).await.base;
    let put = store.put_pending(&version("0"), &document(2), rotation(2)).await;
    assert!(matches!(put, Outcome::Partly(_)));
    foreign_put(&world, THEIRS, "{}", "AWSPENDING");
    conflict(store.put_pending(&version("0"), &document(2), rotation(2)).await);
    // The same for what readers get, where no look precedes the move.
    let whole = Whole(store);
    put_pending(&whole, &version(THEIRS), 2).await;
    let other = THEIRS.replace('9', "8");
    foreign_put(&world, &other, "{}", "AWSCURRENT");
    conflict(whole.publish(&old, &document(2), rotation(2)).await);
    assert_eq!(labels(&world, &version(&other)), ["AWSCURRENT"]);
}

/// Same credential, other keys changed: the merge is a version of its own, and what was pending stays what it was.
#[tokio::test]
async fn a_merge_after_a_foreign_edit_is_a_new_version() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.open();
    let pending = put_pending(&*store, &version("0"), 2).await;
    let mut fields = document(1000).object().clone();
    fields.insert("note".into(), "theirs".into());
    let theirs = Document::from_object(fields);
    foreign_put(&world, THEIRS, &theirs.text(), "AWSCURRENT");
    let merged = with_credential(&theirs, 2);
    let published = done(store.publish(&version(THEIRS), &merged, rotation(2)).await);
    assert_ne!(published, pending);
    let current = read(&*store, Place::Current).await.value.unwrap();
    assert_eq!(current.object().get("note"), Some(&Value::from("theirs")));
    assert_eq!(number(&current), 2);
    assert_eq!(
        holds(&*store, Place::PendingVersion(pending.clone())).await,
        Some(2)
    );
    done(store.clear_pending(&pending).await);
    assert_eq!(labels(&world, &published), ["AWSCURRENT", "AWSPENDING"]);
    let ours = |labels: &Vec<String>| labels.iter().any(|label| label.starts_with("rekeyd-"));
    assert!(!world.stub().labels(&world.name).values().any(ours));
    let slot = read(&*store, Place::Pending).await;
    assert!(slot.value.is_none(), "what rests on current waits no more");
}

/// A second mint of one rotation has another value, and the first one's id is spent.
#[tokio::test]
async fn another_value_of_the_same_rotation_gets_an_id_of_its_own() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.open();
    let first = put_pending(&*store, &version("0"), 2).await;
    let second = done(store.put_pending(&first, &document(3), rotation(2)).await);
    assert_ne!(first, second);
    let slot = read(&*store, Place::Pending).await;
    let pair = slot.value.unwrap().credential(&FieldNames::default()).unwrap();
    assert_eq!((slot.base, pair.client_id.as_str()), (second, "id-3"));
}

/// The first version is current whatever is asked, so it may only be one that is to be.
#[tokio::test]
async fn a_versionless_secret_takes_no_pending_value() {
    let world = stub_world().await;
    world.stub().make(&world.name);
    let store = world.open();
    let outcome = store.put_pending(&version("0"), &document(1), rotation(1)).await;
    let Outcome::Refused(Refusal::Permission(text)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(text.contains("adopt"), "{text}");
    assert_eq!(world.stub().changes(), Vec::<String>::new());
    assert_eq!(read(&*store, Place::Current).await.base, version("0"));
    let first = publish(&*store, &version("0"), 1).await;
    assert_eq!(holds(&*store, Place::Current).await, Some(1));
    conflict(store.publish(&version("0"), &document(2), rotation(2)).await);
    // Its private label goes with the next rotation.
    let pending = put_pending(&*store, &version("0"), 2).await;
    publish(&*store, &first, 2).await;
    done(store.clear_pending(&pending).await);
    assert_eq!(labels(&world, &first), ["AWSPREVIOUS"]);
}

#[tokio::test]
async fn of_two_first_values_one_is_current() {
    let world = stub_world().await;
    world.stub().make(&world.name);
    let store = world.store(world.settings());
    let (one, two, zero) = (world.open(), world.open(), version("0"));
    let (first, second) = (document(1), document(2));
    let (one, two) = tokio::join!(
        one.publish(&zero, &first, rotation(1)),
        two.publish(&zero, &second, rotation(2))
    );
    let won = [&one, &two]
        .into_iter()
        .filter(|outcome| matches!(outcome, Outcome::Done(_)));
    assert_eq!(won.count(), 1, "{one:?} {two:?}");
    let current = read(&store, Place::Current).await;
    let winner = [one, two].into_iter().find_map(|outcome| match outcome {
        Outcome::Done(version) => Some(version),
        _ => None,
    });
    assert_eq!(Some(current.base), winner);
}

#[tokio::test]
async fn a_secret_is_created_only_if_the_policy_says_so() {
    let world = stub_world().await;
    let strict = AwsSettings {
        create: None,
        ..world.settings()
    };
    let store = world.store(strict);
    let outcome = store.publish(&version("0"), &document(1), rotation(1)).await;
    assert!(
        matches!(&outcome, Outcome::Refused(Refusal::Permission(text)) if text.contains("create = true")),
        "{outcome:?}"
    );
    assert_eq!(world.stub().changes(), Vec::<String>::new());

    let full = AwsSettings {
        create: Some(Creation {
            tags: [("team".to_owned(), "billing".to_owned())].into(),
            kms_key_id: Some("alias/rekeyd".into()),
            replica_regions: vec!["eu-central-1".into()],
        }),
        ..world.settings()
    };
    let store = world.store(full);
    done(store.publish(&version("0"), &document(1), rotation(1)).await);
    assert_eq!(world.stub().changes(), ["CreateSecret"]);
    let made = world
        .stub()
        .asked()
        .into_iter()
        .find(|(action, _)| action == "CreateSecret")
        .unwrap()
        .1;
    assert_eq!(made["Tags"], json!([{ "Key": "team", "Value": "billing" }]));
    assert_eq!(made["KmsKeyId"], "alias/rekeyd");
    assert_eq!(made["AddReplicaRegions"], json!([{ "Region": "eu-central-1" }]));
    assert_eq!(holds(&store, Place::Current).await, Some(1));
    // Somebody made it in between.
    conflict(store.publish(&version("0"), &document(2), rotation(2)).await);
}

/// Reads that are older than the last write: what was written is read back until it is seen.
#[tokio::test]
async fn reads_that_lag_behind_change_nothing() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.open();
    let old = read(&*store, Place::Current).await.base;
    world.stub().lag(3);
    let pending = put_pending(&*store, &version("0"), 2).await;
    assert_eq!(holds(&*store, Place::Pending).await, Some(2));
    let new = publish(&*store, &old, 2).await;
    assert_eq!(new, pending);
    assert_eq!(read(&*store, Place::Current).await.base, new);
    done(store.clear_pending(&pending).await);
    assert_eq!(read(&*store, Place::Pending).await.base, version("0"));
    assert_eq!(world.stub().changes().len(), 1 + 5, "each request went out once");
    let next = put_pending(&*store, &version("0"), 3).await;
    done(store.quarantine(&next, rotation(3)).await);
    assert_eq!(holds(&*store, Place::PendingVersion(next)).await, Some(3));
}

/// More rotations than versions are kept: AWS keeps a hundred, and deletes only those without labels.
#[tokio::test]
async fn no_label_is_left_behind_that_would_fill_the_secret() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.open();
    let mut base = read(&*store, Place::Current).await.base;
    for value in 1..=110 {
        let old = base;
        let pending = put_pending(&*store, &version("0"), value).await;
        base = publish(&*store, &old, value).await;
        done(store.clear_pending(&pending).await);
        assert_eq!(
            holds(&*store, Place::Version(old)).await,
            Some(if value == 1 { 1000 } else { value - 1 })
        );
    }
    let labelled = world.stub().labels(&world.name);
    assert_eq!(labelled.values().filter(|labels| !labels.is_empty()).count(), 2);
}

/// What was pruned is gone, and says so.
#[tokio::test]
async fn a_pruned_version_reads_as_empty() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.open();
    let old = read(&*store, Place::Current).await.base;
    world.stub().hands_on(&world.name, |secret| {
        secret.put(THEIRS, "{}", vec!["AWSCURRENT".into()]).unwrap();
        secret.versions.retain(|version| version.id != old.0);
    });
    assert!(read(&*store, Place::Version(old.clone())).await.value.is_none());
    conflict(store.publish(&old, &document(2), rotation(2)).await);
    // The pending one, under our feet: written anew rather than published blindly.
    let pending = put_pending(&*store, &version("0"), 3).await;
    world.stub().hands_on(&world.name, |secret| {
        secret.versions.retain(|version| version.id != pending.0);
    });
    let raw = world.store(world.settings());
    let again = Whole(raw);
    done(again.publish(&version(THEIRS), &document(3), rotation(3)).await);
    assert_eq!(holds(&again, Place::Current).await, Some(3));
}

#[tokio::test]
async fn a_value_that_is_too_large_is_refused() {
    let world = stub_world().await;
    world.adopted().await;
    let store = world.open();
    let old = read(&*store, Place::Current).await.base;
    let mut fields = document(1).object().clone();
    fields.insert("large".into(), "x".repeat(65_536).into());
    let outcome = store
        .publish(&old, &Document::from_object(fields), rotation(1))
        .await;
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::Invalid(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_is_no_json_object_is_named_and_never_quoted() {
    let world = stub_world().await;
    world.adopted().await;
    foreign_put(&world, THEIRS, "sup3rs3cret", "AWSCURRENT");
    let fault = world.open().read(&Place::Current).await.unwrap_err();
    let Fault::Unusable(text) = &fault else {
        panic!("{fault:?}")
    };
    assert!(
        text.contains("not a JSON object") && !text.contains("sup3r"),
        "{text}"
    );
}

/// AWS's own format for Salesforce: from that service to this one and back, its other keys untouched.
#[tokio::test]
async fn the_format_of_awss_own_rotation_is_kept() {
    let names = FieldNames {
        client_id: "consumerKey".into(),
        client_secret: "consumerSecret".into(),
        token_url: None,
        org: None,
        base_uri: Some("baseUri".into()),
        ..FieldNames::default()
    };
    let theirs = r#"{"consumerKey":"3MVG9old","consumerSecret":"old","baseUri":"https://acme.my.salesforce.com","appId":"05B","consumerId":"888"}"#;
    let world = stub_world().await;
    world.stub().make(&world.name);
    foreign_put(&world, THEIRS, theirs, "AWSCURRENT");
    let store = world.open();
    let slot = read(&*store, Place::Current).await;
    let before = slot.value.unwrap();
    assert_eq!(before.credential(&names).unwrap().client_id, "3MVG9old");
    let pair = document(7).credential(&FieldNames::default()).unwrap();
    let stamp = rekeyd::document::Stamp {
        rotation: rotation(7),
        at: rekeyd::clock::Timestamp(0),
        org: "prod".into(),
        token_url: "https://unused.example".into(),
        base_uri: "https://acme.my.salesforce.com".into(),
        record: None,
    };
    let value = before.with(&names, &pair, &stamp);
    let pending = done(store.put_pending(&version("0"), &value, rotation(7)).await);
    done(store.publish(&slot.base, &value, rotation(7)).await);
    done(store.clear_pending(&pending).await);
    let text = world.consumer_reads().await.unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    for (key, expected) in [
        ("consumerKey", "id-7"),
        ("consumerSecret", "secret-7"),
        ("baseUri", "https://acme.my.salesforce.com"),
        ("appId", "05B"),
        ("consumerId", "888"),
    ] {
        assert_eq!(read[key], expected, "{key}");
    }
    let keys: BTreeSet<&str> = read.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(!keys.contains("client_id") && !keys.contains("token_url"));
}
