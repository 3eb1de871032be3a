//! The live check: what a person did behind rekeyd's back is noticed, told once, and told again when it is over.

use std::time::Duration;

use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::health::Health;
use rekeyd::engine::ledger::Ledgers;
use rekeyd::engine::note::Note;
use rekeyd::sandbox::Act;
use rekeyd::secret::{Credential, Secret};

use super::person::adopt;
use super::world::{Engine, HOUR, World, name, pair};

const STEP: Duration = Duration::from_secs(10);
const QUARTERLY: &str = "schedule = { every = \"90d\" }\ngrace = \"1d\"";

fn health(ledgers: &Ledgers) -> Option<Health> {
    ledgers
        .apps
        .get(&name(0))?
        .health
        .clone()
        .map(|(_, health)| health)
}

async fn told(engine: &Engine<'_>) -> usize {
    let notes = engine.notes(0).await;
    notes
        .iter()
        .filter(|note| matches!(note, Note::LiveChecked { .. }))
        .count()
}

#[tokio::test]
async fn a_rotation_in_setup_is_found_and_a_pair_that_is_handed_over_heals_it() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    assert_eq!(told(&engine).await, 0, "nothing was wrong");
    assert_eq!(engine.board.cards().live.len(), 2);
    assert!(
        engine
            .board
            .cards()
            .live
            .values()
            .all(|check| check.accepted == Some(true))
    );

    // A person rotates twice in Setup: the first leaves the old pair usable in the slot.
    for _ in 0..2 {
        let app = "App0".to_owned();
        world.org.act(Act::Rotate { app, by: None }).unwrap();
    }
    let refused = |ledgers: &Ledgers| matches!(health(ledgers), Some(Health::Refused { .. }));
    engine.until("refused", STEP, refused).await;
    let Some(Health::Refused { stores, .. }) = health(&engine.ledgers.lock().unwrap()) else {
        panic!("healed by itself");
    };
    assert_eq!(stores, ["one", "two"]);
    engine.pass(HOUR * 3, STEP).await;
    assert_eq!(told(&engine).await, 1, "told once");

    let live = world.org.state().accepted;
    let live = live
        .iter()
        .filter(|pair| pair.app == "App0")
        .max_by_key(|pair| pair.generation)
        .unwrap();
    let pair = Credential {
        client_id: live.client_id.clone(),
        client_secret: Secret::new(live.client_secret.clone()),
    };
    let reply = engine
        .ask(Command::Submit {
            app: name(0),
            pair,
            by: "a person".into(),
        })
        .await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    assert_eq!(health(&engine.ledgers.lock().unwrap()), None);
    engine.pass(HOUR, STEP).await;
    assert_eq!(health(&engine.ledgers.lock().unwrap()), None);
    engine.stop().await;
}

/// Damages what a file store holds for the first app.
fn damage(world: &World, store: &str) -> std::path::PathBuf {
    let path = world.file(0, store);
    std::fs::write(&path, "no age file").unwrap();
    path
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_told_and_takes_back_nothing_louder() {
    let world = World::new(2).await;
    let policy = world.policy([0, 1], "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let kept = std::fs::read(world.file(0, "two")).unwrap();
    let path = damage(&world, "two");
    let unreadable = |ledgers: &Ledgers| matches!(health(ledgers), Some(Health::Unreadable { .. }));
    engine.until("unreadable", STEP, unreadable).await;
    let Some(Health::Unreadable { stores, why }) = health(&engine.ledgers.lock().unwrap()) else {
        panic!("healed by itself");
    };
    assert_eq!(stores, ["two"]);
    assert!(why.starts_with("two: unusable: "), "{why}");
    engine.pass(HOUR * 3, STEP).await;
    assert_eq!(told(&engine).await, 1, "told once");
    std::fs::write(&path, kept).unwrap();
    engine
        .until("readable", STEP, |ledgers| health(ledgers).is_none())
        .await;

    // What consumers of one store read is refused; then the store is damaged: that makes nothing well.
    let mut wrong = pair(0);
    wrong.1.push('x');
    world.edit(&policy, 0, "two", &wrong).await;
    let refused = |ledgers: &Ledgers| matches!(health(ledgers), Some(Health::Refused { .. }));
    engine.until("refused", STEP, refused).await;
    damage(&world, "two");
    engine.pass(HOUR, STEP).await;
    assert!(refused(&engine.ledgers.lock().unwrap()), "taken back");
    engine.stop().await;
}

#[tokio::test]
async fn stores_that_differ_are_told_and_so_is_their_agreement() {
    let world = World::new(2).await;
    let policy = world.policy([0, 1], "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    // Somebody copies another app's accepted pair into one store.
    world.edit(&policy, 0, "two", &pair(1)).await;
    let differ = |ledgers: &Ledgers| matches!(health(ledgers), Some(Health::Disagree { .. }));
    engine.until("different", STEP, differ).await;
    world.edit(&policy, 0, "two", &pair(0)).await;
    engine
        .until("agreed", STEP, |ledgers| health(ledgers).is_none())
        .await;
    // And into both.
    world.edit(&policy, 0, "one", &pair(1)).await;
    world.edit(&policy, 0, "two", &pair(1)).await;
    let foreign = |ledgers: &Ledgers| matches!(health(ledgers), Some(Health::Foreign { .. }));
    engine.until("foreign", STEP, foreign).await;
    assert_eq!(told(&engine).await, 3);
    // A person says that it is right; Salesforce shows that it is another app's.
    let before = engine.ledger(0).current;
    let adopt = Command::Adopt {
        app: name(0),
        by: "a person".into(),
    };
    let reply = engine.ask(adopt).await;
    assert!(matches!(reply, Reply::Refused { .. }), "{reply:?}");
    assert!(matches!(
        health(&engine.ledgers.lock().unwrap()),
        Some(Health::Foreign { .. })
    ));
    assert_eq!(engine.ledger(0).current, before);
    assert_eq!(
        world.held(&policy, 0, "one").await,
        pair(1),
        "theirs is not ours to replace"
    );
    engine.pass(HOUR, STEP).await;
    assert_eq!(told(&engine).await, 3);
    assert!(engine.started().await.is_empty(), "adopting rotates nothing");
    engine.stop().await;
}

/// The former pair stays usable in the slot: what the stores hold is accepted, and not the one in force.
#[tokio::test]
async fn a_swap_that_leaves_the_stores_pair_usable_is_found_and_so_is_its_end() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let swaps_back = serde_json::from_str(r#"{"second_rotate": "swaps_back"}"#).unwrap();
    world.org.switch(None, &swaps_back).unwrap();
    let swap = || {
        let app = "App0".to_owned();
        world.org.act(Act::Rotate { app, by: None }).unwrap();
    };
    swap();
    assert!(world.org.accepts(&pair(0).0, &pair(0).1).is_some());
    let foreign = |ledgers: &Ledgers| matches!(health(ledgers), Some(Health::Foreign { .. }));
    engine.until("foreign", STEP, foreign).await;
    engine.pass(HOUR, STEP).await;
    assert_eq!(told(&engine).await, 1, "told once");
    // They put it back.
    let app = "App0".to_owned();
    world.org.act(Act::Promote { app, by: None }).unwrap();
    engine
        .until("fine", STEP, |ledgers| health(ledgers).is_none())
        .await;
    assert_eq!(told(&engine).await, 2);
    swap();
    engine.until("foreign again", STEP, foreign).await;
    let adopt = Command::Adopt {
        app: name(0),
        by: "a person".into(),
    };
    let reply = engine.ask(adopt).await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    let held = world.held(&policy, 0, "two").await;
    assert!(held != pair(0) && world.org.accepts(&held.0, &held.1).is_some());
    assert_eq!(health(&engine.ledgers.lock().unwrap()), None);
    engine.stop().await;
}

/// One refused look is no news: answers mix for a while after any change.
#[tokio::test]
async fn what_passes_is_not_told() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let wrong = (pair(0).0, "wrong".to_owned());
    let checked = |engine: &Engine<'_>| {
        let cards = engine.board.cards();
        cards.live.values().map(|check| check.at).max()
    };
    engine
        .until("looked at", STEP, |_| checked(&engine).is_some())
        .await;
    let before = checked(&engine);
    world.edit(&policy, 0, "one", &wrong).await;
    engine
        .until("looked at again", STEP, |_| checked(&engine) > before)
        .await;
    assert!(
        engine
            .board
            .cards()
            .live
            .values()
            .any(|check| check.accepted == Some(false))
    );
    world.edit(&policy, 0, "one", &pair(0)).await;
    engine.pass(HOUR, STEP).await;
    assert_eq!(told(&engine).await, 0);
    engine.stop().await;
}

/// An External Client App's pair can be read: a person's word is enough, the pair itself need not be handed over.
#[tokio::test]
async fn a_rotation_in_setup_is_adopted_from_salesforce() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    for _ in 0..2 {
        let app = "App0".to_owned();
        world.org.act(Act::Rotate { app, by: None }).unwrap();
    }
    let reply = engine.say(adopt).await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    for store in ["one", "two"] {
        let held = world.held(&policy, 0, store).await;
        assert!(world.org.accepts(&held.0, &held.1).is_some(), "{store} is behind");
    }
    engine.stop().await;
}
