//! No journal: nothing is known, and that is said.

use crate::bench::Bench;

#[test]
fn status_without_a_journal_says_that_there_is_none() {
    let bench = Bench::new();
    let said = format!("no journal at {}", bench.path("journal.db").display());
    for args in [&["status"][..], &["status", "billing"]] {
        let ran = bench.run(args).ends(0);
        assert!(ran.out.starts_with("rekeyd is not running"), "{}", ran.out);
        assert!(ran.out.contains(&said), "{}", ran.out);
        assert!(!ran.out.contains("what the journal says"), "{}", ran.out);
    }
    bench.journal(&[]);
    let ran = bench.run(&["status"]).ends(0);
    assert!(!ran.out.contains(&said), "{}", ran.out);
}
