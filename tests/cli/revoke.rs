//! `rekeyd revoke`: who is hit is said first and nothing changed; a confirmed leak is ended by the real daemon, also if
//! that one is killed right after it was told.

use rekeyd::sandbox::AuthProviderSeed;
use serde_json::Value;

use crate::bench::{Bench, Ran};
use crate::daemon::{Stage, stage, stage_with};
use crate::service::Service;

const KEY: &str = "3MVG9CANARYbilling";

/// An org with three refresh tokens of two users, and an Auth Provider that holds the app's key.
fn busy() -> Stage {
    stage_with("applies", |seed| {
        let app = &mut seed.external_client_apps[0];
        app.consumers[0].key = Some(KEY.into());
        app.refresh_tokens = ["ann@x", "bob@x", "ann@x"].map(str::to_owned).into();
        let provider = |name: &str, key: &str| AuthProviderSeed {
            name: name.into(),
            consumer_key: key.into(),
        };
        seed.auth_providers = vec![provider("Ours", KEY), provider("Another", "3MVG9other")];
    })
}

/// Ids and secrets of the app's pairs, from the oldest on.
fn pairs(stage: &Stage) -> Vec<(String, String)> {
    let state = stage.org.state();
    let pairs = state.app("Billing").unwrap().consumers[0].pairs.iter();
    pairs
        .map(|pair| (pair.client_id.clone(), pair.client_secret.clone()))
        .collect()
}

fn quiet_about(stage: &Stage, ran: &Ran) {
    for (id, secret) in pairs(stage) {
        let said = format!("{}{}", ran.out, ran.err);
        assert!(!said.contains(&id) && !said.contains(&secret), "{said}");
    }
}

fn token(bench: &Bench, args: &[&str]) -> String {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    let told: Value = bench.run(&args).ends(0).json();
    told["confirm"].as_str().unwrap().to_owned()
}

#[test]
fn a_leaked_previous_one_is_dead_at_once_and_a_leaked_current_one_is_replaced() {
    let stage = busy();
    let bench = &stage.bench;
    let mut service = Service::start(bench);
    service.wait_for(&["adopted", "billing"]);
    let ran = bench.run(&["revoke", "billing", "previous"]).ends(1);
    assert!(
        ran.out
            .contains("nothing is revoked: this journal knows of no rotation"),
        "{}",
        ran.out
    );
    bench.run(&["rotate", "billing"]).ends(0);
    let ran = bench.run(&["resume", "billing"]).ends(1);
    assert!(
        ran.err
            .contains("nothing is held here: a rotation is under way by itself"),
        "{}",
        ran.err
    );

    // The question changes nothing.
    let records = bench.run(&["history", "billing", "--json"]).ends(0).out;
    let ran = bench.run(&["revoke", "billing", "previous"]).ends(0);
    for part in [
        "the grace of rotation",
        "nothing is minted",
        "local billing: consumers read another one",
        "refresh tokens: 3;",
        "users with a refresh token: 2",
        "JWT bearer users: unknown (",
        "Auth Providers with its key: 0;",
        "refused at once",
        "nothing was changed; to do it: rekeyd revoke billing previous --confirm ",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    quiet_about(&stage, &ran);
    assert_eq!(bench.run(&["history", "billing", "--json"]).ends(0).out, records);
    let [old, new] = &pairs(&stage)[..] else { panic!() };
    assert!(stage.org.accepts(&old.0, &old.1).is_some());

    // Another's token does not do; the right one ends the old pair, and mints nothing.
    let previous = token(bench, &["revoke", "billing", "previous"]);
    let ran = bench
        .run(&["revoke", "billing", "current", "--confirm", &previous])
        .ends(1);
    assert!(
        ran.err.contains("not the token for how things stand"),
        "{}",
        ran.err
    );
    let confirmed = [
        "revoke",
        "billing",
        "previous",
        "--confirm",
        &previous,
        "--reason",
        "in a log",
    ];
    let ran = bench.run(&confirmed).ends(0);
    quiet_about(&stage, &ran);
    assert!(
        ran.out.contains("the old credential is proven dead"),
        "{}",
        ran.out
    );
    assert!(stage.org.accepts(&old.0, &old.1).is_none());
    assert!(stage.org.accepts(&new.0, &new.1).is_some());
    assert_eq!(pairs(&stage).len(), 2);
    let history = bench.run(&["history", "billing"]).ends(0).out;
    assert!(
        history.contains("said by uid") && history.contains("in a log"),
        "{history}"
    );
    let ran = bench.run(&confirmed).ends(0);
    assert!(ran.out.contains("done already"), "{}", ran.out);
    let ran = bench.run(&["revoke", "billing", "previous"]).ends(0);
    assert!(ran.out.contains("dead already"), "{}", ran.out);

    // The current one: another takes its place, its tokens go, and no grace is left. There is no cool-down.
    let ask = ["revoke", "billing", "current", "--tokens"];
    let ran = bench.run(&ask).ends(0);
    assert!(ran.out.contains("a rotation begins now"), "{}", ran.out);
    assert!(ran.out.contains("consumers read the leaked one"), "{}", ran.out);
    assert!(ran.out.contains("the client id changes"), "{}", ran.out);
    let current = token(bench, &ask);
    assert_ne!(current, token(bench, &["revoke", "billing", "current"]));
    let ran = bench
        .run(&["revoke", "billing", "current", "--tokens", "--confirm", &current])
        .ends(0);
    quiet_about(&stage, &ran);
    assert!(
        ran.out.contains("every refresh token of the app is revoked"),
        "{}",
        ran.out
    );
    let (old, new) = (new.clone(), pairs(&stage).pop().unwrap());
    assert!(stage.org.accepts(&old.0, &old.1).is_none());
    assert!(stage.org.accepts(&new.0, &new.1).is_some());
    assert_eq!(stage.org.state().app("Billing").unwrap().refresh_tokens, 0);
    let held = bench.run(&["secret", "billing"]).ends(0).json();
    assert_eq!(held["client_id"], Value::String(new.0));
    service.terminate();
    assert_eq!(service.end().0, 0);
    let ran = bench.run(&["revoke", "billing", "current"]).ends(1);
    assert!(ran.err.contains("rekeyd is not running"), "{}", ran.err);
}

#[test]
fn what_was_asked_for_outlives_the_daemon() {
    let stage = busy();
    let bench = &stage.bench;
    let mut service = Service::start(bench);
    service.wait_for(&["adopted", "billing"]);
    bench.run(&["rotate", "billing"]).ends(0);
    // Both at once: the one in grace goes first, then the current one.
    let current = token(bench, &["revoke", "billing", "current"]);
    let told = bench.run(&["revoke", "billing", "current"]).ends(0).out;
    assert!(told.contains("first the previous credential"), "{told}");
    bench
        .run(&["revoke", "billing", "current", "--confirm", &current, "--no-wait"])
        .ends(0);
    service.kill();
    let leaked = pairs(&stage);
    let mut service = Service::start(bench);
    service.wait_for(&["billing", "leak of the current credential:"]);
    service.wait_for(&["billing", "proven dead"]);
    for (id, secret) in leaked.iter().take(2) {
        assert!(stage.org.accepts(id, secret).is_none());
    }
    assert_eq!(pairs(&stage).len(), 3);
    service.terminate();
    assert_eq!(service.end().0, 0);
}

#[test]
fn where_no_call_can_do_it_a_person_is_told_how() {
    let stage = stage("ignored");
    let bench = &stage.bench;
    let mut service = Service::start(bench);
    service.wait_for(&["not adopted yet", "rekeyd submit legacy"]);
    let ran = bench.run(&["revoke", "legacy", "current"]).ends(3);
    assert!(
        ran.out.contains("not adopted") && ran.out.contains("`rekeyd submit legacy`"),
        "{}",
        ran.out
    );
    let pair = "3MVG9legacylegacy\nCANARYlegacy0123456789\n";
    bench.run_with_input(&["submit", "legacy"], pair).ends(0);
    bench.run(&["rotate", "legacy"]).ends(1);
    let ran = bench.run(&["revoke", "legacy", "current"]).ends(3);
    for part in [
        "Setup > App Manager",
        "Generate staged consumer details",
        "Apply at once",
        "`rekeyd submit legacy`",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    assert!(!ran.out.contains("--confirm"), "{}", ran.out);
    assert!(
        stage
            .org
            .accepts("3MVG9legacylegacy", "CANARYlegacy0123456789")
            .is_some()
    );
    service.terminate();
    assert_eq!(service.end().0, 0);
}

/// The same counts by `doctor`, and by `plan` from what the daemon remembers of its examination.
#[test]
fn plan_and_doctor_count_who_a_key_change_touches() {
    let stage = busy();
    let bench = &stage.bench;
    // With several methods the daemon examines at once.
    let text = std::fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let several = "allow_key_change = true\nmethod = [\"staged\", \"regenerate\"]\ncertificate = \"none\"";
    bench.write("rekeyd.toml", &text.replace("allow_key_change = true", several));
    let ran = bench.run(&["plan", "billing"]).ends(0);
    assert!(
        ran.out
            .contains("not counted yet: `rekeyd doctor billing` asks now"),
        "{}",
        ran.out
    );
    let ran = bench.run(&["doctor", "billing"]);
    let counted = [
        "refresh tokens: 3;",
        "users with a refresh token: 2",
        "Auth Providers with its key: 1;",
    ];
    for part in counted {
        assert!(ran.out.contains(part), "{part}: {}{}", ran.out, ran.err);
    }
    let mut service = Service::start(bench);
    service.wait_for(&["billing", "examined", "staged"]);
    // What was found is remembered right after it is logged, at the latest by the end.
    service.terminate();
    assert_eq!(service.end().0, 0);
    let ran = bench.run(&["plan", "billing"]).ends(0);
    for part in counted {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let json = bench.run(&["plan", "billing", "--json"]).ends(0).json();
    assert_eq!(json["apps"][0]["touched"]["refresh_tokens"], 3);
    assert!(json["apps"][0]["touched"]["jwt_users"].is_string());
    // A method that keeps the key touches none of them.
    let json = bench.run(&["plan", "legacy", "--json"]).ends(0).json();
    assert!(json["apps"][0].get("touched").is_none(), "{json}");
}
