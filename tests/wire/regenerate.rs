//! Method `regenerate`, call by call: the package that goes out, and what is made of each answer.

use std::io::{Cursor, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rekeyd::port::{Fault, Job, Outcome, Target};
use rekeyd::salesforce::{RegenerateSettings, RegenerateTarget, SetupError};

use super::schema::verdicts;
use super::server::{Answer, Server, html, json, soap, soap_fault};
use super::staged::{consumer, path, server as rest, slot, staged_entry};
use super::update::{DESCRIBE, LIST, READ};
use super::writes::class;

const DEPLOY: &str = "SOAP deploy";
const STATUS: &str = "SOAP checkDeployStatus";
const MODIFIED: &str = "2026-02-01T00:00:00.000Z";
const JOB: &str = "0Af000000000001AAA";

/// Settings out of order, with elements that nobody here knows, and the mask of a secret.
const SETTINGS: &str = r#"<fullName>Billing_Sync_glbloauth</fullName><label>Billing &amp; "Sons"</label><callbackUrl>https://a.example/cb
https://b.example/cb?x=1&amp;y=2</callbackUrl><consumerKey>3MVG9old</consumerKey><consumerSecret>****************</consumerSecret><externalClientApplication>Billing_Sync</externalClientApplication><isFutureThing><deep>1</deep><alpha>2</alpha></isFutureThing><isPkceRequired>true</isPkceRequired><shouldRotateConsumerSecret>false</shouldRotateConsumerSecret>"#;

fn settings(text: &str) -> Answer {
    soap(format!(
        r#"<readMetadataResponse><result><records xsi:type="ExtlClntAppGlobalOauthSettings">{text}</records></result></readMetadataResponse>"#
    ))
}

fn listed(names: &[&str], modified: &str, more: &str) -> Answer {
    let entries: String = names
        .iter()
        .map(|name| {
            format!(
                "<result><fullName>{name}</fullName><lastModifiedDate>{modified}</lastModifiedDate>{more}<type>ExtlClntAppGlobalOauthSettings</type></result>"
            )
        })
        .collect();
    soap(format!("<listMetadataResponse>{entries}</listMetadataResponse>"))
}

fn status(inner: &str) -> Answer {
    soap(format!(
        "<checkDeployStatusResponse><result>{inner}</result></checkDeployStatusResponse>"
    ))
}

fn failed(details: &str, more: &str) -> Answer {
    status(&format!(
        "<details>{details}</details><done>true</done>{more}<status>Failed</status><success>false</success>"
    ))
}

fn problem(text: &str, kind: &str) -> String {
    format!(
        "<componentFailures><problem>{text}</problem><problemType>{kind}</problemType><success>false</success></componentFailures>"
    )
}

async fn server() -> Server {
    let server = rest().await;
    server.always(READ, settings(SETTINGS));
    server.always(LIST, listed(&["Billing_Sync_glbloauth"], MODIFIED, ""));
    server.always(
        DESCRIBE,
        soap(
            "<describeMetadataResponse><result><metadataObjects><xmlName>ExtlClntAppGlobalOauthSettings</xmlName></metadataObjects><organizationNamespace></organizationNamespace></result></describeMetadataResponse>",
        ),
    );
    server.always(
        DEPLOY,
        soap(format!(
            "<deployResponse><result><done>false</done><id>{JOB}</id><state>Queued</state></result></deployResponse>"
        )),
    );
    server.always(
        STATUS,
        status("<done>true</done><status>Succeeded</status><success>true</success>"),
    );
    server
}

fn wanted() -> RegenerateSettings {
    RegenerateSettings {
        name: "Billing_Sync".into(),
        consumer: None,
        certificate: None,
        client_credentials: false,
    }
}

fn target(server: &Server) -> RegenerateTarget {
    RegenerateTarget::new(server.org().0, wanted()).unwrap()
}

/// Name and text of each file of the package in this body.
fn files(body: &str) -> Vec<(String, String)> {
    let zip = body.split("<m:ZipFile>").nth(1).unwrap();
    let zip = zip.split("</m:ZipFile>").next().unwrap();
    let zip = STANDARD.decode(zip).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    (0..archive.len())
        .map(|place| {
            let mut file = archive.by_index(place).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        })
        .collect()
}

#[tokio::test]
async fn a_survey_reads_the_live_pair_the_slot_and_the_mark() {
    let server = server().await;
    let target = target(&server);
    let survey = target.survey().await.unwrap();
    assert_eq!(survey.obstacles, Vec::<String>::new());
    assert_eq!(survey.key.as_deref(), Some("3MVG9old"));
    assert_eq!(survey.live.unwrap().client_secret.expose(), "oldS3cret");
    assert!(survey.staged.is_none() && !survey.own_login);
    assert_eq!(survey.modified.as_deref(), Some(MODIFIED));
    let staged = staged_entry("3MVG9new", "Active");
    server.always(
        &slot("GET"),
        json(200, format!(r#"{{"stagedCredentials":[{staged}]}}"#)),
    );
    assert_eq!(target.survey().await.unwrap().staged.unwrap().key, "3MVG9new");
    let live = target.live().await.unwrap().unwrap();
    assert_eq!(live.client_secret.expose(), "oldS3cret");
}

#[tokio::test]
async fn the_packages() {
    let server = server().await;
    let target = target(&server);
    assert_eq!(
        class(&target.regenerate("3MVG9old", Some(MODIFIED)).await),
        "done"
    );
    assert_eq!(class(&target.reset().await), "done");
    assert_eq!(target.job(JOB).await, Ok(Job::Done));
    let sent = server.seen(DEPLOY);
    assert_eq!(sent.len(), 2);
    for (seen, name) in sent.iter().zip(["set", "reset"]) {
        assert_eq!(seen.target, "/services/Soap/m/66.0");
        let start = seen.body.find("<m:ZipFile>").unwrap();
        let end = seen.body.find("</m:ZipFile>").unwrap();
        let envelope = format!("{}{}", &seen.body[..start], &seen.body[end..]);
        let files: String = files(&seen.body)
            .iter()
            .map(|(path, text)| format!("\n== {path}\n{}\n", text.replace("><", ">\n<")))
            .collect();
        insta::assert_snapshot!(format!("deploy_{name}"), envelope.replace("><", ">\n<") + &files);
    }
    let asked = server.seen(STATUS)[0].body.clone();
    insta::assert_snapshot!("checkDeployStatus", asked.replace("><", ">\n<"));
}

/// The schema wants a `testLevel`; leaving it out is what lets the org's own rule decide, and what other clients do.
#[tokio::test]
async fn every_body_is_valid_by_the_published_wsdl_but_for_the_test_level() {
    let server = server().await;
    let target = target(&server);
    target.survey().await.unwrap();
    assert_eq!(
        class(&target.regenerate("3MVG9old", Some(MODIFIED)).await),
        "done"
    );
    assert_eq!(class(&target.reset().await), "done");
    target.job(JOB).await.unwrap();
    let bodies: Vec<String> = [DESCRIBE, LIST, READ, DEPLOY, STATUS]
        .iter()
        .flat_map(|kind| server.seen(kind))
        .map(|seen| {
            seen.body.replace(
                "</m:DeployOptions>",
                "<m:testLevel>NoTestRun</m:testLevel></m:DeployOptions>",
            )
        })
        .collect();
    assert!(bodies.len() > 8);
    let valid = verdicts(&bodies).iter().all(serde_json::Value::is_null);
    assert!(valid, "{:?}", verdicts(&bodies));
    // What is in the zip fits the same schema, as the component of an update.
    let (_, file) = files(&server.seen(DEPLOY)[0].body).swap_remove(1);
    let start = file.find("<callbackUrl>").unwrap();
    let end = file.rfind("</ExtlClntAppGlobalOauthSettings>").unwrap();
    let update = format!(
        r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://soap.sforce.com/2006/04/metadata"><e:Body><updateMetadata><metadata xsi:type="ExtlClntAppGlobalOauthSettings"><fullName>x</fullName>{}</metadata></updateMetadata></e:Body></e:Envelope>"#,
        &file[start..end]
    );
    assert_eq!(verdicts(&[update])[0], serde_json::Value::Null);
}

#[tokio::test]
async fn no_secret_and_no_mask_of_one_is_in_a_package() {
    let server = server().await;
    server.always(READ, settings(&SETTINGS.replace("****************", "n3wS3cret")));
    let target = target(&server);
    target.survey().await.unwrap();
    assert_eq!(
        class(&target.regenerate("3MVG9old", Some(MODIFIED)).await),
        "done"
    );
    for seen in server.seen(DEPLOY) {
        for (path, text) in files(&seen.body) {
            for word in ["consumerSecret>", "S3cret", "****"] {
                assert!(!text.contains(word), "{path}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_is_sent_or_stops_everything() {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let server = server().await;
    let masked = SETTINGS.replace("<consumerKey>", "<certificate>*****</certificate><consumerKey>");
    server.always(READ, settings(&masked));
    let without = target(&server);
    assert!(without.survey().await.unwrap().obstacles[0].contains("certificate_file"));
    let answer = without.regenerate("3MVG9old", Some(MODIFIED)).await;
    assert_eq!(class(&answer), "refused: invalid");
    assert_eq!(server.count(DEPLOY), 0);
    let with = |certificate: &str| {
        let settings = RegenerateSettings {
            certificate: Some(certificate.into()),
            ..wanted()
        };
        RegenerateTarget::new(server.org().0, settings)
    };
    let target = with(pem).unwrap();
    assert_eq!(target.survey().await.unwrap().obstacles, Vec::<String>::new());
    assert_eq!(
        class(&target.regenerate("3MVG9old", Some(MODIFIED)).await),
        "done"
    );
    let (_, file) = files(&server.seen(DEPLOY)[0].body).swap_remove(1);
    assert_eq!(file.matches("<certificate>").count(), 1);
    assert!(file.contains("MIIB") && !file.contains("*****"));
    assert_eq!(with("MIIB").err(), Some(SetupError::Certificate));
}

#[tokio::test]
async fn obstacles_name_what_stands_in_the_way() {
    let other = SETTINGS.replace(">Billing_Sync<", ">Other<");
    let cases = [
        (
            DESCRIBE,
            soap("<describeMetadataResponse><result></result></describeMetadataResponse>"),
            "does not know",
        ),
        (LIST, soap("<listMetadataResponse/>"), "no OAuth settings"),
        (READ, settings(&other), "no OAuth settings"),
        (READ, settings(""), "no OAuth settings"),
        (LIST, listed(&["Billing_Sync_glbloauth"], "", ""), "last edited"),
        (
            LIST,
            listed(
                &["Billing_Sync_glbloauth"],
                MODIFIED,
                "<manageableState>installed</manageableState>",
            ),
            "managed",
        ),
        (
            READ,
            settings(&SETTINGS.replace("3MVG9old", "3MVG9two")),
            "another consumer",
        ),
        (
            READ,
            settings(&SETTINGS.replace(
                "<shouldRotateConsumerSecret>",
                "<shouldRotateConsumerKey>true</shouldRotateConsumerKey><shouldRotateConsumerSecret>",
            )),
            "shouldRotateConsumerKey",
        ),
        (READ, soap_fault("INSUFFICIENT_ACCESS", "no"), "Modify Metadata"),
    ];
    for (key, answer, text) in cases {
        let server = server().await;
        server.always(key, answer.clone());
        let survey = target(&server).survey().await.unwrap();
        assert!(
            survey.obstacles.iter().any(|found| found.contains(text)),
            "{text}: {:?}",
            survey.obstacles
        );
    }
    let server = server().await;
    let hidden = r#"{"id":"888000000000001","key":"3MVG9old"}"#;
    server.always(&consumer("GET"), json(200, hidden));
    let survey = target(&server).survey().await.unwrap();
    assert!(
        survey.obstacles[0].contains("consumer secrets via REST API"),
        "{survey:?}"
    );
    let two = r#"{"consumers":[{"id":"888000000000001AAA","key":"3MVG9old","name":"Billing"},{"id":"888000000000002AAA","key":"3MVG9two","name":"Two"}],"nextPageUrl":null}"#;
    server.always(&path("GET", ""), json(200, two));
    server.always(
        READ,
        settings(&SETTINGS.replace("<consumerKey>3MVG9old</consumerKey>", "")),
    );
    let one = RegenerateSettings {
        consumer: Some("Billing".into()),
        ..wanted()
    };
    let survey = RegenerateTarget::new(server.org().0, one)
        .unwrap()
        .survey()
        .await
        .unwrap();
    assert!(
        survey
            .obstacles
            .iter()
            .any(|text| text.contains("several consumers")),
        "{survey:?}"
    );
}

/// The settings are found by what they say of themselves, whatever they are called.
#[tokio::test]
async fn settings_of_any_name_are_found() {
    let server = server().await;
    server.always(
        LIST,
        listed(&["Another", "Billing_Sync_old", "Something"], MODIFIED, ""),
    );
    server.rule(move |seen| {
        let named = |name: &str| seen.body.contains(&format!("<m:fullNames>{name}<"));
        (seen.key() == READ).then(|| {
            let text = SETTINGS.replace("Billing_Sync_glbloauth", "Something");
            match named("Something") {
                true => settings(&text),
                false if named("Another") => settings(
                    &text
                        .replace("Something", "Another")
                        .replace(">Billing_Sync<", ">Another<"),
                ),
                false => settings(
                    &text
                        .replace("Something", "Billing_Sync_old")
                        .replace(">Billing_Sync<", ">Former<"),
                ),
            }
        })
    });
    let target = target(&server);
    assert_eq!(target.survey().await.unwrap().obstacles, Vec::<String>::new());
    let reads = server.count(READ);
    assert_eq!(
        class(&target.regenerate("3MVG9old", Some(MODIFIED)).await),
        "done"
    );
    assert_eq!(server.count(READ), reads + 1, "and remembered");
    assert_eq!(
        files(&server.seen(DEPLOY)[0].body)[1].0,
        "extlClntAppGlobalOauthSets/Something.ecaGlblOauth"
    );
}

#[tokio::test]
async fn an_edit_in_between_is_a_conflict_and_nothing_is_sent() {
    let server = server().await;
    let target = target(&server);
    let refused = "refused: conflict";
    assert_eq!(
        class(
            &target
                .regenerate("3MVG9old", Some("2026-01-31T00:00:00.000Z"))
                .await
        ),
        refused
    );
    assert_eq!(class(&target.regenerate("3MVG9old", None).await), refused);
    assert_eq!(
        class(&target.regenerate("3MVG9other", Some(MODIFIED)).await),
        refused
    );
    let moved = listed(&["Billing_Sync_glbloauth"], "2026-02-02T00:00:00.000Z", "");
    let before = || listed(&["Billing_Sync_glbloauth"], MODIFIED, "");
    server.once(LIST, vec![before(), moved.clone()]);
    assert_eq!(
        class(&target.regenerate("3MVG9old", Some(MODIFIED)).await),
        refused
    );
    server.once(LIST, vec![before(), moved]);
    assert_eq!(class(&target.reset().await), refused);
    server.always(READ, settings(&SETTINGS.replace("3MVG9old", "3MVG9own")));
    assert_eq!(
        class(&target.regenerate("3MVG9own", Some(MODIFIED)).await),
        "refused: invalid"
    );
    assert_eq!(server.count(DEPLOY), 0);
}

#[tokio::test]
async fn what_a_deploy_changed_besides_the_flag_is_told() {
    let after = SETTINGS
        .replace("<isPkceRequired>true</isPkceRequired>", "")
        .replace("Secret>false", "Secret>true")
        .replace("&amp; \"Sons\"", "and Sons");
    let server = server().await;
    let target = target(&server);
    assert_eq!(
        class(&target.regenerate("3MVG9old", Some(MODIFIED)).await),
        "done"
    );
    server.always(READ, settings(&after));
    assert_eq!(target.is_set().await, Ok(Some(true)));
    assert_eq!(target.last_diff(), ["isPkceRequired: gone", "label: changed"]);
    server.always(
        READ,
        settings(&after.replace(
            "<shouldRotateConsumerSecret>true</shouldRotateConsumerSecret>",
            "",
        )),
    );
    assert_eq!(target.is_set().await, Ok(None));
}

#[tokio::test]
async fn answers_to_a_deploy() {
    let fine = |id: &str| {
        soap(format!(
            "<deployResponse><result><done>false</done>{id}</result></deployResponse>"
        ))
    };
    let cases = [
        (fine(""), "unknown"),
        (fine("<id>not one</id>"), "unknown"),
        (html(200), "unknown"),
        (html(503), "unknown"),
        (Answer::Drop, "unknown"),
        (soap_fault("UNKNOWN_EXCEPTION", "x"), "unknown"),
        (soap_fault("ORG_IN_MAINTENANCE", "x"), "not now: throttled"),
        (
            soap_fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests"),
            "not now: throttled",
        ),
        (soap_fault("INSUFFICIENT_ACCESS", "x"), "refused: permission"),
        (soap_fault("INVALID_TYPE", "x"), "refused: invalid"),
    ];
    for (answer, wanted) in cases {
        let server = server().await;
        server.always(DEPLOY, answer.clone());
        let outcome = target(&server).regenerate("3MVG9old", Some(MODIFIED)).await;
        assert_eq!(class(&outcome), wanted, "{answer:?}: {outcome:?}");
        assert!(server.count(DEPLOY) <= 1);
    }
    // A session that had ended is the one thing that is sent again: it was refused before it was looked at.
    let server = server().await;
    let good = fine(&format!("<id>{JOB}</id>"));
    server.once(DEPLOY, vec![soap_fault("INVALID_SESSION_ID", "x"), good]);
    let outcome = target(&server).regenerate("3MVG9old", Some(MODIFIED)).await;
    assert!(matches!(outcome, Outcome::Done(id) if id == JOB));
}

#[tokio::test]
async fn how_a_deploy_stands() {
    let refused = |job: &Job, kind: &str| format!("{job:?}").starts_with(&format!("Refused({kind}"));
    let server = server().await;
    let target = target(&server);
    let ask = async |answer: Answer| {
        server.always(STATUS, answer);
        target.job(JOB).await
    };
    let done = "<done>true</done><status>SucceededPartial</status><success>true</success>";
    assert_eq!(ask(status(done)).await, Ok(Job::Done));
    let running = "<done>false</done><status>Pending</status><success>false</success>";
    assert_eq!(ask(status(running)).await, Ok(Job::Running));
    assert!(matches!(
        ask(status("<status>Succeeded</status>")).await,
        Err(Fault::Unavailable(_))
    ));
    assert!(matches!(
        ask(html(200)).await,
        Err(Fault::Unavailable(_) | Fault::Unusable(_))
    ));
    let unknown = soap_fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id");
    assert!(matches!(ask(unknown).await, Err(Fault::NotFound(_))));
    assert!(matches!(
        ask(soap_fault("SERVER_UNAVAILABLE", "x")).await,
        Err(Fault::Unavailable(_))
    ));
    let warning = ask(failed(&problem("rotates a secret: n3wS3cret", "Warning"), ""))
        .await
        .unwrap();
    assert!(refused(&warning, "Invalid") && !format!("{warning:?}").contains("n3wS3cret"));
    let locked = failed(
        "",
        "<errorMessage>x</errorMessage><errorStatusCode>UNABLE_TO_LOCK_ROW</errorStatusCode>",
    );
    assert!(matches!(ask(locked).await, Ok(Job::NotNow(_))));
    let access = problem("INSUFFICIENT_ACCESS_OR_READONLY: no", "Error");
    assert!(refused(&ask(failed(&access, "")).await.unwrap(), "Permission"));
    // It has ended and was rolled back, so even this is no doubt.
    let strange = failed(
        "",
        "<errorMessage>x</errorMessage><errorStatusCode>UNKNOWN_EXCEPTION</errorStatusCode>",
    );
    assert!(refused(&ask(strange).await.unwrap(), "Invalid"));
    assert!(refused(
        &ask(failed(&problem("something else", "Error"), ""))
            .await
            .unwrap(),
        "Invalid"
    ));
}
