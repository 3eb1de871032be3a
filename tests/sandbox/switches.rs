//! Every switch, run through its values: the org must behave differently for each, as expected. A switch that is
//! not in this table fails the build, and one that the org does not read fails its own test.

use crate::deploy;
use crate::support::*;
use rekeyd::sandbox::{Act, Switches};
use serde_json::{Value, json};

/// Declares one test for each switch, and the list of all that are tested.
macro_rules! exercise {
    ($($switch:ident by $observe:path { $($value:tt => $expected:expr),+ $(,)? })+) => {
        const EXERCISED: &[&str] = &[$(stringify!($switch)),+];
        $(
            #[tokio::test]
            async fn $switch() {
                let mut seen: Vec<String> = Vec::new();
                $(
                    let org = Org::with(stringify!($switch), json!($value)).await;
                    let observed: String = $observe(&org).await;
                    assert_eq!(observed, $expected, "{} = {}", stringify!($switch), json!($value));
                    assert!(!seen.contains(&observed), "two values of a switch look the same");
                    seen.push(observed);
                )+
                assert!(seen.len() > 1, "a switch has two values at least");
            }
        )+
    };
}

exercise! {
    in_place_secret by in_place {
        "applies" => "true old refused new accepted",
        "ignored" => "true old accepted new refused",
        "refused" => "false old accepted new refused",
    }
    flag_by_deploy by flag_deployed { "honoured" => "secret new", "ignored" => "secret old" }
    flag_by_update by flag_updated { "ignored" => "true secret old", "honoured" => "true secret new" }
    flag_shown by flag_seen { true => "shown", false => "hidden" }
    flag_empties_slot by flag_over_slot { false => "staged accepted", true => "staged refused" }
    deploy_seconds by deployed_after { 0 => "Succeeded new", 60 => "InProgress old" }
    omitted_element by omitted { "keeps" => "certificate kept", "resets" => "certificate gone" }
    out_of_order by misordered { "dropped" => "200 description unchanged", "refused" => "500 description unchanged" }
    certificate_readable by certificate_seen { false => "hidden", true => "seen" }
    ca_readable by readable { true => "200", false => "500" }
    refusal_code by refusal { "FIELD_INTEGRITY_EXCEPTION" => "FIELD_INTEGRITY_EXCEPTION", "INVALID_FIELD" => "INVALID_FIELD" }
    connected_app_ids by ca_over_rest { false => "404", true => "200" }
    cutover_overlap_seconds by applied_overlap { 0 => "refused then refused", 60 => "accepted then refused" }
    old_dies_at_cutover by after_promotion { false => "accepted", true => "refused" }
    staged_proves_before_cutover by before_promotion { true => "accepted then accepted", false => "refused then accepted" }
    staged_secret by staged_again { "readable" => "same", "masked" => "other", "absent" => "none" }
    staged_id_changes_on_swap by swapped_id { true => "changed", false => "same" }
    post_on_rotated by post_again { "fails" => "400 old accepted", "replaces" => "201 old refused" }
    post_reply by post_shape { "collection" => "collection", "object" => "object" }
    second_rotate by rotate_twice { "error" => "400 stays", "swaps_back" => "200 swapped back" }
    expired_entry by expired { "listed" => "Expired", "gone" => "none" }
    secret_api_enabled by secret_api { true => "200", false => "403 FUNCTIONALITY_NOT_ENABLED" }
    secret_api_delay_seconds by secret_api_delay { 0 => "200 200", 60 => "403 FUNCTIONALITY_NOT_ENABLED 200" }
    connected_app_creation by creation { false => "can't", true => "could" }
    next_page by pages { "until_empty" => "next, none", "null_at_end" => "none, none", "endless" => "next, next" }
    id_length by ids { 15 => "15", 18 => "18" }
    introspect_junk by junk_token { "inactive_200" => "200", "inactive_400" => "400" }
    introspect_live_reads_inactive by live_token { false => "true", true => "false" }
    junk_grant_judges_client_first by junk_grants {
        true => "invalid_client invalid_client",
        false => "invalid_grant invalid_grant",
    }
    cc_without_run_as by no_run_as {
        "client_first" => "400 invalid_client, 400 invalid_grant",
        "policy_first" => "400 invalid_grant, 400 invalid_grant",
    }
    cc_flow_off by flow_off { "invalid_grant" => "400 invalid_grant", "unsupported_grant_type" => "400 unsupported_grant_type" }
    basic_auth by basic { true => "200", false => "401" }
    secret_optional_is_vacuous by vacuous { false => "refused", true => "accepted" }
    jwt_audiences by audiences {
        ["https://login.salesforce.com"] => "200 400 400",
        ["https://test.salesforce.com", "self"] => "400 200 200",
    }
    jwt_exp_ceiling_seconds by far_expiry { 0 => "200", 300 => "400 invalid_grant" }
    token_format by token_shape { "opaque" => "1 part, SOAP 200", "jwt" => "3 parts, SOAP 500" }
    instance_url by instance { "" => "own", "https://evil.example" => "https://evil.example" }
    session_seconds by session_life { 7200 => "200", 30 => "401 INVALID_SESSION_ID" }
    tokens_die by token_deaths {
        "never" => "200 200 200",
        "at_cutover" => "200 401 401",
        "at_retirement" => "200 200 401",
    }
    propagation_mode by spreading {
        "none" => "old refused refused, new accepted accepted",
        "late" => "old accepted accepted, new refused refused",
        "mixed" => "old accepted refused, new refused accepted",
    }
    propagation_seconds by spread_time { 0 => "accepted", 3600 => "refused" }
    newest_version by newest { 66 => "66.0 200", 64 => "64.0 404" }
    missing_record by missing { "nil" => "nil", "empty" => "empty", "absent" => "absent" }
}

/// A switch that no test exercises fails the build.
#[test]
fn every_switch_is_exercised() {
    let all = serde_json::to_value(Switches::default()).unwrap();
    let all: Vec<&str> = all.as_object().unwrap().keys().map(String::as_str).collect();
    let missing: Vec<&&str> = all.iter().filter(|name| !EXERCISED.contains(name)).collect();
    assert!(missing.is_empty(), "no test exercises {missing:?}");
    let unknown: Vec<&&str> = EXERCISED.iter().filter(|name| !all.contains(name)).collect();
    assert!(
        unknown.is_empty(),
        "tests for switches that do not exist: {unknown:?}"
    );
}

#[test]
fn an_unknown_switch_or_value_is_refused() {
    let switches = Switches::default();
    assert!(
        switches
            .with(&crate::support::switches(&[("no_such", json!(1))]))
            .is_err()
    );
    assert!(
        switches
            .with(&crate::support::switches(&[("id_length", json!(16))]))
            .is_err()
    );
    assert!(
        switches
            .with(&crate::support::switches(&[(
                "in_place_secret",
                json!("perhaps")
            )]))
            .is_err()
    );
}

const NEW: &str = "NewSecret00000000000000000000000000000000000000000000000000000001";

async fn in_place(org: &Org) -> String {
    let answer = org.set_secret(NEW).await;
    let old = org.probe(LEGACY_KEY, LEGACY_SECRET).await;
    let new = org.probe(LEGACY_KEY, NEW).await;
    format!(
        "{} old {old} new {new}",
        element(&answer.text, "success").unwrap()
    )
}

async fn secret_after_flag(org: &Org) -> &'static str {
    match deploy::live(org).await == BILLING_SECRET {
        true => "old",
        false => "new",
    }
}

async fn flag_deployed(org: &Org) -> String {
    let id = deploy::deploy(org, &deploy::settings(deploy::FLAG), true).await;
    let ended = deploy::status(org, &id).await.text;
    assert_eq!(element(&ended, "status").as_deref(), Some("Succeeded"));
    format!("secret {}", secret_after_flag(org).await)
}

async fn flag_updated(org: &Org) -> String {
    let file = deploy::settings(deploy::FLAG);
    let start = file.find("<callbackUrl>").unwrap();
    let end = file.rfind("</").unwrap();
    let name = deploy::BILLING_SETTINGS;
    let answer = org
        .soap(&format!(
            r#"<updateMetadata><metadata xsi:type="{}"><fullName>{name}</fullName>{}</metadata></updateMetadata>"#,
            deploy::SETTINGS,
            &file[start..end]
        ))
        .await;
    let success = element(&answer.text, "success").unwrap();
    format!("{success} secret {}", secret_after_flag(org).await)
}

async fn flag_seen(org: &Org) -> String {
    deploy::deploy(org, &deploy::settings(deploy::FLAG), true).await;
    match deploy::read_settings(org).await.contains(deploy::FLAG) {
        true => "shown",
        false => "hidden",
    }
    .to_owned()
}

async fn flag_over_slot(org: &Org) -> String {
    let staged = org.stage("Billing").await;
    deploy::deploy(org, &deploy::settings(deploy::FLAG), true).await;
    let (key, secret) = (
        staged["key"].as_str().unwrap(),
        staged["secret"].as_str().unwrap(),
    );
    format!("staged {}", org.probe(key, secret).await)
}

async fn deployed_after(org: &Org) -> String {
    let id = deploy::deploy(org, &deploy::settings(deploy::FLAG), true).await;
    let status = element(&deploy::status(org, &id).await.text, "status").unwrap();
    format!("{status} {}", secret_after_flag(org).await)
}

async fn omitted(org: &Org) -> String {
    assert_eq!(org.update_legacy(&whole("")).await.status, 200);
    let present = org.running.state().app("Legacy").unwrap().certificate_present;
    // The JWT flow of the app is what an operator would lose.
    let login = org
        .login(LEGACY_KEY, RUN_AS, "https://login.salesforce.com", 60)
        .await;
    assert_eq!(login.status == 200, present);
    format!("certificate {}", if present { "kept" } else { "gone" })
}

async fn misordered(org: &Org) -> String {
    let good = whole("").replace("<label>Legacy</label>", "").replace(
        "<contactEmail>owner@app.example</contactEmail>",
        "<contactEmail>owner@app.example</contactEmail><label>Legacy</label>",
    );
    // `description` now comes after `label`.
    let answer = org.update_legacy(&good.replace("loads", "changed")).await;
    let state = org.running.state();
    let described = state
        .app("Legacy")
        .unwrap()
        .component
        .iter()
        .any(|(_, text)| text == "changed");
    assert!(!described, "an element out of order must never take effect");
    format!("{} description unchanged", answer.status)
}

async fn certificate_seen(org: &Org) -> String {
    let text = org.read_legacy().await;
    assert!(text.contains(LEGACY_KEY) && !text.contains(LEGACY_SECRET));
    if text.contains("<certificate>") {
        "seen"
    } else {
        "hidden"
    }
    .to_owned()
}

async fn readable(org: &Org) -> String {
    let body = "<readMetadata><type>ConnectedApp</type><fullNames>Legacy</fullNames></readMetadata>";
    org.soap(body).await.status.to_string()
}

async fn refusal(org: &Org) -> String {
    let other = whole("").replace(LEGACY_KEY, "3MVG9other");
    let answer = org.update_legacy(&other).await;
    assert!(
        answer.text.contains("You cannot provide a Consumer Key"),
        "{}",
        answer.text
    );
    element(&answer.text, "statusCode").unwrap()
}

async fn ca_over_rest(org: &Org) -> String {
    org.staged("Legacy").await.status.to_string()
}

async fn applied_overlap(org: &Org) -> String {
    org.running
        .switch(None, &switches(&[("in_place_secret", json!("applies"))]))
        .unwrap();
    org.set_secret(NEW).await;
    let during = org.probe(LEGACY_KEY, LEGACY_SECRET).await;
    org.running.advance(chrono::TimeDelta::seconds(61));
    format!("{during} then {}", org.probe(LEGACY_KEY, LEGACY_SECRET).await)
}

async fn after_promotion(org: &Org) -> String {
    let staged = org.stage("Billing").await;
    assert_eq!(
        org.rotate("Billing", staged["id"].as_str().unwrap()).await.status,
        200
    );
    org.probe(BILLING_KEY, BILLING_SECRET).await.to_owned()
}

async fn before_promotion(org: &Org) -> String {
    let staged = org.stage("Billing").await;
    let (key, secret) = (
        staged["key"].as_str().unwrap(),
        staged["secret"].as_str().unwrap(),
    );
    let before = org.probe(key, secret).await;
    org.rotate("Billing", staged["id"].as_str().unwrap()).await;
    format!("{before} then {}", org.probe(key, secret).await)
}

async fn staged_again(org: &Org) -> String {
    let posted = org.stage("Billing").await;
    let again = org.staged("Billing").await.json()["stagedCredentials"][0].clone();
    assert_eq!(posted["key"], again["key"]);
    let by_id = format!(
        "{}/staged/{}",
        org.consumer_path("Billing"),
        posted["id"].as_str().unwrap()
    );
    assert_eq!(org.get(&by_id).await.json(), again);
    match again.get("secret") {
        None => "none",
        Some(secret) if *secret == posted["secret"] => "same",
        Some(_) => "other",
    }
    .to_owned()
}

async fn swapped_id(org: &Org) -> String {
    let staged = org.stage("Billing").await;
    let id = staged["id"].as_str().unwrap();
    let after = org.rotate("Billing", id).await.json();
    assert_eq!(after["key"], BILLING_KEY);
    assert_eq!(after["state"], "Rotated");
    if after["id"] == staged["id"] {
        "same"
    } else {
        "changed"
    }
    .to_owned()
}

async fn post_again(org: &Org) -> String {
    let staged = org.stage("Billing").await;
    org.rotate("Billing", staged["id"].as_str().unwrap()).await;
    let path = format!("{}/staged", org.consumer_path("Billing"));
    let again = org.call("POST", &path, json!({})).await;
    format!(
        "{} old {}",
        again.status,
        org.probe(BILLING_KEY, BILLING_SECRET).await
    )
}

async fn post_shape(org: &Org) -> String {
    let path = format!("{}/staged", org.consumer_path("Billing"));
    let body = org.call("POST", &path, json!({})).await.json();
    if body["stagedCredentials"][0]["secret"].is_string() {
        "collection".to_owned()
    } else {
        assert!(body["secret"].is_string());
        "object".to_owned()
    }
}

async fn rotate_twice(org: &Org) -> String {
    let staged = org.stage("Billing").await;
    let once = org.rotate("Billing", staged["id"].as_str().unwrap()).await.json();
    let twice = org.rotate("Billing", once["id"].as_str().unwrap()).await;
    let primary = org.get(&org.consumer_path("Billing")).await.json()["key"].clone();
    let stays = if primary == staged["key"] {
        "stays"
    } else {
        "swapped back"
    };
    format!("{} {stays}", twice.status)
}

async fn expired(org: &Org) -> String {
    org.stage("Billing").await;
    org.running.advance(chrono::TimeDelta::days(30));
    let mut org2 = org
        .login(LOGIN_ID, USER, "https://login.salesforce.com", 60)
        .await
        .json();
    let token = org2["access_token"].take();
    let path = format!("{}/staged", org.consumer_path("Billing"));
    let request = org.http.get(org.url(&path)).bearer_auth(token.as_str().unwrap());
    let body = org.send(request).await.json();
    body["stagedCredentials"][0]["state"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

async fn secret_api(org: &Org) -> String {
    let answer = org
        .get(&format!("{}?part=keyandsecret", org.consumer_path("Billing")))
        .await;
    if answer.status == 200 {
        "200".to_owned()
    } else {
        answer.error()
    }
}

/// Turned off and on through the Metadata API; then asked at once, and after a minute.
async fn secret_api_delay(org: &Org) -> String {
    for on in ["false", "true"] {
        let body = format!(
            "<updateMetadata><metadata xsi:type=\"ExternalClientAppSettings\"><fullName>ExternalClientApp</fullName>\
             <enableClientSecretInRestApiAccess>{on}</enableClientSecretInRestApiAccess></metadata></updateMetadata>"
        );
        let answer = org.soap(&body).await;
        assert_eq!(
            element(&answer.text, "success").as_deref(),
            Some("true"),
            "{}",
            answer.text
        );
    }
    let first = secret_api(org).await;
    org.running.advance(chrono::TimeDelta::seconds(60));
    format!("{first} {}", secret_api(org).await)
}

/// By the verdict on a deploy that is not applied; one that is makes none here either.
async fn creation(org: &Org) -> String {
    let file = "<ConnectedApp xmlns=\"http://soap.sforce.com/2006/04/metadata\"><contactEmail>a@b.example</contactEmail>\
        <label>New</label></ConnectedApp>";
    let manifest = "<Package xmlns=\"http://soap.sforce.com/2006/04/metadata\"><types><members>New</members>\
        <name>ConnectedApp</name></types><version>66.0</version></Package>";
    let package = deploy::zip(&[
        ("package.xml", manifest),
        ("connectedApps/New.connectedApp", file),
    ]);
    let mut verdicts = Vec::new();
    for check_only in [true, false] {
        let id = deploy::hand_in(org, &package, check_only).await;
        verdicts.push(deploy::status(org, &id).await.text);
    }
    assert!(org.running.state().app("New").is_none());
    let told = |text: &String| text.contains("create a connected app");
    match (element(&verdicts[0], "success").as_deref(), told(&verdicts[0])) {
        (Some("true"), false) => "could".to_owned(),
        (Some("false"), true) if told(&verdicts[1]) => "can't".to_owned(),
        _ => verdicts.remove(0),
    }
}

async fn pages(org: &Org) -> String {
    let next = |body: Value| {
        if body["nextPageUrl"].is_null() {
            "none"
        } else {
            "next"
        }
    };
    let path = "/services/data/v66.0/apps/oauth/usage";
    let last = org.get(&format!("{path}?page=0&pageSize=100")).await.json();
    assert_eq!(
        last["apps"].as_array().unwrap().len(),
        2,
        "the login app and Billing: {last}"
    );
    let beyond = org.get(&format!("{path}?page=1&pageSize=100")).await.json();
    assert_eq!(beyond["apps"], json!([]));
    format!("{}, {}", next(last), next(beyond))
}

async fn ids(org: &Org) -> String {
    let query = "/services/data/v66.0/query?q=SELECT+Id,DeveloperName+FROM+ExternalClientApplication";
    let app = org.get(query).await.json()["records"][0]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let staged = org.stage("Billing").await;
    assert_eq!(staged["createdBy"].as_str().unwrap().len(), app.len());
    app.len().to_string()
}

async fn junk_token(org: &Org) -> String {
    let good = org.introspect(BILLING_KEY, BILLING_SECRET).await;
    assert_eq!(org.introspect(BILLING_KEY, "corrupted").await.status, 401);
    good.status.to_string()
}

async fn live_token(org: &Org) -> String {
    let token = org.client_credentials(BILLING_KEY, BILLING_SECRET).await.json()["access_token"].clone();
    let token = token.as_str().unwrap();
    let fields = [
        ("token", token),
        ("client_id", BILLING_KEY),
        ("client_secret", BILLING_SECRET),
    ];
    org.form("/services/oauth2/introspect", &fields).await.json()["active"].to_string()
}

async fn junk_grants(org: &Org) -> String {
    let mut seen = Vec::new();
    for (grant, field) in [("refresh_token", "refresh_token"), ("authorization_code", "code")] {
        let with = |secret| {
            [
                ("grant_type", grant),
                (field, "junk"),
                ("client_id", BILLING_KEY),
                ("client_secret", secret),
            ]
        };
        let good = org.form("/services/oauth2/token", &with(BILLING_SECRET)).await;
        assert_eq!(good.error(), "400 invalid_grant");
        let bad = org.form("/services/oauth2/token", &with("corrupted")).await;
        seen.push(bad.json()["error"].as_str().unwrap().to_owned());
    }
    seen.join(" ")
}

async fn no_run_as(org: &Org) -> String {
    let mut seed = seed();
    seed.external_client_apps[0].client_credentials = true;
    seed.external_client_apps[0].client_credentials_user = None;
    seed.switches = org.running.state().switches;
    let org = Org::start(seed).await;
    let bad = org.client_credentials(BILLING_KEY, "corrupted").await.error();
    let good = org.client_credentials(BILLING_KEY, BILLING_SECRET).await.error();
    format!("{bad}, {good}")
}

async fn flow_off(org: &Org) -> String {
    let mut seed = seed();
    seed.external_client_apps[0].client_credentials_user = None;
    seed.switches = org.running.state().switches;
    let org = Org::start(seed).await;
    org.client_credentials(BILLING_KEY, BILLING_SECRET).await.error()
}

async fn basic(org: &Org) -> String {
    let request = org
        .http
        .post(org.url("/services/oauth2/introspect"))
        .form(&[("token", "junk")]);
    org.send(request.basic_auth(BILLING_KEY, Some(BILLING_SECRET)))
        .await
        .status
        .to_string()
}

async fn vacuous(org: &Org) -> String {
    let mut seed = seed();
    seed.connected_apps[0].secret_optional = true;
    seed.switches = org.running.state().switches;
    let org = Org::start(seed).await;
    assert_eq!(
        org.probe(BILLING_KEY, "corrupted").await,
        "refused",
        "only an app whose secret is optional"
    );
    org.probe(LEGACY_KEY, "corrupted").await.to_owned()
}

async fn audiences(org: &Org) -> String {
    let own = org.running.base_url().to_owned();
    let mut seen = Vec::new();
    for audience in [
        "https://login.salesforce.com",
        "https://test.salesforce.com",
        &own,
    ] {
        seen.push(org.login(LOGIN_ID, USER, audience, 60).await.status.to_string());
    }
    seen.join(" ")
}

async fn far_expiry(org: &Org) -> String {
    let answer = org
        .login(LOGIN_ID, USER, "https://login.salesforce.com", 301)
        .await;
    if answer.status == 200 {
        "200".to_owned()
    } else {
        answer.error()
    }
}

async fn token_shape(org: &Org) -> String {
    let parts = org.token.split('.').count();
    assert_eq!(
        org.get("/services/data/v66.0/limits").await.status,
        200,
        "REST takes either shape"
    );
    let body = "<describeMetadata><asOfVersion>66.0</asOfVersion></describeMetadata>";
    let plural = if parts == 1 { "part" } else { "parts" };
    format!("{parts} {plural}, SOAP {}", org.soap(body).await.status)
}

async fn instance(org: &Org) -> String {
    let login = org
        .login(LOGIN_ID, USER, "https://login.salesforce.com", 60)
        .await
        .json();
    let told = login["instance_url"].as_str().unwrap().to_owned();
    if told == org.running.base_url() {
        "own".to_owned()
    } else {
        told
    }
}

async fn session_life(org: &Org) -> String {
    org.running.advance(chrono::TimeDelta::seconds(29));
    assert_eq!(org.get("/services/data/v66.0/limits").await.status, 200);
    org.running.advance(chrono::TimeDelta::seconds(29));
    assert_eq!(
        org.get("/services/data/v66.0/limits").await.status,
        200,
        "its time-out slides"
    );
    org.running.advance(chrono::TimeDelta::seconds(31));
    let answer = org.get("/services/data/v66.0/limits").await;
    if answer.status == 200 {
        "200".to_owned()
    } else {
        answer.error()
    }
}

async fn token_deaths(org: &Org) -> String {
    let login = org.client_credentials(BILLING_KEY, BILLING_SECRET).await.json();
    let token = login["access_token"].as_str().unwrap().to_owned();
    let mut seen = Vec::new();
    let alive = async || {
        let request = org
            .http
            .get(org.url("/services/data/v66.0/limits"))
            .bearer_auth(&token);
        org.send(request).await.status.to_string()
    };
    let staged = org.stage("Billing").await;
    seen.push(alive().await);
    let rotated = org.rotate("Billing", staged["id"].as_str().unwrap()).await.json();
    seen.push(alive().await);
    let path = format!(
        "{}/staged/{}",
        org.consumer_path("Billing"),
        rotated["id"].as_str().unwrap()
    );
    assert_eq!(org.delete(&path).await.status, 204);
    seen.push(alive().await);
    seen.join(" ")
}

async fn spreading(org: &Org) -> String {
    let set = [
        ("propagation_seconds", json!(600)),
        ("in_place_secret", json!("applies")),
    ];
    org.running.switch(None, &switches(&set)).unwrap();
    org.set_secret(NEW).await;
    let mut seen = Vec::new();
    for secret in [LEGACY_SECRET, LEGACY_SECRET, NEW, NEW] {
        seen.push(org.probe(LEGACY_KEY, secret).await);
    }
    assert_eq!(
        org.running.accepts(LEGACY_KEY, NEW),
        Some(2),
        "the truth does not waver"
    );
    org.running.advance(chrono::TimeDelta::seconds(600));
    assert_eq!(org.probe(LEGACY_KEY, LEGACY_SECRET).await, "refused");
    assert_eq!(org.probe(LEGACY_KEY, NEW).await, "accepted");
    format!("old {} {}, new {} {}", seen[0], seen[1], seen[2], seen[3])
}

async fn spread_time(org: &Org) -> String {
    let set = [
        ("propagation_mode", json!("late")),
        ("in_place_secret", json!("applies")),
    ];
    org.running.switch(None, &switches(&set)).unwrap();
    org.set_secret(NEW).await;
    org.running.advance(chrono::TimeDelta::seconds(3599));
    org.probe(LEGACY_KEY, NEW).await.to_owned()
}

async fn newest(org: &Org) -> String {
    let list = org.get("/services/data/").await.json();
    let newest = list.as_array().unwrap().last().unwrap()["version"].clone();
    format!(
        "{} {}",
        newest.as_str().unwrap(),
        org.get("/services/data/v66.0/limits").await.status
    )
}

async fn missing(org: &Org) -> String {
    let body = "<readMetadata><type>ConnectedApp</type><fullNames>Nobody</fullNames></readMetadata>";
    let text = org.soap(body).await.text;
    if text.contains(r#"<records xsi:nil="true"/>"#) {
        "nil"
    } else if text.contains("<records/>") {
        "empty"
    } else {
        assert!(!text.contains("<records"));
        "absent"
    }
    .to_owned()
}

/// An app's own switches win over the org's, in the seed and later.
#[tokio::test]
async fn an_app_overrides_the_org() {
    let mut seed = seed();
    seed.connected_apps[0].switches = toml::from_str("in_place_secret = \"applies\"").unwrap();
    let org = Org::start(seed).await;
    assert_eq!(in_place(&org).await, "true old refused new accepted");
    let set = switches(&[("in_place_secret", json!("ignored"))]);
    org.running.switch(Some("Legacy"), &set).unwrap();
    org.running
        .switch(None, &switches(&[("id_length", json!(15))]))
        .unwrap();
    let other = NEW.replace('N', "M");
    org.set_secret(&other).await;
    assert_eq!(org.probe(LEGACY_KEY, &other).await, "refused");
    org.running.act(Act::EndSessions {}).unwrap();
    assert_eq!(
        org.get("/services/data/v66.0/limits").await.error(),
        "401 INVALID_SESSION_ID"
    );
}
