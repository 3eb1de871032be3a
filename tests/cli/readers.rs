//! `status` and `history` over a journal that was written through the library.

use rekeyd::engine::note::Note;
use rekeyd::rotation::{
    Capabilities, Effect, End, Event, Hold, Limits, ProbeReport, RotationId, Tri, Verdict,
};
use rekeyd::secret::Fingerprint;
use sqlx::{ConnectOptions, Connection};

use crate::bench::Bench;

pub fn report() -> ProbeReport {
    ProbeReport {
        verdict: Verdict::Accepted,
        probe: "introspect".into(),
        host: "acme.my.salesforce.com".into(),
        answer: "200 active=false".into(),
        at: rekeyd::clock::Timestamp(1_800_000_000_000),
    }
}

pub fn adopted() -> Note {
    Note::Adopted {
        pair: Fingerprint([0xab; 16]),
        since: None,
        found: "in store local".into(),
        proof: report(),
    }
}

fn id() -> RotationId {
    "11111111-2222-4333-8444-555555555555".parse().unwrap()
}

fn started() -> Note {
    Note::Started {
        method: "staged".into(),
        caps: Capabilities::staged(Tri::Unknown),
        limits: Limits::default(),
        stores: vec!["local".into()],
        reason: "asked for".into(),
        by: "uid 0".into(),
        policy: serde_json::Value::Null,
        key: None,
    }
}

fn step(step: Event) -> Note {
    Note::Step { step }
}

/// An app held in its rotation, one stopped by a person, and one at rest.
pub fn told() -> Bench {
    let bench = Bench::new();
    let held = Event::Held {
        reason: Hold::ForeignSlot {
            id: "888FOREIGN".into(),
        },
        again: None,
    };
    bench.journal(&[
        ("billing", None, adopted()),
        ("billing", Some(id()), started()),
        (
            "billing",
            Some(id()),
            step(Event::Intended {
                effect: Effect::Store(0),
            }),
        ),
        ("billing", Some(id()), step(held)),
        ("legacy", None, adopted()),
    ]);
    bench
}

#[test]
fn history_is_a_line_for_each_record_with_the_evidence() {
    let bench = told();
    let ran = bench.run(&["history"]).ends(0);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(
        lines[0],
        "2027-01-15T08:00:00.000Z  billing  --------  adopted: abababab in store local is accepted (introspect at \
         acme.my.salesforce.com: 200 active=false)"
    );
    assert_eq!(
        lines[2],
        "2027-01-15T08:00:02.000Z  billing  11111111  about to write the new credential to pending in local"
    );
    let of_legacy = bench.run(&["history", "legacy"]).ends(0);
    assert_eq!(of_legacy.out.lines().count(), 1);
    let of_rotation = bench
        .run(&["history", "--rotation", &id().to_string(), "--json"])
        .ends(0);
    let records: Vec<serde_json::Value> = of_rotation
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 3);
    assert_eq!(records[0]["kind"], "started");
}

/// The id of `told`'s rotation with other last digits.
fn sibling() -> RotationId {
    "11111111-2222-4333-8444-666666666666".parse().unwrap()
}

#[test]
fn a_rotation_is_named_by_as_many_digits_as_history_prints() {
    let bench = told();
    let ran = bench.run(&["history", "--rotation", "11111111"]).ends(0);
    assert_eq!(ran.out.lines().count(), 3, "{}", ran.out);
    let ran = bench.run(&["history", "--rotation", "22222222"]).ends(1);
    assert!(
        ran.err.contains("no rotation here begins with 22222222"),
        "{}",
        ran.err
    );
    bench.run(&["history", "--rotation", "latest"]).ends(2);
    bench.journal(&[("legacy", Some(sibling()), started())]);
    let ran = bench.run(&["history", "--rotation", "11111111-2222"]).ends(1);
    for id in [id(), sibling()] {
        assert!(ran.err.contains(&id.to_string()), "{}", ran.err);
    }
    let ran = bench
        .run(&["history", "--rotation", "11111111-2222-4333-8444-6"])
        .ends(0);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    // Of one app there is only one.
    let ran = bench.run(&["history", "legacy", "--rotation", "1111"]).ends(0);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
}

#[test]
fn a_history_of_nobody_is_no_empty_history() {
    let bench = told();
    let ran = bench.run(&["history", "nosuch"]).ends(1);
    assert!(
        ran.err.contains("no such app in policy or journal: nosuch"),
        "{}",
        ran.err
    );
    bench.journal(&[("gone", None, adopted())]);
    let ran = bench.run(&["history", "gone"]).ends(0);
    assert_eq!(ran.out.lines().count(), 1);
    let quiet = Bench::new();
    quiet.journal(&[("billing", None, adopted())]);
    assert_eq!(quiet.run(&["history", "legacy"]).ends(0).out, "");
}

#[test]
fn a_history_verifies_with_its_head_and_not_with_another_nor_after_an_edit() {
    let bench = told();
    let verified = bench.run(&["history", "--verify", "--json"]).ends(0).json();
    assert_eq!(verified["count"], 5);
    let head = verified["head"].as_str().unwrap().to_owned();
    let ran = bench.run(&["history", "--verify", "--head", &head]).ends(0);
    assert!(ran.out.contains("the given head is the last one"), "{}", ran.out);
    let other = bench
        .run(&["history", "--verify", "--head", &"0".repeat(64)])
        .ends(1);
    assert!(
        other
            .err
            .contains("no such head in this chain (another journal, or one that was cut)"),
        "{}",
        other.err
    );
    bench.run(&["history", "--head", &head]).ends(2);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.path("journal.db"));
        let mut connection = options.connect().await.unwrap();
        for statement in [
            "DROP TRIGGER record_is_never_changed",
            "UPDATE record SET app = 'other' WHERE seq = 3",
        ] {
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    });
    let broken = bench.run(&["history", "--verify"]).ends(1);
    assert!(broken.err.contains("record 3"), "{}", broken.err);
}

#[test]
fn without_a_journal_status_knows_the_policy_and_history_says_so() {
    let bench = Bench::new();
    let json = bench.run(&["status", "--json"]).ends(0).json();
    assert_eq!(json["apps"][0]["app"], "billing");
    assert_eq!(json["apps"][0]["state"], "not looked at yet");
    let ran = bench.run(&["history"]).ends(1);
    assert!(ran.err.contains("there is no journal yet"), "{}", ran.err);
    assert!(!bench.path("journal.db").exists());
}

#[test]
fn status_says_what_is_held_and_what_a_person_can_type() {
    let bench = told();
    let ran = bench.run(&["status"]).ends(0);
    assert!(
        ran.out.contains("`rekeyd resume billing --take-over 888FOREIGN`"),
        "{}",
        ran.out
    );
    let json = bench.run(&["status", "--json"]).ends(0).json();
    let [billing, legacy] = json["apps"].as_array().unwrap().as_slice() else {
        panic!("{json}");
    };
    for key in [
        "app",
        "org",
        "kind",
        "method",
        "state",
        "held",
        "remedy",
        "current",
        "since",
        "last_rotated",
        "rotation",
        "next_due",
        "due",
    ] {
        assert!(billing.get(key).is_some(), "no {key} in {billing}");
    }
    assert_eq!(billing["held"], true);
    assert_eq!(billing["method"], "staged");
    assert_eq!(billing["next_due"], serde_json::Value::Null);
    assert_eq!(legacy["held"], false);
    assert_eq!(legacy["state"], "resting");
    bench.run(&["status", "billing"]).ends(3);
    bench.run(&["status", "legacy"]).ends(0);
    bench.run(&["status", "nobody"]).ends(1);
}

#[test]
fn what_ended_without_rotating_says_how() {
    let bench = Bench::new();
    let ended = step(Event::Ended { end: End::Ignored });
    bench.journal(&[
        ("legacy", None, adopted()),
        ("legacy", Some(id()), started()),
        ("legacy", Some(id()), ended),
    ]);
    let ran = bench.run(&["status", "legacy"]).ends(3);
    assert!(
        ran.out
            .contains("stopped: the org answered success and changed nothing"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("`rekeyd resume legacy`"), "{}", ran.out);
}
