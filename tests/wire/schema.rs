//! Every SOAP body that goes out is valid by Salesforce's published Metadata WSDL (v63.0, inside the Python package
//! simple-salesforce). Elements that no published schema has, which the client carries over unread, are taken out first.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rekeyd::port::{Cutover, Target};
use serde_json::{Value, json};

use super::server::pair;
use super::update::{DESCRIBE, LIST, READ, UPDATE, server};
use super::writes::class;

/// What is wrong with each body, in order; `null` for nothing.
pub fn verdicts(bodies: &[String]) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".tools/py/bin/python");
    assert!(
        python.exists(),
        "{} is missing: tests/run installs it",
        python.display()
    );
    let mut child = Command::new(python)
        .arg(root.join("tests/tools/soap_schema.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = bodies
        .iter()
        .map(|xml| json!({ "label": "", "xml": xml, "strip": ["zFuture", "isFutureThing"] }));
    let lines: Vec<String> = lines.map(|line| line.to_string()).collect();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.join("\n").as_bytes())
        .unwrap();
    let printed = child.wait_with_output().unwrap();
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    let verdicts: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    verdicts
        .into_iter()
        .map(|verdict| {
            if verdict["valid"] == true {
                Value::Null
            } else {
                verdict["errors"].clone()
            }
        })
        .collect()
}

#[tokio::test]
async fn every_body_that_goes_out_is_valid_by_the_published_wsdl() {
    let server = server().await;
    let target = server.update();
    let survey = target.survey().await.unwrap();
    let order = Cutover {
        staged: None,
        new: pair("3MVG9old", &"n".repeat(64)),
        modified: survey.modified,
    };
    assert_eq!(class(&target.cutover(&order).await), "done");
    assert_eq!(
        class(&target.undo(&pair("3MVG9old", &"o".repeat(64))).await),
        "done"
    );
    let kinds = [DESCRIBE, LIST, READ, UPDATE];
    assert_eq!(server.count(UPDATE), 2);
    let bodies: Vec<String> = kinds
        .iter()
        .flat_map(|kind| server.seen(kind))
        .map(|seen| seen.body.clone())
        .collect();
    assert!(bodies.len() > 5);
    let wrong: Vec<Value> = verdicts(&bodies)
        .into_iter()
        .filter(|verdict| !verdict.is_null())
        .collect();
    assert_eq!(wrong, Vec::<Value>::new());
}

#[tokio::test]
async fn the_judge_refuses_a_body_out_of_order() {
    let server = server().await;
    let target = server.update();
    let survey = target.survey().await.unwrap();
    let order = Cutover {
        staged: None,
        new: pair("3MVG9old", &"n".repeat(64)),
        modified: survey.modified,
    };
    assert_eq!(class(&target.cutover(&order).await), "done");
    let body = server.seen(UPDATE)[0].body.clone();
    // The label's end tag names it whatever prefix the envelope uses.
    let swapped = body
        .replacen("contactEmail", "LABEL", 2)
        .replacen("label", "contactEmail", 2)
        .replacen("LABEL", "label", 2);
    assert_ne!(swapped, body);
    assert!(!verdicts(&[swapped])[0].is_null());
}
