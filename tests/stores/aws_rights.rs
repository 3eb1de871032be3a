//! The IAM policy that is handed out is enough, and each of its rights is needed.

use std::collections::BTreeSet;
use std::path::Path;

use rekeyd::port::{Fault, Outcome, Place, Refusal, Store};
use rekeyd::store::aws::{AwsSettings, Creation};
use serde_json::Value;

use super::aws_world::{AwsWorld, Whole, stub_world};
use super::world::{document, rotation, version};

/// The actions of Secrets Manager that `deploy/aws/iam-policy.json` allows.
fn allowed() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/aws/iam-policy.json");
    let policy: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let actions = statements.iter().flat_map(|statement| {
        assert_eq!(statement["Effect"], "Allow");
        statement["Action"].as_array().unwrap()
    });
    let actions = actions.filter_map(|action| action.as_str().unwrap().strip_prefix("secretsmanager:"));
    actions.map(str::to_owned).collect()
}

/// A first value and two rotations, one of which is set aside. The text of the first refusal.
async fn everything(world: &AwsWorld) -> Result<(), String> {
    let store = Whole(world.store(AwsSettings {
        create: Some(Creation {
            tags: [("team".to_owned(), "billing".to_owned())].into(),
            kms_key_id: None,
            replica_regions: vec!["eu-central-1".into()],
        }),
        ..world.settings()
    }));
    let fault = |fault: Fault| match fault {
        Fault::Forbidden(text) => text,
        other => panic!("{other:?}"),
    };
    fn told<T: std::fmt::Debug>(outcome: Outcome<T>) -> Result<T, String> {
        match outcome {
            Outcome::Done(done) => Ok(done),
            Outcome::Refused(Refusal::Permission(text)) | Outcome::NotNow(Fault::Forbidden(text)) => {
                Err(text)
            }
            // A right to read back is missed after the write.
            Outcome::Unknown(text) => Err(text),
            other => panic!("{other:?}"),
        }
    }
    store.obstacles(std::time::Duration::ZERO).await.map_err(fault)?;
    store.read(&Place::Current).await.map_err(fault)?;
    let old = told(store.publish(&version("0"), &document(1), rotation(1)).await)?;
    let pending = told(store.put_pending(&version("0"), &document(2), rotation(2)).await)?;
    told(store.publish(&old, &document(2), rotation(2)).await)?;
    told(store.clear_pending(&pending).await)?;
    let pending = told(store.put_pending(&version("0"), &document(3), rotation(3)).await)?;
    told(store.quarantine(&pending, rotation(3)).await)
}

#[tokio::test]
async fn the_policy_is_enough() {
    let world = stub_world().await;
    world.stub().allow_only(allowed());
    assert_eq!(everything(&world).await, Ok(()));
}

#[tokio::test]
async fn each_right_of_the_policy_is_needed_and_named_when_missing() {
    let all = allowed();
    assert_eq!(all.len(), 7);
    for action in &all {
        let world = stub_world().await;
        let rest = all.iter().filter(|other| *other != action).cloned();
        world.stub().allow_only(rest.collect());
        let text = everything(&world).await.expect_err(action);
        let named = match action.as_str() {
            // Asked for with the creation.
            "TagResource" | "ReplicateSecretToRegions" => "CreateSecret",
            other => other,
        };
        assert!(
            text.contains(&format!("secretsmanager:{named}")),
            "{action}: {text}"
        );
    }
}
