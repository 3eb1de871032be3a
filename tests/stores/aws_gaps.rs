//! The one table of what moto and ministack get wrong, each row measured anew: the strict server does as AWS's API
//! reference says, and who is listed as wrong is wrong. A row that has become right fails, and is to be taken out.

use serde_json::{Value, json};

use super::aws_contract::{ministack, moto, strict};
use super::aws_world::{AwsWorld, ministack_world, moto_world, stub_world};
use crate::support::aws::emulator::Kind::{self, Ministack, Moto};
use crate::support::aws::{call, http};

/// One expectation, with where AWS says so.
struct Row {
    expected: &'static str,
    wrong: &'static [Kind],
    /// The contract cases that therefore show nothing there.
    skips: &'static [&'static str],
}

const ROWS: [Row; 11] = [
    Row {
        expected: "CreateSecret: the token becomes the version's id",
        wrong: &[Ministack],
        skips: &[],
    },
    Row {
        expected: "CreateSecret: the same token and value again is ignored",
        wrong: &[Ministack],
        skips: &[],
    },
    Row {
        expected: "PutSecretValue: the same token with another value is ResourceExistsException",
        wrong: &[Ministack],
        skips: &[],
    },
    Row {
        expected: "PutSecretValue: the first version gets AWSCURRENT whatever was asked",
        wrong: &[Ministack],
        skips: &[],
    },
    Row {
        expected: "PutSecretValue: a label that is put leaves the version that held it",
        wrong: &[Ministack],
        skips: &[],
    },
    Row {
        expected: "UpdateSecretVersionStage: a held label is not moved unless RemoveFromVersionId names the holder",
        wrong: &[Moto],
        skips: &[],
    },
    Row {
        expected: "UpdateSecretVersionStage: AWSCURRENT cannot be removed",
        wrong: &[Moto, Ministack],
        skips: &[],
    },
    Row {
        expected: "GetSecretValue: without a label it is AWSCURRENT, wherever that was moved",
        wrong: &[Moto],
        skips: &["pending_is_not_where_consumers_look"],
    },
    Row {
        expected: "DescribeSecret: versions without labels are left out",
        wrong: &[Moto],
        skips: &[],
    },
    Row {
        expected: "quota: a value of more than 65,536 bytes is refused",
        wrong: &[Moto, Ministack],
        skips: &[],
    },
    Row {
        expected: "errors: what is not found is answered with HTTP 400",
        wrong: &[Moto],
        skips: &[],
    },
];

/// Why a contract case shows nothing on this server.
pub fn skipped(kind: Kind, case: &str) -> Option<&'static str> {
    let row = ROWS
        .iter()
        .find(|row| row.wrong.contains(&kind) && row.skips.contains(&case));
    row.map(|row| row.expected)
}

const ONE: &str = "11111111-1111-4111-8111-111111111111";
const TWO: &str = "22222222-2222-4222-8222-222222222222";

/// One server, asked by hand about secrets of its own.
struct Asked<'a>(&'a AwsWorld);

impl Asked<'_> {
    async fn ask(&self, action: &str, body: Value) -> (u16, Value) {
        call(&http(), &self.0.address(), action, &body).await
    }

    async fn create(&self, name: &str, token: &str, value: Option<&str>) -> (u16, Value) {
        let mut body = json!({ "Name": name, "ClientRequestToken": token });
        if let Some(value) = value {
            body["SecretString"] = value.into();
        }
        self.ask("CreateSecret", body).await
    }

    async fn put(&self, name: &str, token: &str, value: &str, labels: &[&str]) -> (u16, Value) {
        let body = json!({
            "SecretId": name, "ClientRequestToken": token, "SecretString": value, "VersionStages": labels,
        });
        self.ask("PutSecretValue", body).await
    }

    async fn stage(&self, name: &str, label: &str, to: Option<&str>, from: Option<&str>) -> u16 {
        let mut body = json!({ "SecretId": name, "VersionStage": label });
        for (field, id) in [("MoveToVersionId", to), ("RemoveFromVersionId", from)] {
            if let Some(id) = id {
                body[field] = id.into();
            }
        }
        self.ask("UpdateSecretVersionStage", body).await.0
    }

    async fn labels(&self, name: &str) -> Value {
        let (_, body) = self.ask("DescribeSecret", json!({ "SecretId": name })).await;
        body["VersionIdsToStages"].clone()
    }

    async fn value(&self, name: &str) -> Value {
        let (_, body) = self.ask("GetSecretValue", json!({ "SecretId": name })).await;
        body["SecretString"].clone()
    }

    /// A secret with version one current and version two under a label of ours.
    async fn two(&self, name: &str) -> String {
        let (_, made) = self.create(name, ONE, Some("1")).await;
        self.put(name, TWO, "2", &["ours"]).await;
        made["VersionId"].as_str().unwrap().to_owned()
    }

    /// Is this row's expectation met?
    async fn meets(&self, row: usize) -> bool {
        let name = format!("{}-{row}", self.0.name);
        let name = name.as_str();
        let holds = |labels: &Value, id: &str, label: &str| {
            let held = labels[id].as_array().into_iter().flatten();
            held.into_iter().any(|held| held == label)
        };
        match row {
            0 => self.create(name, ONE, Some("1")).await.1["VersionId"] == ONE,
            1 => {
                self.create(name, ONE, Some("1")).await;
                self.create(name, ONE, Some("1")).await.0 == 200
            }
            2 => {
                self.two(name).await;
                let (status, body) = self.put(name, TWO, "3", &["ours"]).await;
                status == 400 && body["__type"].as_str().unwrap().contains("ResourceExists")
            }
            3 => {
                self.create(name, ONE, None).await;
                self.put(name, TWO, "2", &["ours"]).await;
                holds(&self.labels(name).await, TWO, "AWSCURRENT")
            }
            4 => {
                self.two(name).await;
                self.put(name, ONE.replace('1', "3").as_str(), "3", &["ours"])
                    .await;
                !holds(&self.labels(name).await, TWO, "ours")
            }
            5 => {
                let one = self.two(name).await;
                self.stage(name, "ours", Some(&one), None).await == 400
            }
            6 => {
                let one = self.two(name).await;
                self.stage(name, "AWSCURRENT", None, Some(&one)).await == 400
            }
            7 => {
                let one = self.two(name).await;
                let moved = self.stage(name, "AWSCURRENT", Some(TWO), Some(&one)).await;
                moved == 200 && self.value(name).await == "2"
            }
            8 => {
                self.two(name).await;
                self.stage(name, "ours", None, Some(TWO)).await;
                self.labels(name).await.get(TWO).is_none()
            }
            9 => {
                self.two(name).await;
                let large = "x".repeat(65_537);
                let token = ONE.replace('1', "4");
                self.put(name, &token, &large, &["ours"]).await.0 == 400
            }
            10 => {
                let nowhere = json!({ "SecretId": format!("{name}-nowhere") });
                self.ask("DescribeSecret", nowhere).await.0 == 400
            }
            other => panic!("no row {other}"),
        }
    }
}

#[tokio::test]
async fn the_table_says_what_is() {
    let (stub, moto, ministack) = (stub_world().await, moto_world().await, ministack_world().await);
    let mut untrue = Vec::new();
    for (at, row) in ROWS.iter().enumerate() {
        let found = [
            ("ours", true, Asked(&stub).meets(at).await),
            ("moto", !row.wrong.contains(&Moto), Asked(&moto).meets(at).await),
            (
                "ministack",
                !row.wrong.contains(&Ministack),
                Asked(&ministack).meets(at).await,
            ),
        ];
        for (server, listed, meets) in found {
            if listed != meets {
                untrue.push(format!("{server}: {}: {meets}", row.expected));
            }
        }
    }
    assert!(untrue.is_empty(), "{untrue:#?}");
}

#[test]
fn what_is_skipped_is_known_and_counted() {
    let mut count = 0;
    for (kind, cases) in [(Moto, moto::CASES), (Ministack, ministack::CASES)] {
        assert_eq!(cases, strict::CASES, "one suite for all");
        count += cases.iter().filter(|case| skipped(kind, case).is_some()).count();
    }
    let named = ROWS.iter().flat_map(|row| row.skips);
    assert!(
        named.into_iter().all(|case| strict::CASES.contains(case)),
        "a case was renamed"
    );
    println!("{} cases on 3 servers, {count} skipped", strict::CASES.len());
    assert_eq!(count, 1);
}
