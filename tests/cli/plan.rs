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

/// An org that keeps consumer secrets off costs more requests: the switch is turned on and off around each part of a
/// rotation that needs it, and for nothing else.
#[test]
fn the_requests_of_the_switch_are_counted_where_rekeyd_turns_it() {
    // The steps in their order, each with the first word of what it is for; those that change something are marked.
    let calls = |replaced: &[(&str, &str)], app: &str| -> Vec<String> {
        let bench = Bench::new();
        let mut policy = std::fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
        for (old, new) in replaced {
            policy = policy.replacen(old, new, 1);
        }
        bench.write("rekeyd.toml", &policy);
        bench.journal(&[(app, None, adopted())]);
        let json = bench.run(&["plan", app, "--json"]).ends(0).json();
        let calls = json["apps"][0]["calls"].as_array().unwrap().iter();
        let told = calls.map(|call| {
            let (step, note) = (call["step"].as_str().unwrap(), call["note"].as_str().unwrap());
            let mark = if call["mutating"] == true { "*" } else { "" };
            format!("{mark}{step} {}", note.split([' ', ':', ',']).next().unwrap())
        });
        told.collect()
    };
    let turns = |calls: &[String]| -> Vec<String> {
        let turn = |call: &&String| call.contains("open ") || call.contains("close ");
        calls.iter().filter(turn).cloned().collect()
    };
    let turn = |step: &str| {
        let read = format!("{step} readMetadata");
        [
            read.clone(),
            read.clone(),
            format!("*{step} updateMetadata"),
            read,
        ]
    };
    let opening = (
        "[org.test]\n",
        "[org.test]\nconsumer_secrets_switch = \"open-for-rotation\"\n",
    );
    // For the rotation, and again for the revocation after the grace.
    let all = calls(&[opening], "billing");
    let wanted = [turn("open"), turn("close"), turn("open"), turn("close")].concat();
    assert_eq!(turns(&all), wanted);
    let first = |call: &String, step: &str| call.trim_start_matches('*').starts_with(step);
    let at = |step: &str| all.iter().position(|call| first(call, step)).unwrap();
    assert!(
        at("open") < at("preflight") && at("clear") < at("close"),
        "{all:?}"
    );
    assert!(at("close") < at("revoke"), "{all:?}");
    let at_once = ("grace = \"7d\"", "grace = \"0s\"");
    let all = calls(&[opening, at_once], "billing");
    assert_eq!(turns(&all), [turn("open"), turn("close")].concat());
    // Not for what needs no credentials over REST, and not where administrators keep the switch.
    assert!(turns(&calls(&[opening], "legacy")).is_empty());
    assert!(turns(&calls(&[], "billing")).is_empty());
}
