//! A leaked credential: the whole service is told, crashes at every effect and append from then on, and ends it all the
//! same; long before the grace would have ended, with no mint more than it takes, and with nobody asked twice.

use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::emergency::Leaked;
use rekeyd::engine::ledger::AppLedger;
use rekeyd::engine::radius::Radius;
use rekeyd::rotation::{End, Hold};

use super::fuse::Plan;
use super::life::Desk;
use super::watch::Pair;
use super::world::Kind::{Bao, File};
use super::world::Method::{Regenerate, Staged, Update};
use super::world::{APP, NAME, Shape, World};

/// Where the leak finds the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    /// The one before is in grace, and leaks.
    PreviousInGrace,
    /// Nothing is under way, and the current one leaks.
    Current,
    /// The one before is in grace, and the current one leaks.
    CurrentInGrace,
    /// A rotation is right before its cutover.
    BeforeCutover,
    /// A rotation is right after its cutover, and nothing is published.
    AfterCutover,
}

impl Scene {
    fn leaked(self) -> Leaked {
        match self {
            Scene::PreviousInGrace => Leaked::Previous,
            Scene::Current | Scene::CurrentInGrace | Scene::BeforeCutover | Scene::AfterCutover => {
                Leaked::Current
            }
        }
    }

    /// How many credentials Salesforce makes, from the first contact on.
    fn mints(self) -> u64 {
        match self {
            Scene::CurrentInGrace => 2,
            Scene::PreviousInGrace | Scene::Current | Scene::BeforeCutover | Scene::AfterCutover => 1,
        }
    }
}

/// No grace and no window is waited for.
fn shape(method: super::world::Method, stores: &'static [super::world::Kind]) -> Shape {
    Shape {
        grace: if method == Staged { "7d" } else { "0s" },
        ..Shape::new(method, stores)
    }
}

/// The world as the leak finds it, and the leaked pair.
async fn found(shape: &Shape, scene: Scene) -> (World, Pair) {
    let world = World::new(shape.clone()).await;
    let plan = match scene {
        // Mint and store come first.
        Scene::BeforeCutover => Plan::Before(1 + shape.stores.len()),
        Scene::AfterCutover => Plan::Unrecorded(1 + shape.stores.len()),
        Scene::PreviousInGrace | Scene::Current | Scene::CurrentInGrace => Plan::Never,
    };
    world
        .serve(plan, async |desk| {
            desk.until("adopted", |ledger| ledger.adopted_at.is_some()).await;
            if scene == Scene::Current {
                return;
            }
            let asked = desk.ask(Command::Rotate {
                app: APP.into(),
                reason: "a test".into(),
                by: "a test".into(),
                ignore_window: false,
                key: None,
            });
            let reply = asked.await;
            assert!(matches!(reply, Reply::Started(_)), "{reply:?}");
            match scene {
                Scene::BeforeCutover | Scene::AfterCutover => desk.crash().await,
                Scene::PreviousInGrace | Scene::Current | Scene::CurrentInGrace => {
                    desk.until("in grace", |ledger| ledger.grace_until().is_some())
                        .await;
                }
            }
        })
        .await;
    let leaked = match scene {
        Scene::CurrentInGrace => world.watch.primary(),
        Scene::PreviousInGrace | Scene::Current | Scene::BeforeCutover | Scene::AfterCutover => {
            world.watch.old.clone()
        }
    };
    (world, leaked)
}

async fn say(desk: &Desk, leaked: Leaked, confirm: Option<String>) -> Reply {
    desk.ask(Command::Revoke {
        app: APP.into(),
        leaked,
        confirm,
        reason: "found in a log".into(),
        tokens: false,
        by: "a person".into(),
    })
    .await
}

async fn radius(desk: &Desk, leaked: Leaked) -> Radius {
    match say(desk, leaked, None).await {
        Reply::Radius(radius) => *radius,
        other => panic!("{other:?}"),
    }
}

/// Asks who is hit, and confirms it.
async fn revoke(world: &World, desk: &Desk, leaked: Leaked) -> Reply {
    // Time stands still meanwhile, as it nearly does for a person.
    let _busy = world.clock.busy();
    let radius = radius(desk, leaked).await;
    let token = radius.confirm.clone();
    assert!(token.is_some(), "{radius:#?}");
    say(desk, leaked, token).await
}

fn is_over(ledger: &AppLedger) -> bool {
    let settled = |ledger: &AppLedger| {
        let emergency = ledger.emergency.as_ref();
        emergency.is_some_and(|emergency| emergency.is_settled(ledger))
    };
    ledger.running().is_none() && settled(ledger)
}

fn is_unanswered(ledger: &AppLedger) -> bool {
    ledger.running().and_then(|run| run.state.hold()) == Some(&Hold::Unanswered)
}

/// The leaked one is dead and nothing else is, and it took no mint too many.
async fn check(world: &World, desk: &Desk, scene: Scene, leaked: &Pair, case: &str) {
    desk.until(case, |ledger| is_over(ledger) || is_unanswered(ledger))
        .await;
    // The one request that is not repeated by itself may have been on its way: a person lets it be sent again.
    if desk.see(is_unanswered) {
        let (app, by) = (APP.to_owned(), "a person".to_owned());
        let take_over = None;
        desk.ask(Command::Resume { app, by, take_over }).await;
        desk.until(case, is_over).await;
    }
    let history = world.history();
    assert!(
        world.org.accepts(&leaked.0, &leaked.1).is_none(),
        "{case}: it lives\n{history}"
    );
    let end = desk.see(|ledger| ledger.run.as_ref().and_then(|run| run.state.end().cloned()));
    assert_eq!(end, Some(End::Done { disproven: true }), "{case}\n{history}");
    let readers = |fault: &&String| fault.contains("readers of store") && scene == Scene::PreviousInGrace;
    assert_eq!(
        world.record.faults().iter().find(readers),
        None,
        "{case}\n{history}"
    );
    world.is_new(case).await;
    if world.shape.method == Staged {
        let mints = world.org.state().app(NAME).unwrap().consumers[0].mints;
        assert_eq!(mints, scene.mints(), "{case}\n{history}");
    }
}

async fn at_every_effect(shape: Shape, scene: Scene) {
    let (world, leaked) = found(&shape, scene).await;
    let case = format!("{} {scene:?}", shape.name());
    let (calls, appends) = world
        .serve(Plan::Never, async |desk| {
            let reply = revoke(&world, desk, scene.leaked()).await;
            assert!(matches!(reply, Reply::Revoking { held: false, .. }), "{reply:?}");
            check(&world, desk, scene, &leaked, &case).await;
            desk.counts()
        })
        .await;
    let at_calls = (0..calls).flat_map(|at| [Plan::Before(at), Plan::After(at), Plan::Unrecorded(at)]);
    let plans: Vec<Plan> = at_calls.chain((0..appends).map(Plan::Appended)).collect();
    for plan in &plans {
        let case = format!("{case} {plan:?}");
        let (world, leaked) = found(&shape, scene).await;
        world
            .serve(*plan, async |desk| {
                let word = async {
                    revoke(&world, desk, scene.leaked()).await;
                    desk.crash().await;
                };
                tokio::select! {
                    () = word => {}
                    () = desk.crash() => {}
                }
            })
            .await;
        world
            .serve(Plan::Never, async |desk| {
                // Whoever saw the crash before any answer asks again; what was heard is not lost.
                if desk.see(|ledger| ledger.emergency.is_none()) {
                    revoke(&world, desk, scene.leaked()).await;
                }
                check(&world, desk, scene, &leaked, &case).await;
            })
            .await;
    }
    println!(
        "{case}: {calls} effects x 3 + {appends} appends = {} crashes, the leaked one dead after each",
        plans.len()
    );
}

macro_rules! scenes {
    ($($name:ident: $scene:ident, $method:ident on $stores:expr;)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                at_every_effect(shape($method, &$stores), Scene::$scene).await;
            }
        )+
    };
}

scenes! {
    previous_in_grace: PreviousInGrace, Staged on [File, Bao];
    current_at_rest: Current, Staged on [File];
    current_while_the_one_before_is_in_grace: CurrentInGrace, Staged on [File, Bao];
    current_before_the_cutover: BeforeCutover, Staged on [File];
    current_after_the_cutover: AfterCutover, Staged on [File];
    current_without_overlap: Current, Update on [File];
    current_regenerated: Current, Regenerate on [File];
}

/// Without a confirmation nothing changes, a stale token is refused, and the same word twice does nothing twice.
#[tokio::test]
async fn a_token_is_good_for_what_it_was_said_for_and_once() {
    let (world, leaked) = found(&shape(Staged, &[File]), Scene::PreviousInGrace).await;
    world
        .serve(Plan::Never, async |desk| {
            let busy = world.clock.busy();
            let (calls, appends) = desk.counts();
            let previous = radius(desk, Leaked::Previous).await;
            let current = radius(desk, Leaked::Current).await;
            assert_eq!(desk.counts(), (calls, appends), "a question changes nothing");
            assert_eq!(previous.credential, Some(world.print(&leaked).short()));
            assert_ne!(previous.confirm, current.confirm);
            assert!(previous.will.contains("nothing is minted"), "{}", previous.will);
            assert!(
                current.will.contains("first the previous credential"),
                "{}",
                current.will
            );
            assert!(
                current.stores[0].holds.contains("the leaked one"),
                "{:?}",
                current.stores
            );
            assert!(
                previous.stores[0].holds.contains("another one"),
                "{:?}",
                previous.stores
            );
            // Another's token, and one of nobody's.
            for token in [current.confirm.clone(), Some("0000000000".to_owned())] {
                let reply = say(desk, Leaked::Previous, token).await;
                assert!(matches!(reply, Reply::Refused { .. }), "{reply:?}");
            }
            assert_eq!(desk.counts(), (calls, appends));
            let reply = say(desk, Leaked::Previous, previous.confirm.clone()).await;
            assert!(matches!(reply, Reply::Revoking { .. }), "{reply:?}");
            drop(busy);
            check(&world, desk, Scene::PreviousInGrace, &leaked, "once").await;
            let busy = world.clock.busy();
            let (_, appends) = desk.counts();
            // Things stand otherwise: the token for the current one is stale.
            let reply = say(desk, Leaked::Current, current.confirm.clone()).await;
            assert!(matches!(reply, Reply::Refused { .. }), "{reply:?}");
            let reply = say(desk, Leaked::Previous, previous.confirm).await;
            let Reply::Revoking { text, .. } = reply else {
                panic!("{reply:?}")
            };
            assert!(text.contains("done already"), "{text}");
            let dead = radius(desk, Leaked::Previous).await;
            assert!(dead.dead && dead.confirm.is_none(), "{dead:#?}");
            assert_eq!(desk.counts().1, appends);
            drop(busy);
        })
        .await;
}

/// What a person has stopped stays stopped.
#[tokio::test]
async fn a_held_app_is_not_touched_until_it_is_resumed() {
    let (world, leaked) = found(&shape(Staged, &[File]), Scene::PreviousInGrace).await;
    world
        .serve(Plan::Never, async |desk| {
            let (app, by) = (APP.to_owned(), "a person".to_owned());
            let why = "hands off".to_owned();
            desk.ask(Command::Hold { app, by, why }).await;
            let held = radius(desk, Leaked::Previous).await;
            assert!(held.confirm.is_none() && held.wants_a_person, "{held:#?}");
            assert!(held.steps[0].contains("rekeyd resume"), "{held:#?}");
            let (app, by) = (APP.to_owned(), "a person".to_owned());
            let take_over = None;
            desk.ask(Command::Resume { app, by, take_over }).await;
            revoke(&world, desk, Leaked::Previous).await;
            check(&world, desk, Scene::PreviousInGrace, &leaked, "resumed").await;
        })
        .await;
}
