//! Another `journal.key` than the journal was written with: noticed at the start, before anything is asked or told.

use std::fs;

use crate::bench::{Bench, private};
use crate::service::Service;

#[test]
fn another_key_than_the_journals_is_refused_at_the_start() {
    let bench = Bench::new();
    // A journal from before it kept anything of its key: it takes the one that it meets.
    bench.journal(&[]);
    let service = Service::start(&bench);
    service.terminate();
    assert_eq!(service.end().0, 0);
    let history = bench.run(&["history"]).ends(0).out;

    let key = bench.path("journal.key");
    fs::remove_file(&key).unwrap();
    private(&key, &[8; 32]);
    let ran = bench.run(&["run"]).ends(78);
    for part in [
        "journal.key: this is not the key that",
        "journal.db was written with",
    ] {
        assert!(ran.err.contains(part), "{}", ran.err);
    }
    assert!(!bench.path("rekeyd.sock").exists());
    assert_eq!(bench.run(&["history"]).ends(0).out, history);

    fs::remove_file(&key).unwrap();
    private(&key, &[7; 32]);
    let service = Service::start(&bench);
    service.terminate();
    assert_eq!(service.end().0, 0);
}
