//! Connected Apps over SOAP (M §1, §2, §5).

use crate::support::*;
use rekeyd::sandbox::{ConnectedAppSeed, Seed};
use serde_json::json;
use std::collections::BTreeMap;

const NEW: &str = "NewSecret00000000000000000000000000000000000000000000000000000001";

async fn with_keeping_org(change: impl FnOnce(&mut ConnectedAppSeed)) -> Org {
    let mut seed: Seed = seed();
    change(&mut seed.connected_apps[0]);
    seed.switches = seed
        .switches
        .with(&switches(&[("in_place_secret", json!("applies"))]))
        .unwrap();
    Org::start(seed).await
}

#[tokio::test]
async fn a_read_shows_everything_but_the_secret_and_the_certificate() {
    let org = Org::standard().await;
    let text = org.read_legacy().await;
    assert_eq!(element(&text, "fullName").unwrap(), "Legacy");
    assert_eq!(element(&text, "consumerKey").unwrap(), LEGACY_KEY);
    assert_eq!(
        element(&text, "description").unwrap(),
        "loads &lt;things&gt; &amp; more"
    );
    assert!(
        text.contains("<scopes>Api</scopes><scopes>RefreshToken</scopes>"),
        "normalised: {text}"
    );
    assert!(!text.contains(LEGACY_SECRET) && !text.contains("consumerSecret"));
    assert!(!text.contains("certificate"));
}

#[tokio::test]
async fn what_a_client_does_not_know_comes_back_and_can_be_sent_again() {
    let extra = |name: &str| BTreeMap::from([(name.to_owned(), "kept".to_owned())]);
    let org = with_keeping_org(|app| {
        app.extra = extra("newThing");
        app.oauth_extra = extra("isNewerStill");
    })
    .await;
    let text = org.read_legacy().await;
    assert!(text.contains("<newThing>kept</newThing>") && text.contains("<isNewerStill>kept</isNewerStill>"));
    let again = whole("")
        .replace("<oauthConfig>", "<newThing>kept</newThing><oauthConfig>")
        .replace(
            "<oauthClientCredentialUser>",
            "<isNewerStill>kept</isNewerStill><oauthClientCredentialUser>",
        );
    let answer = org.update_legacy(&again).await;
    assert_eq!(
        element(&answer.text, "success").as_deref(),
        Some("true"),
        "{}",
        answer.text
    );
    let state = org.running.state();
    let component = &state.app("Legacy").unwrap().component;
    assert!(component.contains(&("newThing".to_owned(), "kept".to_owned())));
    assert!(component.contains(&("oauthConfig.isNewerStill".to_owned(), "kept".to_owned())));
    // An org that does not have it refuses it.
    let plain = Org::standard().await;
    let answer = plain.update_legacy(&again).await;
    assert_eq!(answer.status, 500);
    assert!(
        answer
            .text
            .contains("newThing invalid at this location in type ConnectedApp")
    );
}

#[tokio::test]
async fn a_refused_component_changes_nothing() {
    let org = Org::standard().await;
    let before = org.running.state();
    let before = before.app("Legacy").unwrap();
    let long = "x".repeat(257);
    for (elements, says) in [
        (
            whole("").replace("owner@app.example", ""),
            "REQUIRED_FIELD_MISSING",
        ),
        (
            whole("").replace("<label>Legacy</label>", ""),
            "REQUIRED_FIELD_MISSING",
        ),
        (
            whole("").replace("<callbackUrl>https://app.example/callback</callbackUrl>", ""),
            "REQUIRED_FIELD_MISSING",
        ),
        (
            whole("").replace(LEGACY_KEY, BILLING_KEY),
            "You cannot provide a Consumer Key",
        ),
        (
            whole("").replace(&format!("<consumerKey>{LEGACY_KEY}</consumerKey>"), ""),
            "requires isClientCredentialEnabled and consumerKey",
        ),
        (
            whole("<consumerSecret>with-a-dash</consumerSecret>"),
            "must be alphanumeric",
        ),
        (whole("<consumerSecret>short</consumerSecret>"), "8 to 256"),
        (
            whole(&format!("<consumerSecret>{long}</consumerSecret>")),
            "8 to 256",
        ),
        (
            whole("").replace("<scopes>Api", "<scopes>Everything"),
            "not a valid value for the enum",
        ),
        (
            whole("").replace(
                "<isAdminApproved>",
                "<isDPopEnabled>true</isDPopEnabled><isAdminApproved>",
            ),
            "invalid at this location",
        ),
        (
            whole(&format!("<consumerSecret>{BILLING_SECRET}</consumerSecret>")),
            "already taken",
        ),
    ] {
        let answer = org.update_legacy(&elements).await;
        assert!(answer.text.contains(says), "{says}: {}", answer.text);
        let after = org.running.state();
        let after = after.app("Legacy").unwrap();
        assert_eq!(after.component, before.component, "{says}");
        assert_eq!(after.last_modified, before.last_modified);
        assert_eq!(after.consumers[0].primary, 1);
    }
}

#[tokio::test]
async fn an_update_that_applies_changes_secret_author_and_date() {
    let org = with_keeping_org(|_| {}).await;
    org.running.advance(chrono::TimeDelta::seconds(5));
    let answer = org.set_secret(NEW).await;
    assert_eq!(element(&answer.text, "success").unwrap(), "true");
    let state = org.running.state();
    let legacy = state.app("Legacy").unwrap();
    assert_eq!((legacy.consumers[0].mints, legacy.consumers[0].cutovers), (0, 1));
    assert_eq!(
        (legacy.last_modified.clone(), legacy.last_modified_by.as_str()),
        (state.now.clone(), USER)
    );
    assert_eq!(
        legacy.consumers[0].pairs[1].client_id, LEGACY_KEY,
        "the key stays"
    );
    assert!(legacy.in_order);
    let list = "<listMetadata><queries><type>ConnectedApp</type></queries><asOfVersion>66.0</asOfVersion></listMetadata>";
    let list = org.soap(list).await.text;
    assert_eq!(element(&list, "lastModifiedDate"), Some(state.now));
    assert_eq!(element(&list, "lastModifiedByName").as_deref(), Some(USER));
    assert_eq!(
        element(&list, "createdByName").as_deref(),
        Some("admin@sandbox.example")
    );
    // Sending the secret that it has is no change.
    org.set_secret(NEW).await;
    assert_eq!(
        org.running.state().app("Legacy").unwrap().consumers[0].cutovers,
        1
    );
}

#[tokio::test]
async fn an_empty_element_takes_the_grants_away_even_where_omitting_keeps() {
    let org = Org::with("omitted_element", json!("keeps")).await;
    let answer = org
        .update_legacy(&whole("").replace("<permissionSetName>Loader</permissionSetName>", ""))
        .await;
    assert_eq!(answer.status, 200);
    let granted = |org: &Org| {
        let state = org.running.state();
        state
            .app("Legacy")
            .unwrap()
            .component
            .iter()
            .any(|(path, _)| path == "permissionSetName")
    };
    assert!(granted(&org));
    org.update_legacy(&whole("").replace(">Loader</permissionSetName>", "/>"))
        .await;
    assert!(!granted(&org));
}

#[tokio::test]
async fn all_or_none_holds_back_what_would_have_worked() {
    let org = with_keeping_org(|_| {}).await;
    let good = whole(&format!("<consumerSecret>{NEW}</consumerSecret>"));
    let body = format!(
        r#"<updateMetadata><metadata xsi:type="ConnectedApp"><fullName>Legacy</fullName>{good}</metadata>
        <metadata xsi:type="ConnectedApp"><fullName>Nobody</fullName>{}</metadata></updateMetadata>"#,
        whole("")
    );
    let header = "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>";
    let answer = org.send(org.soap_request(66, &org.token, header, &body)).await;
    assert!(
        answer.text.contains("ALL_OR_NONE_OPERATION_ROLLED_BACK"),
        "{}",
        answer.text
    );
    assert!(answer.text.contains("INVALID_CROSS_REFERENCE_KEY"));
    assert_eq!(org.probe(LEGACY_KEY, NEW).await, "refused");
    let answer = org.soap(&body).await;
    assert!(
        answer.text.contains("<success>true</success>"),
        "without the header each stands alone"
    );
    assert_eq!(org.probe(LEGACY_KEY, NEW).await, "accepted");
}

#[tokio::test]
async fn faults_come_with_500_and_a_code() {
    let org = Org::standard().await;
    let describe = "<describeMetadata><asOfVersion>66.0</asOfVersion></describeMetadata>";
    let code = |answer: &Answer| (answer.status, element(&answer.text, "faultcode").unwrap());
    let answer = org
        .send(org.soap_request(66, "no-such-session", "", describe))
        .await;
    assert_eq!(code(&answer), (500, "sf:INVALID_SESSION_ID".to_owned()));
    // A bearer header alone does not authenticate here.
    let answer = org
        .send(org.soap_request(66, "", "", describe).bearer_auth(&org.token))
        .await;
    assert_eq!(code(&answer), (500, "sf:INVALID_SESSION_ID".to_owned()));
    let answer = org.send(org.soap_request(30, &org.token, "", describe)).await;
    assert_eq!(code(&answer), (500, "sf:UNSUPPORTED_API_VERSION".to_owned()));
    let answer = org.soap("<createMetadata/>").await;
    assert_eq!(code(&answer), (500, "soapenv:Client".to_owned()));
    let answer = org
        .soap("<readMetadata><type>CustomObject</type></readMetadata>")
        .await;
    assert_eq!(code(&answer), (500, "sf:INVALID_TYPE".to_owned()));
    let eleven = "<fullNames>Legacy</fullNames>".repeat(11);
    let answer = org
        .soap(&format!(
            "<readMetadata><type>ConnectedApp</type>{eleven}</readMetadata>"
        ))
        .await;
    assert_eq!(code(&answer), (500, "sf:EXCEEDED_ID_LIMIT".to_owned()));
    let request = org
        .soap_request(66, &org.token, "", describe)
        .header("Content-Type", "application/json");
    assert_eq!(
        org.send(request).await.status,
        200,
        "the first content type counts"
    );
    let request = org.http.post(org.url("/services/Soap/m/66.0")).json(&json!({}));
    assert_eq!(org.send(request).await.status, 415);
    for broken in ["<a><b></a>", "&unknown;", "<!DOCTYPE x []>"] {
        let answer = org.soap(broken).await;
        assert_eq!(code(&answer), (500, "soapenv:Client".to_owned()), "{broken}");
    }
    let deep = "<a>".repeat(200) + &"</a>".repeat(200);
    assert_eq!(code(&org.soap(&deep).await).0, 500);
}

#[tokio::test]
async fn some_apps_cannot_be_read_or_changed() {
    let mut seed = seed();
    seed.connected_apps.push(ConnectedAppSeed {
        name: "CPQIntegrationUserApp".to_owned(),
        hidden: true,
        ..ConnectedAppSeed::default()
    });
    seed.connected_apps[0].read_only = true;
    let org = Org::start(seed).await;
    let both = "<readMetadata><type>ConnectedApp</type><fullNames>Legacy</fullNames>\
                <fullNames>CPQIntegrationUserApp</fullNames></readMetadata>";
    assert!(
        org.soap(both).await.text.contains("sf:UNKNOWN_EXCEPTION"),
        "one hidden app fails the whole read"
    );
    assert!(org.read_legacy().await.contains(LEGACY_KEY));
    assert!(
        org.set_secret(NEW)
            .await
            .text
            .contains("CANNOT_MODIFY_MANAGED_OBJECT")
    );
}
