//! Signals to the real binary: a new policy, a faulty one, a rotation now; and a clock that somebody sets.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::bench::Bench;
use crate::daemon::{Stage, stage};
use crate::service::Service;

fn edit(bench: &Bench, from: &str, to: &str) {
    let text = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    assert!(text.contains(from), "{from}");
    bench.write("rekeyd.toml", &text.replacen(from, to, 1));
}

#[test]
fn a_policy_is_taken_whole_or_not_at_all() {
    let Stage {
        bench,
        org: _org,
        _runtime,
    } = stage("applies");
    let mut service = Service::start(&bench);
    service.wait_for(&["billing", ": adopted"]);

    // A fault anywhere: all of the old one stays.
    edit(
        &bench,
        "[app.legacy]",
        "[app.billing-two]\nstores = 7\n[app.legacy]",
    );
    edit(&bench, "every = \"90d\"", "every = \"1s\"");
    service.signal(Signal::HUP);
    service.wait_for(&["a new policy was refused", "`rekeyd check` shows where"]);
    let refused = service.log.lines().last().unwrap_or_default().to_owned();
    assert!(refused.contains("`stores` is an array"), "{refused}");
    let ran = bench.run(&["history"]).ends(0);
    assert!(ran.err.contains("the policy on disk is refused"), "{}", ran.err);

    // Put right: in force, without a restart.
    edit(&bench, "[app.billing-two]\nstores = 7\n", "");
    edit(&bench, "every = \"1s\"", "every = \"30d\"");
    service.signal(Signal::HUP);
    service.wait_for(&["a new policy is in force, with 2 apps"]);
    let ran = bench.run(&["history"]).ends(0);
    assert!(ran.out.contains("a new policy was refused"), "{}", ran.out);
    assert!(ran.out.contains("a new policy is in force"), "{}", ran.out);
    assert!(!ran.out.contains("rotation started"), "{}", ran.out);

    // What a running process cannot change is not half applied.
    edit(&bench, "rekeyd.sock", "other.sock");
    service.signal(Signal::HUP);
    service.wait_for(&["[api] listen, socket or tls was changed: that takes a restart"]);
    // And a file that the policy names has to be there.
    edit(&bench, "other.sock", "rekeyd.sock");
    fs::remove_file(bench.path("login.pem")).unwrap();
    service.signal(Signal::HUP);
    service.wait_for(&["a new policy was refused", "login.pem"]);
    service.terminate();
    assert_eq!(service.end().0, 0);
}

#[test]
fn a_signal_rotates_now() {
    let Stage { bench, org, _runtime } = stage("applies");
    edit(
        &bench,
        "[org.test]",
        "[signal]\nrotate = [\"billing\"]\n[org.test]",
    );
    let mut service = Service::start(&bench);
    service.wait_for(&["billing", ": adopted"]);
    service.signal(Signal::USR1);
    service.wait_for(&["billing", "proven, and published in every store"]);
    assert_eq!(org.state().counters.get("staged.post"), Some(&1));
    // In grace it is skipped, and the log says until when.
    service.signal(Signal::USR1);
    service.wait_for(&["not rotated by the signal: the previous credential is in grace until"]);
    assert_eq!(org.state().counters.get("staged.post"), Some(&1));
    service.terminate();
    assert_eq!(service.end().0, 0);
}

fn libfaketime() -> PathBuf {
    let lib = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/deb/usr/lib");
    let found = fs::read_dir(&lib)
        .unwrap_or_else(|_| panic!("{} is not there: run tests/tools/install", lib.display()))
        .map(|entry| entry.unwrap().path().join("faketime/libfaketime.so.1"))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("no libfaketime: run tests/tools/install"))
}

/// The machine's clock is set a hundred days ahead while the service runs, and back: the org knows better.
#[test]
fn a_clock_that_is_set_by_mistake_starts_nothing() {
    let Stage { bench, org, _runtime } = stage("applies");
    let set = bench.path("clock");
    bench.write("clock", "+0");
    let mut service = Service::start_with(&bench, |command| {
        command
            .env("LD_PRELOAD", libfaketime())
            .env("FAKETIME_TIMESTAMP_FILE", &set)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    });
    service.wait_for(&["billing", ": adopted"]);
    bench.write("clock", "+100d");
    // A hundred days, give or take what two looks at the clocks are apart.
    service.wait_for(&["clock jumped by +86"]);
    service.wait_for(&["off the clock of org test: nothing scheduled is started there"]);
    bench.write("clock", "+0");
    service.wait_for(&["the clocks of this machine and of org test agree"]);
    let ran = bench.run(&["history"]).ends(0);
    assert!(!ran.out.contains("rotation started"), "{}", ran.out);
    assert_eq!(org.state().counters.get("staged.post"), None);
    // What was written meanwhile bears the time that it was.
    let year = ran.out.lines().map(|line| line.get(..7).unwrap().to_owned());
    let mut months: Vec<String> = year.collect();
    months.dedup();
    assert!(months.len() <= 2, "{}", ran.out);
    service.terminate();
    assert_eq!(service.end().0, 0);
}
