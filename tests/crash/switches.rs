//! Every open switch of an org, pairwise, times every method, each with everything that a reader sees looked at at every
//! change: whatever the org is like, nothing is lost and nothing unproven is published. What `doctor` says of such orgs,
//! and which method of a list it comes to, is in `tests/engine/fitness.rs`.

use std::collections::{BTreeMap, BTreeSet};

use rekeyd::engine::lane::LaneEnd;
use rekeyd::rotation::End;

use super::life::{Life, Over};
use super::world::Kind::File;
use super::world::Method::{Regenerate, Staged, Update};
use super::world::{Method, NAME, Shape, World};

type Switch = (&'static str, &'static [&'static str]);

/// Under all of these a rotation is possible.
const OPEN: &[Switch] = &[
    ("in_place_secret", &["\"applies\"", "\"ignored\"", "\"refused\""]),
    ("flag_by_deploy", &["\"honoured\"", "\"ignored\""]),
    ("flag_by_update", &["\"ignored\"", "\"honoured\""]),
    ("flag_shown", &["true", "false"]),
    ("flag_empties_slot", &["false", "true"]),
    ("deploy_seconds", &["0", "90"]),
    ("newest_version", &["66", "68"]),
    ("ca_readable", &["true", "false"]),
    ("certificate_readable", &["false", "true"]),
    ("omitted_element", &["\"resets\"", "\"keeps\""]),
    ("connected_app_ids", &["false", "true"]),
    ("cutover_overlap_seconds", &["0", "60"]),
    ("old_dies_at_cutover", &["false", "true"]),
    ("staged_proves_before_cutover", &["true", "false"]),
    ("staged_secret", &["\"readable\"", "\"masked\"", "\"absent\""]),
    ("staged_id_changes_on_swap", &["true", "false"]),
    ("post_on_rotated", &["\"fails\"", "\"replaces\""]),
    ("post_reply", &["\"collection\"", "\"object\""]),
    ("second_rotate", &["\"error\"", "\"swaps_back\""]),
    ("expired_entry", &["\"listed\"", "\"gone\""]),
    (
        "next_page",
        &["\"until_empty\"", "\"null_at_end\"", "\"endless\""],
    ),
    ("id_length", &["18", "15"]),
    ("introspect_junk", &["\"inactive_200\"", "\"inactive_400\""]),
    ("introspect_live_reads_inactive", &["false", "true"]),
    ("junk_grant_judges_client_first", &["true", "false"]),
    ("cc_without_run_as", &["\"client_first\"", "\"policy_first\""]),
    (
        "cc_flow_off",
        &["\"invalid_grant\"", "\"unsupported_grant_type\""],
    ),
    ("basic_auth", &["true", "false"]),
    ("jwt_exp_ceiling_seconds", &["0", "180"]),
    ("session_seconds", &["7200", "300"]),
    (
        "tokens_die",
        &["\"never\"", "\"at_cutover\"", "\"at_retirement\""],
    ),
    ("propagation_mode", &["\"none\"", "\"late\"", "\"mixed\""]),
    ("missing_record", &["\"empty\"", "\"nil\"", "\"absent\""]),
    ("out_of_order", &["\"dropped\"", "\"refused\""]),
];

/// Under any of these some method is closed, and hides what else is so: they have rows of their own.
const CLOSED: &[Switch] = &[
    ("secret_api_enabled", &["true", "false"]),
    ("newest_version", &["66", "64"]),
    ("token_format", &["\"opaque\"", "\"jwt\""]),
    ("secret_optional_is_vacuous", &["false", "true"]),
    ("staged_secret", &["\"readable\"", "\"masked\"", "\"absent\""]),
    ("staged_proves_before_cutover", &["true", "false"]),
    ("in_place_secret", &["\"applies\"", "\"ignored\"", "\"refused\""]),
    ("flag_by_deploy", &["\"honoured\"", "\"ignored\""]),
    ("propagation_mode", &["\"none\"", "\"late\"", "\"mixed\""]),
    ("old_dies_at_cutover", &["false", "true"]),
];

/// Rows in which every two values of two switches meet. The first is the likeliest org.
fn pairwise(switches: &[Switch]) -> Vec<Vec<usize>> {
    let mut open = BTreeSet::new();
    for (a, (_, left)) in switches.iter().enumerate() {
        for (b, (_, right)) in switches.iter().enumerate().skip(a + 1) {
            for x in 0..left.len() {
                open.extend((0..right.len()).map(|y| (a, x, b, y)));
            }
        }
    }
    let all = open.clone();
    let mut rows = vec![vec![0; switches.len()]];
    loop {
        let last = rows.last().unwrap();
        open.retain(|(a, x, b, y)| last[*a] != *x || last[*b] != *y);
        let Some(&(a, x, b, y)) = open.first() else { break };
        let mut row: Vec<Option<usize>> = vec![None; switches.len()];
        (row[a], row[b]) = (Some(x), Some(y));
        for at in 0..switches.len() {
            if row[at].is_some() {
                continue;
            }
            // Whatever makes the most others meet.
            let meets = |value: usize| {
                let fits = |place: usize, wanted: usize| match place == at {
                    true => wanted == value,
                    false => row[place] == Some(wanted),
                };
                let new = open
                    .iter()
                    .filter(|(a, x, b, y)| (*a == at || *b == at) && fits(*a, *x) && fits(*b, *y));
                new.count()
            };
            row[at] = (0..switches[at].1.len()).max_by_key(|value| (meets(*value), usize::MAX - value));
        }
        rows.push(row.into_iter().map(Option::unwrap).collect());
    }
    // Each two values do meet somewhere.
    for (a, x, b, y) in all {
        assert!(
            rows.iter().any(|row| row[a] == x && row[b] == y),
            "{a} {x} {b} {y}"
        );
    }
    rows
}

/// What the rotations of a method came to, by a word.
async fn through(method: Method, switches: &'static [Switch]) -> BTreeMap<&'static str, usize> {
    let mut ends = BTreeMap::new();
    for row in pairwise(switches) {
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
    let ends = through(Staged, OPEN).await;
    assert_eq!(ends.keys().copied().collect::<Vec<_>>(), ["rotated"]);
    assert!(through(Staged, CLOSED).await.len() > 1);
}

#[tokio::test]
async fn update() {
    assert!(through(Update, OPEN).await.len() > 2);
    assert!(through(Update, CLOSED).await.len() > 2);
}

#[tokio::test]
async fn regenerate() {
    assert!(through(Regenerate, OPEN).await.contains_key("rotated"));
    assert!(through(Regenerate, CLOSED).await.contains_key("rotated"));
}
