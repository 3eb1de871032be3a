//! What the engine says and what is wrong with a request, as problem details.

use std::time::Duration;

use rekeyd::api::Limits;
use rekeyd::clock::{Clock, SystemClock, Timestamp};
use rekeyd::engine::command::{Command, Reply};
use rekeyd::rotation::RotationId;

use crate::house::{House, Plan};

const ROTATE: &str = "/v1/apps/billing/rotate";
const ID: u128 = 0xC0FFEE;

fn in_grace() -> Timestamp {
    Timestamp(4_000_000_000_000)
}

/// Answers by the app's name.
fn script(command: &Command) -> Reply {
    match command.app() {
        "billing" => Reply::Started(RotationId::from(uuid::Uuid::from_u128(ID))),
        "grace" => Reply::Refused {
            why: "the previous credential is in grace".into(),
            until: Some(in_grace()),
        },
        "running" => Reply::UnderWay {
            why: "a rotation is under way".into(),
            rotation: RotationId::from(uuid::Uuid::from_u128(ID)),
            until: None,
        },
        "waiting" => Reply::UnderWay {
            why: "a rotation is under way".into(),
            rotation: RotationId::from(uuid::Uuid::from_u128(ID)),
            until: Some(in_grace()),
        },
        "held" => Reply::Held {
            why: "held by uid 0: audit week".into(),
            remedy: "`rekeyd resume held` lets it go on".into(),
            rotation: None,
        },
        "cooling" => Reply::CoolingDown {
            until: SystemClock.now() + Duration::from_millis(89_500),
        },
        other => Reply::Unknown(format!("the policy has no app {other}")),
    }
}

async fn scripted() -> House {
    House::planned(Plan {
        script: Some(script),
        ..Plan::default()
    })
    .await
}

#[tokio::test]
async fn what_the_engine_says() {
    let house = scripted().await;
    let post = |app: &str| {
        let path = format!("/v1/apps/{app}/rotate");
        let house = &house;
        async move { house.ask("POST", &path, Some("all"), "{}").await }
    };
    let started = post("billing").await;
    assert_eq!(started.status, 202, "{started:?}");
    let id = uuid::Uuid::from_u128(ID).to_string();
    assert_eq!(
        started.header("location"),
        Some(format!("/v1/rotations/{id}").as_str())
    );
    assert_eq!(
        started.json(),
        serde_json::json!({ "app": "billing", "rotation": id })
    );

    let problem = post("grace").await.is_problem(409);
    assert_eq!(problem["retry_at"], "2096-10-02T07:06:40Z");
    assert_eq!(problem["detail"], "the previous credential is in grace");
    let problem = post("running").await.is_problem(409);
    assert_eq!(problem.get("retry_at"), None);
    assert_eq!(problem.get("held"), None);
    assert_eq!(problem["rotation"], id);
    assert_eq!(problem["location"], format!("/v1/rotations/{id}"));
    let problem = post("waiting").await.is_problem(409);
    assert_eq!(
        (&problem["retry_at"], &problem["rotation"]),
        (&"2096-10-02T07:06:40Z".into(), &id.clone().into())
    );
    let problem = post("held").await.is_problem(409);
    assert_eq!(problem["held"], true);
    assert_eq!(problem["remedy"], "`rekeyd resume held` lets it go on");
    assert_eq!(problem.get("rotation"), None);
    post("none-such").await.is_problem(404);

    let cooling = post("cooling").await;
    assert!(cooling.is_problem(429)["retry_at"].is_string());
    let seconds: u64 = cooling.header("retry-after").unwrap().parse().unwrap();
    assert!((60..=90).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn what_is_wrong_with_a_request() {
    let house = scripted().await;
    let long = format!(r#"{{"reason":"{}"}}"#, "é".repeat(1000));
    assert_eq!(house.ask("POST", ROTATE, Some("all"), &long).await.status, 202);
    let longer = format!(r#"{{"reason":"{}"}}"#, "x".repeat(1001));
    for body in [
        "{",
        "[]",
        "1",
        r#"{"CANARY":1}"#,
        r#"{"reason":1}"#,
        r#"{"reason":"two\nlines CANARY"}"#,
        r#"{"reason":""}"#,
        r#"{"ignore_window":"CANARY"}"#,
        &longer,
    ] {
        let problem = house.ask("POST", ROTATE, Some("all"), body).await.is_problem(400);
        assert!(!problem.to_string().contains("CANARY"), "{problem}");
    }
    house
        .ask("POST", "/v1/apps/billing/hold", Some("all"), "{}")
        .await
        .is_problem(400);
    house
        .ask("POST", ROTATE, Some("all"), &" ".repeat(64 * 1024 + 1))
        .await
        .is_problem(413);
    house
        .ask("GET", "/v1/apps/%FF", Some("all"), "")
        .await
        .is_problem(400);
    house
        .ask("GET", "/v1/apps/none-such", Some("all"), "")
        .await
        .is_problem(404);
    house
        .ask("GET", "/v1/rotations/none-such", Some("all"), "")
        .await
        .is_problem(404);
    house
        .ask("GET", "/v1/elsewhere", Some("all"), "")
        .await
        .is_problem(404);
    for (method, path, allow) in [("GET", ROTATE, "post"), ("DELETE", "/v1/apps", "get,head")] {
        let answer = house.ask(method, path, Some("all"), "").await;
        answer.is_problem(405);
        assert_eq!(answer.header("allow"), Some(allow), "{answer:?}");
    }
    let text = format!(
        "POST {ROTATE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret-of-all\r\ncontent-type: text/plain\r\n\
         content-length: 2\r\nconnection: close\r\n\r\n{{}}"
    );
    house.send(text.as_bytes()).await.is_problem(415);
    assert_eq!(
        house.heard.lock().unwrap().len(),
        1,
        "nothing of this was a command"
    );
}

#[tokio::test]
async fn a_key_belongs_to_its_caller_and_is_one_word() {
    let house = scripted().await;
    let with = |key: &str| {
        let text = format!(
            "POST {ROTATE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret-of-all\r\nidempotency-key: {key}\r\n\
             connection: close\r\n\r\n"
        );
        let house = &house;
        async move { house.send(text.as_bytes()).await }
    };
    assert_eq!(with("ticket-4711").await.status, 202);
    assert_eq!(with(&"k".repeat(255)).await.status, 202);
    for key in ["two words", "", &"k".repeat(256), "é", "a\r\nidempotency-key: b"] {
        with(key).await.is_problem(400);
    }
    let heard = house.heard.lock().unwrap();
    assert!(
        heard[0].contains(r#"key: Some("token all ticket-4711")"#),
        "{heard:?}"
    );
    assert_eq!(heard.len(), 2);
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_said_to_be_so() {
    let house = House::planned(Plan {
        script: None,
        limits: Limits {
            answer_within: Duration::from_millis(200),
            ..Limits::default()
        },
        ..Plan::default()
    })
    .await;
    house.ask("POST", ROTATE, Some("all"), "").await.is_problem(504);
    house.service.drain.cancel();
    house.ask("POST", ROTATE, Some("all"), "").await.is_problem(503);
    assert_eq!(house.ask("GET", "/v1/apps", Some("all"), "").await.status, 200);
}
