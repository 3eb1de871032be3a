//! Method `update`, call by call, and the envelopes as they go out.

use rekeyd::clock::Timestamp;
use rekeyd::port::{Cutover, Fault, Outcome, Refusal, Target};
use rekeyd::salesforce::{SetupError, UpdateTarget};

use super::server::{
    Answer, NOW, Server, granted, html, json, pair, soap, soap_at, soap_fault, update_settings,
};
use super::writes::class;

pub const READ: &str = "SOAP readMetadata";
pub const LIST: &str = "SOAP listMetadata";
pub const DESCRIBE: &str = "SOAP describeMetadata";
pub const UPDATE: &str = "SOAP updateMetadata";

/// A component out of order, with elements and attributes that nobody here knows.
pub const COMPONENT: &str = r#"<fullName>Legacy_Loader</fullName><contactEmail>ops@acme.example</contactEmail><label>Loader &amp; &quot;Sons&quot; &lt;1&gt;</label><ipRanges><description>HQ</description><end>10.0.0.9</end><start>10.0.0.1</start></ipRanges><ipRanges><end>10.0.1.9</end><start>10.0.1.1</start></ipRanges><zFuture kind="&#9;x&quot;" xsi:nil="true"/><oauthConfig><scopes>OfflineAccess</scopes><scopes>Api</scopes><callbackUrl>https://a.example/cb
https://b.example/cb?x=1&amp;y=2</callbackUrl><consumerKey>3MVG9old</consumerKey><isFutureThing><deep>1</deep><alpha>2</alpha></isFutureThing><isAdminApproved>true</isAdminApproved></oauthConfig><description>  kept as it is&#13;
</description>"#;

pub fn record(component: &str) -> Answer {
    soap(format!(
        r#"<readMetadataResponse><result><records xsi:type="ConnectedApp">{component}</records></result></readMetadataResponse>"#
    ))
}

fn listed(modified: &str, more: &str) -> Answer {
    let entry = |name: &str, modified: &str, more: &str| {
        format!(
            "<result><createdById>005000000000002AAA</createdById><fullName>{name}</fullName><lastModifiedDate>{modified}</lastModifiedDate>{more}<type>ConnectedApp</type></result>"
        )
    };
    let other = entry(
        "Other",
        "2020-01-01T00:00:00.000Z",
        "<manageableState>installed</manageableState>",
    );
    soap(format!(
        "<listMetadataResponse>{other}{}</listMetadataResponse>",
        entry("Legacy_Loader", modified, more)
    ))
}

const MODIFIED: &str = "2026-02-01T00:00:00.000Z";

pub fn saved(inner: &str) -> Answer {
    soap(format!(
        "<updateMetadataResponse><result>{inner}</result></updateMetadataResponse>"
    ))
}

fn save_error(code: &str, message: &str) -> Answer {
    saved(&format!(
        "<errors><message>{message}</message><statusCode>{code}</statusCode></errors><fullName>Legacy_Loader</fullName><success>false</success>"
    ))
}

pub async fn server() -> Server {
    let server = Server::start().await;
    server.always(READ, record(COMPONENT));
    server.always(
        LIST,
        listed(MODIFIED, "<manageableState>unmanaged</manageableState>"),
    );
    server.always(
        DESCRIBE,
        soap(
            "<describeMetadataResponse><result><metadataObjects><directoryName>connectedApps</directoryName><xmlName>ConnectedApp</xmlName></metadataObjects><organizationNamespace></organizationNamespace></result></describeMetadataResponse>",
        ),
    );
    server.always(
        UPDATE,
        saved("<fullName>Legacy_Loader</fullName><success>true</success>"),
    );
    server
}

fn order() -> Cutover {
    Cutover {
        staged: None,
        new: pair("3MVG9old", "n3wS3cret"),
        modified: Some(MODIFIED.into()),
    }
}

#[tokio::test]
async fn a_survey_reads_key_mark_and_clock() {
    let server = server().await;
    let target = server.update();
    let survey = target.survey().await.unwrap();
    assert_eq!(survey.obstacles, Vec::<String>::new());
    assert_eq!(survey.key.as_deref(), Some("3MVG9old"));
    assert!(survey.live.is_none() && survey.staged.is_none() && !survey.own_login);
    assert_eq!(survey.modified.as_deref(), Some(MODIFIED));
    assert_eq!(survey.server_time, Some(Timestamp(NOW)));
    assert_eq!(survey.our_user.as_deref(), Some("005000000000002"));
    target.survey().await.unwrap();
    assert_eq!((server.count(DESCRIBE), server.count(READ)), (1, 2));
}

#[tokio::test]
async fn the_envelopes() {
    let server = server().await;
    let target = server.update();
    target.survey().await.unwrap();
    assert_eq!(class(&target.cutover(&order()).await), "done");
    for key in [DESCRIBE, LIST, READ, UPDATE] {
        let seen = &server.seen(key)[0];
        assert_eq!(seen.target, "/services/Soap/m/66.0");
        assert_eq!(seen.headers["soapaction"], "\"\"");
        assert_eq!(seen.headers["content-type"], "text/xml; charset=UTF-8");
        assert!(!seen.headers.contains_key("authorization"));
        // One element a line, so that a difference is readable.
        insta::assert_snapshot!(key.replace(' ', "_"), seen.body.replace("><", ">\n<"));
    }
}

#[tokio::test]
async fn with_a_certificate_of_the_configuration() {
    let server = server().await;
    let mut settings = update_settings();
    settings.certificate = Some("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".into());
    let target = UpdateTarget::new(server.org().0, settings.clone()).unwrap();
    assert_eq!(class(&target.cutover(&order()).await), "done");
    let body = server.seen(UPDATE)[0].body.clone();
    let at = |part: &str| body.find(part).unwrap_or_else(|| panic!("{part} in {body}"));
    assert!(at("<m:callbackUrl>") < at("<m:certificate>-----BEGIN CERTIFICATE-----\nMIIB\n"));
    assert!(at("</m:certificate>") < at("<m:consumerKey>"));
    // A certificate that cannot be read back is no difference.
    assert_eq!(target.settled_diff().await, Vec::<String>::new());

    settings.certificate = Some("MIIB".into());
    let refused = UpdateTarget::new(server.org().0, settings).err();
    assert_eq!(refused, Some(SetupError::Certificate));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_sent_back_stops_everything() {
    let masked = COMPONENT.replace("<consumerKey>", "<certificate>*****</certificate><consumerKey>");
    let server = server().await;
    server.always(READ, record(&masked));
    let target = server.update();
    assert!(target.survey().await.unwrap().obstacles[0].contains("certificate_file"));
    assert_eq!(class(&target.cutover(&order()).await), "refused: invalid");
    assert_eq!(server.count(UPDATE), 0);
    // One that can be is sent back as it was.
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    server.always(READ, record(&masked.replace("*****", pem)));
    assert_eq!(target.survey().await.unwrap().obstacles, Vec::<String>::new());
    assert_eq!(class(&target.cutover(&order()).await), "done");
    assert!(server.seen(UPDATE)[0].body.contains(pem));
}

#[tokio::test]
async fn obstacles_name_what_stands_in_the_way() {
    let cases = [
        (
            LIST,
            listed(MODIFIED, "<manageableState>installed</manageableState>"),
            "managed",
        ),
        (
            LIST,
            listed(MODIFIED, "<namespacePrefix>acme</namespacePrefix>"),
            "managed",
        ),
        (LIST, soap("<listMetadataResponse/>"), "not in the list"),
        (LIST, listed("", ""), "last edited"),
        (READ, record(""), "no Connected App"),
        (
            READ,
            soap(
                r#"<readMetadataResponse><result><records xsi:nil="true"/></result></readMetadataResponse>"#,
            ),
            "no Connected App",
        ),
        (
            READ,
            soap("<readMetadataResponse><result/></readMetadataResponse>"),
            "no Connected App",
        ),
        (
            READ,
            record("<fullName>Legacy_Loader</fullName><label>x</label>"),
            "no OAuth settings",
        ),
        (
            DESCRIBE,
            soap("<describeMetadataResponse><result></result></describeMetadataResponse>"),
            "does not know",
        ),
        (READ, soap_fault("INSUFFICIENT_ACCESS", "no"), "Modify Metadata"),
    ];
    for (key, answer, text) in cases {
        let server = server().await;
        server.always(key, answer.clone());
        let survey = server.update().survey().await.unwrap();
        assert!(
            survey.obstacles.iter().any(|found| found.contains(text)),
            "{text}: {:?}",
            survey.obstacles
        );
    }
    let server = server().await;
    server.always(READ, record(&COMPONENT.replace("3MVG9old", "3MVG9own")));
    assert!(server.update().survey().await.unwrap().own_login);
}

#[tokio::test]
async fn an_edit_in_between_is_a_conflict_and_nothing_is_sent() {
    let server = server().await;
    let target = server.update();
    let mut order = order();
    order.modified = Some("2026-01-31T00:00:00.000Z".into());
    assert_eq!(class(&target.cutover(&order).await), "refused: conflict");
    order.modified = None;
    assert_eq!(class(&target.cutover(&order).await), "refused: conflict");
    order.modified = Some(MODIFIED.into());
    order.new = pair("3MVG9other", "n3wS3cret");
    assert_eq!(class(&target.cutover(&order).await), "refused: conflict");
    server.once(READ, vec![record("")]);
    order.new = pair("3MVG9old", "n3wS3cret");
    assert_eq!(class(&target.cutover(&order).await), "refused: conflict");
    server.once(READ, vec![record(&COMPONENT.replace("3MVG9old", "3MVG9own"))]);
    order.new = pair("3MVG9own", "n3wS3cret");
    assert_eq!(class(&target.cutover(&order).await), "refused: invalid");
    assert_eq!(server.count(UPDATE), 0);
    // The mark is asked for after the component, so that an edit between the two shows.
    let all = server.all();
    let last = |key: &str| all.iter().rposition(|seen| seen.key() == key).unwrap();
    server.update().cutover(&super::update::order()).await;
    let all_after = server.all();
    let next = |key: &str, from: usize| {
        from + all_after[from..]
            .iter()
            .position(|seen| seen.key() == key)
            .unwrap()
    };
    let from = last(READ).max(last(LIST)) + 1;
    assert!(next(READ, from) < next(LIST, from) && next(LIST, from) < next(UPDATE, from));
}

#[tokio::test]
async fn an_undo_reads_again_but_asks_for_no_mark() {
    let server = server().await;
    let target = server.update();
    assert_eq!(class(&target.undo(&pair("3MVG9old", "oldS3cret")).await), "done");
    assert_eq!(
        (server.count(READ) >= 1, server.count(LIST), server.count(UPDATE)),
        (true, 0, 1)
    );
    assert!(
        server.seen(UPDATE)[0]
            .body
            .contains("<m:consumerSecret>oldS3cret</m:consumerSecret>")
    );
    assert_eq!(
        class(&target.undo(&pair("3MVG9other", "oldS3cret")).await),
        "refused: conflict"
    );
    assert_eq!(
        class(&target.undo(&pair("3MVG9old", "\u{1}")).await),
        "refused: invalid"
    );
    assert_eq!(
        class(&target.undo(&pair("3MVG9old", "")).await),
        "refused: invalid"
    );
}

#[tokio::test]
async fn a_secret_from_elsewhere_is_escaped() {
    let server = server().await;
    let secret = "a<b>&\"'c]]>";
    assert_eq!(
        class(&server.update().undo(&pair("3MVG9old", secret)).await),
        "done"
    );
    let escaped = "<m:consumerSecret>a&lt;b&gt;&amp;&quot;&apos;c]]&gt;</m:consumerSecret>";
    assert!(server.seen(UPDATE)[0].body.contains(escaped));
}

#[tokio::test]
async fn what_a_write_changed_besides_the_secret_is_told() {
    let after = COMPONENT
        .replace("ops@acme.example", "other@acme.example")
        .replace("<isAdminApproved>true</isAdminApproved>", "")
        .replace("10.0.1.9", "10.0.1.99")
        .replace("<label>", "<iconUrl>x</iconUrl><label>");
    let server = server().await;
    let target = server.update();
    server.once(READ, vec![record(COMPONENT), record(&after)]);
    assert_eq!(class(&target.cutover(&order()).await), "done");
    let told = [
        "contactEmail: changed",
        "iconUrl: new",
        "ipRanges: changed",
        "oauthConfig.isAdminApproved: gone",
    ];
    assert_eq!(target.settled_diff().await, told);
    assert_eq!(target.last_diff(), told);
}

#[tokio::test]
async fn scopes_shown_under_another_name_are_no_difference() {
    let before = COMPONENT.replace(
        "<scopes>Api</scopes>",
        "<scopes>Api</scopes><scopes>Email</scopes><scopes>Basic</scopes>",
    );
    let shown = COMPONENT.replace(
        "<scopes>OfflineAccess</scopes><scopes>Api</scopes>",
        "<scopes>Api</scopes><scopes>Basic</scopes><scopes>RefreshToken</scopes>",
    );
    let lost = shown.replace("<scopes>RefreshToken</scopes>", "");
    let server = server().await;
    let target = server.update();
    for (after, told) in [(&shown, vec![]), (&lost, vec!["oauthConfig.scopes: changed"])] {
        server.once(READ, vec![record(&before), record(after)]);
        assert_eq!(class(&target.cutover(&order()).await), "done");
        assert_eq!(target.settled_diff().await, told);
    }
}

#[tokio::test]
async fn a_survey_compares_where_the_write_was_not_answered_or_not_read_back() {
    let changed = record(&COMPONENT.replace("ops@acme.example", "other@acme.example"));
    // Not answered: compared again and again, because it may still land.
    let server = server().await;
    let target = server.update();
    server.once(UPDATE, vec![Answer::Drop]);
    assert_eq!(class(&target.cutover(&order()).await), "unknown");
    assert_eq!(target.settled_diff().await, Vec::<String>::new());
    target.survey().await.unwrap();
    assert_eq!(target.last_diff(), Vec::<String>::new());
    server.once(READ, vec![changed.clone()]);
    target.survey().await.unwrap();
    assert_eq!(target.last_diff(), ["contactEmail: changed"]);

    // Answered, but the reading back failed.
    let target = server.update();
    server.once(READ, vec![record(COMPONENT), html(503), changed]);
    assert_eq!(class(&target.cutover(&order()).await), "done");
    assert_eq!(target.settled_diff().await, Vec::<String>::new());
    target.survey().await.unwrap();
    assert_eq!(target.last_diff(), ["contactEmail: changed"]);
}

#[tokio::test]
async fn every_answer_to_a_write() {
    let rolled_back = "<errors><message>x</message><statusCode>ALL_OR_NONE_OPERATION_ROLLED_BACK</statusCode></errors><errors><message>x</message><statusCode>INSUFFICIENT_ACCESS</statusCode></errors><success>false</success>";
    let doubtful = "<errors><message>x</message><statusCode>INVALID_FIELD</statusCode></errors><errors><message>x</message><statusCode>UNKNOWN_EXCEPTION</statusCode></errors><success>false</success>";
    let curly = "You can\u{2019}t create a connected app. To enable connected app creation, contact Salesforce Customer Support.";
    let table: Vec<(Answer, &str)> = vec![
        (
            saved("<fullName>Legacy_Loader</fullName><success>true</success>"),
            "done",
        ),
        (saved("<success>true</success>"), "done"),
        (
            saved("<fullName>Other</fullName><success>true</success>"),
            "unknown",
        ),
        (saved("<fullName>Legacy_Loader</fullName>"), "unknown"),
        (saved("<success>maybe</success>"), "unknown"),
        (soap("<updateMetadataResponse/>"), "unknown"),
        (soap(""), "unknown"),
        (
            save_error("INVALID_FIELD", "You cannot provide a Consumer Key"),
            "refused: unsupported",
        ),
        (
            save_error("FIELD_INTEGRITY_EXCEPTION", "The consumer key is already taken"),
            "refused: invalid",
        ),
        (
            save_error("SOMETHING_NEW", "Consumer Secret update is not allowed"),
            "refused: unsupported",
        ),
        (save_error("INVALID_OPERATION", curly), "refused: unsupported"),
        (save_error("FIELD_NOT_UPDATABLE", "x"), "refused: unsupported"),
        (
            save_error("CANNOT_MODIFY_MANAGED_OBJECT", "x"),
            "refused: unsupported",
        ),
        (save_error("DUPLICATE_VALUE", "x"), "refused: invalid"),
        (save_error("REQUIRED_FIELD_MISSING", "x"), "refused: invalid"),
        (save_error("SOMETHING_NEW", "x"), "refused: invalid"),
        (saved("<success>false</success>"), "refused: invalid"),
        (
            save_error("INSUFFICIENT_ACCESS_OR_READONLY", "x"),
            "refused: permission",
        ),
        (
            save_error(
                "X",
                "use of the Metadata API requires a user with the ModifyAllData permission",
            ),
            "refused: permission",
        ),
        (save_error("UNABLE_TO_LOCK_ROW", "x"), "not now: unavailable"),
        (save_error("UNKNOWN_EXCEPTION", "x"), "unknown"),
        (
            save_error("UNKNOWN_EXCEPTION", "the consumer secret cannot be saved"),
            "unknown",
        ),
        (saved(rolled_back), "refused: permission"),
        (saved(doubtful), "unknown"),
        (soap_fault("INSUFFICIENT_ACCESS", "x"), "refused: permission"),
        (soap_fault("API_DISABLED_FOR_ORG", "x"), "refused: permission"),
        (soap_fault("TXN_SECURITY_NO_ACCESS", "x"), "refused: permission"),
        (soap_fault("UNSUPPORTED_API_VERSION", "x"), "refused: unsupported"),
        (soap_fault("INVALID_TYPE", "x"), "refused: invalid"),
        (soap_fault("ORG_IN_MAINTENANCE", "x"), "not now: throttled"),
        (soap_fault("API_CURRENTLY_DISABLED", "x"), "not now: throttled"),
        (soap_fault("REQUEST_LIMIT_EXCEEDED", "x"), "not now: throttled"),
        (soap_fault("SERVER_UNAVAILABLE", "x"), "unknown"),
        (soap_fault("REQUEST_RUNNING_TOO_LONG", "x"), "unknown"),
        (soap_fault("UNKNOWN_EXCEPTION", "x"), "unknown"),
        (soap_fault("SOMETHING_NEW", "x"), "unknown"),
        // The prefix varies, and so does the place of the code and the status.
        (
            soap_at(
                200,
                "<soapenv:Fault><faultcode>ns1:INSUFFICIENT_ACCESS</faultcode></soapenv:Fault>",
            ),
            "refused: permission",
        ),
        (
            soap_fault("Client", "INSUFFICIENT_ACCESS: no"),
            "refused: permission",
        ),
        (soap_at(500, ""), "unknown"),
        (json(200, "<not"), "unknown"),
        (json(200, "{}"), "unknown"),
        (html(200), "unknown"),
        (html(503), "unknown"),
        (json(502, ""), "unknown"),
        (json(403, ""), "refused: permission"),
        (json(429, ""), "not now: throttled"),
        (Answer::Truncated(200, "<soapenv:Env".into()), "unknown"),
        (Answer::Truncated(500, "<soapenv:Env".into()), "unknown"),
        (Answer::Drop, "unknown"),
        (Answer::Silent, "unknown"),
        (Answer::Slow, "unknown"),
        (Answer::Endless, "unknown"),
        (
            Answer::Reply(
                302,
                String::new(),
                vec![("Location", "https://evil.example".into())],
            ),
            "not now: unusable",
        ),
    ];
    for (answer, meaning) in table {
        let server = server().await;
        server.always(UPDATE, answer.clone());
        let outcome = server.update().cutover(&order()).await;
        assert_eq!(class(&outcome), meaning, "{answer:?}: {outcome:?}");
        assert_eq!(server.count(UPDATE), 1, "{answer:?}: sent once");
    }
}

#[tokio::test]
async fn a_fault_before_the_write_is_not_now() {
    for key in [READ, LIST] {
        for answer in [html(503), Answer::Drop, json(200, "<x"), soap("<otherResponse/>")] {
            let server = server().await;
            server.always(key, answer.clone());
            let outcome = server.update().cutover(&order()).await;
            assert!(
                matches!(outcome, Outcome::NotNow(_)),
                "{key} {answer:?}: {outcome:?}"
            );
            assert_eq!(server.count(UPDATE), 0);
        }
    }
}

#[tokio::test]
async fn an_expired_session_is_renewed_once_and_the_write_sent_again() {
    let server = server().await;
    let target = server.update();
    let expired = soap_fault(
        "INVALID_SESSION_ID",
        "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader",
    );
    target.survey().await.unwrap();
    let fresh = "00D000000000001!AQ.second";
    server.always(
        "POST /services/oauth2/token",
        json(200, granted(&server.url, fresh)),
    );
    server.once(UPDATE, vec![expired.clone()]);
    assert_eq!(class(&target.cutover(&order()).await), "done");
    assert_eq!((server.count(UPDATE), server.logins()), (2, 2));
    assert!(
        server.seen(UPDATE)[1]
            .body
            .contains(&format!("<m:sessionId>{fresh}</m:sessionId>"))
    );
    assert!(!server.seen(UPDATE)[0].body.contains(fresh));

    server.always(READ, expired);
    assert!(matches!(target.survey().await, Err(Fault::Unauthorized(_))));
    assert_eq!(server.logins(), 3);
}

#[tokio::test]
async fn a_token_in_jwt_format_is_not_even_tried() {
    let server = server().await;
    let body = granted(&server.url, "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl");
    let named =
        granted(&server.url, "opaque").replace("\"token_type\"", "\"token_format\":\"jwt\",\"token_type\"");
    for body in [body, named] {
        server.always("POST /services/oauth2/token", json(200, body));
        let fault = server.update().survey().await;
        assert!(matches!(fault, Err(Fault::Unusable(_))), "{fault:?}");
    }
    assert_eq!((server.logins(), server.count(DESCRIBE)), (2, 0));
}

#[tokio::test]
async fn methods_of_the_other_kind_are_not_offered() {
    let target = server().await.update();
    assert!(matches!(
        target.mint().await,
        Outcome::Refused(Refusal::Unsupported(_))
    ));
    assert!(matches!(
        target.delete_staged("x").await,
        Outcome::Refused(Refusal::Unsupported(_))
    ));
    assert!(matches!(target.staged_value("x").await, Err(Fault::NotFound(_))));
}
