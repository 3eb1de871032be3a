//! Two of us at once, and one of us asleep: the real binary. What it means for a rotation at each instant is in
//! `tests/crash/asleep.rs`.

use std::fs;
use std::process::Command;

use rekeyd::journal::{Journal, SqliteJournal};
use rekeyd::port::journal::RecordQuery;
use rekeyd::sandbox::Rule;
use rustix::process::Signal;

use crate::bench::Ran;
use crate::daemon::{Stage, stage};
use crate::service::Service;

/// Failure mode 8: *given* a daemon on a journal, *when* another one is started on it, *then* that one is refused and
/// touches nothing.
#[test]
fn given_a_daemon_when_a_second_is_started_on_its_journal_then_it_is_refused_and_names_the_first() {
    let Stage { bench, org, _runtime } = stage("applies");
    let mut first = Service::start(&bench);
    first.wait_for(&["billing", ": adopted"]);
    let before = org.state().counters.clone();
    let (code, log) = Service::spawned(&bench).end();
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("Stop that process first"), "{log}");
    assert_eq!(
        org.state().counters,
        before,
        "the second one asked the org nothing"
    );
    // The first one is as well as before.
    bench.run(&["rotate", "billing"]).ends(0);
    assert_eq!(org.state().calls("staged.post"), 1);
    first.terminate();
    assert_eq!(first.end().0, 0);
}

/// *Given* a daemon that is stopped in the middle of a rotation, *when* an hour passes for everybody else, *then* no other
/// one can take its place, and once it is woken it ends the rotation: one mint.
#[test]
fn given_a_daemon_that_is_stopped_mid_rotation_when_it_is_woken_later_then_it_ends_what_it_began() {
    for operation in ["staged.post", "staged.patch"] {
        let Stage { bench, org, _runtime } = stage("applies");
        let mut service = Service::start(&bench);
        service.wait_for(&["billing", ": adopted"]);
        // Its next request of that kind is under way for so long that the signal comes in between.
        let rule: Rule = serde_json::from_value(serde_json::json!({
            "operation": operation, "count": 1, "action": { "kind": "delay", "ms": 1500 }
        }))
        .unwrap();
        let seen = org.state().calls(operation);
        org.fault(rule).unwrap();
        let mut command = bench.command(&["rotate", "billing", "--no-wait"]);
        command.stdout(std::process::Stdio::null());
        let mut asked = command.spawn().unwrap();
        while org.state().calls(operation) == seen {
            std::thread::yield_now();
        }
        service.signal(Signal::STOP);
        org.advance(chrono::TimeDelta::hours(1));
        let (code, log) = Service::spawned(&bench).end();
        assert_eq!(code, 1, "{operation}: a stopped one still has its journal: {log}");
        // The org answers meanwhile, and nobody hears it.
        loop {
            let state = org.state();
            let consumer = &state.app("Billing").unwrap().consumers[0];
            let done = match operation {
                "staged.post" => consumer.mints,
                _ => consumer.cutovers,
            };
            if done > 0 {
                break;
            }
            std::thread::yield_now();
        }
        service.signal(Signal::CONT);
        service.wait_for(&["billing", "proven, and published in every store"]);
        asked.wait().unwrap();
        assert_eq!(org.state().calls("staged.post"), 1, "{operation}");
        let state = org.state();
        let consumer = &state.app("Billing").unwrap().consumers[0];
        assert_eq!((consumer.mints, consumer.cutovers), (1, 1), "{operation}");
        service.terminate();
        assert_eq!(service.end().0, 0);
    }
}

/// *Given* a daemon, *when* another one with a journal of its own is started at its socket, *then* that one is refused
/// before it has asked the org, noted or alerted anything.
#[test]
fn given_a_daemon_when_a_second_with_its_own_journal_is_started_at_its_socket_then_it_has_done_nothing() {
    let Stage {
        bench,
        org,
        _runtime: runtime,
    } = stage("applies");
    let mut first = Service::start(&bench);
    first.wait_for(&["billing", ": adopted"]);
    let policy = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    bench.write("second.toml", &policy.replace("journal.db", "second.db"));
    let before = org.state().counters.clone();
    for _ in 0..5 {
        let second = bench.path("second.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_rekeyd"));
        command
            .arg("--config")
            .arg(second)
            .arg("run")
            .env_remove("REKEYD_LOG");
        let ran = Ran::of(&command.output().unwrap()).ends(1);
        assert!(ran.err.contains("somebody answers at"), "{}", ran.err);
        assert_eq!(org.state().counters, before, "{}", ran.err);
    }
    let journal = runtime.block_on(SqliteJournal::open_read_only(&bench.path("second.db")));
    let records = runtime.block_on(journal.unwrap().read(&RecordQuery::default()));
    assert_eq!(records.unwrap(), []);
    first.terminate();
    assert_eq!(first.end().0, 0);
}
