//! Every open switch of an org, pairwise, times every method, each with everything that a reader sees looked at at every
//! change: whatever the org is like, nothing is lost and nothing unproven is published. What `doctor` says of such orgs,
//! and which method of a list it comes to, is in `tests/engine/fitness.rs`.

use std::collections::BTreeMap;

use rekeyd::engine::lane::LaneEnd;
use rekeyd::rotation::End;

use super::life::{Life, Over};
use super::world::Kind::File;
use super::world::Method::{Regenerate, Staged, Update};
use super::world::{Method, NAME, Shape, World};
use crate::support::switches::{self, Switch};

/// Under all of these a rotation is possible.
fn open() -> Vec<Switch> {
    let closing = ["token_format", "secret_api_enabled", "secret_optional_is_vacuous"];
    switches::all_but(&closing, &[("newest_version", &["66", "68"])])
}

/// Under any of these some method is closed, and hides what else is so: they have rows of their own.
fn closed() -> Vec<Switch> {
    let names = [
        "secret_api_enabled",
        "newest_version",
        "token_format",
        "secret_optional_is_vacuous",
        "staged_secret",
        "staged_proves_before_cutover",
        "in_place_secret",
        "flag_by_deploy",
        "propagation_mode",
        "old_dies_at_cutover",
    ];
    let all = switches::ALL.iter().filter(|(name, _)| names.contains(name));
    all.copied().collect()
}

/// What the rotations of a method came to, by a word.
async fn through(method: Method, switches: &[Switch]) -> BTreeMap<&'static str, usize> {
    let mut ends = BTreeMap::new();
    for row in switches::pairwise(switches) {
        let mut set: Vec<(&str, &str)> = vec![("propagation_seconds", "300")];
        set.extend(
            switches
                .iter()
                .zip(&row)
                .map(|((name, values), value)| (*name, values[*value])),
        );
        let shape = Shape::new(method, &[File]).with(Vec::leak(set));
        let (case, world) = (shape.name(), World::new(shape).await);
        let lived = world.live(Life::briefly()).await;
        world.sound(&case).await;
        let word = match &lived.over {
            Over::Ended(LaneEnd::Ended(End::Done { .. })) => {
                assert_ne!(world.watch.primary(), world.watch.old, "{case}");
                let state = world.org.state();
                let consumer = &state.app(NAME).unwrap().consumers[0];
                assert_eq!(consumer.cutovers, 1, "{case}\n{}", world.history());
                assert!(
                    consumer.mints <= 1,
                    "{case}: {} mints\n{}",
                    consumer.mints,
                    world.history()
                );
                "rotated"
            }
            Over::Ended(LaneEnd::Ended(end)) => {
                assert_eq!(
                    world.watch.primary(),
                    world.watch.old,
                    "{case}: {end:?}\n{}",
                    world.history()
                );
                end.word()
            }
            Over::Ended(LaneEnd::Held) | Over::Busy => {
                let hold = world.hold();
                let history = world.history();
                assert!(hold.is_some(), "{case}: neither over nor held\n{history}");
                assert!(
                    lived.calls.is_empty() || method == Staged,
                    "{case}: {hold:?}\n{history}"
                );
                "held"
            }
            over => panic!("{case}: {over:?}\n{}", world.history()),
        };
        *ends.entry(word).or_default() += 1;
    }
    println!("{method:?}: every switch pairwise: {ends:?}, none lost, none unproven");
    ends
}

#[tokio::test]
async fn staged() {
    let ends = through(Staged, &open()).await;
    assert_eq!(ends.keys().copied().collect::<Vec<_>>(), ["rotated"]);
    assert!(through(Staged, &closed()).await.len() > 1);
}

#[tokio::test]
async fn update() {
    assert!(through(Update, &open()).await.len() > 2);
    assert!(through(Update, &closed()).await.len() > 2);
}

#[tokio::test]
async fn regenerate() {
    assert!(through(Regenerate, &open()).await.contains_key("rotated"));
    assert!(through(Regenerate, &closed()).await.contains_key("rotated"));
}
