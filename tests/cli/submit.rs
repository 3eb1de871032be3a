//! `rekeyd submit` takes a pair from where nobody else can read it, and never shows it.

use std::fs;

use crate::bench::Bench;

const CANARY: &str = "CANARY0123456789abcdefghijklmnop";

#[test]
fn what_is_wrong_with_it_is_said_without_it() {
    let bench = Bench::new();
    for input in [
        String::new(),
        format!("{CANARY}\n"),
        format!("id\n{CANARY}\nmore\n"),
        format!("{{\"client_id\": \"id\", \"client_secret\": \"{CANARY}\""),
        format!("{{\"client_id\": \"id\", \"{CANARY}\": 1}}"),
        format!("id\n{}\n", CANARY.repeat(1000)),
        format!("id\n{CANARY} {CANARY}\n"),
    ] {
        let ran = bench.run_with_input(&["submit", "legacy"], &input).ends(1);
        assert!(
            !ran.out.contains("CANARY") && !ran.err.contains("CANARY"),
            "{}{}",
            ran.out,
            ran.err
        );
        assert!(
            ran.err.contains("two lines (client id, client secret)"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn a_good_one_needs_the_daemon_and_a_descriptor_will_do() {
    let bench = Bench::new();
    let good = format!("id\n{CANARY}\n");
    let ran = bench.run_with_input(&["submit", "legacy"], &good).ends(1);
    assert!(ran.err.contains("rekeyd is not running"), "{}", ran.err);
    assert!(!ran.err.contains("CANARY"), "{}", ran.err);
    let file = bench.path("pair");
    fs::write(&file, &good).unwrap();
    // The shell opens the descriptor, as a person's shell would.
    let mut shell = std::process::Command::new("sh");
    let line = "exec \"$0\" --config \"$1\" submit legacy --fd 9 9< \"$2\"";
    shell.args(["-c", line, env!("CARGO_BIN_EXE_rekeyd")]);
    shell.arg(bench.path("rekeyd.toml")).arg(&file);
    let ran = crate::bench::Ran::of(&shell.output().unwrap()).ends(1);
    assert!(ran.err.contains("rekeyd is not running"), "{}", ran.err);
}

#[test]
fn there_is_no_place_for_a_secret_among_the_arguments() {
    let bench = Bench::new();
    bench.run(&["submit", "legacy", CANARY]).ends(2);
    bench
        .run(&["submit", "legacy", "--client-secret", CANARY])
        .ends(2);
    let ran = bench
        .run_with_input(&["submit", "nobody"], "id\nsecret\n")
        .ends(1);
    assert!(ran.err.contains("no app nobody"), "{}", ran.err);
}
