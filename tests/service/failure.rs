//! A life with accidents: what systemd starts again, and what it does not.

use std::time::Duration;

use crate::bench::{Bench, HEADING, Setup};
use crate::machine::until;
use crate::readme;

/// Killed while the org has the request to make a credential: the next process finds it, and makes no second one.
pub fn killed_it_goes_on() {
    let bench = Bench::start(&Setup::default());
    let machine = &bench.machine;
    machine.wait_for_log(&["billing", "adopted"]);
    let rule = serde_json::json!({ "operation": "staged.post", "count": 1, "action": { "kind": "delay", "ms": 1000 } });
    bench.org.fault(serde_json::from_value(rule).unwrap()).unwrap();
    machine
        .sh("rekeyd rotate billing --no-wait --reason drill")
        .ends(0);
    until("the request has arrived", || {
        bench.org.state().faults.is_empty().then_some(())
    });
    let first = machine.process(None);
    machine.sh("systemctl kill -s KILL rekeyd").ends(0);
    machine.process(Some(&first));
    machine.wait_for("ActiveState", "active");
    assert_eq!(machine.property("NRestarts"), "1");
    machine.wait_for_log(&["billing", "rotated: proven"]);
    assert_eq!(bench.mints(), 1);
    machine.sh("rekeyd history --verify").ends(0);
}

pub fn a_stuck_process_is_replaced() {
    let bench = Bench::install(&Setup::default());
    let machine = &bench.machine;
    bench.drop_in("WatchdogSec=2s");
    bench.enable();
    let first = machine.process(None);
    // Longer than the watchdog waits: one that works is left alone.
    machine.wait_for_log(&["billing", "adopted"]);
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(machine.process(None), first, "{}", machine.log());

    machine.sh(&format!("kill -STOP {first}")).ends(0);
    machine.process(Some(&first));
    machine.wait_for("ActiveState", "active");
    assert_eq!(machine.property("NRestarts"), "1");
    let log = machine
        .sh("journalctl -u rekeyd --no-pager -q -o cat _PID=1")
        .ends(0);
    assert!(log.contains("Watchdog timeout"), "{log}");
    // What it knew is not in a core file.
    assert!(log.contains("code=killed, status=6/ABRT"), "{log}");
    machine.sh("rekeyd status").ends(0);
}

pub fn a_bad_policy_is_not_started_again() {
    let bench = Bench::install(&Setup::default());
    let machine = &bench.machine;
    machine
        .sh("echo 'nonsense = 1' >> /etc/rekeyd/rekeyd.toml")
        .ends(0);
    // The README's own words find it before systemd does.
    let checked = machine.sh(&readme::block(HEADING, "enable --now")).ends(78);
    assert!(checked.contains("nonsense"), "{checked}");
    assert_ne!(machine.sh("systemctl start rekeyd").code, 0);
    assert_eq!(machine.property("ExecMainStatus"), "78");
    // `auto-restart` would be `activating`.
    assert_eq!(machine.property("ActiveState"), "failed");
    assert_eq!(machine.property("NRestarts"), "0");
    assert!(machine.log().contains("nonsense"), "{}", machine.log());
}

pub fn a_credential_that_is_missing() {
    let bench = Bench::install(&Setup::default());
    let machine = &bench.machine;
    machine.sh("rm /etc/credstore/rekeyd.store.key").ends(0);
    assert_ne!(machine.sh("systemctl start rekeyd").code, 0);
    assert_eq!(machine.property("ExecMainStatus"), "78");
    let log = machine.log();
    assert!(log.contains("[store.local.file] identity_file"), "{log}");
    assert!(log.contains("1 fault\n"), "nobody asked for a Vault token: {log}");
}

/// It is not ready before the journal is open, and it is tried again: the disk may come back.
pub fn a_journal_that_cannot_be_opened() {
    let bench = Bench::install(&Setup::default());
    let machine = &bench.machine;
    bench.drop_in("RestartSec=200ms");
    machine.write("/var/lib/rekeyd/journal.db", "not a journal");
    machine.sh("chown -R rekeyd: /var/lib/rekeyd").ends(0);
    assert_ne!(machine.sh("systemctl start rekeyd").code, 0);
    until("a second try", || {
        (machine.property("NRestarts") != "0").then_some(())
    });
    machine.wait_for_log(&["code=exited, status=1/FAILURE"]);
    assert!(!machine.log().contains("Started rekeyd"), "{}", machine.log());
    machine.sh("rm /var/lib/rekeyd/journal.db").ends(0);
    machine.wait_for("ActiveState", "active");
}
