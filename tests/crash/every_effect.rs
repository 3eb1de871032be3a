//! A crash before, after and after-but-unrecorded at every mutating call, and after every append, of both methods on each
//! store. The places are taken from a run without a crash.

use super::fuse::Plan;
use super::life::{Life, Over};
use super::world::Kind::{Bao, File};
use super::world::Method::{Staged, Update};
use super::world::{Shape, World};

/// An undisturbed run: how many mutating calls and appends it has.
async fn measure(shape: &Shape) -> (usize, usize) {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    world.rotated("undisturbed", &lived.over, 1).await;
    (lived.calls, lived.appends)
}

async fn crash(shape: &Shape, plan: Plan, mints: u64) {
    let case = format!("{} {plan:?}", shape.name());
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::planned(plan)).await;
    assert!(matches!(lived.over, Over::Crashed), "{case}: {:?}", lived.over);
    let lived = world.live(Life::default()).await;
    world.rotated(&case, &lived.over, mints).await;
}

async fn at_every_effect(shape: Shape) {
    let (calls, appends) = measure(&shape).await;
    let mut cases = 0;
    for call in 0..calls {
        for plan in [Plan::Before(call), Plan::After(call), Plan::Unrecorded(call)] {
            crash(&shape, plan, 1).await;
            cases += 1;
        }
    }
    for append in 0..appends {
        crash(&shape, Plan::Appended(append), 1).await;
        cases += 1;
    }
    println!(
        "{}: {calls} effects, {appends} appends, {cases} crashes, none lost",
        shape.name()
    );
}

#[tokio::test]
async fn staged_file() {
    at_every_effect(Shape::new(Staged, &[File])).await;
}

#[tokio::test]
async fn staged_bao() {
    at_every_effect(Shape::new(Staged, &[Bao])).await;
}

#[tokio::test]
async fn update_file() {
    at_every_effect(Shape::new(Update, &[File])).await;
}

#[tokio::test]
async fn update_bao() {
    at_every_effect(Shape::new(Update, &[Bao])).await;
}
