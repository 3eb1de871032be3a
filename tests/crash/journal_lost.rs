//! The whole service: first contact with a crash at every effect, and a journal that is lost at every boundary of a
//! rotation.

use std::collections::BTreeMap;
use std::time::Duration;

use rekeyd::clock::Clock;
use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::ledger::AppLedger;
use rekeyd::rotation::{End, Hold};

use super::fuse::Plan;
use super::life::{Desk, Life, Over};
use super::record::Level;
use super::world::Kind::{Bao, File};
use super::world::Method::{Assisted, Regenerate, Staged, Update};
use super::world::{APP, LATE_PROOF, MASKED, NAME, Shape, World};

pub(super) fn is_done(ledger: &AppLedger) -> bool {
    let end = ledger.run.as_ref().and_then(|run| run.state.end());
    end == Some(&End::Done { disproven: true })
}

pub(super) fn is_over(ledger: &AppLedger) -> bool {
    is_done(ledger) || ledger.hold.is_some() || hold(ledger).is_some()
}

pub(super) fn hold(ledger: &AppLedger) -> Option<Hold> {
    ledger.running().and_then(|run| run.state.hold().cloned())
}

pub(super) async fn rotate(desk: &Desk) -> Reply {
    let command = Command::Rotate {
        app: APP.into(),
        reason: "a test".into(),
        by: "a test".into(),
        ignore_window: false,
        key: None,
    };
    desk.ask(command).await
}

pub(super) async fn resume(desk: &Desk, take_over: Option<String>) -> Reply {
    let (app, by) = (APP.into(), "a person".into());
    desk.ask(Command::Resume { app, by, take_over }).await
}

/// A person says that what Salesforce shows is right.
pub(super) async fn adopt(desk: &Desk, world: &World) -> Reply {
    loop {
        let (app, by) = (APP.into(), "a person".into());
        match desk.ask(Command::Adopt { app, by }).await {
            Reply::Refused { why, .. } if why.contains("try again in a moment") => {
                let soon = world.clock.now() + Duration::from_secs(5);
                world.clock.sleep_until(soon).await;
            }
            reply => return reply,
        }
    }
}

/// Store empty and Salesforce readable: the live pair is published first, and then rotated.
#[tokio::test]
async fn first_contact_with_a_crash_at_every_effect() {
    let shape = Shape {
        given: false,
        first: "now",
        ..Shape::new(Staged, &[File, Bao])
    };
    let world = World::new(shape.clone()).await;
    world
        .serve(Plan::Never, async |desk| desk.until("done", is_done).await)
        .await;
    world.is_new("undisturbed").await;
    let effects = world.record.sent(Level::Port);
    let mut cases = 0;
    for at in 0..effects {
        for plan in [Plan::Before(at), Plan::After(at), Plan::Unrecorded(at)] {
            let case = format!("first contact {plan:?}");
            let world = World::new(shape.clone()).await;
            world.serve(plan, async |desk| desk.crash().await).await;
            world
                .serve(Plan::Never, async |desk| desk.until(&case, is_done).await)
                .await;
            world.is_new(&case).await;
            cases += 1;
        }
    }
    println!("first contact and rotation of an empty store: {effects} effects x 3 = {cases} crashes");
}

/// A Connected App's secret cannot be read: a person hands it over, once.
#[tokio::test]
async fn a_connected_app_is_handed_over_and_then_rotated() {
    let shape = Shape {
        given: false,
        first: "now",
        ..Shape::new(Update, &[File, Bao])
    };
    let world = World::new(shape).await;
    world
        .serve(Plan::Never, async |desk| {
            desk.until("asked for", |ledger| ledger.unadopted.is_some()).await;
            let right = world.watch.old.clone();
            let wrong = (right.0.clone(), "wrong".to_owned());
            let refused = world.submit(desk, &wrong).await;
            assert!(matches!(refused, Reply::Refused { .. }));
            assert!(matches!(world.submit(desk, &right).await, Reply::Done(_)));
            desk.until("done", is_done).await;
        })
        .await;
    world.is_new("handed over").await;
}

/// The journal is deleted when the process crashes after each append. Nothing is rotated because of it; what was under
/// way goes on or is given up, and a rotation on demand ends rotated.
async fn lost_at_every_boundary(shape: Shape) {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    world.rotated("undisturbed", &lived.over).await;
    let mut endings: BTreeMap<&str, usize> = BTreeMap::new();
    for at in 0..lived.appends.len() {
        let case = format!("{}: journal lost after append {at}", shape.name());
        let world = World::new(shape.clone()).await;
        let crashed = world.live(Life::planned(Plan::Appended(at))).await;
        assert!(matches!(crashed.over, Over::Crashed), "{case}");
        world.lose_journal().await;
        world.record.forget();
        let mints = |world: &World| world.org.state().app(NAME).unwrap().consumers[0].mints;
        let before = mints(&world);
        let ending = world
            .attended(async |desk| {
                // Made in place and not stored yet: consumers are out, and a person takes over what Salesforce shows.
                let refused = |ledger: &AppLedger| {
                    let why = ledger.unadopted.as_ref();
                    why.is_some_and(|why| why.contains("is refused by Salesforce"))
                };
                let seen = |ledger: &AppLedger| ledger.adopted_at.is_some() || is_over(ledger);
                desk.until(&case, |ledger| seen(ledger) || refused(ledger)).await;
                if !desk.see(seen) {
                    assert_eq!(world.shape.method, Regenerate, "{case}");
                    let reply = adopt(desk, &world).await;
                    assert!(matches!(reply, Reply::Done(_)), "{case}: {reply:?}");
                    assert_eq!(mints(&world), before, "{case}: minted by itself");
                    let reply = rotate(desk).await;
                    assert!(matches!(reply, Reply::Started(_)), "{case}: {reply:?}");
                    desk.until(&case, is_done).await;
                    return "adopted";
                }
                // A rotation that was found under way ends first.
                desk.until(&case, |ledger| ledger.running().is_none() || is_over(ledger))
                    .await;
                assert_eq!(
                    mints(&world),
                    before,
                    "{case}: minted by itself\n{}",
                    world.history()
                );
                let recovered = desk.see(is_done);
                if !recovered {
                    desk.until(&case, |ledger| ledger.adopted_at.is_some()).await;
                    let reply = rotate(desk).await;
                    assert!(
                        matches!(reply, Reply::Started(_)),
                        "{case}: {reply:?}\n{}",
                        world.history()
                    );
                    desk.until(&case, is_over).await;
                }
                if desk.see(is_done) {
                    return if recovered { "went on" } else { "rotated anew" };
                }
                // What cannot be told to be ours is a person's to give.
                let given = match desk.see(hold) {
                    Some(Hold::ForeignSlot { id }) => id,
                    Some(Hold::ForeignPending { version, .. }) => version,
                    other => panic!("{case}: {other:?}\n{}", world.history()),
                };
                assert!(
                    matches!(resume(desk, Some(given)).await, Reply::Done(_)),
                    "{case}"
                );
                desk.until(&case, is_done).await;
                "taken over"
            })
            .await;
        world.is_new(&case).await;
        *endings.entry(ending).or_default() += 1;
    }
    println!(
        "{}: journal lost at {} boundaries: {endings:?}",
        shape.name(),
        lived.appends.len()
    );
}

#[tokio::test]
async fn staged() {
    lost_at_every_boundary(Shape::new(Staged, &[File, Bao])).await;
}

#[tokio::test]
async fn staged_masked() {
    lost_at_every_boundary(Shape::new(Staged, &[Bao]).with(&[MASKED])).await;
}

#[tokio::test]
async fn update() {
    lost_at_every_boundary(Shape::new(Update, &[Bao])).await;
}

#[tokio::test]
async fn update_two() {
    lost_at_every_boundary(Shape::new(Update, &[File, Bao])).await;
}

#[tokio::test]
async fn regenerate() {
    lost_at_every_boundary(Shape::new(Regenerate, &[File, Bao])).await;
}

#[tokio::test]
async fn assisted() {
    lost_at_every_boundary(Shape::new(Assisted, &[File, Bao]).with(&[LATE_PROOF])).await;
}
