//! The process is stopped and goes on later: an hour in the middle of everything, and longer than another process needs
//! to end its rotation for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::fuse::Plan;
use super::life::{Life, Over};
use super::world::Kind::{Aws, Bao, File};
use super::world::Method::{Assisted, Regenerate, Staged, Update};
use super::world::{LATE_PROOF, NAME, Shape, World};

const HOUR: Duration = Duration::from_secs(3600);

/// When it is stopped.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The intent is durable, and the request is not sent.
    BeforeCall(usize),
    /// The request took, and the answer is not heard.
    AfterCall(usize),
    /// Something was written down, and nothing follows yet.
    AfterAppend(usize),
}

fn stopped(world: &Arc<World>, moment: Moment) -> Life {
    let mut life = Life::default();
    if let Moment::AfterAppend(at) = moment {
        let (world, count) = (world.clone(), AtomicUsize::new(0));
        life.told = Some(Box::new(move |_, _, _| {
            if count.fetch_add(1, Ordering::SeqCst) == at {
                world.clock.advance(HOUR);
            }
        }));
    }
    let world = world.clone();
    life.dress = Box::new(move |mut around| {
        let (before, after) = (world.clone(), world.clone());
        let (calls, answers) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        around.before = Some(Arc::new(move |_| {
            let (world, calls) = (before.clone(), calls.clone());
            Box::pin(async move {
                let number = calls.fetch_add(1, Ordering::SeqCst);
                if matches!(moment, Moment::BeforeCall(at) if at == number) {
                    world.clock.advance(HOUR);
                }
            })
        }));
        around.after = Some(Arc::new(move |_| {
            let number = answers.fetch_add(1, Ordering::SeqCst);
            if matches!(moment, Moment::AfterCall(at) if at == number) {
                after.clock.advance(HOUR);
            }
        }));
        around
    });
    life
}

/// An hour at every call, at every answer and after every append: rotated by itself, with one mint.
async fn an_hour(shape: Shape) {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    world.rotated("undisturbed", &lived.over).await;
    let calls = (0..lived.calls.len()).flat_map(|at| [Moment::BeforeCall(at), Moment::AfterCall(at)]);
    let moments: Vec<Moment> = calls
        .chain((0..lived.appends.len()).map(Moment::AfterAppend))
        .collect();
    for moment in &moments {
        let case = format!("{} stopped {moment:?}", shape.name());
        let world = Arc::new(World::new(shape.clone()).await);
        let lived = world.live(stopped(&world, *moment)).await;
        world.rotated(&case, &lived.over).await;
    }
    println!(
        "{}: stopped for an hour at {} moments",
        shape.name(),
        moments.len()
    );
}

#[tokio::test]
async fn staged_for_an_hour() {
    an_hour(Shape::new(Staged, &[File, Bao])).await;
}

#[tokio::test]
async fn update_for_an_hour() {
    an_hour(Shape::new(Update, &[File, Bao])).await;
}

#[tokio::test]
async fn regenerate_for_an_hour() {
    an_hour(Shape::new(Regenerate, &[File, Bao])).await;
}

#[tokio::test]
async fn assisted_for_an_hour() {
    an_hour(Shape::new(Assisted, &[File, Bao]).with(&[LATE_PROOF])).await;
}

/// Stopped before each call; meanwhile another process, with a copy of the journal, ends the rotation. Then the first
/// one wakes and sends what it was about to send. Nothing of what the other one made is changed by that.
async fn overtaken(shape: Shape) {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    world.rotated("undisturbed", &lived.over).await;
    let calls = lived.calls;
    for (at, effect) in calls.iter().enumerate() {
        let case = format!("{}: woken before {effect} (call {at})", shape.name());
        let world = World::new(shape.clone()).await;
        let (asleep, awake) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let signals = (asleep.clone(), awake.clone());
        let life = Life {
            plan: Plan::After(at),
            dress: Box::new(move |mut around| {
                let (asleep, awake) = signals.clone();
                around.meanwhile = Some(Arc::new(move |number| {
                    let (asleep, awake) = (asleep.clone(), awake.clone());
                    Box::pin(async move {
                        if number == at {
                            asleep.notify_one();
                            awake.notified().await;
                        }
                    })
                }));
                around
            }),
            ..Life::default()
        };
        let other = async {
            asleep.notified().await;
            world.another_process_ends_it().await;
            awake.notify_one();
        };
        let (lived, ()) = tokio::join!(world.live(life), other);
        assert!(matches!(lived.over, Over::Crashed), "{case}: {:?}", lived.over);
        let state = world.org.state();
        let consumer = &state.app(NAME).unwrap().consumers[0];
        let new = world.watch.primary();
        assert_ne!(new, world.watch.old, "{case}\n{}", world.history());
        assert_eq!(consumer.cutovers, 1, "{case}: changed again\n{}", world.history());
        assert!(world.org.accepts(&new.0, &new.1).is_some(), "{case}");
        for store in 0..world.watch.eyes.len() {
            let current = world.watch.at(store, &rekeyd::port::Place::Current).await;
            assert_eq!(
                current.as_ref(),
                Some(&new),
                "{case}: store {store}\n{}",
                world.history()
            );
        }
        // What the sleeper sends has no intent of its own in the other one's record, and that is all.
        let faults = world.record.faults();
        let harm = |fault: &&String| fault.contains("readers of store") || fault.contains("is in no store");
        assert_eq!(faults.iter().find(harm), None, "{case}\n{}", world.history());
    }
    println!(
        "{}: overtaken before {} calls, nothing changed",
        shape.name(),
        calls.len()
    );
}

impl World {
    async fn another_process_ends_it(&self) {
        let theirs = self.home.path().join("theirs.db");
        for suffix in ["", "-wal"] {
            let (mut from, mut to) = (
                self.journal.clone().into_os_string(),
                theirs.clone().into_os_string(),
            );
            from.push(suffix);
            to.push(suffix);
            if fs::copy(&from, &to).is_ok() {
                fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        let lived = self.live_by(&theirs, Life::briefly()).await;
        if matches!(lived.over, Over::Busy) {
            self.live_by(&theirs, Life::resumed()).await;
        }
        let _busy = self.clock.busy();
        self.new_is_everywhere("the other process").await;
    }
}

#[tokio::test]
async fn staged_file_overtaken() {
    overtaken(Shape::new(Staged, &[File])).await;
}

#[tokio::test]
async fn staged_bao_and_aws_overtaken() {
    overtaken(Shape::new(Staged, &[Bao, Aws])).await;
}

#[tokio::test]
async fn update_overtaken() {
    overtaken(Shape::new(Update, &[Bao])).await;
}

#[tokio::test]
async fn regenerate_overtaken() {
    overtaken(Shape::new(Regenerate, &[File])).await;
}

#[tokio::test]
async fn assisted_overtaken() {
    overtaken(Shape::new(Assisted, &[Bao]).with(&[LATE_PROOF])).await;
}
