//! A leaked credential that cannot be ended is not left to whoever said that it leaked: on-call is told that it takes too
//! long, and why, and again at growing distance, until it is out of use.

use std::time::Duration;

use rekeyd::alert::incident::{Directory, Incident, open};
use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::emergency::Leaked;
use rekeyd::engine::ledger::Ledgers;
use rekeyd::engine::note::Note;
use rekeyd::port::outbox::Severity;
use rekeyd::sandbox::Rule;

use super::person::{end, of};
use super::world::{Engine, HOUR, TICK, World, name, pair};

const MINUTE: Duration = Duration::from_secs(60);

/// Two minutes for a request to land and twice four for answers to mix: late after ten.
const ORG: &str = "request_lifetime = \"2m\"\npropagation = \"4m\"\nlive_check = \"0s\"";

fn incident(engine: &Engine<'_>) -> Option<Incident> {
    let apps: Directory = engine.board.cards().apps.clone();
    open(&engine.ledgers.lock().unwrap(), &apps).remove("rekeyd/app-0/leaked")
}

async fn late(engine: &Engine<'_>) -> Vec<String> {
    let notes = engine.notes(0).await.into_iter();
    let why = |note: Note| {
        if let Note::RevokeLate { why } = note {
            Some(why)
        } else {
            None
        }
    };
    notes.filter_map(why).collect()
}

async fn revoke(engine: &Engine<'_>) {
    let word = |confirm: Option<String>| Command::Revoke {
        app: name(0),
        leaked: Leaked::Current,
        confirm,
        reason: "found in a log".into(),
        tokens: false,
        by: "Ann".into(),
    };
    let Reply::Radius(radius) = engine.say(|| word(None)).await else {
        panic!("nobody says who is hit")
    };
    assert!(radius.confirm.is_some(), "{radius:#?}");
    let reply = engine.say(|| word(radius.confirm.clone())).await;
    assert!(matches!(reply, Reply::Revoking { .. }), "{reply:?}");
}

#[tokio::test]
async fn an_unsettled_revocation_is_told_late_with_what_stands_in_the_way_and_again() {
    let world = World::new(1).await;
    let policy = world.policy([0], ORG, "schedule = { every = \"90d\" }\ngrace = \"0s\"");
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let rule: Rule = serde_json::from_value(serde_json::json!({
        "operation": "staged",
        "count": 0,
        "action": { "kind": "status", "code": 503 },
    }))
    .unwrap();
    world.org.fault(rule).unwrap();
    revoke(&engine).await;
    let begun = incident(&engine).unwrap();
    assert_eq!(
        (begun.severity, begun.case, begun.count),
        (Severity::Warning, "begun", 1)
    );

    engine.pass(MINUTE * 8, TICK * 10).await;
    assert!(late(&engine).await.is_empty(), "told before it is late");
    engine.pass(MINUTE * 4, TICK * 10).await;
    let told = late(&engine).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the last trouble"), "{told:?}");
    let late_now = incident(&engine).unwrap();
    assert_eq!(
        (late_now.severity, late_now.case, late_now.count),
        (Severity::Critical, "late", 2)
    );
    // After twice as long, and twice as long again; a restart forgets nothing of it.
    engine.pass(MINUTE * 10, TICK * 10).await;
    assert_eq!(late(&engine).await.len(), 2);
    engine.stop().await;
    let engine = world.start(&policy).await;
    engine.pass(MINUTE * 20, TICK * 10).await;
    assert_eq!(late(&engine).await.len(), 3);
    assert_eq!(incident(&engine).unwrap().count, 8);

    world.org.clear_faults();
    let over = |ledgers: &Ledgers| of(ledgers, |ledger| end(ledger).is_some());
    engine.until("over", MINUTE, over).await;
    let (key, secret) = pair(0);
    assert!(world.org.accepts(&key, &secret).is_none(), "the leaked one lives");
    assert_eq!(incident(&engine), None);
    let told = late(&engine).await.len();
    engine.pass(HOUR * 3, MINUTE).await;
    assert_eq!(late(&engine).await.len(), told, "told after it was over");
    engine.stop().await;
}
