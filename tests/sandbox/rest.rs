//! Versions, limits, SOQL, paging and permissions (O §1, §7).

use crate::support::*;
use rekeyd::sandbox::{ExternalClientAppSeed, UserSeed};
use serde_json::{Value, json};

async fn query(org: &Org, soql: &str) -> Answer {
    let url = reqwest::Url::parse_with_params(&org.url("/services/data/v66.0/query"), &[("q", soql)]);
    org.send(org.http.get(url.unwrap()).bearer_auth(&org.token)).await
}

#[tokio::test]
async fn versions_need_no_session_and_everything_else_does() {
    let org = Org::standard().await;
    let list = org.send(org.http.get(org.url("/services/data"))).await;
    let last = list.json().as_array().unwrap().last().unwrap().clone();
    let newest = json!({ "label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0" });
    assert_eq!(last, newest);
    let without = org
        .send(org.http.get(org.url("/services/data/v66.0/limits")))
        .await;
    assert_eq!(without.error(), "401 INVALID_SESSION_ID");
    assert_eq!(
        org.get("/services/data/v99.0/limits").await.error(),
        "404 NOT_FOUND"
    );
    assert_eq!(org.get("/no/such/thing").await.error(), "404 NOT_FOUND");
}

#[tokio::test]
async fn each_resource_starts_with_its_version() {
    let org = Org::standard().await;
    let path = org.consumer_path("Billing");
    let at = |version: &str| path.replace("v66.0", version);
    assert_eq!(org.get(&at("v60.0")).await.status, 200);
    assert_eq!(org.get(&at("v59.0")).await.status, 404);
    assert_eq!(org.get(&format!("{}/staged", at("v65.0"))).await.status, 200);
    assert_eq!(org.get(&format!("{}/staged", at("v64.0"))).await.status, 404);
    assert_eq!(org.get("/services/data/v59.0/apps/oauth/usage").await.status, 200);
    assert_eq!(org.get("/services/data/v58.0/apps/oauth/usage").await.status, 404);
}

#[tokio::test]
async fn soql_finds_every_external_app_used_or_not() {
    let org = Org::standard().await;
    let all = query(&org, "SELECT Id, DeveloperName FROM ExternalClientApplication")
        .await
        .json();
    assert_eq!(
        (all["totalSize"].clone(), all["done"].clone()),
        (json!(3), json!(true))
    );
    let one = "select Id from ExternalClientApplication where DeveloperName = 'Idle' limit 5";
    let one = query(&org, one).await.json();
    let id = one["records"][0]["Id"].as_str().unwrap();
    assert!(id.starts_with("0xI"));
    assert!(
        one["records"][0].get("DeveloperName").is_none(),
        "only what was asked for"
    );
    let by_id = format!(
        "SELECT DeveloperName FROM ExternalClientApplication WHERE Id = '{}'",
        &id[..15]
    );
    assert_eq!(
        query(&org, &by_id).await.json()["records"][0]["DeveloperName"],
        "Idle"
    );
    let user = format!("SELECT Id FROM User WHERE Username = '{USER}'");
    assert!(
        query(&org, &user).await.json()["records"][0]["Id"]
            .as_str()
            .unwrap()
            .starts_with("005")
    );
    assert_eq!(
        query(&org, "SELECT Id FROM Organization").await.json()["totalSize"],
        1
    );
    for (soql, error) in [
        ("SELECT Id FROM ConnectedApplication", "400 INVALID_TYPE"),
        (
            "SELECT Secret FROM ExternalClientApplication",
            "400 INVALID_FIELD",
        ),
        (
            "SELECT Id FROM ExternalClientApplication WHERE",
            "400 MALFORMED_QUERY",
        ),
        ("SELECT Id, FROM ExternalClientApplication", "400 MALFORMED_QUERY"),
        ("DELETE everything", "400 MALFORMED_QUERY"),
        (
            "SELECT Id FROM User WHERE Username = 'it''s'",
            "400 MALFORMED_QUERY",
        ),
    ] {
        assert_eq!(query(&org, soql).await.error(), error, "{soql}");
    }
}

#[tokio::test]
async fn usage_pages_and_leaves_out_what_was_never_used() {
    let mut seed = seed();
    for number in 0..7 {
        let name = format!("Extra_{number}");
        seed.external_client_apps.push(ExternalClientAppSeed {
            name,
            ..ExternalClientAppSeed::default()
        });
    }
    let org = Org::start(seed).await;
    let (mut names, mut pages) = (Vec::new(), 0);
    let mut next = Some("/services/data/v66.0/apps/oauth/usage?page=0&pageSize=4".to_owned());
    while let Some(path) = next {
        let page = org.get(&path).await.json();
        names.extend(
            page["apps"]
                .as_array()
                .unwrap()
                .iter()
                .map(|app| app["developerName"].clone()),
        );
        next = page["nextPageUrl"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!(names.len(), 9, "{names:?}");
    assert_eq!(
        pages, 4,
        "three with apps, and the empty one that the last one names"
    );
    assert!(!names.contains(&json!("Idle")) && !names.contains(&json!("Legacy")));
}

#[tokio::test]
async fn the_primary_pair_shows_as_much_as_is_asked_for() {
    let org = Org::standard().await;
    let path = org.consumer_path("Billing");
    let part = async |part: &str| {
        let body = org.get(&format!("{path}{part}")).await.json();
        (body["key"].clone(), body["secret"].clone())
    };
    assert_eq!(part("").await, (json!(BILLING_KEY), Value::Null));
    assert_eq!(part("?part=key").await, (json!(BILLING_KEY), Value::Null));
    assert_eq!(part("?part=secret").await, (Value::Null, json!(BILLING_SECRET)));
    assert_eq!(
        part("?part=keyandsecret").await,
        (json!(BILLING_KEY), json!(BILLING_SECRET))
    );
    assert_eq!(org.get(&format!("{path}?part=all")).await.status, 400);
    let (app, _) = path.rsplit_once('/').unwrap();
    let list = org.get(app).await.json();
    assert_eq!(list["consumers"][0]["key"], BILLING_KEY);
    assert!(list["consumers"][0]["id"].as_str().unwrap().starts_with("888"));
    // Ids work in both lengths.
    let short = |id: &str| id[..15].to_owned();
    let state = org.running.state();
    let app = state.app("Billing").unwrap();
    let path = format!(
        "/services/data/v66.0/apps/oauth/credentials/{}/{}",
        short(&app.id),
        short(&app.consumers[0].id)
    );
    assert_eq!(org.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_user_without_the_permissions_is_told_so() {
    let mut seed = seed();
    let permissions = Some(vec!["ExternalClientAppDeveloper".to_owned()]);
    seed.users[0] = UserSeed {
        username: USER.to_owned(),
        permissions,
    };
    let org = Org::start(seed).await;
    let answer = org.get(&org.consumer_path("Billing")).await;
    assert_eq!(answer.error(), "403 INSUFFICIENT_ACCESS");
    assert!(answer.text.contains("not currently enabled"));
    assert!(org.read_legacy().await.contains("sf:INSUFFICIENT_ACCESS"));
}

#[tokio::test]
async fn calls_are_counted_until_the_day_is_used_up() {
    let mut seed = seed();
    seed.daily_api_requests = 2;
    let org = Org::start(seed).await;
    let first = org.get("/services/data/v66.0/limits").await;
    assert_eq!(first.header("Sforce-Limit-Info"), Some("api-usage=1/2"));
    assert_eq!(first.json()["DailyApiRequests"]["Remaining"], 1);
    assert_eq!(org.get("/services/data/v66.0/limits").await.status, 200);
    assert_eq!(
        org.get("/services/data/v66.0/limits").await.error(),
        "403 REQUEST_LIMIT_EXCEEDED"
    );
}

#[tokio::test]
async fn answers_carry_the_orgs_own_date() {
    let org = Org::standard().await;
    org.running.advance(chrono::TimeDelta::days(400));
    let date = org.get("/services/data").await.header("Date").unwrap().to_owned();
    let date = chrono::DateTime::parse_from_rfc2822(&date).unwrap();
    assert_eq!(date.timestamp(), org.running.now().timestamp());
    let told = org.send(org.http.get(org.url("/__sandbox/clock"))).await.json();
    let moved = org
        .control("clock", json!({ "advance_seconds": 1, "advance_ms": 500 }))
        .await
        .json();
    let parse = |body: Value| chrono::DateTime::parse_from_rfc3339(body["now"].as_str().unwrap()).unwrap();
    assert_eq!(parse(moved) - parse(told), chrono::TimeDelta::milliseconds(1500));
}
