//! The staged slot: one, for thirty days, and what each step does to what is accepted (O §1, M §4).

use crate::support::*;
use chrono::TimeDelta;
use serde_json::json;

fn text<'a>(item: &'a serde_json::Value, name: &str) -> &'a str {
    item[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {item}"))
}

#[tokio::test]
async fn key_and_secret_change_and_the_old_pair_moves_into_the_slot() {
    let org = Org::standard().await;
    assert_eq!(org.staged("Billing").await.json()["stagedCredentials"], json!([]));
    let staged = org.stage("Billing").await;
    let (key, secret) = (text(&staged, "key"), text(&staged, "secret"));
    assert_eq!(text(&staged, "state"), "Active");
    assert_ne!((key, secret), (BILLING_KEY, BILLING_SECRET));
    let created = chrono::DateTime::parse_from_rfc3339(text(&staged, "createdDate")).unwrap();
    let expires = chrono::DateTime::parse_from_rfc3339(text(&staged, "expirationDate")).unwrap();
    assert_eq!(created, org.running.now());
    assert_eq!(expires - created, TimeDelta::days(30));
    let user = org.get("/services/oauth2/userinfo").await.json();
    assert_eq!(text(&staged, "createdBy"), text(&user, "user_id"));

    let rotated = org.rotate("Billing", text(&staged, "id")).await;
    assert_eq!(rotated.status, 200);
    let primary = org
        .get(&format!("{}?part=keyandsecret", org.consumer_path("Billing")))
        .await
        .json();
    assert_eq!((text(&primary, "key"), text(&primary, "secret")), (key, secret));
    let slot = org.staged("Billing").await.json()["stagedCredentials"][0].clone();
    assert_eq!(
        (text(&slot, "key"), text(&slot, "state")),
        (BILLING_KEY, "Rotated")
    );
    assert_eq!(org.probe(key, secret).await, "accepted");
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "accepted");

    let path = format!("{}/staged/{}", org.consumer_path("Billing"), text(&slot, "id"));
    let deleted = org.delete(&path).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(org.delete(&path).await.status, 404, "gone already");
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "refused");
    assert_eq!(
        org.introspect(BILLING_KEY, BILLING_SECRET).await.error(),
        "401 invalid_client_id"
    );
    assert_eq!(org.probe(key, secret).await, "accepted");
    let state = org.running.state();
    let consumer = &state.app("Billing").unwrap().consumers[0];
    assert_eq!((consumer.mints, consumer.cutovers, consumer.primary), (1, 1, 2));
}

#[tokio::test]
async fn there_is_one_slot() {
    let org = Org::standard().await;
    let staged = org.stage("Billing").await;
    let path = format!("{}/staged", org.consumer_path("Billing"));
    let second = org.call("POST", &path, json!({})).await;
    assert_eq!(second.status, 400, "an unused pair is not thrown away");
    assert_eq!(org.running.state().app("Billing").unwrap().consumers[0].mints, 1);
    let item = format!("{path}/{}", text(&staged, "id"));
    assert_eq!(org.delete(&item).await.status, 204);
    assert_eq!(
        org.probe(text(&staged, "key"), text(&staged, "secret")).await,
        "refused"
    );
    assert_eq!(
        org.probe(BILLING_KEY, BILLING_SECRET).await,
        "accepted",
        "the primary pair is untouched"
    );
    org.stage("Billing").await;
    assert_eq!(org.running.state().app("Billing").unwrap().consumers[0].mints, 2);
}

#[tokio::test]
async fn thirty_days_end_what_is_in_the_slot_and_nothing_else() {
    let mut seed = seed();
    seed.switches.session_seconds = 90 * 86_400;
    let org = Org::start(seed).await;
    let staged = org.stage("Billing").await;
    org.running
        .advance(TimeDelta::days(30) - TimeDelta::milliseconds(1));
    assert_eq!(
        org.probe(text(&staged, "key"), text(&staged, "secret")).await,
        "accepted"
    );
    org.running.advance(TimeDelta::milliseconds(1));
    assert_eq!(
        org.probe(text(&staged, "key"), text(&staged, "secret")).await,
        "refused"
    );
    assert_eq!(
        org.rotate("Billing", text(&staged, "id")).await.status,
        400,
        "too late to promote"
    );
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "accepted");
    // What has expired does not hold the slot.
    let fresh = org.stage("Billing").await;
    org.rotate("Billing", text(&fresh, "id")).await;
    org.running.advance(TimeDelta::days(29));
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "accepted");
    org.running.advance(TimeDelta::days(1));
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "refused");
    assert_eq!(
        org.probe(text(&fresh, "key"), text(&fresh, "secret")).await,
        "accepted"
    );
}

#[tokio::test]
async fn a_post_without_a_length_is_not_taken() {
    let org = Org::standard().await;
    let path = format!("{}/staged", org.consumer_path("Billing"));
    // A client library would add the header: this is said by hand.
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = org.running.base_url().strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        org.token
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 411"), "{answer}");
    assert_eq!(org.running.state().app("Billing").unwrap().consumers[0].mints, 0);
}

#[tokio::test]
async fn only_the_command_that_is_known_promotes() {
    let org = Org::standard().await;
    let staged = org.stage("Billing").await;
    let path = format!("{}/staged/{}", org.consumer_path("Billing"), text(&staged, "id"));
    assert_eq!(
        org.call("PATCH", &path, json!({ "command": "activate" }))
            .await
            .status,
        400
    );
    assert_eq!(org.call("PATCH", &path, json!(null)).await.status, 400);
    assert_eq!(org.rotate("Billing", "888xx9999999999").await.status, 404);
    assert_eq!(
        org.running.state().app("Billing").unwrap().consumers[0].cutovers,
        0
    );
}

#[tokio::test]
async fn consumers_of_one_app_are_apart() {
    let mut seed = seed();
    seed.external_client_apps[0]
        .consumers
        .push(rekeyd::sandbox::ConsumerSeed {
            name: Some("second".to_owned()),
            ..rekeyd::sandbox::ConsumerSeed::default()
        });
    let org = Org::start(seed).await;
    org.stage("Billing").await;
    let state = org.running.state();
    let app = state.app("Billing").unwrap();
    assert_eq!(app.consumers[1].name, "second");
    assert!(app.consumers[0].staged.is_some() && app.consumers[1].staged.is_none());
    let path = format!("/services/data/v66.0/apps/oauth/credentials/{}", app.id);
    assert_eq!(
        org.get(&path).await.json()["consumers"].as_array().unwrap().len(),
        2
    );
}
