//! Asked to drain at every boundary: it stops where consumers are well, starts nothing, and a restart ends it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rekeyd::engine::lane::LaneEnd;
use rekeyd::rotation::{Effect, Event};

use super::life::{Life, Over};
use super::world::Kind::{Bao, File};
use super::world::Method::{Assisted, Regenerate, Staged, Update};
use super::world::{LATE_PROOF, Shape, World};

async fn drained(shape: &Shape, boundary: usize) {
    let case = format!("{} drained at append {boundary}", shape.name());
    let world = World::new(shape.clone()).await;
    let (appends, later) = (AtomicUsize::new(0), Arc::new(Mutex::new(Vec::new())));
    let started = later.clone();
    let life = Life {
        told: Some(Box::new(move |_, events, drain| {
            if drain.is_cancelled() {
                let intents = events.iter().filter_map(|event| match event {
                    Event::Intended { effect } => Some(*effect),
                    _ => None,
                });
                started.lock().unwrap().extend(intents);
            }
            if appends.fetch_add(1, Ordering::SeqCst) == boundary {
                drain.cancel();
            }
        })),
        ..Life::default()
    };
    let lived = world.live(life).await;
    let Over::Ended(LaneEnd::Stopped | LaneEnd::Ended(_)) = &lived.over else {
        panic!("{case}: {:?}\n{}", lived.over, world.history());
    };
    // Without overlap consumers are brought through: that is the one thing that is still begun.
    let may = |effect: &Effect| match effect {
        Effect::Publish(_) | Effect::Undo => shape.method != Staged,
        // What was made in place is read and stored first.
        Effect::Store(_) => shape.method == Regenerate,
        _ => false,
    };
    let begun = later.lock().unwrap().clone();
    assert!(begun.iter().all(may), "{case}: {begun:?}\n{}", world.history());
    for store in 0..world.watch.eyes.len() {
        let current = world
            .watch
            .at(store, &rekeyd::port::Place::Current)
            .await
            .unwrap();
        let accepted = world.org.accepts(&current.0, &current.1).is_some();
        // What a person applies, nobody is told of: a look finds it, here that of the next process.
        let unseen = shape.method == Assisted && !world.saw_it_applied();
        assert!(
            accepted || unseen,
            "{case}: stopped inside an outage\n{}",
            world.history()
        );
    }
    let ended = matches!(lived.over, Over::Ended(LaneEnd::Ended(_)));
    let lived = match ended {
        true => lived,
        false => world.live(Life::default()).await,
    };
    world.rotated(&case, &lived.over).await;
}

impl World {
    fn saw_it_applied(&self) -> bool {
        let seen =
            |event: &Event| matches!(event, Event::FoundApplied { effect, .. } if *effect == Effect::Cutover);
        self.record.events().iter().any(|(_, event)| seen(event))
    }
}

async fn at_every_boundary(shape: Shape) {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    world.rotated("undisturbed", &lived.over).await;
    for boundary in 0..lived.appends.len() {
        drained(&shape, boundary).await;
    }
    println!("{}: drained at {} boundaries", shape.name(), lived.appends.len());
}

#[tokio::test]
async fn staged() {
    at_every_boundary(Shape::new(Staged, &[File, Bao])).await;
}

#[tokio::test]
async fn update() {
    at_every_boundary(Shape::new(Update, &[File, Bao])).await;
}

#[tokio::test]
async fn regenerate() {
    at_every_boundary(Shape::new(Regenerate, &[File, Bao])).await;
}

#[tokio::test]
async fn assisted() {
    at_every_boundary(Shape::new(Assisted, &[File, Bao]).with(&[LATE_PROOF])).await;
}
