//! `status --compare`: every side asked, nothing changed, with and without a daemon.

use rekeyd::sandbox::Act;

use crate::daemon::{Stage, stage};
use crate::service::Service;

/// What the live check has found is the first thing that `status` says.
#[test]
fn status_says_that_consumers_are_out() {
    let Stage { bench, org, _runtime } = stage("applies");
    let text = std::fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    bench.write(
        "rekeyd.toml",
        &text.replacen(
            "propagation = \"2s\"",
            "propagation = \"2s\"\nlive_check = \"1s\"",
            1,
        ),
    );
    let mut service = Service::start(&bench);
    service.wait_for(&["billing", ": adopted"]);
    bench.run(&["status", "billing"]).ends(0);
    for _ in 0..2 {
        let app = "Billing".to_owned();
        org.act(Act::Rotate { app, by: None }).unwrap();
    }
    service.wait_for(&["the current credential in local is REFUSED"]);
    let ran = bench.run(&["status", "billing"]).ends(3);
    assert!(ran.out.starts_with("WRONG"), "{}", ran.out);
    assert!(ran.out.contains("`rekeyd adopt billing`"), "{}", ran.out);
    let ran = bench.run(&["status"]).ends(0);
    assert!(ran.out.contains("is REFUSED"), "{}", ran.out);
    let ran = bench.run(&["adopt", "billing"]).ends(0);
    assert_eq!(ran.out, "billing: adopted\n");
    bench.run(&["status", "billing"]).ends(0);
    service.terminate();
    assert_eq!(service.end().0, 0);
}

#[test]
fn the_side_that_is_behind_is_named_and_nothing_is_changed() {
    let Stage { bench, org, _runtime } = stage("applies");
    let mut service = Service::start(&bench);
    service.wait_for(&["billing", ": adopted"]);
    service.terminate();
    assert_eq!(service.end().0, 0);

    let ran = bench.run(&["status", "billing", "--compare"]).ends(0);
    assert!(ran.out.contains("billing: every side agrees on"), "{}", ran.out);

    for _ in 0..2 {
        let app = "Billing".to_owned();
        org.act(Act::Rotate { app, by: None }).unwrap();
    }
    let before = bench.listing();
    let ran = bench.run(&["status", "billing", "--compare"]).ends(3);
    assert!(
        ran.out.contains("store local and journal are behind"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("`rekeyd adopt billing`"), "{}", ran.out);
    let ran = bench.run(&["--json", "status", "billing", "--compare"]).ends(3);
    let sides = &ran.json()["apps"][0]["sides"];
    assert_eq!(sides[0]["accepted"], false, "{}", ran.out);
    assert_eq!(sides[2]["accepted"], true, "{}", ran.out);
    // A reader leaves the journal's shared-memory file behind, which is nobody's data.
    let data = |listing: &std::collections::BTreeMap<std::path::PathBuf, _>| {
        let paths = listing
            .keys()
            .filter(|path| !path.to_string_lossy().contains("journal.db-"));
        paths.cloned().collect::<Vec<_>>()
    };
    assert_eq!(data(&bench.listing()), data(&before));
    bench.run(&["status", "nobody", "--compare"]).ends(1);
}
