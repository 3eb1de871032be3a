//! Who may do what: each right at each route, patterns of apps, and that a wrong token is told nothing.

use rekeyd::api::documented;
use rekeyd::clock::Timestamp;
use rekeyd::engine::command::Reply;
use rekeyd::engine::note::Note;
use rekeyd::policy::{ApiPolicy, MetricsAccess, Permission};
use rekeyd::rotation::{Capabilities, Limits, RotationId, Tri};

use crate::house::{ALL, House, Plan, policy};

const UNKNOWN: &str = "/v1/rotations/00000000-0000-0000-0000-000000000001";

/// Method, path, body, the right that it takes, and the answer with it.
const TABLE: [(&str, &str, &str, Option<Permission>, u16); 13] = [
    ("GET", "/healthz", "", None, 200),
    ("GET", "/readyz", "", None, 200),
    ("GET", "/v1/openapi.json", "", None, 200),
    ("GET", "/metrics", "", Some(Permission::Read), 200),
    ("GET", "/v1/apps", "", Some(Permission::Read), 200),
    ("GET", "/v1/apps/billing", "", Some(Permission::Read), 200),
    ("GET", UNKNOWN, "", Some(Permission::Read), 404),
    (
        "POST",
        "/v1/apps/billing/rotate",
        "{}",
        Some(Permission::Rotate),
        200,
    ),
    (
        "POST",
        "/v1/apps/billing/revoke",
        r#"{"which":"previous"}"#,
        Some(Permission::BreakGlass),
        200,
    ),
    (
        "POST",
        "/v1/apps/billing/hold",
        r#"{"why":"x"}"#,
        Some(Permission::Operate),
        200,
    ),
    (
        "POST",
        "/v1/apps/billing/resume",
        "{}",
        Some(Permission::Operate),
        200,
    ),
    (
        "POST",
        "/v1/apps/billing/abandon",
        "{}",
        Some(Permission::Operate),
        200,
    ),
    (
        "POST",
        "/v1/apps/billing/adopt",
        "{}",
        Some(Permission::Operate),
        200,
    ),
];

fn tokens() -> ApiPolicy {
    policy(&[
        ("read", &[Permission::Read], "*"),
        ("rotate", &[Permission::Rotate], "*"),
        ("operate", &[Permission::Operate], "*"),
        ("break-glass", &[Permission::BreakGlass], "*"),
        ("all", &ALL, "*"),
        ("others", &ALL, "pay*"),
    ])
}

#[tokio::test]
async fn each_right_opens_its_routes_and_no_others() {
    let house = House::planned(Plan {
        policy: tokens(),
        ..Plan::default()
    })
    .await;
    assert_eq!(TABLE.len(), documented().len(), "a route is not in this table");
    let callers = [
        ("read", Some(Permission::Read)),
        ("rotate", Some(Permission::Rotate)),
        ("operate", Some(Permission::Operate)),
        ("break-glass", Some(Permission::BreakGlass)),
    ];
    for (method, path, body, right, good) in TABLE {
        for by in [None, Some("stranger")] {
            let answer = house.ask(method, path, by, body).await;
            match right {
                None => assert_eq!(answer.status, good, "{method} {path}"),
                Some(_) => {
                    answer.is_problem(401);
                    assert_eq!(answer.header("www-authenticate"), Some("bearer"));
                }
            }
        }
        for (by, has) in callers {
            let answer = house.ask(method, path, Some(by), body).await;
            match right.is_none() || right == has {
                true => assert_eq!(answer.status, good, "{by} {method} {path}: {answer:?}"),
                false => drop(answer.is_problem(403)),
            }
        }
        let answer = house.ask(method, path, Some("all"), body).await;
        assert_eq!(answer.status, good, "{method} {path}");
    }
    // What only the socket has is not there, whoever asks.
    for (method, path) in [("POST", "/v1/apps/billing/submit"), ("GET", "/v1/status")] {
        for by in [None, Some("all")] {
            house.ask(method, path, by, "").await.is_problem(404);
        }
    }
    let heard = house.heard.lock().unwrap();
    assert_eq!(
        heard.len(),
        2 + 4 + 4 + 2,
        "nobody without the right was heard: {heard:?}"
    );
    let named = |name: &str| {
        heard
            .iter()
            .any(|command| command.contains(&format!("\"token {name}\"")))
    };
    assert!(
        named("rotate") && named("operate") && named("break-glass") && named("all"),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_wrong_token_is_told_what_no_token_is_told() {
    let house = House::planned(Plan {
        policy: tokens(),
        ..Plan::default()
    })
    .await;
    let mut answers = Vec::new();
    for head in [
        "",
        "authorization: Bearer wrong\r\n",
        "authorization: Bearer \r\n",
        "authorization: Basic c2VjcmV0LW9mLWFsbA==\r\n",
        "authorization: Digest secret-of-all\r\n",
        "authorization: secret-of-all\r\n",
        "authorization: Bearer secret-of-all\r\nauthorization: Bearer secret-of-all\r\n",
        "authorization: Bearer secret-of-allx\r\n",
        "authorization: Bearer secret-of-al\r\n",
    ] {
        for path in ["/v1/apps/billing", "/v1/apps/none-such"] {
            let text = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{head}connection: close\r\n\r\n");
            let mut answer = house.send(text.as_bytes()).await;
            let lines = answer.head.lines().filter(|line| !line.starts_with("date: "));
            answer.head = lines.collect::<Vec<_>>().join("\n");
            answers.push(answer);
        }
    }
    assert_eq!(answers[0].status, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    // The scheme has no case, as RFC 9110 has it.
    let text = "GET /v1/apps HTTP/1.1\r\nhost: x\r\nauthorization: bEARER secret-of-all\r\nconnection: close\r\n\r\n";
    assert_eq!(house.send(text.as_bytes()).await.status, 200);
}

#[tokio::test]
async fn a_token_sees_its_own_apps_only() {
    let house = House::planned(Plan {
        policy: tokens(),
        ..Plan::default()
    })
    .await;
    for (method, verb, body) in [
        ("GET", "", ""),
        ("POST", "/rotate", "{}"),
        ("POST", "/hold", r#"{"why":"x"}"#),
        ("POST", "/resume", "{}"),
        ("POST", "/abandon", "{}"),
    ] {
        // The same for an app that there is not: nobody learns by it which ones there are.
        for app in ["billing", "none-such"] {
            let path = format!("/v1/apps/{app}{verb}");
            let problem = house
                .ask(method, &path, Some("others"), body)
                .await
                .is_problem(403);
            assert_eq!(problem["detail"], "token others may do nothing with this app");
        }
        let path = format!("/v1/apps/payroll{verb}");
        let answer = house.ask(method, &path, Some("others"), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        // A name is matched as it is meant, not as it is written.
        let path = format!("/v1/apps/%70ayroll{verb}");
        assert_eq!(house.ask(method, &path, Some("others"), body).await.status, 200);
        let path = format!("/v1/apps/payroll%2F..%2Fbilling{verb}");
        let answer = house.ask(method, &path, Some("others"), body).await;
        assert!(!answer.body.contains("\"app\":\"billing\""), "{answer:?}");
    }
    // Metrics are of every app.
    house
        .ask("GET", "/metrics", Some("others"), "")
        .await
        .is_problem(403);
    let listed = house.ask("GET", "/v1/apps", Some("others"), "").await.json();
    let names: Vec<_> = listed["apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| &app["app"])
        .collect();
    assert_eq!(names, ["payroll"]);

    let id = RotationId::from(uuid::Uuid::from_u128(7));
    let note = Note::Started {
        method: "staged".into(),
        caps: Capabilities::staged(Tri::Unknown),
        limits: Limits::default(),
        stores: vec!["local".into()],
        reason: "a test".into(),
        by: "a test".into(),
        policy: serde_json::Value::Null,
        key: None,
    };
    let entry = note.entry("billing", Some(id)).unwrap();
    house.journal.append(Timestamp(1_000), &[entry]).await.unwrap();
    let path = format!("/v1/rotations/{id}");
    let seen = house.ask("GET", &path, Some("all"), "").await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(seen.json()["app"], "billing");
    let hidden = house.ask("GET", &path, Some("others"), "").await;
    let unknown = house.ask("GET", UNKNOWN, Some("others"), "").await;
    hidden.is_problem(404);
    assert_eq!(hidden.body, unknown.body);
}

#[tokio::test]
async fn a_new_policy_changes_the_tokens_at_once() {
    let house = House::planned(Plan {
        script: Some(|_| Reply::refused("not now")),
        ..Plan::default()
    })
    .await;
    assert_eq!(house.ask("GET", "/v1/apps", Some("all"), "").await.status, 200);
    assert_eq!(house.ask("GET", "/v1/apps", Some("new"), "").await.status, 401);
    let mut after = policy(&[("new", &[Permission::Read], "*")]);
    after.metrics = MetricsAccess::Open;
    house.service.doors.replace(&after);
    assert_eq!(house.ask("GET", "/v1/apps", Some("all"), "").await.status, 401);
    assert_eq!(house.ask("GET", "/v1/apps", Some("new"), "").await.status, 200);
    assert_eq!(house.ask("GET", "/metrics", None, "").await.status, 200);
}
