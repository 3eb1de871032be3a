//! The alert rules: what promtool thinks of them, that each is seen to fire, and that what they ask for exists.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::tools::{repository, run, text, yaml};

const RULES: &str = "deploy/prometheus/rekeyd.rules.yml";
const TESTS: &str = "deploy/prometheus/rekeyd.rules.test.yml";

fn alerts() -> Vec<Value> {
    let document = yaml(&text(RULES)).remove(0);
    let groups = document["groups"].as_array().unwrap().iter();
    groups
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

/// Every name of a metric in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_lowercase() || c == '_');
    let words = text.split(word).filter(|word| word.starts_with("rekeyd_"));
    words.map(str::to_owned).collect()
}

#[test]
fn promtool_is_content() {
    for arguments in [["check", "rules", RULES], ["test", "rules", TESTS]] {
        let (done, said) = run("deb/usr/bin/promtool", &arguments, "");
        assert!(done, "{said}");
        assert!(said.contains("SUCCESS"), "{said}");
    }
}

/// A rule that would not fire is found: the tests of the rules can fail.
#[test]
fn promtool_finds_a_rule_that_is_wrong() {
    let directory = tempfile::TempDir::new().unwrap();
    for (from, to) in [
        (
            "rekeyd_app_current_accepted == 0",
            "rekeyd_app_current_accepted == 2",
        ),
        ("> 900", "> 9000"),
        ("for: 6h", "for: 1h"),
    ] {
        let rules = text(RULES);
        assert!(rules.contains(from), "{from}");
        std::fs::write(directory.path().join("rekeyd.rules.yml"), rules.replace(from, to)).unwrap();
        let tests = directory.path().join("rekeyd.rules.test.yml");
        std::fs::copy(repository(TESTS), &tests).unwrap();
        let (done, said) = run(
            "deb/usr/bin/promtool",
            &["test", "rules", tests.to_str().unwrap()],
            "",
        );
        assert!(!done, "{from} → {to}: {said}");
    }
}

#[test]
fn each_alert_says_what_a_person_needs() {
    let reference = text("config/README.md");
    let anchors: BTreeSet<String> = ["README.md", "config/README.md"]
        .into_iter()
        .flat_map(|file| {
            let headings = text(file);
            let anchor = |heading: &str| format!("{file}#{}", heading.to_lowercase().replace(' ', "-"));
            let found = headings.lines().filter_map(|line| line.strip_prefix("## "));
            found.map(anchor).collect::<Vec<_>>()
        })
        .collect();
    let prometheus = reference
        .split("\n## ")
        .find(|section| section.starts_with("Prometheus\n"))
        .unwrap();
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}");
        for annotation in ["summary", "description"] {
            assert!(
                alert["annotations"][annotation]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{name}"
            );
        }
        let runbook = alert["annotations"]["runbook"].as_str().unwrap();
        assert!(anchors.contains(runbook), "{name}: {runbook}");
        assert!(
            prometheus.contains(name),
            "the reference does not say what to do about {name}"
        );
    }
    assert!(alerts().len() > 12);
}

#[test]
fn each_alert_is_seen_silent_and_seen_to_fire() {
    let document = yaml(&text(TESTS)).remove(0);
    let cases: Vec<Value> = document["tests"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|test| test["alert_rule_test"].as_array().unwrap().clone())
        .collect();
    for alert in alerts() {
        let seen = |fires: bool| {
            cases.iter().any(|case| {
                let some = !case["exp_alerts"].as_array().unwrap().is_empty();
                case["alertname"] == alert["alert"] && some == fires
            })
        };
        assert!(seen(true) && seen(false), "{}", alert["alert"]);
    }
}

/// What the rules ask for is what `/metrics` prints, by the source that prints it.
#[test]
fn each_metric_exists() {
    let mut printed = BTreeSet::new();
    for file in std::fs::read_dir(repository("src/api/metrics")).unwrap() {
        printed.extend(metrics(&std::fs::read_to_string(file.unwrap().path()).unwrap()));
    }
    assert!(
        printed.contains("rekeyd_heartbeat_timestamp_seconds"),
        "{printed:?}"
    );
    let mut asked = BTreeSet::new();
    for alert in alerts() {
        asked.extend(metrics(alert["expr"].as_str().unwrap()));
    }
    let missing: Vec<&String> = asked.difference(&printed).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(asked.len() > 12, "{asked:?}");
}
