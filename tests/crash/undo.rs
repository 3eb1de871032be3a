//! No store can publish after a cutover in place: it is taken back, and what was sent is set aside. Also with a crash at
//! every effect, and with a lost or late answer to the undo.

use std::fs;
use std::sync::Arc;

use rekeyd::port::{Fault, Place, VersionRef};
use rekeyd::rotation::{Effect, End, Event};
use reqwest::Method as Verb;
use serde_json::json;

use super::fuse::Plan;
use super::life::{Life, Lived, Over};
use super::lost::{misfortunes, rule};
use super::world::Kind::{Bao, File};
use super::world::Method::Update;
use super::world::{Shape, World};

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
