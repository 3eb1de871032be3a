//! A person migrates a Connected App to an External Client App of the same name and consumer: the policy names the other
//! kind from then on, the pair stays adopted as it is, and nothing is rotated by that.

use std::time::Duration;

use rekeyd::app;
use rekeyd::engine::command::{Command, Control, Reply};
use rekeyd::engine::ledger::Ledgers;
use rekeyd::policy::Policy;
use rekeyd::rotation::End;
use rekeyd::sandbox::{ConnectedAppSeed, Seed};
use tokio::sync::oneshot;

use super::world::{DAY, HOUR, TICK, World, name, pair};

fn policy(world: &World, kind: &str, keys: &str) -> Policy {
    let name = name(0);
    world.policy_of(
        "",
        &format!(
            r#"
[app.{name}]
org = "prod"
stores = [{{ store = "one", path = "{name}" }}, {{ store = "two", path = "{name}" }}]
schedule = {{ every = "30d" }}
[app.{name}.{kind}]
name = "App0"
{keys}
"#
        ),
    )
}

/// Both stand there, with one consumer key; the Connected App can only be read.
fn migrated(seed: &mut Seed) {
    let (key, secret) = pair(0);
    seed.connected_apps.push(ConnectedAppSeed {
        name: "App0".into(),
        consumer_key: Some(key),
        consumer_secret: Some(secret),
        read_only: true,
        ..ConnectedAppSeed::default()
    });
}

#[tokio::test]
async fn the_pair_of_a_migrated_app_stays_adopted_and_is_rotated_when_it_is_due() {
    let world = World::seeded(1, migrated).await;
    let before = policy(
        &world,
        "connected_app",
        "method = \"update\"\ncertificate = \"none\"",
    );
    let after = policy(&world, "external_client_app", "allow_key_change = true");
    for store in ["one", "two"] {
        world.edit(&before, 0, store, &pair(0)).await;
    }
    let engine = world.start(&before).await;
    engine.adopted().await;
    let known = engine.ledger(0);
    engine.pass(HOUR, Duration::from_secs(60)).await;

    // The policy changes under the running service.
    let ledgers = engine.ledgers.lock().unwrap().clone();
    let apps = app::build(&after, &ledgers, &engine.house).ok().unwrap();
    let (done, taken) = oneshot::channel();
    engine.control(Control::Apps { apps, done }).await;
    taken.await.unwrap();
    engine.pass(DAY * 10, HOUR).await;
    let ledger = engine.ledger(0);
    assert_eq!(
        (ledger.adopted_at, ledger.current),
        (known.adopted_at, known.current)
    );
    assert!(ledger.unadopted.is_none() && ledger.health.is_none());
    assert!(engine.started().await.is_empty(), "migrating rotated it");
    for store in ["one", "two"] {
        assert_eq!(world.held(&after, 0, store).await, pair(0));
    }
    let counters = world.org.state().counters;
    assert!(!counters.contains_key("staged.post") && !counters.contains_key("soap.updateMetadata"));
    engine.stop().await;

    // After a restart too; and the first rotation is of the new kind.
    let engine = world.start(&after).await;
    engine.pass(DAY, HOUR).await;
    assert!(engine.started().await.is_empty());
    let rotate = || Command::Rotate {
        app: name(0),
        reason: "a test".into(),
        by: "a person".into(),
        ignore_window: true,
        key: None,
    };
    while !matches!(engine.ask(rotate()).await, Reply::Started(_)) {
        tokio::task::yield_now().await;
    }
    let done = |ledgers: &Ledgers| {
        let run = ledgers.apps[&name(0)].run.as_ref();
        run.is_some_and(|run| {
            run.method == "staged" && run.state.end() == Some(&End::Done { disproven: true })
        })
    };
    let published = |ledgers: &Ledgers| ledgers.apps[&name(0)].last_success.is_some();
    engine.until("published", TICK * 10, published).await;
    // The rest is a week of grace.
    engine.until("rotated as what it is now", HOUR, done).await;
    let held = world.held(&after, 0, "one").await;
    assert!(held.0 != pair(0).0 && world.org.accepts(&held.0, &held.1).is_some());
    engine.stop().await;
}
