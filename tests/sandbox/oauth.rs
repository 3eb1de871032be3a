//! The token endpoint's answers, as the reference catalogues them (O §3–5).

use crate::support::*;
use rekeyd::sandbox::{ExternalClientAppSeed, LoginSeed};
use serde_json::json;

const LOGIN: &str = "https://login.salesforce.com";

#[tokio::test]
async fn a_login_has_the_documented_shape() {
    let org = Org::standard().await;
    let answer = org.login(LOGIN_ID, USER, LOGIN, 120).await;
    let body = answer.json();
    for name in [
        "access_token",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
        "signature",
    ] {
        assert!(body[name].is_string(), "{name}: {body}");
    }
    assert!(body.get("expires_in").is_none(), "vendor samples have none");
    assert!(body.get("refresh_token").is_none());
    let id = body["id"].as_str().unwrap();
    let state = org.running.state();
    assert!(
        id.starts_with(&format!("{}/id/{}/005", org.running.base_url(), state.org_id)),
        "{id}"
    );
    let path = id.strip_prefix(org.running.base_url()).unwrap();
    assert_eq!(org.get(path).await.json()["username"], USER);
    assert_eq!(
        org.get("/services/oauth2/userinfo").await.json()["preferred_username"],
        USER
    );
}

#[tokio::test]
async fn an_assertion_is_judged_by_signature_user_client_and_time() {
    let org = Org::standard().await;
    let description = async |answer: Answer| {
        assert_eq!(answer.status, 400);
        let body = answer.json();
        format!(
            "{}: {}",
            body["error"].as_str().unwrap(),
            body["error_description"].as_str().unwrap()
        )
    };
    let refused = description(org.login("3MVG9nobody", USER, LOGIN, 60).await).await;
    assert_eq!(refused, "invalid_client_id: client identifier invalid");
    let refused = description(org.login(LOGIN_ID, "nobody@acme.example", LOGIN, 60).await).await;
    assert_eq!(refused, "invalid_grant: user hasn't approved this consumer");
    let refused = description(org.login(LOGIN_ID, RUN_AS, LOGIN, 60).await).await;
    assert_eq!(refused, "invalid_grant: user hasn't approved this consumer");
    let refused = description(org.login(LOGIN_ID, USER, "https://elsewhere.example", 60).await).await;
    assert_eq!(refused, "invalid_grant: audience is invalid");
    let refused = description(org.login(LOGIN_ID, USER, LOGIN, -1).await).await;
    assert_eq!(refused, "invalid_grant: expired assertion");
    let good = org.assertion(LOGIN_ID, USER, LOGIN, 60);
    let spoilt = format!("{}AAAA", &good[..good.len() - 4]);
    assert_eq!(
        description(org.assert(&spoilt).await).await,
        "invalid_grant: invalid assertion"
    );
    assert_eq!(
        description(org.assert("not.a.token").await).await,
        "invalid_grant: invalid assertion"
    );
    // An app without a certificate takes no assertion at all.
    let refused = description(org.login(BILLING_KEY, USER, LOGIN, 60).await).await;
    assert_eq!(refused, "invalid_grant: invalid assertion");
    assert_eq!(org.assert(&good).await.status, 200);
    // Time is the org's own: what was good a moment ago has expired.
    org.running.advance(chrono::TimeDelta::seconds(60));
    assert_eq!(
        description(org.assert(&good).await).await,
        "invalid_grant: expired assertion"
    );
}

#[tokio::test]
async fn a_certificate_serves_as_the_key() {
    let mut seed = seed();
    let certificate = rcgen::CertificateParams::default()
        .self_signed(key())
        .unwrap()
        .pem();
    seed.login = Some(LoginSeed {
        client_id: LOGIN_ID.to_owned(),
        username: USER.to_owned(),
        public_key: Some(certificate),
        ..LoginSeed::default()
    });
    let org = Org::start(seed).await;
    assert!(!org.token.is_empty());
}

#[tokio::test]
async fn client_credentials_judge_the_client_and_then_the_flow() {
    let mut seed = seed();
    seed.external_client_apps.push(ExternalClientAppSeed {
        name: "Flowless".to_owned(),
        ..ExternalClientAppSeed::default()
    });
    let org = Org::start(seed).await;
    assert_eq!(
        org.client_credentials(BILLING_KEY, BILLING_SECRET).await.status,
        200
    );
    assert_eq!(
        org.client_credentials(BILLING_KEY, "wrong").await.error(),
        "400 invalid_client"
    );
    assert_eq!(
        org.client_credentials("3MVG9nobody", "wrong").await.error(),
        "400 invalid_client_id"
    );
    let state = org.running.state();
    let pair = &state.app("Flowless").unwrap().consumers[0].pairs[0];
    let off = org.client_credentials(&pair.client_id, &pair.client_secret).await;
    assert_eq!(off.error(), "400 invalid_grant");
    let empty = org
        .form("/services/oauth2/token", &[("client_id", BILLING_KEY)])
        .await;
    assert_eq!(empty.error(), "400 invalid_request");
    let odd = org
        .form("/services/oauth2/token", &[("grant_type", "magic")])
        .await;
    assert_eq!(odd.error(), "400 unsupported_grant_type");
}

#[tokio::test]
async fn introspection_answers_401_to_a_client_it_does_not_take() {
    let org = Org::standard().await;
    assert_eq!(
        org.introspect(BILLING_KEY, BILLING_SECRET).await.json(),
        json!({ "active": false })
    );
    assert_eq!(
        org.introspect(BILLING_KEY, "wrong").await.error(),
        "401 invalid_client"
    );
    assert_eq!(
        org.introspect("3MVG9nobody", "wrong").await.error(),
        "401 invalid_client_id"
    );
    let none = org
        .form("/services/oauth2/introspect", &[("token", "junk")])
        .await;
    assert_eq!(none.status, 401);
    // A token of another app is none of its business.
    let foreign = org.client_credentials(LEGACY_KEY, LEGACY_SECRET).await.json();
    let token = foreign["access_token"].as_str().unwrap();
    let fields = [
        ("token", token),
        ("client_id", BILLING_KEY),
        ("client_secret", BILLING_SECRET),
    ];
    assert_eq!(
        org.form("/services/oauth2/introspect", &fields).await.json()["active"],
        false
    );
}

#[tokio::test]
async fn revoking_ends_a_session_once() {
    let org = Org::standard().await;
    assert_eq!(
        org.form("/services/oauth2/revoke", &[("token", &org.token)])
            .await
            .status,
        200
    );
    assert_eq!(
        org.get("/services/data/v66.0/limits").await.error(),
        "401 INVALID_SESSION_ID"
    );
    let again = org
        .form("/services/oauth2/revoke", &[("token", &org.token)])
        .await;
    assert_eq!(again.error(), "400 invalid_token");
}

#[tokio::test]
async fn the_oracle_is_not_a_probe() {
    let org = Org::standard().await;
    let ask = async |secret: &str| {
        let body = json!({ "client_id": LEGACY_KEY, "client_secret": secret });
        org.control("accepts", body).await.json()
    };
    assert_eq!(
        ask(LEGACY_SECRET).await,
        json!({ "accepted": true, "generation": 1 })
    );
    assert_eq!(
        ask("wrong").await,
        json!({ "accepted": false, "generation": null })
    );
    let state = org.running.state();
    assert_eq!(state.calls("introspect"), 0);
    assert_eq!(state.app("Legacy").unwrap().consumers[0].pairs[0].judged, 0);
    org.introspect(LEGACY_KEY, LEGACY_SECRET).await;
    let state = org.running.state();
    assert_eq!(state.calls("introspect"), 1);
    assert_eq!(state.app("Legacy").unwrap().consumers[0].pairs[0].judged, 1);
    assert!(
        state
            .accepted
            .iter()
            .any(|one| one.app == "Legacy" && one.client_secret == LEGACY_SECRET)
    );
}
