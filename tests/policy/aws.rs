//! `[store.X.aws]`: what it means, and what is wrong with it.

use std::path::Path;

use rekeyd::policy::{AwsCreate, AwsStore, StorePolicy, to_text};

use super::{and, compiled};

fn store(lines: &str) -> String {
    and(&format!("[store.cloud.aws]\nregion = \"eu-west-1\"\n{lines}\n"))
}

fn meant(lines: &str) -> AwsStore {
    let policy = compiled(&store(lines)).unwrap_or_else(|faults| panic!("{}", to_text(&faults)));
    match policy.stores.get("cloud") {
        Some(StorePolicy::Aws(aws)) => aws.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_usual_chain_and_no_creation_are_what_is_meant_by_nothing() {
    let aws = meant("");
    assert_eq!(
        (aws.profile, aws.credentials_file, aws.create),
        (None, None, None)
    );
}

#[test]
fn every_key_is_taken() {
    let aws = meant(
        "profile = \"rotation\"\ncredentials_file = \"/run/keys/aws\"\ncreate = true\nkms_key_id = \"alias/rekeyd\"\n\
         replica_regions = [\"eu-central-1\", \"us-east-1\"]\ntags = { team = \"integration\", \"cost centre\" = \"7\" }",
    );
    assert_eq!(aws.profile.as_deref(), Some("rotation"));
    assert_eq!(aws.credentials_file.as_deref(), Some(Path::new("/run/keys/aws")));
    let tags = [("team", "integration"), ("cost centre", "7")];
    let created = AwsCreate {
        tags: tags.map(|(key, value)| (key.into(), value.into())).into(),
        kms_key_id: Some("alias/rekeyd".into()),
        replica_regions: vec!["eu-central-1".into(), "us-east-1".into()],
    };
    assert_eq!(aws.create, Some(created));
}

#[test]
fn what_is_wrong_is_said() {
    for (lines, wanted) in [
        (
            "tags = { team = \"x\" }",
            "`tags` is for a secret that rekeyd creates",
        ),
        (
            "create = false\nkms_key_id = \"k\"",
            "`kms_key_id` is for a secret that rekeyd creates",
        ),
        ("replica_regions = [\"us-east-1\"]", "add `create = true`"),
        (
            "create = true\nreplica_regions = [\"eu-west-1\"]",
            "not replicated to the region that it is in",
        ),
        (
            "create = true\nreplica_regions = [\"Ireland\"]",
            "a region is written like",
        ),
        ("create = true\ntags = { \"aws:x\" = \"y\" }", "for AWS alone"),
        ("create = true\ntags = [\"team\"]", "table"),
        ("create = \"yes\"", "`create`"),
        ("credentials_file = \"aws\"", "absolute path"),
        ("access_key_id = \"AKIAIOSFODNN7EXAMPLE\"", "access_key_id"),
        ("endpoint_url = \"http://aws.example\"", "https://"),
    ] {
        let Err(faults) = compiled(&store(lines)) else {
            panic!("{lines} was taken");
        };
        let text = to_text(&faults);
        assert!(text.contains(wanted), "{lines}: {text}");
        assert!(!text.contains("AKIAIOSFODNN7EXAMPLE"), "{text}");
    }
}

#[test]
fn a_secret_is_named_as_aws_names_it() {
    for (name, good) in [
        ("salesforce/billing-sync", true),
        ("a_b+c=d.e@f-g/1", true),
        ("salesforce/billing sync", false),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:x", false),
        ("schl\u{fc}ssel", false),
    ] {
        let text = store("").replace(
            "store = \"corp\", path = \"sf/billing\"",
            &format!("store = \"cloud\", name = \"{name}\""),
        );
        let compiled = compiled(&text);
        assert_eq!(compiled.is_ok(), good, "{name}");
        if let Err(faults) = compiled {
            assert!(
                to_text(&faults).contains("no secret of such a name"),
                "{}",
                to_text(&faults)
            );
        }
    }
}
