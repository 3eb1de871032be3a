//! A credential that a person said has leaked is an incident of its own: from that word until it is out of use, and
//! louder where nothing goes on by itself or it takes long.

use rekeyd::engine::emergency::{Ask, Leaked};
use rekeyd::engine::note::Note;
use rekeyd::port::VersionRef;
use rekeyd::rotation::{End, Event, Hold};
use rekeyd::secret::Fingerprint;

use crate::incidents::Telling;
use crate::notes::*;

/// What [`adopted`] says is current.
const PAIR: Fingerprint = Fingerprint([1; 16]);

const KEY: &str = "rekeyd/billing/leaked";

fn leaked(tokens: bool) -> Said {
    let ask = Ask {
        leaked: Leaked::Current,
        pair: PAIR,
        rotation: None,
        by: "Ann".into(),
        why: "found in a log".into(),
        tokens,
        token: "0123456789".into(),
    };
    Said::App("billing", None, Box::new(Note::RevokeAsked { ask }))
}

fn late(why: &str) -> Said {
    let why = why.to_owned();
    Said::App("billing", None, Box::new(Note::RevokeLate { why }))
}

fn tokens(over: bool, what: &str) -> Said {
    let what = what.to_owned();
    Said::App("billing", None, Box::new(Note::TokensRevoked { over, what }))
}

/// The rotation begins from the leaked pair.
fn from_the_leaked_one(rotation: u128) -> Said {
    let version = || vec![VersionRef("1".into())];
    let event = Event::Baselined {
        old: PAIR,
        old_key: PAIR,
        current: version(),
        pending: version(),
        modified: None,
        slot_empty_at: None,
        orphan: None,
        proof: None,
    };
    step("billing", rotation, event)
}

#[test]
fn it_is_told_at_once_and_when_it_waits_and_when_it_is_late_and_when_it_is_over() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    world.tells(&leaked(false), &["+ rekeyd/billing/leaked warning begun 1"]);
    let text = &world.told[KEY].text;
    assert!(
        text.happened
            .contains("Said by Ann at 2027-01-15T08:01:00Z of the current credential"),
        "{text:?}"
    );
    assert!(text.happened.contains("found in a log"), "{text:?}");

    // Nothing begins.
    world.tells(
        &late("the org has not been examined"),
        &["~ rekeyd/billing/leaked critical late 2"],
    );
    let text = &world.told[KEY].text;
    assert!(
        text.happened
            .contains("In the way at 2027-01-15T08:02:00Z: the org has not been examined."),
        "{text:?}"
    );
    world.tells(
        &late("the org has not been examined"),
        &["~ rekeyd/billing/leaked critical late 4"],
    );

    world.tells(&started("billing", 1), &[]);
    world.tells(&from_the_leaked_one(1), &[]);
    world.tells(
        &held("billing", 1, Hold::NeverAccepted),
        &[
            "+ rekeyd/billing/held error never-accepted 1",
            "~ rekeyd/billing/leaked critical waits 4",
        ],
    );
    world.tells(
        &resumed("billing", 1),
        &[
            "- rekeyd/billing/held error never-accepted 1",
            "~ rekeyd/billing/leaked critical late 4",
        ],
    );
    // Another one is current from here on, and the leaked one not yet dead.
    world.tells(&rotated("billing", 1), &[]);
    world.tells(
        &ended("billing", 1, End::Done { disproven: true }),
        &["- rekeyd/billing/leaked critical late 4"],
    );
}

#[test]
fn what_a_person_stops_is_told_as_waiting_for_one() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    world.tells(&leaked(false), &["+ rekeyd/billing/leaked warning begun 1"]);
    world.tells(
        &hold_asked("billing", "uid 1000"),
        &[
            "+ rekeyd/billing/held warning by-person 1",
            "~ rekeyd/billing/leaked critical waits 1",
        ],
    );
    let text = &world.told[KEY].text;
    assert!(
        text.next.contains("until a person resumes it") && text.command.contains("rekeyd resume billing"),
        "{text:?}"
    );
    world.tells(
        &hold_lifted("billing"),
        &[
            "- rekeyd/billing/held warning by-person 1",
            "~ rekeyd/billing/leaked warning begun 1",
        ],
    );
    // Whoever gives it up is told what that means.
    world.tells(&started("billing", 1), &[]);
    world.tells(&from_the_leaked_one(1), &[]);
    let by = "uid 1000".to_owned();
    let over = world.tells(
        &ended("billing", 1, End::Abandoned { by }),
        &["- rekeyd/billing/leaked warning begun 1"],
    );
    assert!(
        over[0]
            .text
            .happened
            .contains("the leaked credential may work still"),
        "{over:?}"
    );
}

#[test]
fn live_tokens_that_were_to_be_revoked_keep_it_open() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    world.tells(&leaked(true), &["+ rekeyd/billing/leaked warning begun 1"]);
    world.tells(&started("billing", 1), &[]);
    world.tells(&from_the_leaked_one(1), &[]);
    world.tells(&rotated("billing", 1), &[]);
    world.tells(
        &ended("billing", 1, End::Done { disproven: true }),
        &["~ rekeyd/billing/leaked warning tokens 1"],
    );
    world.tells(&tokens(false, "live tokens are not revoked yet: no answer"), &[]);
    world.tells(
        &late("live tokens are not revoked yet: no answer"),
        &["~ rekeyd/billing/leaked error tokens 2"],
    );
    let over = world.tells(
        &tokens(true, "live tokens are NOT revoked: no right to"),
        &["- rekeyd/billing/leaked error tokens 2"],
    );
    // The end of the incident is not the end of the tokens.
    assert!(
        over[0]
            .text
            .happened
            .contains("Live tokens are NOT revoked: no right to."),
        "{over:?}"
    );
}
