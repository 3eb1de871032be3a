//! `rekeyd plan` says what would happen and touches nothing.

use crate::bench::Bench;
use crate::readers::adopted;

#[test]
fn it_makes_no_journal() {
    let bench = Bench::new();
    let before = bench.listing();
    let ran = bench.run(&["plan"]).ends(0);
    assert!(ran.out.contains("not adopted yet"), "{}", ran.out);
    assert_eq!(before, bench.listing());
}

#[test]
fn it_leaves_a_closed_journal_and_one_that_is_being_written_as_they_are() {
    let bench = Bench::new();
    bench.journal(&[("billing", None, adopted())]);
    let before = bench.listing();
    let ran = bench.run(&["plan", "billing"]).ends(0);
    assert!(ran.out.contains("every 90d"), "{}", ran.out);
    assert_eq!(before, bench.listing());

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let journal = runtime.block_on(async {
        use rekeyd::journal::Journal;
        let journal = bench.open_journal().await;
        let entry = adopted().entry("legacy", None).unwrap();
        let at = rekeyd::clock::Timestamp(1_800_000_100_000);
        journal.append(at, &[entry]).await.unwrap();
        journal
    });
    let before = bench.listing();
    assert!(bench.path("journal.db-wal").exists());
    let ran = bench.run(&["plan", "legacy"]).ends(0);
    // The last record stands in the write-ahead log only.
    assert!(!ran.out.contains("not adopted"), "{}", ran.out);
    assert_eq!(before, bench.listing());
    drop(journal);
}

#[test]
fn the_calls_stand_in_their_order_with_what_they_change() {
    let bench = Bench::new();
    bench.journal(&[("billing", None, adopted())]);
    let json = bench.run(&["plan", "--json"]).ends(0).json();
    let [billing, legacy] = json["apps"].as_array().unwrap().as_slice() else {
        panic!("{json}");
    };
    let changes = |plan: &serde_json::Value| -> Vec<String> {
        let calls = plan["calls"].as_array().unwrap().iter();
        calls
            .filter(|call| call["mutating"] == true)
            .map(|call| {
                format!(
                    "{} {}",
                    call["step"].as_str().unwrap(),
                    call["method"].as_str().unwrap()
                )
            })
            .collect()
    };
    assert_eq!(
        changes(billing),
        [
            "mint POST",
            "store write",
            "store rename",
            "cutover PATCH",
            "publish write",
            "publish rename",
            "clear rename",
            "revoke DELETE",
        ]
    );
    assert_eq!(
        changes(legacy),
        [
            "store write",
            "store rename",
            "cutover POST",
            "publish write",
            "publish rename",
            "clear rename",
        ]
    );
    assert_eq!(billing["next"].as_array().unwrap().len(), 3);
    assert!(
        billing["changes"]
            .as_str()
            .unwrap()
            .contains("client id and the client secret")
    );
    assert!(
        legacy["next"].as_array().unwrap().is_empty(),
        "not adopted: no date is known"
    );
    let timing = billing["timing"].to_string();
    assert!(
        timing.contains("jitter") && timing.contains("max_age 120d"),
        "{timing}"
    );
}

#[test]
fn an_app_that_the_policy_lacks_is_a_failure() {
    let ran = Bench::new().run(&["plan", "nobody"]).ends(1);
    assert!(ran.err.contains("no app nobody"), "{}", ran.err);
}

#[test]
fn a_secret_made_by_a_deploy_is_stored_after_it_and_its_flag_reset_at_the_end() {
    let bench = Bench::new();
    let policy = std::fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let policy = policy.replace("grace = \"7d\"\n", "").replace(
        "allow_key_change = true",
        "method = \"regenerate\"\ncertificate = \"none\"",
    );
    std::fs::write(bench.path("rekeyd.toml"), policy).unwrap();
    bench.journal(&[("billing", None, adopted())]);
    let json = bench.run(&["plan", "billing", "--json"]).ends(0).json();
    let calls = json["apps"][0]["calls"].as_array().unwrap();
    let changes: Vec<&str> = calls
        .iter()
        .filter(|call| call["mutating"] == true)
        .map(|call| call["step"].as_str().unwrap())
        .collect();
    assert_eq!(
        changes,
        [
            "cutover", "store", "store", "publish", "publish", "clear", "reset"
        ]
    );
}
