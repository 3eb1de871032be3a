//! The commands that speak to a running daemon while something is wrong around it: a typo in the policy on disk, no
//! daemon at all.

use std::fs;

use crate::bench::{Bench, Ran};
use crate::daemon::{Stage, stage};
use crate::readers;
use crate::service::Service;

/// What is said once, on standard error, and leaves standard output alone.
fn warned(ran: &Ran) {
    let warnings: Vec<&str> = ran
        .err
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .collect();
    let [warning] = warnings.as_slice() else {
        panic!("{}", ran.err);
    };
    assert!(
        warning.contains("is refused") && warning.contains("`rekeyd check"),
        "{warning}"
    );
    assert!(!ran.out.contains("warning"), "{}", ran.out);
}

#[test]
fn a_typo_on_disk_keeps_nobody_from_a_daemon_that_is_well() {
    let Stage { bench, org, _runtime } = stage("applies");
    let mut service = Service::start(&bench);
    service.wait_for(&["adopted", "billing"]);
    let sound = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let socket = bench.path("rekeyd.sock").display().to_string();

    // A key that is none, a value that is wrong, and a line that is no TOML, elsewhere.
    let faulty = sound
        .replace("api_version = \"66.0\"", "api_version = \"12.0\"\nshoe_size = 44")
        .replace("grace = \"7d\"", "grace = ");
    bench.write("rekeyd.toml", &faulty);
    bench.run(&["check"]).ends(78);
    let ran = bench.run(&["hold", "billing", "--reason", "audit week"]).ends(0);
    warned(&ran);
    let ran = bench.run(&["rotate", "billing"]).ends(3);
    assert!(ran.err.contains("`rekeyd resume billing`"), "{}", ran.err);
    let ran = bench.run(&["status", "billing", "--json"]).ends(3);
    warned(&ran);
    // The daemon's own policy is shown, not the one on disk.
    let json = ran.json();
    assert_eq!(
        (&json["org"], &json["method"]),
        (&"test".into(), &"staged".into())
    );
    assert_eq!(json["daemon"]["running"], true);
    bench.run(&["resume", "billing"]).ends(0);
    let ran = bench.run(&["status", "billing"]).ends(0);
    assert!(ran.out.contains("every 90d"), "{}", ran.out);
    let ran = bench.run(&["history", "billing"]).ends(0);
    warned(&ran);
    assert!(ran.out.contains("audit week"), "{}", ran.out);
    warned(&bench.run(&["rotate", "billing"]).ends(0));
    let ran = bench
        .run_with_input(&["submit", "legacy"], "id\nsecret\n")
        .ends(1);
    assert!(
        ran.err.contains("is not the one that Salesforce holds"),
        "{}",
        ran.err
    );
    // What is decided by a policy takes a whole one.
    bench.run(&["secret", "billing"]).ends(78);

    // Nothing of it can be read: the person names the socket.
    bench.write("rekeyd.toml", "[api\nsocket = \"/elsewhere\"\n= = =\n");
    let ran = bench.run(&["hold", "billing", "--reason", "x"]).ends(78);
    assert!(
        ran.err.contains("--socket") && ran.err.contains("REKEYD_SOCKET"),
        "{}",
        ran.err
    );
    let args = ["--socket", &socket, "hold", "billing", "--reason", "x"];
    bench.run(&args).ends(0);
    let mut command = bench.command(&["resume", "billing"]);
    Ran::of(&command.env("REKEYD_SOCKET", &socket).output().unwrap()).ends(0);
    fs::remove_file(bench.path("rekeyd.toml")).unwrap();
    bench.run(&args).ends(0);

    // Once it has stopped, a refused policy is what keeps it from starting.
    bench.write("rekeyd.toml", &faulty);
    service.terminate();
    assert_eq!(service.end().0, 0);
    let ran = bench.run(&["status"]).ends(78);
    assert!(ran.out.contains("rekeyd is not running"), "{}", ran.out);
    assert!(ran.out.contains("billing"), "{}", ran.out);
    drop(org);
}

#[test]
fn status_says_that_nothing_runs_and_shows_what_the_journal_says() {
    let bench = readers::told();
    let ran = bench.run(&["status"]).ends(0);
    assert!(ran.out.starts_with("rekeyd is not running"), "{}", ran.out);
    assert!(
        ran.out.contains("what follows is what the journal says"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("--take-over 888FOREIGN"), "{}", ran.out);
    let ran = bench.run(&["status", "billing"]).ends(3);
    assert!(ran.out.starts_with("rekeyd is not running"), "{}", ran.out);
    let json = bench.run(&["status", "--json"]).ends(0).json();
    assert_eq!(json["daemon"]["running"], false);
}

#[test]
fn a_policy_without_a_socket_cannot_tell_whether_anything_runs() {
    let bench = Bench::new();
    let text = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("socket")).collect();
    bench.write("rekeyd.toml", &without.join("\n"));
    let json = bench.run(&["status", "--json"]).ends(0).json();
    assert_eq!(json["daemon"]["running"], serde_json::Value::Null);
}
