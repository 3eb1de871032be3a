//! Failure modes that other tools are known for: a restart, an upgrade or a lost state that rotates by itself, and a
//! login of our own that ends in the middle of a grace.

use std::time::Duration;

use rekeyd::alert::incident::{Kind, open};
use rekeyd::engine::command::Reply;
use rekeyd::engine::ledger::Ledgers;
use rekeyd::rotation::End;
use rekeyd::sandbox::Rule;

use super::person::rotate;
use super::world::{DAY, HOUR, TICK, World, name};

const QUARTERLY: &str = "schedule = { every = \"90d\" }\ngrace = \"2d\"";

fn end(ledgers: &Ledgers, app: usize) -> Option<End> {
    let run = ledgers.apps.get(&name(app))?.run.as_ref()?;
    run.state.end().cloned()
}

/// Mode 7.
#[tokio::test]
async fn given_apps_that_are_not_due_when_the_daemon_restarts_a_hundred_times_then_none_is_rotated() {
    let world = World::new(3).await;
    let policy = world.policy(0..3, "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    engine.stop().await;
    let before = world.org.state().counters.clone();
    for _ in 0..100 {
        let engine = world.start(&policy).await;
        engine.pass(TICK * 3, TICK).await;
        assert!(engine.started().await.is_empty());
        engine.stop().await;
    }
    let after = world.org.state().counters.clone();
    for write in ["staged.post", "staged.patch", "staged.delete"] {
        assert_eq!(before.get(write), after.get(write), "{write}");
    }
}

/// Mode 7.
#[tokio::test]
async fn given_rotated_apps_when_the_journal_is_lost_then_none_is_rotated_and_they_fall_due_when_they_did_before()
 {
    let world = World::new(2).await;
    let policy = world.policy(0..2, "catch_up_spacing = \"0s\"", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    assert!(matches!(engine.say(|| rotate(0)).await, Reply::Started(_)));
    // In small steps: its age counts from the making.
    let rotated = |ledgers: &Ledgers| ledgers.apps[&name(0)].last_success.is_some();
    engine.until("rotated", TICK, rotated).await;
    let done = Some(End::Done { disproven: true });
    engine
        .until("done", HOUR, |ledgers| end(ledgers, 0) == done)
        .await;
    let published = engine.ledger(0).last_success.unwrap();
    engine.pass(DAY * 30, DAY).await;
    engine.stop().await;
    world.lose_journal();

    let engine = world.start(&policy).await;
    engine.adopted().await;
    engine.pass(DAY * 50, DAY / 2).await;
    assert!(!engine.started().await.contains_key(&name(0)), "80 days old");
    let again = |ledgers: &Ledgers| ledgers.apps[&name(0)].last_success.is_some();
    engine.until("due again", HOUR * 6, again).await;
    let started = engine.started().await[&name(0)].clone();
    assert_eq!(started.len(), 1);
    let age = started[0].since(published);
    assert!(age >= DAY * 90 && age < DAY * 91, "{age:?}");
    engine.stop().await;
}

/// Circular dependency: what rekeyd logs in with ends while an old credential is in grace.
#[tokio::test]
async fn given_a_credential_in_grace_when_our_own_login_ends_then_it_is_told_before_the_grace_does_and_the_retirement_waits()
 {
    let world = World::new(1).await;
    let policy = world.policy([0], "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    assert!(matches!(engine.say(|| rotate(0)).await, Reply::Started(_)));
    let rotated = |ledgers: &Ledgers| ledgers.apps[&name(0)].last_success.is_some();
    engine.until("in grace", TICK, rotated).await;
    let published = engine.ledger(0).last_success.unwrap();
    let rule: Rule = serde_json::from_value(serde_json::json!({
        "operation": "token.jwt_bearer",
        "count": 0,
        "action": {
            "kind": "status",
            "code": 400,
            "body": "{\"error\":\"invalid_grant\",\"error_description\":\"user hasn't approved this consumer\"}",
        },
    }))
    .unwrap();
    world.org.fault(rule).unwrap();
    let told = || {
        let cards = engine.board.cards();
        let open = open(&engine.ledgers.lock().unwrap(), &cards.apps);
        open.values().any(|incident| incident.kind == Kind::Login)
    };
    while !told() {
        assert!(
            engine.now().since(published) < DAY * 2,
            "told only after the grace"
        );
        engine.pass(HOUR, Duration::from_secs(600)).await;
    }
    engine.pass(DAY * 3, HOUR).await;
    assert_eq!(end(&engine.ledgers.lock().unwrap(), 0), None, "it waits");
    assert_eq!(world.org.state().calls("staged.post"), 1);
    world.org.clear_faults();
    let done = Some(End::Done { disproven: true });
    engine
        .until("retired", HOUR, |ledgers| end(ledgers, 0) == done)
        .await;
    assert!(!told());
    engine.stop().await;
}
