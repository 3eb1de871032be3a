//! Logging in: what is asked, how often, and whom a token is given to.

use std::time::Duration;

use base64::Engine;
use rekeyd::port::{Fault, Target};
use rekeyd::salesforce::{Org, StagedTarget};
use serde_json::Value;

use super::server::{Answer, NOW, Seen, Server, TOKEN, granted, html, json, staged_settings};

fn claims(seen: &Seen) -> Value {
    let assertion = seen.form().remove("assertion").unwrap();
    let part = assertion.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(part)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn audience_error() -> Answer {
    json(
        400,
        r#"{"error":"invalid_grant","error_description":"audience is invalid"}"#,
    )
}

fn audiences(server: &Server) -> Vec<String> {
    let logins = server.seen("POST /services/oauth2/token");
    logins
        .iter()
        .map(|seen| claims(seen)["aud"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_assertion_is_what_salesforce_asks_for() {
    let server = Server::start().await;
    server.staged().survey().await.unwrap();
    let logins = server.seen("POST /services/oauth2/token");
    assert_eq!(logins.len(), 1);
    let form = logins[0].form();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(form.len(), 2, "no client secret, nothing else");
    assert_eq!(
        claims(&logins[0]),
        serde_json::json!({
            "iss": "3MVG9own",
            "sub": "rekeyd@acme.example",
            "aud": "https://login.salesforce.com",
            "exp": NOW / 1000 + 120,
        })
    );
    let assertion = &form["assertion"];
    let header = assertion.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(header)
        .unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["alg"], "RS256");
}

#[tokio::test]
async fn audiences_are_tried_in_order_only_on_an_audience_error_and_the_winner_is_kept() {
    let server = Server::start().await;
    server.once(
        "POST /services/oauth2/token",
        vec![audience_error(), audience_error()],
    );
    let target = server.staged();
    target.survey().await.unwrap();
    let own = server.url.clone();
    let login = "https://login.salesforce.com".to_owned();
    let test = "https://test.salesforce.com".to_owned();
    assert_eq!(audiences(&server), [login.clone(), test.clone(), own.clone()]);
    // The session expires: the winner is asked at once.
    server.once("GET /services/data/v66.0/query", vec![expired()]);
    target.survey().await.unwrap();
    assert_eq!(audiences(&server), [login, test, own.clone(), own]);

    let other = Server::start().await;
    let denied = r#"{"error":"invalid_grant","error_description":"invalid assertion"}"#;
    other.always("POST /services/oauth2/token", json(400, denied));
    assert!(matches!(
        other.staged().survey().await,
        Err(Fault::Unauthorized(_))
    ));
    assert_eq!(other.logins(), 1);
}

#[tokio::test]
async fn a_configured_audience_is_the_only_one() {
    let server = Server::start().await;
    server.always("POST /services/oauth2/token", audience_error());
    let mut settings = server.settings();
    settings.login.audience = Some("https://acme.my.site.com".into());
    let target = StagedTarget::new(server.org_with(settings).0, staged_settings()).unwrap();
    assert!(matches!(target.survey().await, Err(Fault::Unauthorized(_))));
    assert_eq!(audiences(&server), ["https://acme.my.site.com"]);
}

fn expired() -> Answer {
    json(
        401,
        r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#,
    )
}

#[tokio::test]
async fn many_callers_share_one_login() {
    let server = Server::start().await;
    let (org, _) = server.org();
    let targets: Vec<_> = (0..8)
        .map(|_| StagedTarget::new(org.clone(), staged_settings()).unwrap())
        .collect();
    let surveys = targets.iter().map(Target::survey);
    for survey in futures_util::future::join_all(surveys).await {
        survey.unwrap();
    }
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn an_expired_session_is_made_again_once_and_all_share_the_new_one() {
    let server = Server::start().await;
    let (org, _) = server.org();
    let targets: Vec<_> = (0..6)
        .map(|_| StagedTarget::new(org.clone(), staged_settings()).unwrap())
        .collect();
    targets[0].survey().await.unwrap();
    let fresh = json(200, granted(&server.url, "00D000000000001!AQ.second"));
    server.always("POST /services/oauth2/token", fresh);
    server.rule(|seen| {
        let stale = format!("Bearer {TOKEN}");
        (seen.headers.get("authorization") == Some(&stale)).then(expired)
    });
    let surveys = targets.iter().map(Target::survey);
    for survey in futures_util::future::join_all(surveys).await {
        survey.unwrap();
    }
    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn a_session_that_is_never_taken_makes_no_storm() {
    let server = Server::start().await;
    server.always("GET /services/data/v66.0/query", expired());
    let (org, clock) = server.org();
    let target = StagedTarget::new(org, staged_settings()).unwrap();
    for _ in 0..20 {
        assert!(matches!(target.survey().await, Err(Fault::Unauthorized(_))));
    }
    assert_eq!(server.logins(), 2);
    clock.advance(Duration::from_secs(61));
    assert!(target.survey().await.is_err());
    assert_eq!(server.logins(), 4);
}

#[tokio::test]
async fn some_401s_are_not_an_expired_session() {
    for message in [
        "This session is not valid for use with the REST API",
        "Connected app is not attached to Agent",
    ] {
        let server = Server::start().await;
        let body = format!(r#"[{{"message":"{message}","errorCode":"INVALID_SESSION_ID"}}]"#);
        server.always("GET /services/data/v66.0/query", json(401, body));
        assert!(matches!(
            server.staged().survey().await,
            Err(Fault::Unauthorized(_))
        ));
        assert_eq!(server.logins(), 1, "{message}");
    }
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_before_a_growing_pause_is_over() {
    let server = Server::start().await;
    let denied = r#"{"error":"invalid_client_id","error_description":"client identifier invalid"}"#;
    server.always("POST /services/oauth2/token", json(400, denied));
    let (org, clock) = server.org();
    let target = StagedTarget::new(org, staged_settings()).unwrap();
    for pause in [60, 120, 240] {
        let before = server.logins();
        for _ in 0..5 {
            assert!(matches!(target.survey().await, Err(Fault::Unauthorized(_))));
        }
        assert_eq!(server.logins(), before + 1);
        clock.advance(Duration::from_secs(pause - 1));
        assert!(target.survey().await.is_err());
        assert_eq!(server.logins(), before + 1, "still within {pause} s");
        clock.advance(Duration::from_secs(1));
    }
    assert!(target.survey().await.is_err());
    assert_eq!(server.logins(), 4);
}

#[tokio::test]
async fn too_many_logins_are_waited_out_for_an_hour() {
    let server = Server::start().await;
    let denied = r#"{"error":"rate_limit_exceeded","error_description":"number of logins exceeded"}"#;
    server.once("POST /services/oauth2/token", vec![json(400, denied)]);
    let (org, clock) = server.org();
    let target = StagedTarget::new(org, staged_settings()).unwrap();
    let throttled = |fault| match fault {
        Err(Fault::Throttled { wait, .. }) => wait,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        throttled(target.survey().await.map(|_| ())),
        Duration::from_secs(3600)
    );
    clock.advance(Duration::from_secs(3000));
    assert_eq!(
        throttled(target.survey().await.map(|_| ())),
        Duration::from_secs(600)
    );
    assert_eq!(server.logins(), 1);
    clock.advance(Duration::from_secs(600));
    target.survey().await.unwrap();
}

#[tokio::test]
async fn a_login_that_gets_no_answer_is_tried_again_soon() {
    for answer in [
        html(503),
        html(200),
        Answer::Drop,
        Answer::Silent,
        Answer::Slow,
        json(500, "{}"),
    ] {
        let server = Server::start().await;
        server.once("POST /services/oauth2/token", vec![answer.clone()]);
        let (org, clock) = server.org();
        let target = StagedTarget::new(org, staged_settings()).unwrap();
        let fault = target.survey().await;
        assert!(
            matches!(fault, Err(Fault::Unavailable(_))),
            "{answer:?}: {fault:?}"
        );
        clock.advance(Duration::from_secs(2));
        target.survey().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_goes_only_where_salesforce_is() {
    for instance in [
        "https://evil.example",
        "https://acme.my.salesforce.com",
        "http://127.0.0.1:1",
    ] {
        let server = Server::start().await;
        server.always("POST /services/oauth2/token", json(200, granted(instance, TOKEN)));
        let fault = server.staged().survey().await;
        assert!(matches!(fault, Err(Fault::Unusable(_))), "{instance}: {fault:?}");
        assert!(!format!("{fault:?}").contains(TOKEN));
        assert_eq!(server.all().len(), 1, "nothing but the login");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let server = Server::start().await;
    let other = Server::start().await;
    let elsewhere = |status| {
        Answer::Reply(
            status,
            String::new(),
            vec![("Location", format!("{}/x", other.url))],
        )
    };
    for status in [301, 302, 307, 308] {
        server.always("POST /services/oauth2/token", elsewhere(status));
        let fault = server.staged().survey().await;
        assert!(matches!(fault, Err(Fault::Unusable(_))), "{fault:?}");
    }
    server.always(
        "POST /services/oauth2/token",
        json(200, granted(&server.url, TOKEN)),
    );
    server.always("GET /services/data/v66.0/query", elsewhere(307));
    assert!(matches!(server.staged().survey().await, Err(Fault::Unusable(_))));
    assert!(other.all().is_empty());
}

#[tokio::test]
async fn a_clock_that_is_off_is_named() {
    let server = Server::start().await;
    let denied = r#"{"error":"invalid_grant","error_description":"invalid assertion"}"#;
    server.always("POST /services/oauth2/token", json(400, denied));
    let (org, clock) = server.org();
    clock.advance(Duration::from_secs(500));
    let target = StagedTarget::new(org, staged_settings()).unwrap();
    let fault = target.survey().await.unwrap_err().to_string();
    assert!(fault.contains("500 s apart"), "{fault}");
}

#[tokio::test]
async fn the_quota_that_answers_name_is_kept() {
    let server = Server::start().await;
    let (org, _) = server.org();
    assert_eq!(org.limits(), None);
    let target = StagedTarget::new(org.clone(), staged_settings()).unwrap();
    target.survey().await.unwrap();
    let limits = org.limits().unwrap();
    assert_eq!((limits.used, limits.limit), (18, 5000));
    assert_eq!(org.token_url(), format!("{}/services/oauth2/token", server.url));
}

#[tokio::test]
async fn the_version_is_the_newest_that_both_sides_know() {
    let server = Server::start().await;
    server.always(
        "GET /services/data/",
        json(200, r#"[{"version":"65.0"},{"version":"64.0"}]"#),
    );
    server.staged().survey().await.unwrap();
    assert_eq!(server.count("GET /services/data/v65.0/query"), 1);
    assert_eq!(server.count("GET /services/data/"), 1);

    for offer in [
        r#"[{"version":"64.0"}]"#,
        r#"[{"version":"67.0"}]"#,
        "[]",
        r#"{"a":1}"#,
    ] {
        let old = Server::start().await;
        old.always("GET /services/data/", json(200, offer));
        assert!(
            matches!(old.staged().survey().await, Err(Fault::Unusable(_))),
            "{offer}"
        );
    }
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start());
    let build = |change: &dyn Fn(&mut rekeyd::salesforce::OrgSettings)| {
        let mut settings = server.settings();
        change(&mut settings);
        let clock = std::sync::Arc::new(rekeyd::clock::SystemClock);
        let random = std::sync::Arc::new(rekeyd::random::SystemRandom);
        Org::new(settings, clock, random)
            .err()
            .map(|fault| fault.to_string())
    };
    assert_eq!(build(&|_| {}), None);
    let canary = "CANARYc4n4ry";
    for fault in [
        build(&|settings| settings.url = "http://acme.my.salesforce.com".into()),
        build(&|settings| settings.api_version = "64.0".into()),
        build(&|settings| settings.api_version = "66".into()),
        build(&|settings| settings.login.key_pem = rekeyd::secret::Secret::new(canary.into())),
    ] {
        assert!(!fault.unwrap().contains(canary));
    }
}
