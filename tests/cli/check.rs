//! `rekeyd check`, and every command's first step: a bad policy is refused whole, before anything else happens.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::bench::{Bench, Ran};
use crate::service::Service;

#[test]
fn a_sound_policy_is_counted() {
    let bench = Bench::new();
    let ran = bench.run(&["check"]).ends(0);
    assert_eq!(ran.out, "ok: apps 2, orgs 1, stores 1\n");
    let json = bench.run(&["check", "--json"]).ends(0).json();
    assert_eq!(json["faults"], serde_json::json!([]));
    assert_eq!(json["apps"], 2);
}

#[test]
fn every_fault_of_every_file_at_once_and_nothing_is_written_or_bound() {
    let bench = Bench::new();
    let mut text = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    text = text.replace("api_version = \"66.0\"", "api_version = \"12.0\"\nshoe_size = 44");
    bench.write("rekeyd.toml", &text);
    fs::create_dir(bench.path("policy.d")).unwrap();
    bench.write("policy.d/10-broken.toml", "[org.other]\nurl = \n");
    fs::write(bench.path("policy.d/20-bytes.toml"), [0xff, 0xfe]).unwrap();
    bench.write(
        "policy.d/30-twice.toml",
        "[org.test]\nurl = \"https://acme.my.salesforce.com\"\n",
    );
    bench.write("policy.d/.40-hidden.toml", "nonsense");
    let before = bench.listing();
    let commands: [&[&str]; 5] = [
        &["check"],
        &["run"],
        &["plan"],
        &["secret", "billing"],
        &["status", "--compare"],
    ];
    for args in commands {
        let ran = bench.run(args).ends(78);
        let text = format!("{}{}", ran.out, ran.err);
        for wanted in [
            "the least API version is 65.0",
            "shoe_size",
            "10-broken.toml:2:",
            "20-bytes.toml is not UTF-8",
            "[org.test] is defined twice",
        ] {
            assert!(text.contains(wanted), "{args:?}: no `{wanted}` in {text}");
        }
        assert!(!text.contains("hidden"), "{text}");
    }
    assert_eq!(before, bench.listing());
    let json = bench.run(&["check", "--json"]).ends(78).json();
    assert!(json["faults"].as_array().unwrap().len() >= 5, "{json}");
}

#[test]
fn a_policy_that_is_not_there_is_one_fault() {
    let bench = Bench::new();
    fs::remove_file(bench.path("rekeyd.toml")).unwrap();
    let ran = bench.run(&["check"]).ends(78);
    assert!(ran.out.contains("cannot be read: no such file"), "{}", ran.out);
    assert!(ran.out.ends_with("1 fault\n"), "{}", ran.out);
    bench.run(&["run"]).ends(78);
}

#[test]
fn what_the_policy_names_is_looked_at_too() {
    let bench = Bench::new();
    fs::set_permissions(bench.path("login.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(bench.path("store.key")).unwrap();
    fs::set_permissions(bench.path("secrets"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(bench.path("journal.key"), [1; 31]).unwrap();
    let before = bench.listing();
    for command in ["check", "run"] {
        let ran = bench.run(&[command]).ends(78);
        let text = format!("{}{}", ran.out, ran.err);
        for wanted in [
            "login.pem is open to others (mode 0644)",
            "store.key cannot be read",
            "journal.key holds too little",
            "secrets is open to others (mode 0755)",
            "4 faults",
        ] {
            assert!(text.contains(wanted), "{command}: no `{wanted}` in {text}");
        }
    }
    assert_eq!(before, bench.listing());
    bench.run(&["check", "--policy-only"]).ends(0);
}

/// Every file of a Vault login, and the variables that stand in where the policy is silent.
#[test]
fn what_a_vault_login_needs_is_looked_at() {
    let bench = Bench::new();
    let at = bench.directory.path().display().to_string();
    let mut text = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let tls = format!(
        "ca_file = \"{at}/ca\"\nclient_certificate_file = \"{at}/cert\"\nclient_key_file = \"{at}/key\"\n"
    );
    let server = "address = \"https://vault.example\"\nmount = \"secret\"\n";
    for (name, auth) in [
        (
            "a",
            "[store.a.vault.auth.approle]\nrole_id = \"x\"\nsecret_id_file = \"AT/secret-id\"\n",
        ),
        (
            "b",
            "[store.b.vault.auth.kubernetes]\nrole = \"x\"\njwt_file = \"AT/service-account\"\n",
        ),
        ("c", "[store.c.vault.auth.jwt]\njwt_file = \"AT/jwt\"\n"),
        ("d", "[store.d.vault.auth.cert]\n"),
    ] {
        let tls = if name == "d" { tls.as_str() } else { "" };
        text += &format!("[store.{name}.vault]\n{server}{tls}{}", auth.replace("AT", &at));
    }
    text += "[store.e.vault]\nmount = \"secret\"\n";
    bench.write("rekeyd.toml", &text);
    let ran = bench.run(&["check"]).ends(78);
    assert!(ran.out.contains("or set VAULT_ADDR"), "{}", ran.out);
    let check = || {
        let mut command = bench.command(&["check"]);
        command
            .env("VAULT_ADDR", "https://vault.example")
            .env("VAULT_TOKEN", "s.canary");
        Ran::of(&command.output().unwrap())
    };
    let ran = check().ends(78);
    for wanted in ["secret-id", "service-account", "jwt", "ca", "cert", "key"] {
        assert!(
            ran.out.contains(&format!("{at}/{wanted} cannot be read")),
            "{wanted}: {}",
            ran.out
        );
    }
    assert!(ran.out.contains("6 faults"), "{}", ran.out);
    // A projected service account's token is open to all in the pod; a secret id and a key are not.
    for name in ["secret-id", "service-account", "jwt", "ca", "cert", "key"] {
        bench.write(name, "x");
        fs::set_permissions(bench.path(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let ran = check().ends(78);
    for wanted in ["secret-id is open to others", "key is open to others", "2 faults"] {
        assert!(ran.out.contains(wanted), "{wanted}: {}", ran.out);
    }
    for name in ["secret-id", "key"] {
        fs::set_permissions(bench.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let ran = check().ends(0);
    assert!(!format!("{}{}", ran.out, ran.err).contains("canary"));
}

#[test]
fn a_command_that_is_none_is_a_usage_error() {
    Bench::new().run(&["rotat"]).ends(2);
}

/// A machine without root certificates, which a client's own error would not name.
#[test]
fn a_machine_that_trusts_nobody_is_told_what_it_lacks() {
    let bench = Bench::at("https://acme.my.salesforce.com");
    let bare = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("SSL_CERT_FILE", bench.path("none"));
        command.env("SSL_CERT_DIR", bench.path("none"));
        Ran::of(&command.output().unwrap())
    };
    for command in ["check", "run"] {
        let ran = bare(&[command]).ends(78);
        let text = format!("{}{}", ran.out, ran.err);
        for wanted in ["no root certificates", "ca-certificates", "SSL_CERT_FILE"] {
            assert!(text.contains(wanted), "{command}: no {wanted} in {text}");
        }
    }
    // Over loopback nobody needs them.
    let text = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let clear = text.replace("https://acme.my.salesforce.com", "http://127.0.0.1:9");
    bench.write("rekeyd.toml", &clear);
    bare(&["check"]).ends(0);
    let mut service = Service::start_with(&bench, |command| {
        command.env("SSL_CERT_FILE", bench.path("none"));
        command.env("SSL_CERT_DIR", bench.path("none"));
    });
    service.wait_for(&["billing"]);
    service.terminate();
    service.end();
}
