//! A person rotates in Setup, or changes their mind, while our rotation is published everywhere and its old credential in
//! grace: the rotation is ended by `adopt`, `submit` or `abandon`, what is left alive is told, and the next one works.

use std::time::Duration;

use rekeyd::engine::command::Reply;
use rekeyd::engine::health::Health;
use rekeyd::engine::ledger::AppLedger;
use rekeyd::engine::tell;
use rekeyd::policy::Policy;
use rekeyd::rotation::{End, Hold, Stand};
use rekeyd::sandbox::Act;

use super::person::{abandon, adopt, end, of, rotate, submit};
use super::world::{DAY, Engine, HOUR, TICK, World, name};

const STEP: Duration = Duration::from_secs(10);
const GRACE: &str = "schedule = { every = \"90d\" }\ngrace = \"2d\"";

fn hold(ledger: &AppLedger) -> Option<Hold> {
    ledger.running().and_then(|run| run.state.hold().cloned())
}

fn cleared(ledger: &AppLedger) -> bool {
    let run = ledger.running();
    run.is_some_and(|run| run.state.is_rotated() && run.state.lanes.iter().all(|lane| lane.clear.is_done()))
}

/// What `status` says, and what it tells a person to do.
fn status(engine: &Engine<'_>) -> (String, Option<String>) {
    tell::status_words(&engine.ledger(0), &name(0), engine.now())
}

impl World {
    fn swap_in_setup(&self) -> (String, String) {
        let app = "App0".to_owned();
        self.org.act(Act::Rotate { app, by: None }).unwrap();
        let state = self.org.state();
        let consumer = state.app("App0").unwrap().consumers.first().unwrap();
        let primary = consumer
            .pairs
            .iter()
            .find(|pair| pair.generation == consumer.primary);
        let primary = primary.unwrap();
        (primary.client_id.clone(), primary.client_secret.clone())
    }

    fn accepted(&self) -> usize {
        let state = self.org.state();
        state.accepted.iter().filter(|pair| pair.app == "App0").count()
    }
}

/// Rotated by us, and the old one in grace.
async fn in_grace<'a>(world: &'a World, policy: &Policy) -> Engine<'a> {
    let engine = world.start(policy).await;
    engine.adopted().await;
    assert!(matches!(engine.say(|| rotate(0)).await, Reply::Started(_)));
    engine
        .until("in grace", TICK, |ledgers| of(ledgers, cleared))
        .await;
    engine
}

/// A rotation from here works, once what was left has had its grace.
async fn the_next_one_works(world: &World, policy: &Policy, engine: &Engine<'_>) {
    let before = world.held(policy, 0, "one").await;
    engine.pass(DAY * 2 + HOUR, HOUR).await;
    let reply = engine.say(|| rotate(0)).await;
    assert!(matches!(reply, Reply::Started(_)), "{reply:?}");
    let done = Some(End::Done { disproven: true });
    engine
        .until("the next one done", HOUR, |ledgers| of(ledgers, end) == done)
        .await;
    for store in ["one", "two"] {
        let held = world.held(policy, 0, store).await;
        assert!(held != before && world.org.accepts(&held.0, &held.1).is_some());
    }
    assert_eq!(world.accepted(), 1, "one pair is left, the new one");
}

#[tokio::test]
async fn a_swap_in_setup_during_grace_is_noticed_and_held_and_adopt_ends_it() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", GRACE);
    let engine = in_grace(&world, &policy).await;
    let ours = world.held(&policy, 0, "one").await;
    let theirs = world.swap_in_setup();
    assert!(
        world.org.accepts(&ours.0, &ours.1).is_some(),
        "ours is in the slot now"
    );
    // The live check, although what the stores hold is accepted.
    let foreign = |ledger: &AppLedger| matches!(ledger.health, Some((_, Health::Foreign { .. })));
    engine
        .until("noticed", STEP, |ledgers| of(ledgers, foreign))
        .await;
    // The retirement.
    let held = |ledger: &AppLedger| matches!(hold(ledger), Some(Hold::ForeignCurrent { .. }));
    engine.until("held", HOUR, |ledgers| of(ledgers, held)).await;
    let (_, help) = status(&engine);
    assert!(help.unwrap().contains("`rekeyd adopt app-0`"));
    // A pair that does not work gives nothing up, and neither does the one that we published.
    for wrong in [(theirs.0.clone(), "wrong".to_owned()), ours.clone()] {
        let reply = engine.say(|| submit(&wrong)).await;
        assert!(matches!(reply, Reply::Refused { .. }), "{reply:?}");
        assert!(held(&engine.ledger(0)), "given up");
    }

    let reply = engine.say(adopt).await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    for store in ["one", "two"] {
        assert_eq!(world.held(&policy, 0, store).await, theirs);
    }
    let ledger = engine.ledger(0);
    let Some(End::GivenUp {
        by,
        adopting,
        old,
        new,
    }) = end(&ledger)
    else {
        panic!("{:?}", ledger.run)
    };
    assert_eq!((by.as_str(), adopting), ("Ann", ledger.current));
    assert_eq!((old, new), (Stand::Refused, Stand::Accepted));
    assert_eq!((ledger.health.is_none(), ledger.failures), (true, 0));
    let (stands, help) = status(&engine);
    assert!(
        stands.contains("published is STILL ACCEPTED") && help.is_none(),
        "{stands}"
    );
    assert!(!stands.contains("dead"), "{stands}");
    the_next_one_works(&world, &policy, &engine).await;
    engine.stop().await;
}

/// Before anything is held: a tool made the pair and wrote it to the stores.
#[tokio::test]
async fn a_pair_that_is_handed_over_during_grace_takes_the_place_of_ours() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", GRACE);
    let engine = in_grace(&world, &policy).await;
    let theirs = world.swap_in_setup();
    world.edit(&policy, 0, "one", &theirs).await;
    let reply = engine.say(|| submit(&theirs)).await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    assert_eq!(world.held(&policy, 0, "two").await, theirs);
    assert!(matches!(
        end(&engine.ledger(0)),
        Some(End::GivenUp {
            adopting: Some(_),
            ..
        })
    ));
    the_next_one_works(&world, &policy, &engine).await;
    engine.stop().await;
}

#[tokio::test]
async fn abandon_during_grace_leaves_the_old_one_alive_and_says_so() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", GRACE);
    let engine = in_grace(&world, &policy).await;
    // What is in force is what we published: there is nothing to adopt.
    let reply = engine.say(adopt).await;
    let Reply::Refused { why, .. } = reply else {
        panic!("{reply:?}")
    };
    assert!(why.contains("nothing to adopt"), "{why}");
    let reply = engine.say(abandon).await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    engine
        .until("ended", TICK, |ledgers| of(ledgers, end).is_some())
        .await;
    let Some(End::GivenUp {
        adopting: None, old, ..
    }) = end(&engine.ledger(0))
    else {
        panic!("{:?}", engine.ledger(0).run)
    };
    assert_eq!((old, world.accepted()), (Stand::Accepted, 2));
    let (stands, _) = status(&engine);
    assert!(
        stands.contains("the old credential is STILL ACCEPTED"),
        "{stands}"
    );
    engine.pass(DAY * 3, HOUR).await;
    assert_eq!(world.accepted(), 2, "nothing more is revoked");
    the_next_one_works(&world, &policy, &engine).await;
    engine.stop().await;
}
