//! After downtime: what fell due meanwhile is rotated once each, the longest due first, one after the other.

use std::time::Duration;

use super::world::{DAY, TICK, World, name};

#[tokio::test]
async fn what_fell_due_while_nobody_was_there_is_spread_over_time() {
    let world = World::new(4).await;
    let spacing = Duration::from_secs(300);
    let policy = world.policy(
        0..4,
        "catch_up_spacing = \"300s\"",
        "schedule = { every = \"90d\" }\ngrace = \"0s\"",
    );
    let engine = world.start(&policy).await;
    engine.adopted().await;
    engine.stop().await;
    world.clock.advance(DAY * 400);

    let engine = world.start(&policy).await;
    let rotated = |ledgers: &rekeyd::engine::ledger::Ledgers| {
        ledgers.apps.values().all(|ledger| ledger.last_success.is_some())
    };
    engine.until("rotated", TICK, rotated).await;
    let started = engine.started().await;
    assert_eq!(started.len(), 4);
    assert!(started.values().all(|times| times.len() == 1), "{started:?}");
    let mut times: Vec<_> = started.values().map(|times| times[0]).collect();
    times.sort();
    let near = times
        .iter()
        .zip(times.iter().skip(1))
        .any(|(a, b)| b.since(*a) < spacing);
    assert!(!near, "{times:?}");
    engine.stop().await;
}

#[tokio::test]
async fn what_falls_due_while_it_runs_is_not_held_up() {
    let world = World::new(3).await;
    let policy = world.policy(
        0..3,
        "catch_up_spacing = \"300s\"",
        "schedule = { cron = \"0 3 1 * *\", zone = \"UTC\" }\ngrace = \"0s\"",
    );
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let rotated = |ledgers: &rekeyd::engine::ledger::Ledgers| ledgers.apps[&name(2)].last_success.is_some();
    engine.pass(DAY * 8, DAY / 8).await;
    engine.until("rotated", Duration::from_secs(50), rotated).await;
    let started = engine.started().await;
    let mut times: Vec<_> = started.values().map(|times| times[0]).collect();
    times.sort();
    // Held up, the third would start two spacings after the first; how many steps of time the three looks before take
    // depends on the machine.
    assert!(times[2].since(times[0]) < Duration::from_secs(300), "{times:?}");
    engine.stop().await;
}
