//! What is asked of the service while it runs: a new policy, a signal, a request.

use serde_json::json;

use crate::bench::{Bench, Setup};
use crate::machine::System;

/// A good policy, a bad one, and a good one again, under one process.
pub fn takes_a_good_policy_and_keeps_it(system: System) {
    let bench = Bench::start(&Setup {
        system,
        ..Setup::default()
    });
    let machine = &bench.machine;
    let process = machine.process(None);

    bench.edit("/^grace/s/7d/6d/");
    machine.sh("systemctl reload rekeyd").ends(0);
    machine.wait_for_log(&["policy", "1 app"]);
    machine.wait_for("StatusText", "apps 1, orgs 1, stores 1");

    bench.edit("1i nonsense = 1");
    let said = machine.sh("systemctl reload rekeyd");
    assert_ne!(said.code, 0, "whoever reloads is told: {}", said.text);
    machine.wait_for_log(&["nonsense"]);
    let kept = "apps 1, orgs 1, stores 1; a new policy was refused, see the log";
    machine.wait_for("StatusText", kept);
    machine.wait_for("ActiveState", "active");
    let (status, app) = bench.request("GET", "/v1/apps/billing", None);
    assert_eq!(status, 200, "{app}");

    bench.edit("1d");
    machine.sh("systemctl reload rekeyd").ends(0);
    machine.wait_for("StatusText", "apps 1, orgs 1, stores 1");
    machine.wait_for("ActiveState", "active");
    assert_eq!(machine.process(None), process);
    assert_eq!(machine.property("NRestarts"), "0");
}

/// By a signal, as the manager sends it. A second one finds the previous credential in grace.
pub fn rotates_by_signal() {
    let bench = Bench::start(&Setup::default());
    let machine = &bench.machine;
    machine.wait_for_log(&["billing", "adopted"]);
    machine.sh("systemctl kill -s USR1 rekeyd").ends(0);
    machine.wait_for_log(&["billing", "asked for by SIGUSR1"]);
    machine.wait_for_log(&["billing", "rotated: proven"]);
    machine.sh("systemctl kill -s USR1 rekeyd").ends(0);
    machine.wait_for_log(&["billing", "not rotated by the signal", "in grace"]);
    assert_eq!(bench.mints(), 1);
}

/// By HTTP and by the command line, through all of the unit's walls.
pub fn rotates_by_request() {
    let bench = Bench::start(&Setup::default());
    let machine = &bench.machine;
    machine.wait_for_log(&["billing", "adopted"]);
    let body = json!({ "reason": "drill" }).to_string();
    let (status, answer) = bench.request("POST", "/v1/apps/billing/rotate", Some(&body));
    assert_eq!(status, 202, "{answer}");
    machine.wait_for_log(&["billing", "rotated: proven"]);
    let refused = machine.sh("rekeyd rotate billing").ends(1);
    assert!(refused.contains("in grace until"), "{refused}");
    assert_eq!(bench.mints(), 1);
    assert_eq!(bench.request("GET", "/readyz", None).0, 200);
    let history = machine.sh("rekeyd history billing").ends(0);
    assert!(history.contains("token on-call"), "{history}");
}
