//! What a person does in Setup, through the control endpoints; and the seed as a file.

use crate::support::*;
use rekeyd::sandbox::{ClockMode, Kind, Sandbox, SandboxError, Seed, run};
use serde_json::json;

#[tokio::test]
async fn a_person_rotates_behind_our_back() {
    let org = Org::standard().await;
    assert_eq!(
        org.control("admin/rotate", json!({ "app": "Legacy" }))
            .await
            .status,
        200
    );
    assert_eq!(org.probe(LEGACY_KEY, LEGACY_SECRET).await, "refused");
    let state = org.running.state();
    let legacy = &state.app("Legacy").unwrap().consumers[0];
    assert_ne!(
        legacy.pairs[1].client_id, LEGACY_KEY,
        "a person's rotation changes the key too"
    );
    assert!(legacy.pairs[1].accepted);

    org.stage("Billing").await;
    assert_eq!(
        org.control("admin/rotate", json!({ "app": "Billing" }))
            .await
            .status,
        200
    );
    let state = org.running.state();
    let billing = &state.app("Billing").unwrap().consumers[0];
    assert_eq!(billing.primary, 3, "ours was thrown away");
    assert!(!billing.pairs[1].accepted);
    assert_eq!(billing.staged.as_ref().unwrap().state, "Rotated");
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "accepted");
}

#[tokio::test]
async fn a_foreign_staging_bears_the_others_name() {
    let org = Org::standard().await;
    assert_eq!(
        org.control("admin/stage", json!({ "app": "Billing" }))
            .await
            .status,
        200
    );
    let slot = org.staged("Billing").await.json()["stagedCredentials"][0].clone();
    let me = org.get("/services/oauth2/userinfo").await.json()["user_id"].clone();
    assert_ne!(slot["createdBy"], me);
    assert_eq!(
        org.control("admin/promote", json!({ "app": "Billing" }))
            .await
            .status,
        200
    );
    assert_eq!(
        org.control("admin/discard", json!({ "app": "Billing" }))
            .await
            .status,
        200
    );
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "refused");
    assert_eq!(
        org.control("admin/discard", json!({ "app": "Billing" }))
            .await
            .status,
        400,
        "it is empty"
    );
    assert_eq!(
        org.control("admin/stage", json!({ "app": "Nobody" }))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn an_edit_shows_in_the_component_and_its_date() {
    let org = Org::standard().await;
    org.running.advance(chrono::TimeDelta::minutes(1));
    let set = json!({ "description": "edited", "oauthConfig.callbackUrl": "https://new.example" });
    assert_eq!(
        org.control("admin/edit", json!({ "app": "Legacy", "set": set }))
            .await
            .status,
        200
    );
    let text = org.read_legacy().await;
    assert_eq!(element(&text, "description").unwrap(), "edited");
    assert_eq!(element(&text, "callbackUrl").unwrap(), "https://new.example");
    let state = org.running.state();
    let legacy = state.app("Legacy").unwrap();
    assert_eq!(
        (legacy.last_modified.as_str(), legacy.in_order),
        (state.now.as_str(), true)
    );
    assert_eq!(legacy.last_modified_by, "admin@sandbox.example");
}

#[tokio::test]
async fn a_deleted_app_is_gone_with_its_credentials() {
    let org = Org::standard().await;
    let path = org.consumer_path("Billing");
    for app in ["Billing", "Legacy"] {
        assert_eq!(
            org.control("admin/delete_app", json!({ "app": app }))
                .await
                .status,
            200
        );
    }
    assert_eq!(org.get(&path).await.status, 404);
    assert_eq!(
        org.introspect(BILLING_KEY, BILLING_SECRET).await.error(),
        "401 invalid_client_id"
    );
    assert!(!org.read_legacy().await.contains(LEGACY_KEY));
    assert!(
        org.running
            .state()
            .accepted
            .iter()
            .all(|pair| pair.app != "Billing")
    );
}

#[tokio::test]
async fn the_control_endpoints_refuse_what_they_do_not_know() {
    let org = Org::standard().await;
    assert_eq!(org.control("nothing", json!({})).await.status, 404);
    assert_eq!(org.control("admin/explode", json!({})).await.status, 400);
    assert_eq!(
        org.control("clock", json!({ "advance_years": 1 })).await.status,
        400
    );
    assert_eq!(
        org.control("switches", json!({ "set": { "no_such": 1 } }))
            .await
            .status,
        400
    );
    let set = json!({ "app": "Legacy", "set": { "in_place_secret": "applies" } });
    assert_eq!(org.control("switches", set).await.status, 200);
    let state = org.send(org.http.get(org.url("/__sandbox/state"))).await.json();
    assert_eq!(state["apps"][1]["name"], "Legacy");
    assert_eq!(state["switches"]["in_place_secret"], "refused", "only that app's");
}

const FILE: &str = r#"
org_id = "00D5g000004ABCd"
random = "demo"
[clock]
mode = "real"
[switches]
jwt_audiences = ["https://login.salesforce.com", "self"]
[[user]]
username = "robot@acme.example"
[login]
client_id = "3MVG9login"
username = "rekeyd@acme.example"
public_key_file = "login.pem"
[[connected_app]]
name = "Legacy"
client_credentials_user = "robot@acme.example"
extra = { newThing = "kept" }
[connected_app.switches]
in_place_secret = "ignored"
[[external_client_app]]
name = "Billing"
[[external_client_app.consumer]]
name = "first"
[[external_client_app.consumer]]
name = "second"
[[fault]]
operation = "staged.post"
app = "Billing"
nth = 2
action = { kind = "apply_late", seconds = 90 }
"#;

#[tokio::test]
async fn a_seed_file_is_served_until_it_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("org.toml");
    std::fs::write(&path, FILE).unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let failed = run(&path, listen, |_| {}, async {}).await.err().unwrap();
    assert!(failed.to_string().contains("login.pem"), "{failed}");
    std::fs::write(directory.path().join("login.pem"), key().public_key_pem()).unwrap();
    let mut seen = None;
    run(
        &path,
        listen,
        |org| seen = Some((org.base_url().to_owned(), org.state())),
        async {},
    )
    .await
    .unwrap();
    let (url, state) = seen.unwrap();
    assert!(url.starts_with("http://127.0.0.1:"));
    assert_eq!(state.org_id, "00D5g000004ABCdEAO");
    assert_eq!(
        (state.clock, state.apps.len(), state.faults.len()),
        (ClockMode::Real, 3, 1)
    );
    assert_eq!(state.app("Billing").unwrap().kind, Kind::ExternalClientApp);
    let away = (chrono::Utc::from_now(&state.now)).abs();
    assert!(
        away < chrono::TimeDelta::seconds(60),
        "it follows the system's clock"
    );
}

trait FromNow {
    fn from_now(text: &str) -> chrono::TimeDelta;
}

impl FromNow for chrono::Utc {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test of the real clock compares with it"
    )]
    fn from_now(text: &str) -> chrono::TimeDelta {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc() - chrono::Utc::now()
    }
}

#[tokio::test]
async fn a_seed_that_contradicts_itself_is_refused() {
    let listen: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    let refused = async |change: fn(&mut Seed)| {
        let mut seed = seed();
        change(&mut seed);
        match Sandbox::start_on(&seed, listen).await {
            Err(SandboxError::Seed(message)) => message,
            _ => panic!("it started"),
        }
    };
    assert!(
        refused(|seed| seed.org_id = Some("short".to_owned()))
            .await
            .contains("org_id")
    );
    let twice = |seed: &mut Seed| seed.connected_apps.push(seed.connected_apps[0].clone());
    assert!(refused(twice).await.contains("Legacy"));
    let same_key = |seed: &mut Seed| {
        let mut other = seed.connected_apps[0].clone();
        other.name = "Other".to_owned();
        seed.connected_apps.push(other);
    };
    assert!(refused(same_key).await.contains("already taken"));
    let odd = |seed: &mut Seed| {
        seed.connected_apps[0].switches = toml::from_str("no_such = 1").unwrap();
    };
    assert!(refused(odd).await.contains("no_such"));
    assert!(
        refused(|seed| seed.clock.start = Some("soon".to_owned()))
            .await
            .contains("clock.start")
    );
    let public = "192.0.2.1:0".parse().unwrap();
    let outside = Sandbox::start_on(&seed(), public).await;
    assert!(matches!(outside, Err(SandboxError::NotLoopback(_))));
}
