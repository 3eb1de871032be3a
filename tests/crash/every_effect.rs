//! A crash before, after and after-but-unrecorded at every mutating call, and after every append, of both methods on each
//! store and in each kind of org. The places are taken from a run without a crash.

use rekeyd::engine::lane::LaneEnd;
use rekeyd::rotation::End;

use super::fuse::Plan;
use super::life::{Life, Lived, Over};
use super::world::Kind::{Aws, Bao, File};
use super::world::Method::{Assisted, Regenerate, Staged, Update};
use super::world::{LATE_PROOF, MASKED, NO_OVERLAP, Shape, World};

/// How the rotation of a shape ends.
#[derive(Clone, Copy)]
enum Ending {
    Rotated,
    /// Rotated; but where the process ended before the one request that is not repeated, a person says `resume`.
    Made,
    /// The org answers success and changes nothing.
    Ignored,
    /// The org refuses.
    Refused,
}

impl Ending {
    async fn check(self, world: &World, case: &str, lived: &Lived) {
        match self {
            Ending::Rotated => world.rotated(case, &lived.over).await,
            Ending::Made if matches!(lived.over, Over::Busy) => {
                world.is_unanswered(case, &lived.over);
                let lived = world.live(Life::resumed()).await;
                let done = LaneEnd::Ended(End::Done { disproven: true });
                let history = world.history();
                assert!(
                    matches!(&lived.over, Over::Ended(end) if *end == done),
                    "{case}: {:?}\n{history}",
                    lived.over
                );
                world.new_is_everywhere(case).await;
            }
            Ending::Made => world.rotated(case, &lived.over).await,
            Ending::Ignored => {
                if matches!(lived.over, Over::Busy) {
                    world.is_unanswered(case, &lived.over);
                    return;
                }
                world.ended(case, &lived.over, &End::Ignored);
                world.old_is_untouched(case).await;
                world.flag_is_reset(case);
            }
            Ending::Refused => {
                let Over::Ended(end) = &lived.over else {
                    panic!("{case}: {:?}", lived.over)
                };
                assert!(
                    format!("{end:?}").contains("NotOffered"),
                    "{case}: {end:?}\n{}",
                    world.history()
                );
                world.old_is_untouched(case).await;
            }
        }
    }
}

async fn crash(shape: &Shape, plan: Plan, ending: Ending) {
    let case = format!("{} {plan:?}", shape.name());
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::planned(plan)).await;
    assert!(matches!(lived.over, Over::Crashed), "{case}: {:?}", lived.over);
    let lived = world.live(Life::briefly()).await;
    ending.check(&world, &case, &lived).await;
}

async fn at_every_effect(shape: Shape, ending: Ending) {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    ending
        .check(&world, &format!("{} undisturbed", shape.name()), &lived)
        .await;
    let effects = lived.calls.len();
    let at_calls = (0..effects).flat_map(|at| [Plan::Before(at), Plan::After(at), Plan::Unrecorded(at)]);
    let appends = &lived.appends;
    // In a long row of the same, such as probes, the first two and the last stand for all.
    let differs =
        |at: usize| at < 2 || appends[at] != appends[at - 2] || appends.get(at + 1) != Some(&appends[at]);
    let at_appends = (0..appends.len()).filter(|at| differs(*at)).map(Plan::Appended);
    let plans: Vec<Plan> = at_calls.chain(at_appends).collect();
    for plan in &plans {
        crash(&shape, *plan, ending).await;
    }
    println!(
        "{}: {effects} effects x 3 + {} of {} appends = {} crashes, none lost",
        shape.name(),
        plans.len() - 3 * effects,
        appends.len(),
        plans.len()
    );
}

/// A crash at every effect, and another one at the first effect of the next process.
async fn twice(shape: Shape, ending: Ending) {
    let world = World::new(shape.clone()).await;
    let effects = world.live(Life::default()).await.calls.len();
    let mut cases = 0;
    for at in 0..effects {
        for first in [Plan::Before(at), Plan::After(at)] {
            for second in [Plan::Before(0), Plan::After(0), Plan::Unrecorded(0)] {
                let case = format!("{} {first:?}, then {second:?}", shape.name());
                let world = World::new(shape.clone()).await;
                world.live(Life::planned(first)).await;
                let plan = second;
                let lived = world
                    .live(Life {
                        plan,
                        ..Life::briefly()
                    })
                    .await;
                // The last effect may have been the one that was done.
                let lived = match lived.over {
                    Over::Crashed => world.live(Life::briefly()).await,
                    Over::Ended(_) | Over::Busy => lived,
                };
                ending.check(&world, &case, &lived).await;
                cases += 1;
            }
        }
    }
    println!("{}: {cases} crashes in a row of two, none lost", shape.name());
}

#[tokio::test]
async fn staged_twice() {
    twice(Shape::new(Staged, &[File]), Ending::Rotated).await;
}

#[tokio::test]
async fn assisted_twice() {
    twice(Shape::new(Assisted, &[File]), Ending::Rotated).await;
}

#[tokio::test]
async fn update_twice() {
    twice(Shape::new(Update, &[Bao]), Ending::Rotated).await;
}

#[tokio::test]
async fn regenerate_twice() {
    twice(Shape::new(Regenerate, &[File]), Ending::Made).await;
}

macro_rules! shapes {
    ($($name:ident: $ending:ident, $method:ident on $stores:expr, $switches:expr;)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                at_every_effect(Shape::new($method, &$stores).with(&$switches), Ending::$ending).await;
            }
        )+
    };
}

shapes! {
    staged_file: Rotated, Staged on [File], [];
    staged_bao: Rotated, Staged on [Bao], [];
    staged_aws: Rotated, Staged on [Aws], [];
    staged_bao_and_aws: Rotated, Staged on [Bao, Aws], [];
    staged_two: Rotated, Staged on [File, Bao], [];
    staged_masked: Rotated, Staged on [Bao], [MASKED];
    staged_late_proof: Rotated, Staged on [File], [LATE_PROOF];
    staged_same_id: Rotated, Staged on [File], [("staged_id_changes_on_swap", "false")];
    staged_no_overlap: Rotated, Staged on [File], [NO_OVERLAP];
    update_file: Rotated, Update on [File], [];
    update_bao: Rotated, Update on [Bao], [];
    update_aws: Rotated, Update on [Aws], [];
    update_aws_refused: Refused, Update on [Aws], [("in_place_secret", "\"refused\"")];
    update_bao_and_aws: Rotated, Update on [Bao, Aws], [];
    update_two: Rotated, Update on [Bao, File], [];
    update_ignored: Ignored, Update on [File], [("in_place_secret", "\"ignored\"")];
    regenerate_file: Made, Regenerate on [File], [];
    regenerate_bao: Made, Regenerate on [Bao], [];
    regenerate_aws: Made, Regenerate on [Aws], [];
    regenerate_two: Made, Regenerate on [Bao, File], [];
    regenerate_bao_and_aws: Made, Regenerate on [Bao, Aws], [];
    regenerate_slow: Made, Regenerate on [File], [("deploy_seconds", "90")];
    regenerate_unseen_flag: Made, Regenerate on [File], [("flag_shown", "false")];
    regenerate_ignored: Ignored, Regenerate on [File], [("flag_by_deploy", "\"ignored\"")];
    update_refused: Refused, Update on [Bao], [("in_place_secret", "\"refused\"")];
    assisted_file: Rotated, Assisted on [File], [LATE_PROOF];
    assisted_bao: Rotated, Assisted on [Bao], [LATE_PROOF];
    assisted_aws: Rotated, Assisted on [Aws], [LATE_PROOF];
    assisted_two: Rotated, Assisted on [Bao, File], [LATE_PROOF];
    assisted_bao_and_aws: Rotated, Assisted on [Bao, Aws], [LATE_PROOF];
    assisted_early: Rotated, Assisted on [File], [];
    assisted_early_overlap: Rotated, Assisted on [File], [("cutover_overlap_seconds", "300")];
}
