//! No store can publish after a cutover in place: it is taken back, and what was sent is set aside. Also with a crash at
//! every effect, and with a lost or late answer to the undo.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rekeyd::clock::Clock;
use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::ledger::AppLedger;
use rekeyd::engine::tell::remedy;
use rekeyd::port::{Fault, Place, VersionRef};
use rekeyd::rotation::{Effect, End, Event, Hold};
use rekeyd::sandbox::{Action, Rule};
use reqwest::Method as Verb;
use serde_json::json;

use super::fuse::Plan;
use super::journal_lost::{hold, rotate};
use super::life::{Desk, Life, Lived, Over};
use super::lost::{misfortunes, rule};
use super::ports::Around;
use super::watch::Pair;
use super::world::Kind::{Bao, File};
use super::world::Method::Update;
use super::world::{APP, Shape, World};

fn undone() -> End {
    let why = "no store could publish the new credential in time".to_owned();
    End::Undone { why }
}

/// A process that no store lets publish.
fn shut_out(plan: Plan) -> Life {
    Life {
        plan,
        dress: Box::new(|mut around| {
            around.refuse = Some(Arc::new(|effect| match effect {
                Effect::Publish(_) => Some(Fault::Unavailable("as the test wishes".into())),
                _ => None,
            }));
            around
        }),
        ..Life::default()
    }
}

/// The value that was sent is readable by name in each store that had it.
async fn set_aside(world: &World, case: &str) {
    let (mut kept, mut staged) = (Vec::new(), Vec::new());
    for (_, event) in world.record.events() {
        if let Event::Applied { effect, detail } | Event::FoundApplied { effect, detail } = &event {
            match effect {
                Effect::Store(store) => {
                    let detail = serde_json::to_value(detail).unwrap();
                    let version = detail["Written"]["version"].as_str().unwrap().to_owned();
                    staged.push((*store, VersionRef(version)));
                }
                Effect::Quarantine(store) => kept.push(*store),
                _ => {}
            }
        }
    }
    assert!(
        !kept.is_empty(),
        "{case}: nothing was set aside\n{}",
        world.history()
    );
    for (store, version) in staged.into_iter().filter(|(store, _)| kept.contains(store)) {
        let value = world.watch.at(store, &Place::PendingVersion(version)).await;
        let value = value.unwrap_or_else(|| panic!("{case}: not kept\n{}", world.history()));
        assert_ne!(value, world.watch.old, "{case}");
    }
}

async fn is_undone(world: &World, case: &str, lived: &Lived) {
    world.ended(case, &lived.over, &undone());
    world.old_is_untouched(case).await;
    set_aside(world, case).await;
}

#[tokio::test]
async fn a_crash_at_every_effect() {
    let shape = Shape::new(Update, &[File, Bao]);
    let world = World::new(shape.clone()).await;
    let lived = world.live(shut_out(Plan::Never)).await;
    is_undone(&world, "undisturbed", &lived).await;
    let calls = lived.calls;
    let first = calls
        .iter()
        .position(|effect| matches!(effect, Effect::Publish(_)))
        .unwrap();
    let last = calls
        .iter()
        .rposition(|effect| matches!(effect, Effect::Publish(_)))
        .unwrap();
    let places = (0..calls.len()).filter(|at| *at <= first + 1 || *at + 1 >= last);
    let (mut cases, mut rotated) = (0, 0);
    for at in places {
        for plan in [Plan::Before(at), Plan::After(at), Plan::Unrecorded(at)] {
            let refused = matches!(calls[at], Effect::Publish(_)) && !matches!(plan, Plan::Before(_));
            if refused {
                continue;
            }
            for healthy in [false, true] {
                let case = format!("undo {:?} {plan:?}, healthy since: {healthy}", calls[at]);
                let world = World::new(shape.clone()).await;
                let lived = world.live(shut_out(plan)).await;
                assert!(matches!(lived.over, Over::Crashed), "{case}: {:?}", lived.over);
                let lived = world
                    .live(if healthy {
                        Life::default()
                    } else {
                        shut_out(Plan::Never)
                    })
                    .await;
                let undoing = |event: &Event| matches!(event, Event::Undoing { .. });
                let going_back = world.record.events().iter().any(|(_, event)| undoing(event));
                assert!(healthy || going_back, "{case}\n{}", world.history());
                if going_back {
                    is_undone(&world, &case, &lived).await;
                } else {
                    world.rotated(&case, &lived.over).await;
                    rotated += 1;
                }
                cases += 1;
            }
        }
    }
    assert!(rotated > 0);
    println!("undo: {cases} crashes, {rotated} of them ended rotated, the others undone");
}

#[tokio::test]
async fn a_lost_answer_to_the_undo() {
    let mut cases = 0;
    for action in misfortunes() {
        let case = format!("undo {action:?}");
        let world = World::new(Shape::new(Update, &[File])).await;
        world.org.fault(rule("soap.updateMetadata", 2, action)).unwrap();
        let lived = world.live(shut_out(Plan::Never)).await;
        is_undone(&world, &case, &lived).await;
        assert!(
            world.org.state().faults.is_empty(),
            "{case}: it never met anything"
        );
        cases += 1;
    }
    println!("undo: {cases} lost, wrong and late answers");
}

/// Our token is revoked at the worst moment, and replaced once the old pair is back in force.
#[tokio::test]
async fn a_store_that_shuts_us_out() {
    let world = Arc::new(World::new(Shape::new(Update, &[Bao])).await);
    let all = r#"path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }"#;
    let (first, second) = (world.bao.token(all, true).await, world.bao.token(all, true).await);
    let file = world.home.path().join("token");
    fs::write(&file, &first).unwrap();
    let outside = world.clone();
    let life = Life {
        dress: Box::new(move |mut around| {
            let (world, file, first, second) = (outside.clone(), file.clone(), first.clone(), second.clone());
            around.before = Some(Arc::new(move |effect| {
                let (world, file, first, second) =
                    (world.clone(), file.clone(), first.clone(), second.clone());
                Box::pin(async move {
                    match effect {
                        Effect::Cutover => {
                            let token = json!({ "token": first });
                            let path = "auth/token/revoke";
                            let (status, _) = world.bao.root(Verb::POST, path, Some(token)).await;
                            assert_eq!(status, 204);
                        }
                        Effect::Quarantine(_) => fs::write(file, second).unwrap(),
                        _ => {}
                    }
                })
            }));
            around
        }),
        ..Life::default()
    };
    let lived = world.live(life).await;
    is_undone(&world, "shut out", &lived).await;
}

/// No store can publish and Salesforce refuses to take the old pair back. Returns the commands that a person is told.
async fn broken(world: &World, desk: &Desk, case: &str) -> Vec<String> {
    desk.until("adopted", |ledger| ledger.adopted_at.is_some()).await;
    assert!(matches!(rotate(desk).await, Reply::Started(_)), "{case}");
    let broken = |ledger: &AppLedger| matches!(hold(ledger), Some(Hold::BrokenUndo { .. }));
    desk.until("held", broken).await;
    let told = remedy(&desk.see(hold).unwrap(), APP, false);
    let told: Vec<String> = told.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(
        told,
        [
            "rekeyd resume billing",
            "rekeyd secret billing",
            "rekeyd resume billing"
        ],
        "{case}"
    );
    assert_ne!(
        world.watch.primary(),
        world.watch.old,
        "{case}: the new pair is in force"
    );
    told
}

/// Types a command that `broken` has told.
async fn types(world: &World, desk: &Desk, command: &str) -> Option<Pair> {
    match command {
        "rekeyd resume billing" => {
            let (app, by) = (APP.to_owned(), "a person".to_owned());
            let reply = desk
                .ask(Command::Resume {
                    app,
                    by,
                    take_over: None,
                })
                .await;
            assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
            None
        }
        "rekeyd secret billing" => world.watch.at(0, &Place::Current).await,
        other => panic!("{other}"),
    }
}

/// What a person is told to do about a broken undo is done: `resume` once Salesforce takes it again, or the pair in force
/// written to the store by hand, and then `resume`, whether it takes it again by then or not.
#[tokio::test]
async fn a_broken_undo_is_held_and_the_commands_that_are_told_mend_it() {
    for (by_hand, healthy) in [(false, true), (true, false), (true, true)] {
        let case = format!("broken undo, by hand: {by_hand}, healthy since: {healthy}");
        let world = World::new(Shape::new(Update, &[File])).await;
        let refused = Action::Status {
            code: 403,
            body: String::new(),
            retry_after: None,
            applied: false,
        };
        let all = Rule {
            count: 0,
            ..rule("soap.updateMetadata", 2, refused)
        };
        world.org.fault(all).unwrap();
        let dress = |mut around: Around| {
            around.refuse = Some(Arc::new(|effect| match effect {
                Effect::Publish(_) => Some(Fault::Unavailable("as the test wishes".into())),
                _ => None,
            }));
            around
        };
        world
            .serve_dressed(Plan::Never, dress, async |desk| {
                let told = broken(&world, desk, &case).await;
                // Between two attempts, and quicker than the next one.
                let soon = world.clock.now() + Duration::from_secs(1);
                world.clock.sleep_until(soon).await;
                let still = world.clock.busy();
                let healed = || {
                    if healthy {
                        world.org.clear_faults();
                    }
                };
                if by_hand {
                    let theirs = types(&world, desk, &told[1]).await;
                    assert_eq!(theirs.as_ref(), Some(&world.watch.old), "{case}");
                    world.watch.rival.store(true, Ordering::SeqCst);
                    world.write(0, &[], &world.watch.primary()).await;
                    healed();
                    types(&world, desk, &told[2]).await;
                } else {
                    healed();
                    types(&world, desk, &told[0]).await;
                }
                drop(still);
                let ended = |ledger: &AppLedger| ledger.running().is_none();
                desk.until(&case, |ledger| ended(ledger) || hold(ledger).is_some())
                    .await;
                let later = world.clock.now() + Duration::from_secs(86_400);
                world.clock.sleep_until(later).await;
                let end = desk.see(|ledger| ledger.run.as_ref().and_then(|run| run.state.end().cloned()));
                let wanted = match by_hand {
                    true => End::Done { disproven: true },
                    false => undone(),
                };
                assert_eq!(
                    end,
                    Some(wanted),
                    "{case}: {:?}\n{}",
                    desk.see(hold),
                    world.history()
                );
            })
            .await;
        let current = world.watch.at(0, &Place::Current).await.unwrap();
        assert_eq!(
            current,
            world.watch.primary(),
            "{case}: what consumers read\n{}",
            world.history()
        );
        assert!(world.org.accepts(&current.0, &current.1).is_some(), "{case}");
    }
}
