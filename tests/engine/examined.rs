//! What is found out about orgs and apps is remembered, found out again when an org changes, and used: rotations leave an
//! org what its own users need of its daily requests.

use std::time::Duration;

use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::examine::Remembered;
use rekeyd::engine::ledger::Ledgers;

use super::world::{Engine, HOUR, World, name};

async fn remembered(engine: &Engine<'_>) -> Option<Remembered> {
    let value = engine
        .house
        .journal
        .recall(&Remembered::name(&name(0)))
        .await
        .unwrap();
    value.map(|value| serde_json::from_value(value).unwrap())
}

/// Lets time pass until the app was examined under this version.
async fn found_under(engine: &Engine<'_>, version: u32) -> Remembered {
    for _ in 0..200 {
        if let Some(found) = remembered(engine).await.filter(|found| found.version == version) {
            return found;
        }
        engine
            .pass(Duration::from_secs(600), Duration::from_secs(60))
            .await;
    }
    panic!("never examined under API {version}.0");
}

#[tokio::test]
async fn verdicts_are_remembered_and_asked_again_when_the_org_changes() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", "schedule = { every = \"90d\" }");
    let engine = world.start(&policy).await;
    let found = found_under(&engine, 66).await;
    assert_eq!(found.listed, ["staged"]);
    assert_eq!(
        found.methods[0].standing,
        rekeyd::doctor::Standing::Open,
        "{found:?}"
    );
    assert!(found.id.is_some_and(|id| id.starts_with("00D")));

    let set = |json: serde_json::Value| json.as_object().cloned().unwrap();
    let newer = set(serde_json::json!({ "newest_version": 67, "secret_api_enabled": false }));
    world.org.switch(None, &newer).unwrap();
    let found = found_under(&engine, 67).await;
    let verdict = &found.methods[0];
    assert_eq!(verdict.standing, rekeyd::doctor::Standing::Closed, "{found:?}");
    let how = verdict.remedies.join(" ");
    assert!(
        how.contains("Allow access to External Client App consumer secrets via REST API"),
        "{how}"
    );
    engine.stop().await;

    // A start knows what the one before found out, and asks nobody for it.
    let engine = world.start(&policy).await;
    assert_eq!(remembered(&engine).await, Some(found));
    engine.stop().await;
}

/// What the clock would start waits for the next day; what a person asks for does not.
#[tokio::test]
async fn rotations_leave_the_org_its_requests() {
    let world = World::seeded(2, |seed| seed.daily_api_requests = 100).await;
    // To find two apps takes more than five requests.
    let policy = world.policy(
        [0, 1],
        "api_budget = \"5%\"\nlive_check = \"0s\"\ncatch_up_spacing = \"0s\"",
        "schedule = { every = \"90d\" }\nfirst = \"now\"",
    );
    let engine = world.start(&policy).await;
    let spent = |ledgers: &Ledgers| ledgers.service.budget.contains_key("prod");
    engine
        .until("above its budget", Duration::from_secs(1), spent)
        .await;
    engine.pass(2 * HOUR, Duration::from_secs(60)).await;
    assert!(engine.started().await.is_empty());
    let asked = Command::Rotate {
        app: name(0),
        reason: "a leak".into(),
        by: "a person".into(),
        ignore_window: false,
        key: None,
    };
    assert!(matches!(engine.ask(asked).await, Reply::Started(_)));
    let step = Duration::from_secs(600);
    engine.until("free again", step, |ledgers| !spent(ledgers)).await;
    let running = |ledgers: &Ledgers| ledgers.apps[&name(1)].run.is_some();
    engine.until("started", step, running).await;
    let started = engine.started().await;
    let of = |app: usize| started[&name(app)][0];
    assert!(of(1).since(of(0)) > 20 * HOUR, "{started:?}");
    engine.stop().await;
}
