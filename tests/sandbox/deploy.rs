//! `deploy` and `checkDeployStatus` of an External Client App's OAuth settings (M §3, §3.1, §5.1, §6).

use std::io::{Cursor, Write as _};

use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rekeyd::sandbox::{Act, Seed};
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub const SETTINGS: &str = "ExtlClntAppGlobalOauthSettings";
pub const BILLING_SETTINGS: &str = "Billing_glbloauth";
const FILE: &str = "extlClntAppGlobalOauthSets/Billing_glbloauth.ecaGlblOauth";

pub fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, text) in files {
        writer.start_file(*name, stored).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn manifest(member: &str) -> String {
    format!(
        "<Package xmlns=\"http://soap.sforce.com/2006/04/metadata\"><types><members>{member}</members>\
         <name>{SETTINGS}</name></types><version>66.0</version></Package>"
    )
}

/// A whole file of Billing's settings, in order, with these elements at its end.
pub fn settings(more: &str) -> String {
    format!(
        "<{SETTINGS} xmlns=\"http://soap.sforce.com/2006/04/metadata\"><callbackUrl>https://app.example/callback</callbackUrl>\
         <externalClientApplication>Billing</externalClientApplication><isClientCredentialsFlowEnabled>true</isClientCredentialsFlowEnabled>\
         <label>Billing</label>{more}</{SETTINGS}>"
    )
}

pub const FLAG: &str = "<shouldRotateConsumerSecret>true</shouldRotateConsumerSecret>";

/// Sends a zip to be judged or applied; the id.
pub async fn hand_in(org: &Org, zip: &[u8], check_only: bool) -> String {
    let zip = STANDARD.encode(zip);
    let body = format!(
        "<deploy><ZipFile>{zip}</ZipFile><DeployOptions><checkOnly>{check_only}</checkOnly>\
         <rollbackOnError>true</rollbackOnError></DeployOptions></deploy>"
    );
    element(&org.soap(&body).await.text, "id").unwrap()
}

/// Sends a zip; the answer to `deploy`.
pub async fn send(org: &Org, zip: &[u8], ignore_warnings: bool) -> Answer {
    let zip = STANDARD.encode(zip);
    org.soap(&format!(
        "<deploy><ZipFile>{zip}</ZipFile><DeployOptions><allowMissingFiles>false</allowMissingFiles>\
         <autoUpdatePackage>false</autoUpdatePackage><checkOnly>false</checkOnly><ignoreWarnings>{ignore_warnings}</ignoreWarnings>\
         <performRetrieve>false</performRetrieve><purgeOnDelete>false</purgeOnDelete><rollbackOnError>true</rollbackOnError>\
         <singlePackage>true</singlePackage><testLevel>NoTestRun</testLevel></DeployOptions></deploy>"
    ))
    .await
}

pub async fn status(org: &Org, id: &str) -> Answer {
    org.soap(&format!(
        "<checkDeployStatus><asyncProcessId>{id}</asyncProcessId><includeDetails>true</includeDetails></checkDeployStatus>"
    ))
    .await
}

/// Deploys a file of Billing's settings; the id.
pub async fn deploy(org: &Org, file: &str, ignore_warnings: bool) -> String {
    let package = zip(&[("package.xml", &manifest(BILLING_SETTINGS)), (FILE, file)]);
    let answer = send(org, &package, ignore_warnings).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(element(&answer.text, "done").as_deref(), Some("false"));
    element(&answer.text, "id").unwrap()
}

pub async fn read_settings(org: &Org) -> String {
    let body = format!(
        "<readMetadata><type>{SETTINGS}</type><fullNames>{BILLING_SETTINGS}</fullNames></readMetadata>"
    );
    org.soap(&body).await.text
}

/// Billing's live secret, as the resource with the switch on shows it.
pub async fn live(org: &Org) -> String {
    let path = format!("{}?part=keyandsecret", org.consumer_path("Billing"));
    org.get(&path).await.json()["secret"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_flag_makes_a_secret_that_only_rest_shows() {
    let org = Org::standard().await;
    let id = deploy(&org, &settings(FLAG), true).await;
    let ended = status(&org, &id).await.text;
    assert_eq!(element(&ended, "status").as_deref(), Some("Succeeded"), "{ended}");
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "refused");
    let new = live(&org).await;
    assert_ne!(new, BILLING_SECRET);
    assert_eq!(org.probe(BILLING_KEY, &new).await, "accepted");
    let read = read_settings(&org).await;
    assert!(read.contains(FLAG), "the flag stays set: {read}");
    assert!(read.contains(BILLING_KEY) && !read.contains(&new));
    assert_eq!(
        element(&read, "consumerSecret").as_deref(),
        Some("****************")
    );
    let consumer = &org.running.state().app("Billing").unwrap().consumers[0].clone();
    assert_eq!((consumer.mints, consumer.cutovers), (1, 1));
    // Whatever carries the flag again rotates again; what resets it does not.
    deploy(&org, &settings(FLAG), true).await;
    let third = live(&org).await;
    assert_ne!(third, new);
    deploy(&org, &settings(&FLAG.replace("true", "false")), false).await;
    assert_eq!(live(&org).await, third);
    assert!(!read_settings(&org).await.contains(FLAG));
}

#[tokio::test]
async fn both_flags_change_the_key_too() {
    let org = Org::standard().await;
    let both = format!("<shouldRotateConsumerKey>true</shouldRotateConsumerKey>{FLAG}");
    deploy(&org, &settings(&both), true).await;
    let key = org.get(&org.consumer_path("Billing")).await.json()["key"].clone();
    assert_ne!(key, BILLING_KEY);
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "refused");
}

#[tokio::test]
async fn what_cannot_be_deployed_changes_nothing() {
    let manifest = manifest(BILLING_SETTINGS);
    let good = settings(FLAG);
    let cases = [
        (
            "warnings count",
            vec![("package.xml", manifest.clone()), (FILE, good.clone())],
            false,
            "ignore warnings",
        ),
        (
            "no parent",
            vec![
                ("package.xml", manifest.clone()),
                (
                    FILE,
                    good.replace(
                        "<externalClientApplication>Billing</externalClientApplication>",
                        "",
                    ),
                ),
            ],
            true,
            "Enter the name of the parent",
        ),
        (
            "a secret",
            vec![
                ("package.xml", manifest.clone()),
                (
                    FILE,
                    good.replace(
                        "<externalClientApplication>",
                        "<consumerSecret>****************</consumerSecret><externalClientApplication>",
                    ),
                ),
            ],
            true,
            "can't be set",
        ),
        (
            "another parent",
            vec![
                ("package.xml", manifest.clone()),
                (FILE, good.replace(">Billing</ext", ">Idle</ext")),
            ],
            true,
            "parent external client app",
        ),
        (
            "nobody",
            vec![
                ("package.xml", manifest.replace("Billing_", "Nobody_")),
                (
                    "extlClntAppGlobalOauthSets/Nobody_glbloauth.ecaGlblOauth",
                    good.clone(),
                ),
            ],
            true,
            "no ExtlClntAppGlobalOauthSettings named Nobody_glbloauth found",
        ),
        (
            "no manifest",
            vec![(FILE, good.clone())],
            true,
            "No package.xml found",
        ),
        (
            "not in the zip",
            vec![("package.xml", manifest.clone())],
            true,
            "was not found in zipped directory",
        ),
        (
            "not in the manifest",
            vec![
                ("package.xml", manifest.clone()),
                (FILE, good.clone()),
                ("more.txt", String::new()),
            ],
            true,
            "not named",
        ),
        (
            "another type",
            vec![
                ("package.xml", manifest.replace(SETTINGS, "CustomObject")),
                (FILE, good.clone()),
            ],
            true,
            "Unknown type name",
        ),
        (
            "no namespace",
            vec![
                ("package.xml", manifest.clone()),
                (
                    FILE,
                    good.replace(" xmlns=\"http://soap.sforce.com/2006/04/metadata\"", ""),
                ),
            ],
            true,
            "is no ExtlClnt",
        ),
    ];
    for (case, files, ignore, says) in cases {
        let org = Org::standard().await;
        let before = org.running.state().app("Billing").unwrap().clone();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let answer = send(&org, &zip(&files), ignore).await;
        let id = element(&answer.text, "id").unwrap();
        let ended = status(&org, &id).await.text;
        assert_eq!(
            element(&ended, "status").as_deref(),
            Some("Failed"),
            "{case}: {ended}"
        );
        assert!(ended.replace("&apos;", "'").contains(says), "{case}: {ended}");
        let after = org.running.state().app("Billing").unwrap().clone();
        assert_eq!(
            (after.component, after.last_modified),
            (before.component, before.last_modified),
            "{case}"
        );
        assert_eq!(live(&org).await, BILLING_SECRET, "{case}");
    }
    let org = Org::standard().await;
    let answer = send(&org, b"no zip", true).await;
    assert_eq!(answer.status, 500);
    assert_eq!(status(&org, "0Af000000000000AAA").await.status, 500);
}

/// A file that leaves the certificate out takes it away, where what is left out falls back.
#[tokio::test]
async fn a_partial_file_wipes_the_certificate() {
    let with_certificate =
        |seed: &mut Seed| seed.external_client_apps[0].certificate = Some(key().public_key_pem());
    for (omitted, kept) in [("resets", false), ("keeps", true)] {
        let mut seed = seed();
        with_certificate(&mut seed);
        seed.switches = seed
            .switches
            .with(&switches(&[("omitted_element", json!(omitted))]))
            .unwrap();
        let org = Org::start(seed).await;
        assert!(
            !read_settings(&org).await.contains("certificate"),
            "it cannot be read"
        );
        deploy(&org, &settings(FLAG), true).await;
        assert_eq!(
            org.running.state().app("Billing").unwrap().certificate_present,
            kept
        );
    }
}

/// One runs at a time, the others wait; each is applied by who sent it, when its time has come.
#[tokio::test]
async fn deploys_wait_for_each_other() {
    let org = Org::with("deploy_seconds", json!(60)).await;
    let first = deploy(&org, &settings(""), false).await;
    let second = deploy(&org, &settings(FLAG), true).await;
    let word = async |id: &str| element(&status(&org, id).await.text, "status").unwrap();
    assert_eq!(
        (word(&first).await, word(&second).await),
        ("InProgress".into(), "Pending".into())
    );
    org.running.advance(chrono::TimeDelta::seconds(60));
    assert_eq!(
        (word(&first).await, word(&second).await),
        ("Succeeded".into(), "InProgress".into())
    );
    assert_eq!(live(&org).await, BILLING_SECRET);
    org.running.advance(chrono::TimeDelta::seconds(59));
    org.running
        .act(Act::Edit {
            app: "Billing".into(),
            set: [("label".to_owned(), "theirs".to_owned())].into(),
            by: None,
        })
        .unwrap();
    assert_eq!(live(&org).await, BILLING_SECRET);
    org.running.advance(chrono::TimeDelta::seconds(1));
    assert_eq!(word(&second).await, "Succeeded");
    assert_ne!(live(&org).await, BILLING_SECRET);
    let app = org.running.state().app("Billing").unwrap().clone();
    assert_eq!(app.last_modified_by, USER);
    assert!(
        app.component.contains(&("label".into(), "Billing".into())),
        "the edit made in between is reverted"
    );
}
