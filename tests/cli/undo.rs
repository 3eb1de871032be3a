//! A cutover that no store can publish, and that Salesforce does not take back: the service holds and names commands, and
//! those are typed here as they stand.

use std::fs;
use std::time::Duration;

use rekeyd::sandbox::{Action, Rule, RunningSandbox};
use serde_json::json;

use crate::bench::Bench;
use crate::daemon::{LEGACY_ID, LEGACY_SECRET, Stage, stage};
use crate::service::Service;

/// The commands that `rekeyd status` names, in their order.
fn told(bench: &Bench) -> Vec<String> {
    let status = bench.run(&["status", "legacy", "--json"]).ends(3).json();
    let remedy = status["remedy"].as_str().unwrap_or_else(|| panic!("{status}"));
    let commands = remedy.split('`').skip(1).step_by(2);
    commands.map(str::to_owned).collect()
}

fn types(bench: &Bench, command: &str) -> String {
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    bench.run(&words).ends(0).out
}

/// What the org makes of another secret from now on.
fn in_place(org: &RunningSandbox, does: &str) {
    let set = json!({ "in_place_secret": does });
    org.switch(None, set.as_object().unwrap()).unwrap();
}

/// Loses the store right after Salesforce took the new secret, and has it refuse the old one. Leaves the service holding.
fn broken(stage: &Stage) -> Service {
    let Stage { bench, org, .. } = stage;
    let policy = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let policy = policy.replacen(
        "propagation = \"2s\"",
        "propagation = \"2s\"\ncutover_timeout = \"2s\"",
        1,
    );
    bench.write("rekeyd.toml", &policy);
    let mut service = Service::start(bench);
    service.wait_for(&["not adopted yet", "rekeyd submit legacy"]);
    let pair = format!("{LEGACY_ID}\n{LEGACY_SECRET}\n");
    bench.run_with_input(&["submit", "legacy"], &pair).ends(0);
    // Applied at once, answered later: time to take the store away.
    org.fault(Rule {
        operation: "soap.updateMetadata".into(),
        app: None,
        nth: 1,
        count: 1,
        action: Action::SlowBody { ms: 2_000 },
    })
    .unwrap();
    bench.run(&["rotate", "legacy", "--no-wait"]).ends(0);
    let applied = (0..6_000).any(|_| {
        service.listen(Duration::from_millis(10));
        org.accepts(LEGACY_ID, LEGACY_SECRET).is_none()
    });
    assert!(applied, "no cutover");
    fs::rename(bench.path("secrets"), bench.path("elsewhere")).unwrap();
    in_place(org, "refused");
    service.wait_for(&["legacy", "held", "could not be put back"]);
    service
}

fn published(bench: &Bench) -> (String, String) {
    let value = bench.run(&["secret", "legacy"]).ends(0).json();
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    (text("client_id"), text("client_secret"))
}

#[test]
fn a_broken_undo_is_ended_by_the_commands_that_it_names() {
    let stage = stage("applies");
    let mut service = broken(&stage);
    let Stage { bench, org, .. } = &stage;
    let commands = told(bench);
    assert_eq!(
        commands,
        [
            "rekeyd resume legacy",
            "rekeyd secret legacy",
            "rekeyd resume legacy"
        ]
    );
    fs::rename(bench.path("elsewhere"), bench.path("secrets")).unwrap();
    in_place(org, "applies");
    types(bench, &commands[0]);
    service.wait_for(&["legacy", "the old credential is in force again"]);
    service.wait_for(&["rotation ended", "legacy"]);
    assert_eq!(published(bench), (LEGACY_ID.to_owned(), LEGACY_SECRET.to_owned()));
    assert!(org.accepts(LEGACY_ID, LEGACY_SECRET).is_some());
    service.terminate();
    assert_eq!(service.end().0, 0);
}
