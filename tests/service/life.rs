//! A life without accidents: installed, started, used, stopped.

use crate::bench::{Bench, HEADING, Setup};
use crate::machine::{System, until};
use crate::readme;

/// The process as the kernel sees it.
fn of_process(bench: &Bench, field: &str) -> String {
    let pid = bench.machine.process(None);
    let status = bench.machine.sh(&format!("cat /proc/{pid}/status")).ends(0);
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{field}:")));
    line.unwrap_or_default().trim().to_owned()
}

pub fn starts_works_and_stops(system: System) {
    let bench = Bench::start(&Setup { system, first: "now" });
    let machine = &bench.machine;
    // `systemctl start` has returned, so that it answers.
    assert_eq!(machine.property("ActiveState"), "active");
    assert_eq!(machine.property("StatusText"), "apps 1, orgs 1, stores 1");
    let kind = if system == System::Trixie {
        "notify-reload"
    } else {
        "notify"
    };
    assert_eq!(machine.property("Type"), kind);
    machine.sh("rekeyd status").ends(0);
    machine
        .sh("setpriv --reuid=rekeyd --regid=rekeyd --clear-groups rekeyd status")
        .ends(0);
    machine
        .sh("setpriv --reuid=nobody --regid=nogroup --clear-groups rekeyd status")
        .ends(1);

    // Rotated by the clock, and the only copy is where the policy says.
    machine.wait_for_log(&["billing", "rotated: proven"]);
    assert_eq!(bench.mints(), 1);
    let shown = machine.sh("rekeyd secret billing").ends(0);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let (id, secret) = (
        shown["client_id"].as_str().unwrap(),
        shown["client_secret"].as_str().unwrap(),
    );
    assert!(bench.org.accepts(id, secret).is_some());
    assert!(!machine.log().contains(secret));

    // The walls are there.
    let wanted = [
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
        ("CapEff", "0000000000000000"),
        ("CapBnd", "0000000000000000"),
    ];
    for (field, value) in wanted {
        assert_eq!(of_process(&bench, field), value, "{field}");
    }
    let modes = machine
        .sh("stat -c '%U %a %n' /var/lib/rekeyd /var/lib/rekeyd/secrets /var/lib/rekeyd/journal.db /run/rekeyd /run/rekeyd/rekeyd.sock")
        .ends(0);
    let wanted = "rekeyd 700 /var/lib/rekeyd\nrekeyd 700 /var/lib/rekeyd/secrets\nrekeyd 600 /var/lib/rekeyd/journal.db\n\
                  rekeyd 700 /run/rekeyd\nrekeyd 600 /run/rekeyd/rekeyd.sock\n";
    assert_eq!(modes, wanted);

    machine.sh("systemctl stop rekeyd").ends(0);
    assert_eq!(machine.property("ActiveState"), "inactive");
    assert_eq!(machine.property("Result"), "success");
    assert_eq!(machine.property("ExecMainStatus"), "0");
    assert!(machine.log().contains("rekeyd has stopped"));
    machine.sh("test ! -e /run/rekeyd").ends(0);
    machine.sh("rekeyd history --verify").ends(0);
    // Reading as root while it was away has left nothing that it cannot open.
    let ran = machine.sh("systemctl start rekeyd; rekeyd status");
    assert_eq!(ran.code, 0, "{}{}", ran.text, machine.log());
}

pub fn encrypted_credentials() {
    let bench = Bench::install(&Setup::default());
    let machine = &bench.machine;
    machine
        .sh(&readme::block(HEADING, "systemd-creds encrypt"))
        .ends(0);
    machine.sh("test -z \"$(ls /etc/credstore)\"").ends(0);
    bench.enable();
    machine.wait_for_log(&["billing", "adopted"]);
}

/// Stopped while the org is silent about the new credential: the rotation rests, and goes on with the next start.
pub fn a_stop_drains() {
    let bench = Bench::start(&Setup::default());
    let machine = &bench.machine;
    machine.wait_for_log(&["billing", "adopted"]);
    let rule = serde_json::json!({ "operation": "staged.post", "count": 1, "action": { "kind": "delay", "ms": 3000 } });
    bench.org.fault(serde_json::from_value(rule).unwrap()).unwrap();
    machine
        .sh("rekeyd rotate billing --no-wait --reason drill")
        .ends(0);
    until("the request has arrived", || {
        bench.org.state().faults.is_empty().then_some(())
    });
    machine.sh("systemctl stop rekeyd").ends(0);
    assert_eq!(machine.property("Result"), "success");
    assert_eq!(bench.mints(), 1, "the answer was waited for");
    assert!(machine.log().contains("draining"));
    let state = machine.sh("rekeyd status billing --json").ends(0);
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert_ne!(state["state"], "resting", "{state}");

    machine.sh("systemctl start rekeyd").ends(0);
    machine.wait_for_log(&["billing", "rotated: proven"]);
    assert_eq!(bench.mints(), 1);
}
