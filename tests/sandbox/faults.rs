//! Each fault, on a call whose effect can be seen: applied or not, answered or not.

use crate::support::*;
use chrono::TimeDelta;
use rekeyd::sandbox::{Action, OPERATIONS, Rule};
use serde_json::json;

fn rule(operation: &str, action: Action) -> Rule {
    Rule {
        operation: operation.to_owned(),
        app: None,
        nth: 1,
        count: 1,
        action,
    }
}

/// Stages a pair under a fault: the answer if there was one, and how many pairs were made.
async fn staging_under(action: Action) -> (Org, Result<Answer, reqwest::Error>, u64) {
    let org = Org::standard().await;
    org.running.fault(rule("staged.post", action)).unwrap();
    let answer = post(&org).await;
    let mints = mints(&org);
    (org, answer, mints)
}

async fn post(org: &Org) -> Result<Answer, reqwest::Error> {
    let path = format!("{}/staged", org.consumer_path("Billing"));
    org.try_send(
        org.http
            .post(org.url(&path))
            .bearer_auth(&org.token)
            .json(&json!({})),
    )
    .await
}

fn mints(org: &Org) -> u64 {
    org.running.state().app("Billing").unwrap().consumers[0].mints
}

#[tokio::test]
async fn a_lost_answer_is_a_closed_connection() {
    let (org, answer, mints) = staging_under(Action::DropBefore).await;
    assert!(answer.is_err());
    assert_eq!(mints, 0);
    assert_eq!(post(&org).await.unwrap().status, 201, "the rule met one call");
    let (_, answer, mints) = staging_under(Action::DropAfter).await;
    assert!(answer.is_err());
    assert_eq!(mints, 1);
}

#[tokio::test]
async fn a_late_write_lands_when_the_clock_gets_there() {
    let (org, answer, before) = staging_under(Action::ApplyLate { seconds: 540 }).await;
    assert!(answer.is_err());
    assert_eq!(before, 0);
    let sent = org.running.now();
    let late = org.running.state().late;
    assert_eq!((late.len(), late[0].operation.as_str()), (1, "staged.post"));
    org.running.advance(TimeDelta::seconds(539));
    assert_eq!(
        org.staged("Billing").await.json()["stagedCredentials"],
        json!([]),
        "not yet"
    );
    org.running.advance(TimeDelta::seconds(3600));
    let slot = org.staged("Billing").await.json()["stagedCredentials"][0].clone();
    let created = chrono::DateTime::parse_from_rfc3339(slot["createdDate"].as_str().unwrap()).unwrap();
    assert_eq!(
        created,
        sent + TimeDelta::seconds(540),
        "dated when it was applied, not when it was seen"
    );
    assert_eq!(mints(&org), 1);
    assert!(org.running.state().late.is_empty());
}

#[tokio::test]
async fn a_late_write_meets_the_org_as_it_is_then() {
    // The session ends in between: the call had arrived.
    let mut seed = seed();
    seed.switches.session_seconds = 60;
    seed.switches = seed
        .switches
        .with(&switches(&[("in_place_secret", json!("applies"))]))
        .unwrap();
    let org = Org::start(seed).await;
    org.running
        .fault(rule("soap.updateMetadata", Action::ApplyLate { seconds: 540 }))
        .unwrap();
    let new = "NewSecret00000000000000000000000000000000000000000000000000000001";
    let request = org.soap_request(66, &org.token, "", &format!(
        r#"<updateMetadata><metadata xsi:type="ConnectedApp"><fullName>Legacy</fullName>{}</metadata></updateMetadata>"#,
        whole(&format!("<consumerSecret>{new}</consumerSecret>"))
    ));
    assert!(org.try_send(request).await.is_err());
    assert_eq!(org.probe(LEGACY_KEY, LEGACY_SECRET).await, "accepted");
    org.running.advance(TimeDelta::seconds(540));
    assert_eq!(org.probe(LEGACY_KEY, new).await, "accepted");
    assert_eq!(org.probe(LEGACY_KEY, LEGACY_SECRET).await, "refused");
    // A write that finds its place taken changes nothing.
    let org = Org::standard().await;
    org.running
        .fault(rule("staged.post", Action::ApplyLate { seconds: 60 }))
        .unwrap();
    assert!(post(&org).await.is_err());
    let staged = org.stage("Billing").await;
    org.running.advance(TimeDelta::seconds(60));
    assert_eq!(
        org.staged("Billing").await.json()["stagedCredentials"][0]["id"],
        staged["id"]
    );
    assert_eq!(mints(&org), 1);
}

#[tokio::test]
async fn an_answer_can_be_another_or_spoilt() {
    let status = |applied| Action::Status {
        code: 503,
        body: "busy".to_owned(),
        retry_after: Some(7),
        applied,
    };
    let (_, answer, mints) = staging_under(status(false)).await;
    let answer = answer.unwrap();
    assert_eq!(
        (answer.status, answer.text.as_str(), answer.header("Retry-After")),
        (503, "busy", Some("7"))
    );
    assert_eq!(mints, 0);
    assert_eq!(staging_under(status(true)).await.2, 1);
    let (_, answer, mints) = staging_under(Action::Html { applied: true }).await;
    let answer = answer.unwrap();
    assert!(answer.status == 200 && answer.text.starts_with("<!DOCTYPE html>"));
    assert_eq!(
        (mints, answer.header("Content-Type")),
        (1, Some("text/html;charset=UTF-8"))
    );
    let (_, answer, mints) = staging_under(Action::Truncate).await;
    assert!(answer.is_err(), "the body ends before its length");
    assert_eq!(mints, 1);
    let (_, answer, mints) = staging_under(Action::Huge { bytes: 3 << 20 }).await;
    assert_eq!((answer.unwrap().text.len(), mints), (3 << 20, 0));
    let (_, answer, mints) = staging_under(Action::Redirect {
        to: "https://evil.example/".to_owned(),
    })
    .await;
    let answer = answer.unwrap();
    assert_eq!(
        (answer.status, answer.header("Location"), mints),
        (302, Some("https://evil.example/"), 0)
    );
}

#[tokio::test]
async fn an_answer_can_be_slow_in_its_head_or_its_body() {
    let impatient = |org: &Org| {
        let request = org.http.get(org.url("/services/data"));
        request.timeout(std::time::Duration::from_millis(300))
    };
    for action in [Action::Delay { ms: 60_000 }, Action::SlowBody { ms: 60_000 }] {
        let org = Org::standard().await;
        org.running.fault(rule("versions", action)).unwrap();
        let error = org.try_send(impatient(&org)).await.err().unwrap();
        assert!(error.is_timeout(), "{error}");
        assert_eq!(org.send(impatient(&org)).await.status, 200);
    }
    let (_, answer, mints) = staging_under(Action::Delay { ms: 1 }).await;
    assert_eq!((answer.unwrap().status, mints), (201, 1), "late, but done");
    let (_, answer, mints) = staging_under(Action::SlowBody { ms: 1 }).await;
    assert!(answer.unwrap().json()["stagedCredentials"][0]["secret"].is_string());
    assert_eq!(mints, 1);
}

#[tokio::test]
async fn limits_and_expiry_speak_the_language_of_the_endpoint() {
    let org = Org::standard().await;
    org.running
        .fault(Rule {
            count: 0,
            ..rule("staged", Action::LimitExceeded)
        })
        .unwrap();
    org.running
        .fault(Rule {
            count: 0,
            ..rule("token", Action::LimitExceeded)
        })
        .unwrap();
    org.running
        .fault(Rule {
            count: 0,
            ..rule("soap", Action::LimitExceeded)
        })
        .unwrap();
    assert_eq!(org.staged("Billing").await.error(), "403 REQUEST_LIMIT_EXCEEDED");
    assert_eq!(
        org.client_credentials(BILLING_KEY, BILLING_SECRET).await.error(),
        "400 rate_limit_exceeded"
    );
    assert!(org.read_legacy().await.contains("sf:REQUEST_LIMIT_EXCEEDED"));
    org.running.clear_faults();
    org.running
        .fault(rule("staged.list", Action::SessionExpired))
        .unwrap();
    assert_eq!(org.staged("Billing").await.error(), "401 INVALID_SESSION_ID");
    assert!(
        org.read_legacy().await.contains("sf:INVALID_SESSION_ID"),
        "the session is really gone"
    );
}

#[tokio::test]
async fn rules_count_and_choose_their_calls() {
    let org = Org::standard().await;
    let status = Action::Status {
        code: 502,
        body: String::new(),
        retry_after: None,
        applied: false,
    };
    let body = json!({ "rules": [
        { "operation": "introspect", "app": "Billing", "nth": 2, "count": 2, "action": status },
    ] });
    assert_eq!(org.control("faults", body).await.status, 200);
    let mut seen = Vec::new();
    for _ in 0..5 {
        assert_eq!(
            org.introspect(LEGACY_KEY, LEGACY_SECRET).await.status,
            200,
            "another app"
        );
        seen.push(org.introspect(BILLING_KEY, BILLING_SECRET).await.status);
    }
    assert_eq!(seen, [200, 502, 502, 200, 200]);
    let state = org.running.state();
    assert!(state.faults.is_empty(), "spent");
    assert_eq!(
        state.calls("introspect"),
        10,
        "a call is counted whatever meets it"
    );
    for wrong in ["staged.remove", "sta", ""] {
        assert!(
            org.running.fault(rule(wrong, Action::DropBefore)).is_err(),
            "{wrong}"
        );
    }
    let body = json!({ "rules": [{ "operation": "token", "action": { "kind": "explode" } }] });
    assert_eq!(org.control("faults", body).await.status, 400);
}

/// Every operation name is one that a call can have.
#[tokio::test]
async fn every_operation_is_counted_under_its_name() {
    let org = Org::standard().await;
    let staged = org.stage("Billing").await;
    let path = org.consumer_path("Billing");
    let item = format!("{path}/staged/{}", staged["id"].as_str().unwrap());
    org.get(&item).await;
    org.rotate("Billing", staged["id"].as_str().unwrap()).await;
    org.delete(&item).await;
    org.staged("Billing").await;
    org.get(&path).await;
    org.get(path.rsplit_once('/').unwrap().0).await;
    for grant in [
        "client_credentials",
        "refresh_token",
        "authorization_code",
        "password",
    ] {
        org.form("/services/oauth2/token", &[("grant_type", grant)]).await;
    }
    for path in ["introspect", "revoke"] {
        org.form(&format!("/services/oauth2/{path}"), &[]).await;
    }
    for path in [
        "",
        "limits",
        "query",
        "query/01g-200",
        "apps/oauth/usage",
        "apps/oauth/usage/0xI/users",
        "nothing",
    ] {
        org.get(&format!("/services/data/v66.0/{path}")).await;
    }
    org.delete("/services/data/v66.0/apps/oauth/usage/0xI/tokens")
        .await;
    for path in ["/services/data", "/services/oauth2/userinfo", "/id/00D/005"] {
        org.get(path).await;
    }
    for method in ["read", "update", "list", "describe", "delete"] {
        org.soap(&format!("<{method}Metadata/>")).await;
    }
    for call in ["deploy", "checkDeployStatus", "retrieve", "checkRetrieveStatus"] {
        org.soap(&format!("<{call}/>")).await;
    }
    org.form("/services/Soap/u/66.0", &[]).await;
    let state = org.running.state();
    let never: Vec<&&str> = OPERATIONS.iter().filter(|name| state.calls(name) == 0).collect();
    assert!(never.is_empty(), "{never:?}");
    assert_eq!(state.counters.len(), OPERATIONS.len());
}
