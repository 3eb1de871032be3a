//! What is open about an org: every switch of the sandbox with the values to try, and rows in which each two values meet.

use std::collections::BTreeSet;

use rekeyd::sandbox::Switches;

/// A name, and its values as JSON. The first one is the likeliest.
pub type Switch = (&'static str, &'static [&'static str]);

/// Declares [`ALL`], and below it the switches that no list of values covers.
macro_rules! switches {
    ({ $($name:ident: $($value:literal)|+;)+ } elsewhere { $($other:ident)+ }) => {
        pub const ALL: &[Switch] = &[$((stringify!($name), &[$(stringify!($value)),+])),+];

        /// A switch that stands in neither list does not compile.
        const _: fn(Switches) = |Switches { $($name: _,)+ $($other: _),+ }| ();
    };
}

switches! {
    {
        in_place_secret: "refused" | "ignored" | "applies";
        token_format: "opaque" | "jwt";
        secret_api_enabled: true | false;
        newest_version: 66 | 68 | 64;
        flag_by_deploy: "honoured" | "ignored";
        flag_by_update: "ignored" | "honoured";
        flag_shown: true | false;
        flag_empties_slot: false | true;
        deploy_seconds: 0 | 90;
        ca_readable: true | false;
        certificate_readable: false | true;
        omitted_element: "resets" | "keeps";
        connected_app_ids: false | true;
        cutover_overlap_seconds: 0 | 60;
        old_dies_at_cutover: false | true;
        staged_proves_before_cutover: true | false;
        staged_secret: "readable" | "masked" | "absent";
        staged_id_changes_on_swap: true | false;
        post_on_rotated: "fails" | "replaces";
        post_reply: "collection" | "object";
        second_rotate: "error" | "swaps_back";
        expired_entry: "listed" | "gone";
        next_page: "until_empty" | "null_at_end" | "endless";
        id_length: 18 | 15;
        introspect_junk: "inactive_200" | "inactive_400";
        introspect_live_reads_inactive: false | true;
        junk_grant_judges_client_first: true | false;
        cc_without_run_as: "client_first" | "policy_first";
        cc_flow_off: "invalid_grant" | "unsupported_grant_type";
        basic_auth: true | false;
        secret_optional_is_vacuous: false | true;
        jwt_exp_ceiling_seconds: 0 | 180;
        session_seconds: 7200 | 300;
        tokens_die: "never" | "at_cutover" | "at_retirement";
        propagation_mode: "none" | "late" | "mixed";
        missing_record: "empty" | "nil" | "absent";
        out_of_order: "dropped" | "refused";
    }
    // The world's own addresses and times; a text; asked for by `doctor` alone; of the window alone.
    elsewhere {
        jwt_audiences
        instance_url
        propagation_seconds
        refusal_code
        connected_app_creation
        secret_api_delay_seconds
    }
}

/// [`ALL`] without those named, each of `instead` in the place of its namesake.
pub fn all_but(without: &[&str], instead: &[Switch]) -> Vec<Switch> {
    let known = |name: &str| ALL.iter().any(|(known, _)| *known == name);
    for name in without.iter().chain(instead.iter().map(|(name, _)| name)) {
        assert!(known(name), "no switch is called {name}");
    }
    let kept = ALL.iter().filter(|(name, _)| !without.contains(name));
    let chosen = kept.map(|switch| *instead.iter().find(|other| other.0 == switch.0).unwrap_or(switch));
    chosen.collect()
}

/// Rows in which every two values of two switches meet. The first is the likeliest org.
pub fn pairwise(switches: &[Switch]) -> Vec<Vec<usize>> {
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
