//! The commands that go through the running daemon, against a simulated org.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rekeyd::sandbox::{
    ClockMode, ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, LoginSeed, RunningSandbox, Sandbox,
    Seed,
};

use crate::bench::{Bench, LOGIN_ID, Ran, USER, login_key};
use crate::service::Service;

pub const LEGACY_ID: &str = "3MVG9legacylegacy";
pub const LEGACY_SECRET: &str = "CANARYlegacy0123456789";

/// An org, and a bench whose policy names it.
pub struct Stage {
    pub bench: Bench,
    pub org: RunningSandbox,
    pub _runtime: tokio::runtime::Runtime,
}

/// `in_place`: what the org makes of another secret for the Connected App.
pub fn stage(in_place: &str) -> Stage {
    stage_with(in_place, |_| ())
}

/// The same with something changed about the org.
pub fn stage_with(in_place: &str, change: impl FnOnce(&mut Seed)) -> Stage {
    let mut seed = Seed {
        login: Some(LoginSeed {
            client_id: LOGIN_ID.into(),
            username: USER.into(),
            public_key: Some(login_key().public_key_pem()),
            ..LoginSeed::default()
        }),
        connected_apps: vec![ConnectedAppSeed {
            name: "Legacy".into(),
            consumer_key: Some(LEGACY_ID.into()),
            consumer_secret: Some(LEGACY_SECRET.into()),
            ..ConnectedAppSeed::default()
        }],
        external_client_apps: vec![ExternalClientAppSeed {
            name: "Billing".into(),
            consumers: vec![ConsumerSeed::default()],
            ..ExternalClientAppSeed::default()
        }],
        ..Seed::default()
    };
    seed.clock.mode = ClockMode::Real;
    // An early proof that does not come makes a rotation last as long as the propagation budget.
    let switch = serde_json::json!({ "in_place_secret": in_place, "staged_proves_before_cutover": false });
    seed.switches = serde_json::from_value(switch).unwrap();
    change(&mut seed);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let org = runtime.block_on(Sandbox::start(&seed)).unwrap();
    Stage {
        bench: Bench::at(org.base_url()),
        org,
        _runtime: runtime,
    }
}

fn quiet_about_secrets(ran: &Ran) {
    assert!(
        !ran.out.contains("CANARY") && !ran.err.contains("CANARY"),
        "{}{}",
        ran.out,
        ran.err
    );
}

#[test]
fn nobody_answers() {
    let bench = Bench::new();
    let socket = bench.path("rekeyd.sock");
    let commands: [&[&str]; 4] = [
        &["rotate", "billing"],
        &["hold", "billing", "--reason", "x"],
        &["resume", "billing"],
        &["abandon", "billing"],
    ];
    for args in commands {
        let ran = bench.run(args).ends(1);
        assert!(ran.err.contains("rekeyd is not running"), "{}", ran.err);
        assert!(ran.err.contains(socket.to_str().unwrap()), "{}", ran.err);
    }
    let text = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("socket")).collect();
    bench.write("rekeyd.toml", &without.join("\n"));
    let ran = bench.run(&["rotate", "billing"]).ends(1);
    assert!(ran.err.contains("the policy has no [api] socket"), "{}", ran.err);
}

/// The whole life of a daemon: what people ask of it, a second one beside it, and its end.
#[test]
fn people_and_the_daemon() {
    let Stage { bench, org, _runtime } = stage("applies");
    let mut service = Service::start(&bench);
    let mode = fs::metadata(bench.path("rekeyd.sock"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    service.wait_for(&["not adopted yet", "rekeyd submit legacy"]);

    // Nothing is rotated before the daemon knows the pair; the pair is handed over once.
    let ran = bench.run(&["rotate", "legacy"]).ends(1);
    assert!(ran.err.contains("not adopted yet"), "{}", ran.err);
    let wrong = format!("{LEGACY_ID}\nCANARYwrong0123456789\n");
    let ran = bench.run_with_input(&["submit", "legacy"], &wrong).ends(1);
    quiet_about_secrets(&ran);
    let pair = format!("{LEGACY_ID}\n{LEGACY_SECRET}\n");
    let ran = bench.run_with_input(&["submit", "legacy"], &pair).ends(0);
    assert_eq!(ran.out, "legacy: adopted\n");
    // Again: the same pair leaves the store as it is, and a wrong one never takes a good one's place.
    let generations = || {
        fs::read_dir(bench.path("secrets/apps/legacy/generations"))
            .unwrap()
            .count()
    };
    let before = generations();
    bench.run_with_input(&["submit", "legacy"], &pair).ends(0);
    let ran = bench.run_with_input(&["submit", "legacy"], &wrong).ends(1);
    assert!(ran.err.contains("is refused by Salesforce"), "{}", ran.err);
    quiet_about_secrets(&ran);
    assert_eq!(generations(), before);
    let ran = bench.run(&["secret", "legacy"]).ends(0);
    assert_eq!(ran.json()["client_secret"], LEGACY_SECRET);
    let log = fs::read_to_string(bench.path("secrets/access.log")).unwrap();
    assert_eq!(log.lines().count(), 1, "{log}");

    // A hold stops what would begin, and says who and why.
    let ran = bench.run(&["hold", "billing", "--reason", "audit week"]).ends(0);
    assert_eq!(ran.out, "billing: held\n");
    let ran = bench.run(&["rotate", "billing"]).ends(3);
    assert!(
        ran.err.contains("audit week") && ran.err.contains("`rekeyd resume billing`"),
        "{}",
        ran.err
    );
    let ran = bench.run(&["status", "billing"]).ends(3);
    assert!(ran.out.contains("audit week"), "{}", ran.out);
    bench.run(&["resume", "billing"]).ends(0);
    let ran = bench.run(&["resume", "billing"]).ends(1);
    assert!(ran.err.contains("nothing is held"), "{}", ran.err);
    let ran = bench.run(&["abandon", "billing"]).ends(1);
    assert!(ran.err.contains("no rotation is under way"), "{}", ran.err);
    let ran = bench.run(&["rotate", "nobody"]).ends(1);
    assert!(ran.err.contains("no app nobody"), "{}", ran.err);

    // A rotation on demand, followed to its publication; in grace there is no second one.
    let ran = bench.run(&["rotate", "billing", "--reason", "drill"]).ends(0);
    assert!(ran.out.contains("rotation started by uid"), "{}", ran.out);
    assert!(ran.out.contains("drill"), "{}", ran.out);
    assert!(
        ran.out
            .trim_end()
            .ends_with("rotated: proven, and published in every store"),
        "{}",
        ran.out
    );
    let held = bench.run(&["secret", "billing"]).ends(0).json();
    let (id, secret) = (
        held["client_id"].as_str().unwrap(),
        held["client_secret"].as_str().unwrap(),
    );
    assert!(org.accepts(id, secret).is_some());
    let ran = bench.run(&["rotate", "billing"]).ends(1);
    assert!(ran.err.contains("in grace until"), "{}", ran.err);
    let ran = bench.run(&["rotate", "legacy", "--no-wait"]).ends(0);
    assert!(ran.out.starts_with("legacy: rotation "), "{}", ran.out);
    service.wait_for(&["legacy", "proven dead"]);

    // One journal, one daemon.
    let second = bench.run(&["run"]).ends(1);
    assert!(
        second.err.contains("the journal is in use by process"),
        "{}",
        second.err
    );

    service.terminate();
    let (code, log) = service.end();
    assert_eq!(code, 0, "{log}");
    assert!(!bench.path("rekeyd.sock").exists());
    assert!(!log.contains("CANARY"), "{log}");
    bench.run(&["history", "--verify"]).ends(0);
    let ran = bench.run(&["history"]).ends(0);
    quiet_about_secrets(&ran);
    let ran = bench.run(&["rotate", "billing"]).ends(1);
    assert!(ran.err.contains("rekeyd is not running"), "{}", ran.err);
}

/// A change that has no effect ends the command with 1, and says that nothing was harmed.
#[test]
fn a_rotation_that_fails_honestly() {
    let Stage { bench, org, _runtime } = stage("ignored");
    let mut service = Service::start(&bench);
    service.wait_for(&["not adopted yet", "rekeyd submit legacy"]);
    let pair = format!("{{\"client_id\": \"{LEGACY_ID}\", \"client_secret\": \"{LEGACY_SECRET}\"}}");
    bench.run_with_input(&["submit", "legacy"], &pair).ends(0);
    let ran = bench.run(&["rotate", "legacy"]).ends(1);
    assert!(ran.err.contains("the old credential is untouched"), "{}", ran.err);
    assert!(org.accepts(LEGACY_ID, LEGACY_SECRET).is_some());
    let ran = bench.run(&["status", "legacy"]).ends(3);
    assert!(ran.out.contains("`rekeyd resume legacy`"), "{}", ran.out);
    service.terminate();
    assert_eq!(service.end().0, 0);
}

/// Whoever watches may go, and so may the daemon: the rotation goes on where it was.
#[test]
fn a_rotation_outlives_its_watcher_and_its_daemon() {
    let Stage { bench, org, _runtime } = stage("applies");
    let mut service = Service::start(&bench);
    service.wait_for(&["adopted", "billing"]);
    let mut command = bench.command(&["rotate", "billing"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watcher = command.spawn().unwrap();
    let mut first = String::new();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap());
    lines.read_line(&mut first).unwrap();
    if !first.contains("rotation started") {
        let ran = Ran::of(&watcher.wait_with_output().unwrap());
        panic!("nothing began: {first}{}{}\n{}", ran.out, ran.err, service.log);
    }
    let pid = rustix::process::Pid::from_child(&watcher);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ran = Ran::of(&watcher.wait_with_output().unwrap()).ends(1);
    assert!(ran.err.contains("goes on"), "{}", ran.err);
    assert!(ran.err.contains("`rekeyd status billing`"), "{}", ran.err);

    service.terminate();
    let (code, log) = service.end();
    assert_eq!(code, 0, "{log}");
    let state = bench.run(&["status", "billing", "--json"]).ends(0).json();
    assert_ne!(state["state"], "resting");
    let mut service = Service::start(&bench);
    service.wait_for(&["billing", "rotated: proven"]);
    service.terminate();
    assert_eq!(service.end().0, 0);
    let mints = bench.run(&["history", "billing"]).ends(0).out;
    assert_eq!(
        mints.matches("Salesforce made a new credential").count(),
        1,
        "{mints}"
    );
    drop(org);
}

/// The engine looks at an app now and then without rotating it. What is asked meanwhile is not refused as if it did.
#[test]
fn a_look_at_an_app_is_not_a_rotation_of_it() {
    let Stage { bench, org, _runtime } = stage("applies");
    let mut service = Service::start(&bench);
    service.wait_for(&["not adopted yet", "rekeyd submit legacy"]);
    let pair = format!("{LEGACY_ID}\n{LEGACY_SECRET}\n");
    bench.run_with_input(&["submit", "legacy"], &pair).ends(0);

    // Handed over again, it is looked at for as long as the org takes to answer.
    let rule = serde_json::json!({
        "operation": "introspect", "app": "Legacy", "count": 1, "action": { "kind": "delay", "ms": 4000 }
    });
    org.fault(serde_json::from_value(rule).unwrap()).unwrap();
    let mut command = bench.command(&["submit", "legacy"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut looking = command.spawn().unwrap();
    looking.stdin.take().unwrap().write_all(pair.as_bytes()).unwrap();
    // The rule is used up once the org has the question, and the answer is still on its way.
    while !org.state().faults.is_empty() {
        std::thread::yield_now();
    }
    let ran = bench.run(&["rotate", "legacy"]);
    let looked = Ran::of(&looking.wait_with_output().unwrap()).ends(0);
    assert_eq!(looked.out, "legacy: adopted\n");
    let ran = ran.ends(0);
    assert!(ran.out.contains("rotated: proven"), "{}", ran.out);
    service.terminate();
    assert_eq!(service.end().0, 0);
}
