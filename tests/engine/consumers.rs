//! Several consumers of one External Client App, and what two names can hide: each its own app in the policy, none twice.

use std::time::Duration;

use rekeyd::engine::command::Reply;
use rekeyd::engine::ledger::Ledgers;
use rekeyd::policy::Policy;
use rekeyd::rotation::{End, Hold};
use rekeyd::sandbox::{ConsumerSeed, ExternalClientAppSeed, Seed};

use super::person::rotate;
use super::world::{TICK, World, name, pair};

const STEP: Duration = Duration::from_secs(5);
const APP: &str = "schedule = { every = \"90d\" }\ngrace = \"1h\"";

/// One app with this many consumers, called `c0`, `c1`, ….
fn consumers(seed: &mut Seed, count: usize) {
    let consumers = (0..count).map(|number| {
        let (key, secret) = pair(number);
        ConsumerSeed {
            name: Some(format!("c{number}")),
            key: Some(key),
            secret: Some(secret),
        }
    });
    seed.external_client_apps.push(ExternalClientAppSeed {
        name: "Shared".into(),
        consumers: consumers.collect(),
        ..ExternalClientAppSeed::default()
    });
}

/// An app of the policy for each of these consumers, by whatever names it.
fn tables(consumers: &[String]) -> String {
    let table = |(number, consumer): (usize, &String)| {
        let name = name(number);
        format!(
            r#"
[app.{name}]
org = "prod"
stores = [{{ store = "one", path = "{name}" }}, {{ store = "two", path = "{name}" }}]
{APP}
[app.{name}.external_client_app]
name = "Shared"
consumer = "{consumer}"
allow_key_change = true
"#
        )
    };
    consumers.iter().enumerate().map(table).collect()
}

fn done(ledgers: &Ledgers, app: usize) -> bool {
    let run = ledgers
        .apps
        .get(&name(app))
        .and_then(|ledger| ledger.run.as_ref());
    run.is_some_and(|run| run.state.end() == Some(&End::Done { disproven: true }))
}

fn mints(world: &World) -> Vec<u64> {
    let state = world.org.state();
    let app = state.app("Shared").unwrap();
    app.consumers.iter().map(|consumer| consumer.mints).collect()
}

async fn each_has_its_own(world: &World, policy: &Policy, apps: usize) {
    let mut seen = Vec::new();
    for app in 0..apps {
        let held = world.held(policy, app, "one").await;
        assert_eq!(held, world.held(policy, app, "two").await);
        assert!(world.org.accepts(&held.0, &held.1).is_some());
        assert!(held != pair(app) && !seen.contains(&held));
        seen.push(held);
    }
}

/// By name, over as many pages as it takes; then all at once.
#[tokio::test]
async fn each_consumer_rotates_by_itself_and_all_at_once() {
    const ALL: usize = 3;
    let world = World::seeded(0, |seed| consumers(seed, ALL)).await;
    let named: Vec<String> = (0..ALL).map(|number| format!("c{number}")).collect();
    let policy = world.policy_of("", &tables(&named));
    let engine = world.start(&policy).await;
    engine.adopted().await;
    for app in 0..ALL {
        assert_eq!(
            world.held(&policy, app, "one").await,
            pair(app),
            "another consumer's pair"
        );
    }
    // One alone: the others stay as they are.
    assert!(matches!(engine.say(|| rotate(1)).await, Reply::Started(_)));
    engine.until("one done", STEP, |ledgers| done(ledgers, 1)).await;
    assert_eq!(mints(&world), [0, 1, 0]);
    for app in [0, 2] {
        assert_eq!(world.held(&policy, app, "one").await, pair(app));
        assert!(world.org.accepts(&pair(app).0, &pair(app).1).is_some());
    }
    // The other two together.
    for app in [0, 2] {
        assert!(matches!(engine.say(|| rotate(app)).await, Reply::Started(_)));
    }
    engine
        .until("all done", STEP, |ledgers| (0..ALL).all(|app| done(ledgers, app)))
        .await;
    assert_eq!(mints(&world), [1, 1, 1]);
    each_has_its_own(&world, &policy, ALL).await;
    engine.stop().await;
}

/// Ids of 15 and of 18 characters name the same consumer, whichever the org writes.
#[tokio::test]
async fn a_consumer_is_named_by_an_id_of_either_length() {
    for written in [15_u8, 18] {
        let world = World::seeded(0, |seed| {
            consumers(seed, 2);
            seed.switches.id_length = written.try_into().unwrap();
        })
        .await;
        let state = world.org.state();
        let ids: Vec<String> = state
            .app("Shared")
            .unwrap()
            .consumers
            .iter()
            .map(|one| one.id.clone())
            .collect();
        assert!(ids.iter().all(|id| id.len() == 18));
        let policy = world.policy_of("", &tables(&[ids[0][..15].to_owned(), ids[1].clone()]));
        let engine = world.start(&policy).await;
        engine.adopted().await;
        for app in 0..2 {
            assert!(matches!(engine.say(|| rotate(app)).await, Reply::Started(_)));
        }
        engine
            .until("done", STEP, |ledgers| done(ledgers, 0) && done(ledgers, 1))
            .await;
        assert_eq!(mints(&world), [1, 1], "ids of {written} characters");
        each_has_its_own(&world, &policy, 2).await;
        engine.stop().await;
    }
}

/// The policy takes an id, and the same id with its three letters more, for two consumers; Salesforce does not.
#[tokio::test]
async fn two_apps_that_are_one_consumer_are_not_adopted() {
    let world = World::seeded(0, |seed| consumers(seed, 2)).await;
    let id = world.org.state().app("Shared").unwrap().consumers[0].id.clone();
    let policy = world.policy_of("", &tables(&["c0".into(), id, "c1".into()]));
    let engine = world.start(&policy).await;
    let refused = |ledgers: &Ledgers| {
        let why = |app: usize| {
            ledgers
                .apps
                .get(&name(app))
                .and_then(|ledger| ledger.unadopted.clone())
        };
        let twin = |app: usize, other: usize| {
            why(app).is_some_and(|why| why.contains(&format!("[app.{}]", name(other))))
        };
        // Whichever came first was adopted before the other was known.
        (twin(0, 1) || twin(1, 0)) && ledgers.apps[&name(2)].adopted_at.is_some()
    };
    engine.until("one is refused", TICK, refused).await;
    assert!(matches!(engine.say(|| rotate(2)).await, Reply::Started(_)));
    engine
        .until("the third done", STEP, |ledgers| done(ledgers, 2))
        .await;
    engine.stop().await;
}

/// Both were adopted once, each by itself; brought together they are known for one, also after a restart.
#[tokio::test]
async fn two_apps_that_are_one_consumer_are_not_rotated() {
    let world = World::seeded(0, |seed| consumers(seed, 1)).await;
    let id = world.org.state().app("Shared").unwrap().consumers[0].id.clone();
    let both = world.policy_of("", &tables(&["c0".into(), id]));
    let text = tables(&["c0".into()]);
    for only in [world.policy_of("", &text), both.clone()] {
        let engine = world.start(&only).await;
        let known = |ledgers: &Ledgers| ledgers.apps.values().any(|ledger| ledger.adopted_at.is_some());
        engine.until("adopted", TICK, known).await;
        engine.pass(Duration::from_secs(3600), STEP * 12).await;
        engine.stop().await;
    }
    let engine = world.start(&both).await;
    assert!(matches!(engine.say(|| rotate(0)).await, Reply::Started(_)));
    let held = |ledgers: &Ledgers| {
        let run = ledgers.apps[&name(0)].running();
        match run.and_then(|run| run.state.hold()) {
            Some(Hold::Obstacles { what }) => what.iter().any(|text| text.contains("[app.app-1]")),
            _ => false,
        }
    };
    engine.until("held", TICK, held).await;
    assert_eq!(mints(&world), [0]);
    engine.stop().await;
}
