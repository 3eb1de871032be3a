//! The machine's clock is set, or the machine sleeps: nothing is rotated because of the one, and nothing is missed
//! because of the other.

use std::time::Duration;

use rekeyd::clock::Clock;
use rekeyd::sandbox::{Action, Rule};

use super::world::{DAY, HOUR, TICK, World, name};

const HUNDRED_DAYS_MS: i64 = 100 * 86_400_000;
const STEP: Duration = Duration::from_secs(60);
const QUARTERLY: &str = "schedule = { every = \"90d\" }\ngrace = \"1d\"";

#[tokio::test]
async fn a_clock_that_is_set_ahead_by_mistake_starts_nothing() {
    let world = World::new(1).await;
    let engine = world.start(&world.policy([0], "", QUARTERLY)).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    world.clock.set_wall(HUNDRED_DAYS_MS);
    let off = |engine: &super::world::Engine<'_>| {
        engine
            .ledgers
            .lock()
            .unwrap()
            .service
            .clock_off
            .contains_key("prod")
    };
    engine
        .until("told", TICK, |ledgers| {
            ledgers.service.clock_off.contains_key("prod")
        })
        .await;
    engine.pass(DAY, STEP * 10).await;
    assert!(engine.started().await.is_empty(), "by its clock it was due");
    assert!(off(&engine));
    world.clock.set_wall(-HUNDRED_DAYS_MS);
    engine
        .until("right again", TICK, |ledgers| {
            ledgers.service.clock_off.is_empty()
        })
        .await;
    assert_eq!(engine.ledgers.lock().unwrap().service.clock_jumps, 1);
    // And the day that it is due comes none the later.
    engine.pass(DAY * 88, HOUR * 6).await;
    engine
        .until("rotated", STEP * 10, |ledgers| {
            ledgers.apps[&name(0)].last_success.is_some()
        })
        .await;
    let started = engine.started().await;
    let since = engine.ledger(0).adopted_at.unwrap();
    assert_eq!(started[&name(0)].len(), 1);
    let late = started[&name(0)][0].since(since);
    assert!(late >= DAY * 90 && late < DAY * 90 + HOUR * 2, "{late:?}");
    engine.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_by_mistake_holds_nothing_up() {
    let world = World::new(1).await;
    let engine = world.start(&world.policy([0], "", QUARTERLY)).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    world.clock.set_wall(-HUNDRED_DAYS_MS);
    engine.pass(DAY * 89, HOUR * 6).await;
    engine
        .until("rotated", STEP * 10, |ledgers| {
            ledgers.apps[&name(0)].last_success.is_some()
        })
        .await;
    let late = engine.started().await[&name(0)][0].since(engine.ledger(0).adopted_at.unwrap());
    assert!(late >= DAY * 90 && late < DAY * 90 + HOUR * 2, "{late:?}");
    engine.stop().await;
}

#[tokio::test]
async fn a_machine_that_slept_catches_up_once() {
    let world = World::new(1).await;
    let engine = world.start(&world.policy([0], "", QUARTERLY)).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    world.clock.sleep(DAY * 300);
    let before = world.clock.wall();
    engine
        .until("rotated", TICK, |ledgers| {
            ledgers.apps[&name(0)].last_success.is_some()
        })
        .await;
    engine.pass(HOUR, STEP).await;
    let started = engine.started().await;
    assert_eq!(started[&name(0)].len(), 1, "once, though three were missed");
    assert!(started[&name(0)][0] >= before);
    assert!(engine.ledgers.lock().unwrap().service.clock_off.is_empty());
    engine.stop().await;
}

/// Nobody can say who is right: nothing is believed, and the org is asked again.
#[tokio::test]
async fn while_the_org_is_silent_the_jump_is_not_believed() {
    let world = World::new(1).await;
    let engine = world.start(&world.policy([0], "", QUARTERLY)).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    for operation in ["versions", "limits"] {
        let (operation, action) = (operation.to_owned(), Action::DropBefore);
        world
            .org
            .fault(Rule {
                operation,
                app: None,
                nth: 1,
                count: 0,
                action,
            })
            .unwrap();
    }
    world.clock.sleep(DAY * 300);
    engine.pass(HOUR, TICK * 10).await;
    assert!(engine.started().await.is_empty());
    world.org.clear_faults();
    engine
        .until("rotated", TICK, |ledgers| {
            ledgers.apps[&name(0)].last_success.is_some()
        })
        .await;
    assert_eq!(engine.started().await[&name(0)].len(), 1);
    engine.stop().await;
}
