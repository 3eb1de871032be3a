//! One answer is lost, wrong or late, and everything after it is well: the rotation ends by itself, with one mint, and
//! nothing is sent while what was lost may still land. The budgets are the defaults: a request lives for 10 minutes,
//! and 15 minutes pass until it is seen everywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rekeyd::rotation::{Effect, Event, Limits};
use rekeyd::sandbox::{Action, Rule};

use super::life::{Life, Over};
use super::world::Kind::{Aws, Bao, File};
use super::world::Method::{Regenerate, Staged, Update};
use super::world::{MASKED, Shape, World};
use crate::support::aws::action;
use crate::support::aws::stub::is_read;
use crate::support::proxy::{Fate, Seen};

/// 0.9 of a request's lifetime.
const LATE: u64 = 540;

pub fn rule(operation: &str, nth: u64, action: Action) -> Rule {
    Rule {
        operation: operation.to_owned(),
        app: None,
        nth,
        count: 1,
        action,
    }
}

pub fn misfortunes() -> Vec<Action> {
    let status = |code, applied| Action::Status {
        code,
        body: String::new(),
        retry_after: None,
        applied,
    };
    vec![
        Action::DropBefore,
        Action::DropAfter,
        Action::ApplyLate { seconds: LATE },
        Action::ApplyLate { seconds: 1 },
        status(503, false),
        status(503, true),
        status(500, true),
        Action::Html { applied: false },
        Action::Html { applied: true },
        Action::Truncate,
    ]
}

async fn writes_of(shape: Shape, operations: &[&str]) {
    let mut cases = 0;
    for operation in operations {
        for action in misfortunes() {
            let case = format!("{} {operation} {action:?}", shape.name());
            let world = World::new(shape.clone()).await;
            world.org.fault(rule(operation, 1, action)).unwrap();
            let lived = world.live(Life::default()).await;
            world.rotated(&case, &lived.over).await;
            assert!(
                world.org.state().faults.is_empty(),
                "{case}: it never met anything"
            );
            cases += 1;
        }
    }
    println!(
        "{}: {cases} lost, wrong and late answers to a write, none lost",
        shape.name()
    );
}

#[tokio::test]
async fn staged_writes() {
    writes_of(
        Shape::new(Staged, &[File]),
        &["staged.post", "staged.patch", "staged.delete"],
    )
    .await;
}

#[tokio::test]
async fn staged_writes_where_the_secret_is_shown_once() {
    writes_of(
        Shape::new(Staged, &[File]).with(&[MASKED]),
        &["staged.post", "staged.patch", "staged.delete"],
    )
    .await;
}

#[tokio::test]
async fn update_writes() {
    writes_of(Shape::new(Update, &[File]), &["soap.updateMetadata"]).await;
}

/// The deploy that makes the secret is never sent a second time by itself: what was lost before it arrived waits for a
/// person, and what arrived is found. The one that resets the flag is simply sent again.
#[tokio::test]
async fn regenerate_writes() {
    let (mut alone, mut asked) = (0, 0);
    for switches in [&[][..], &[("deploy_seconds", "90")][..]] {
        for nth in [1, 2] {
            for action in misfortunes() {
                let shape = Shape::new(Regenerate, &[File]).with(switches);
                let case = format!("{} deploy no. {nth} {action:?}", shape.name());
                let world = World::new(shape).await;
                world.org.fault(rule("soap.deploy", nth, action)).unwrap();
                let lived = world.live(Life::briefly()).await;
                if matches!(lived.over, Over::Busy) {
                    assert_eq!(nth, 1, "{case}\n{}", world.history());
                    world.is_unanswered(&case, &lived.over);
                    assert_eq!(world.org.state().calls("soap.deploy"), 1, "{case}");
                    world.live(Life::resumed()).await;
                    world.new_is_everywhere(&case).await;
                    asked += 1;
                } else {
                    world.rotated(&case, &lived.over).await;
                    alone += 1;
                }
                assert!(world.org.state().faults.is_empty(), "{case}: it met nothing");
            }
        }
    }
    println!(
        "{alone} lost, wrong and late answers to a deploy, rotated; {asked} more after `resume`; none lost"
    );
    assert!(asked > 0 && alone > asked);
}

/// Every single read and probe of a run is dropped once.
async fn reads_of(shape: Shape) {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    world.rotated("undisturbed", &lived.over).await;
    let counters = world.org.state().counters;
    let mut cases = 0;
    let writes = [
        "staged.post",
        "staged.patch",
        "staged.delete",
        "soap.updateMetadata",
        "soap.deploy",
        "revoke",
    ];
    for (operation, count) in counters
        .iter()
        .filter(|(name, _)| !writes.contains(&name.as_str()))
    {
        for nth in 1..=*count {
            let case = format!("{} {operation} no. {nth}", shape.name());
            let world = World::new(shape.clone()).await;
            world.org.fault(rule(operation, nth, Action::DropAfter)).unwrap();
            let lived = world.live(Life::default()).await;
            world.rotated(&case, &lived.over).await;
            cases += 1;
        }
    }
    println!("{}: {cases} lost answers to a read, none lost", shape.name());
}

#[tokio::test]
async fn staged_reads() {
    reads_of(Shape::new(Staged, &[File])).await;
}

#[tokio::test]
async fn regenerate_reads() {
    reads_of(Shape::new(Regenerate, &[File])).await;
}

#[tokio::test]
async fn regenerate_store() {
    stores_of(Shape::new(Regenerate, &[Bao])).await;
}

#[tokio::test]
async fn update_reads() {
    reads_of(Shape::new(Update, &[File])).await;
}

/// When a late write is let through.
#[derive(Clone, Copy, Debug)]
enum Release {
    BeforeTheNextWrite,
    AtTheEnd,
}

fn write(seen: &Seen) -> bool {
    if seen.path == "/" {
        return !is_read(action(&seen.body));
    }
    seen.method != "GET" && !seen.path.contains("/sys/") && !seen.path.contains("/auth/")
}

/// Every write and read of the store over HTTP is cut once.
async fn stores_of(shape: Shape) {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    world.rotated("undisturbed", &lived.over).await;
    let seen = world.store_proxy().seen();
    let (writes, reads) = (
        seen.iter().filter(|seen| write(seen)).count(),
        seen.iter().filter(|seen| !write(seen)).count(),
    );
    let mut plans: Vec<(bool, usize, Fate, Option<Release>)> = Vec::new();
    for at in 0..writes {
        plans.extend([
            (true, at, Fate::CutBefore, None),
            (true, at, Fate::CutAfter, None),
            (true, at, Fate::Truncate(40), None),
            (true, at, Fate::Late, Some(Release::BeforeTheNextWrite)),
            (true, at, Fate::Late, Some(Release::AtTheEnd)),
        ]);
    }
    plans.extend((0..reads).map(|at| (false, at, Fate::CutBefore, None)));
    let cases = plans.len();
    for (writes, at, fate, release) in plans {
        let case = format!(
            "{} {} no. {at} {fate:?} {release:?}",
            shape.name(),
            if writes { "write" } else { "read" }
        );
        let world = Arc::new(World::new(shape.clone()).await);
        let count = std::sync::Mutex::new(0);
        world.store_proxy().once(fate, move |seen| {
            let mut count = count.lock().unwrap();
            *count += usize::from(write(seen) == writes);
            write(seen) == writes && *count == at + 1
        });
        let mut life = Life::default();
        if let Some(Release::BeforeTheNextWrite) = release {
            let outside = world.clone();
            life.dress = Box::new(move |mut around| {
                let (outside, late) = (outside.clone(), Arc::new(AtomicBool::new(false)));
                around.before = Some(Arc::new(move |_| {
                    let (outside, late) = (outside.clone(), late.clone());
                    Box::pin(async move {
                        let sent = outside
                            .store_proxy()
                            .seen()
                            .iter()
                            .filter(|seen| write(seen))
                            .count();
                        if sent > at && !late.swap(true, Ordering::SeqCst) {
                            outside.store_proxy().release().await;
                        }
                    })
                }));
                around
            });
        }
        let lived = world.live(life).await;
        world.rotated(&case, &lived.over).await;
        world.store_proxy().release().await;
        world.watch.look("after all that was late").await;
        world.new_is_everywhere(&case).await;
    }
    println!(
        "{}: {cases} cut and late requests to the store, none lost",
        shape.name()
    );
}

#[tokio::test]
async fn staged_store() {
    stores_of(Shape::new(Staged, &[Bao])).await;
}

#[tokio::test]
async fn update_store() {
    stores_of(Shape::new(Update, &[Bao])).await;
}

#[tokio::test]
async fn staged_cloud() {
    stores_of(Shape::new(Staged, &[Aws])).await;
}

#[tokio::test]
async fn update_cloud() {
    stores_of(Shape::new(Update, &[Aws])).await;
}

/// What is dropped for good is found absent once nothing can land any more, and not a moment earlier.
#[tokio::test]
async fn a_write_is_sent_again_only_after_its_lifetime_and_the_propagation() {
    let limits = Limits::default();
    assert_eq!(limits.request_lifetime, Duration::from_secs(600));
    assert_eq!(limits.propagation, Duration::from_secs(900));
    let cases = [
        (Staged, "staged.post", Effect::Mint),
        (Staged, "staged.patch", Effect::Cutover),
        (Staged, "staged.delete", Effect::Revoke),
        (Update, "soap.updateMetadata", Effect::Cutover),
    ];
    for (method, operation, effect) in cases {
        let shape = Shape {
            spacing: "10s",
            ..Shape::new(method, &[File])
        };
        let world = World::new(shape).await;
        world.org.fault(rule(operation, 1, Action::DropBefore)).unwrap();
        let lived = world.live(Life::default()).await;
        world.rotated(operation, &lived.over).await;
        let intents: Vec<_> = world
            .record
            .events()
            .into_iter()
            .filter(|(_, event)| *event == Event::Intended { effect })
            .map(|(at, _)| at)
            .collect();
        assert_eq!(intents.len(), 2, "{operation}\n{}", world.history());
        let apart = intents[1].since(intents[0]);
        assert!(
            apart >= limits.request_lifetime + limits.propagation,
            "{operation}: {apart:?}"
        );
        assert!(apart < Duration::from_secs(30 * 60), "{operation}: {apart:?}");
        println!("{operation}: sent again after {} s", apart.as_secs());
    }
}
