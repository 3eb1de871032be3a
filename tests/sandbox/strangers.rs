//! Evidence from what nobody here wrote: Salesforce's published WSDL, and a client of many other people.

use crate::deploy;
use crate::support::*;
use crate::tls::Front;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What `tests/tools/install` put there.
pub fn tools(path: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(".tools")
        .join(path);
    assert!(
        path.exists(),
        "{} is missing: tests/run installs it",
        path.display()
    );
    path
}

fn python() -> PathBuf {
    tools("py/bin/python")
}

/// The Node.js that jsforce and `sf` run on.
pub fn node() -> Command {
    Command::new(tools("sf/bin/node"))
}

pub fn tool(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tools")
        .join(name)
}

/// Runs a tool with this input, and gives what it prints.
pub async fn run(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (input, output) = tokio::join!(
        async move {
            stdin.write_all(input.as_bytes()).await.unwrap();
        },
        child.wait_with_output()
    );
    let output = output.unwrap();
    let () = input;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Validates bodies; the labels of those that are not valid, with why.
async fn invalid(bodies: &[(&str, String)], strip: &[&str]) -> Vec<String> {
    let lines: Vec<String> = bodies
        .iter()
        .map(|(label, xml)| json!({ "label": label, "xml": xml, "strip": strip }).to_string())
        .collect();
    let printed = run(
        Command::new(python()).arg(tool("soap_schema.py")),
        &lines.join("\n"),
    )
    .await;
    let verdicts: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(verdicts.len(), bodies.len(), "one verdict for each body");
    let bad = verdicts.iter().filter(|verdict| verdict["valid"] != true);
    bad.map(|verdict| format!("{}: {}", verdict["label"], verdict["errors"]))
        .collect()
}

fn read(names: &[&str]) -> String {
    let names: String = names
        .iter()
        .map(|name| format!("<fullNames>{name}</fullNames>"))
        .collect();
    format!("<readMetadata><type>ConnectedApp</type>{names}</readMetadata>")
}

fn update(components: &[(&str, String)]) -> String {
    let components: String = components
        .iter()
        .map(|(name, rest)| {
            format!(r#"<metadata xsi:type="ConnectedApp"><fullName>{name}</fullName>{rest}</metadata>"#)
        })
        .collect();
    format!("<updateMetadata>{components}</updateMetadata>")
}

#[tokio::test]
async fn every_answer_fits_the_published_wsdl() {
    let mut seed = seed();
    let full = &mut seed.connected_apps[0];
    full.ip_relaxation = Some("BYPASS".to_owned());
    full.extra = [
        ("infoUrl", "https://app.example"),
        ("startUrl", "https://app.example/start"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into();
    full.oauth_extra = [("isPkceRequired".to_owned(), "true".to_owned())].into();
    full.secret_optional = true;
    seed.switches = seed
        .switches
        .with(&switches(&[("certificate_readable", json!(true))]))
        .unwrap();
    let org = Org::start(seed).await;
    let taken = whole(&format!("<consumerSecret>{BILLING_SECRET}</consumerSecret>"));
    let calls: Vec<(&str, u16, String)> = vec![
        ("read", 66, read(&["Legacy"])),
        ("read nothing", 66, read(&["Nobody"])),
        ("read both", 66, read(&["Nobody", "Legacy"])),
        ("list", 66, "<listMetadata><queries><type>ConnectedApp</type></queries><queries><type>ExternalClientApplication</type></queries><asOfVersion>66.0</asOfVersion></listMetadata>".to_owned()),
        ("describe", 66, "<describeMetadata><asOfVersion>66.0</asOfVersion></describeMetadata>".to_owned()),
        ("refused secret", 66, update(&[("Legacy", whole("<consumerSecret>RefusedSecret1</consumerSecret>"))])),
        ("refused key", 66, update(&[("Legacy", whole("").replace(LEGACY_KEY, "3MVG9other"))])),
        ("taken secret", 66, update(&[("Legacy", taken)])),
        ("nobody, and somebody", 66, update(&[("Nobody", whole("")), ("Legacy", whole(""))])),
        ("missing label", 66, update(&[("Legacy", whole("").replace("<label>Legacy</label>", ""))])),
        ("updated", 66, update(&[("Legacy", whole(""))])),
        ("read again", 66, read(&["Legacy"])),
        ("fault: type", 66, "<readMetadata><type>Nonsense</type><fullNames>x</fullNames></readMetadata>".to_owned()),
        ("fault: version", 12, read(&["Legacy"])),
        ("fault: schema", 66, update(&[("Legacy", whole("<nonsense/>"))])),
    ];
    let mut answers = Vec::new();
    for (label, version, body) in calls {
        let answer = org.send(org.soap_request(version, &org.token, "", &body)).await;
        assert_eq!(
            answer.status,
            if label.starts_with("fault") { 500 } else { 200 },
            "{label}: {}",
            answer.text
        );
        answers.push((label, answer.text));
    }
    let settings = deploy::SETTINGS;
    let list = format!(
        "<listMetadata><queries><type>{settings}</type></queries><asOfVersion>66.0</asOfVersion></listMetadata>"
    );
    answers.push(("list settings", org.soap(&list).await.text));
    let wanted = format!(
        "<retrieve><retrieveRequest><apiVersion>66.0</apiVersion><unpackaged><types><members>*</members><members>Nobody</members>\
         <name>ConnectedApp</name></types><types><members>*</members><name>{settings}</name></types><types><members>x</members>\
         <name>Nonsense</name></types><version>66.0</version></unpackaged></retrieveRequest></retrieve>"
    );
    let sent = org.soap(&wanted).await.text;
    let id = element(&sent, "id").unwrap();
    answers.push(("retrieve", sent));
    for zip in [true, false] {
        let body = format!(
            "<checkRetrieveStatus><asyncProcessId>{id}</asyncProcessId><includeZip>{zip}</includeZip></checkRetrieveStatus>"
        );
        let told = org.soap(&body).await.text;
        assert_eq!(element(&told, "zipFile").is_some(), zip, "{told}");
        assert_eq!(told.matches("<problem>").count(), 2, "{told}");
        answers.push(("retrieved", told));
    }
    let departures = org.running.state().departures;
    assert!(
        departures.is_empty(),
        "what fits the WSDL departs from nothing: {departures:?}"
    );
    answers.push(("read settings", deploy::read_settings(&org).await));
    for (label, file, ignore) in [
        ("deploy", deploy::settings(deploy::FLAG), true),
        ("failing deploy", deploy::settings(deploy::FLAG), false),
    ] {
        let id = deploy::deploy(&org, &file, ignore).await;
        answers.push((label, deploy::status(&org, &id).await.text));
    }
    let sent = deploy::send(&org, &deploy::zip(&[("x", "y")]), true).await;
    let id = element(&sent.text, "id").unwrap();
    answers.push(("deploy sent", sent.text));
    answers.push(("deploy without package", deploy::status(&org, &id).await.text));
    org.running
        .switch(None, &switches(&[("deploy_seconds", json!(60))]))
        .unwrap();
    let id = deploy::deploy(&org, &deploy::settings(""), false).await;
    answers.push(("running deploy", deploy::status(&org, &id).await.text));
    answers.push((
        "fault: deploy",
        deploy::status(&org, "0Af000000000000AAA").await.text,
    ));
    let header = "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>";
    let both = update(&[("Nobody", whole("")), ("Legacy", whole(""))]);
    answers.push((
        "rolled back",
        org.send(org.soap_request(66, &org.token, header, &both))
            .await
            .text,
    ));
    let expired = org
        .send(org.soap_request(66, "no-session", "", &read(&["Legacy"])))
        .await;
    answers.push(("fault: session", expired.text));
    assert!(answers[0].1.contains("<certificate>") && answers[0].1.contains("<infoUrl>"));
    assert_eq!(invalid(&answers, &[]).await, Vec::<String>::new());
}

/// The judge itself can say no: to the wrong order, to an element it does not know, to a fault without a code.
#[tokio::test]
async fn the_judge_refuses_what_does_not_fit() {
    let org = Org::standard().await;
    let read = org.read_legacy().await;
    let email = "<contactEmail>owner@app.example</contactEmail>";
    let misplaced = read
        .replace(email, "")
        .replace("</records>", &format!("{email}</records>"));
    assert_ne!(read, misplaced);
    let newer = read.replace("<scopes>", "<isDPopEnabled>true</isDPopEnabled><scopes>");
    let fault = org.soap("<nonsense/>").await.text;
    let bodies = [
        ("good", read),
        ("order", misplaced),
        ("newer", newer.clone()),
        ("fault", fault.replace("faultcode", "code")),
        ("not XML", "<a>".to_owned()),
    ];
    let bad = invalid(&bodies, &[]).await;
    let labels: Vec<&str> = bad.iter().map(|line| line.split('"').nth(1).unwrap()).collect();
    assert_eq!(labels, ["order", "newer", "fault", "not XML"]);
    // Newer elements are taken out first where that is asked for; this one stood in the wrong place as well.
    assert!(invalid(&[("newer", newer)], &["isDPopEnabled"]).await.is_empty());
}

#[tokio::test]
async fn simple_salesforce_reads_updates_and_deploys() {
    let org = Org::with("in_place_secret", json!("applies")).await;
    let directory = tempfile::tempdir().unwrap();
    let address = org.running.base_url().strip_prefix("http://").unwrap().to_owned();
    let front = Front::start(&address, directory.path()).await;
    let new = "StrangersSecret0000000000000000000000000000000000000000000000001";
    let mut command = Command::new(python());
    command.arg(tool("simple_client.py")).arg(&front.host).arg(new);
    command
        .env("REQUESTS_CA_BUNDLE", &front.authority)
        .env("NO_PROXY", "*");
    let printed = run(&mut command, &format!("{}\n", org.token)).await;
    let seen: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(seen["query"], 3);
    assert_eq!(seen["limits"], 15_000);
    assert_eq!(
        seen["types"],
        json!([
            "ConnectedApp",
            "ExternalClientApplication",
            "ExtlClntAppGlobalOauthSettings"
        ])
    );
    assert_eq!(seen["listed"], json!([["Legacy", "admin@sandbox.example"]]));
    let read = json!({
        "label": "Legacy",
        "description": "loads <things> & more",
        "key": LEGACY_KEY,
        "secret": null,
        "certificate": null,
        "scopes": ["Api", "RefreshToken"],
        "sets": ["Loader"],
    });
    assert_eq!(seen["read"], read);
    assert_eq!(seen["reread"], "changed by a stranger");
    assert!(
        seen["other_key"]
            .as_str()
            .unwrap()
            .contains("You cannot provide a Consumer Key")
    );
    assert_eq!(seen["missing"], Value::Null);
    assert_eq!(seen["deployed"], json!(["Queued", "Succeeded", null]));
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "refused");
    // What it says is what the org knows.
    assert_eq!(org.probe(LEGACY_KEY, new).await, "accepted");
    assert_eq!(org.probe(LEGACY_KEY, LEGACY_SECRET).await, "refused");
    let state = org.running.state();
    let legacy = state.app("Legacy").unwrap();
    assert!(legacy.in_order);
    assert!(
        !legacy.certificate_present,
        "a partial round trip wipes what cannot be read back"
    );
    assert!(
        legacy
            .component
            .contains(&("permissionSetName".to_owned(), "Loader".to_owned()))
    );
}
