//! Each kind of incident: what opens it, what makes another edition of it, and what ends it.

use std::collections::BTreeMap;
use std::time::Duration;

use rekeyd::alert::compare::{Scope, letters};
use rekeyd::alert::incident::{Directory, Incident, Kind, open};
use rekeyd::engine::board::AppCard;
use rekeyd::engine::health::Health;
use rekeyd::engine::ledger::Ledgers;
use rekeyd::engine::note::Note;
use rekeyd::engine::service::ServiceNote;
use rekeyd::port::journal::{Head, Record};
use rekeyd::port::outbox::{Action, Letter, Severity};
use rekeyd::rotation::{Effect, End, Hold};

use crate::notes::*;

pub fn directory(names: &[&str]) -> Directory {
    let card = || AppCard {
        org: "prod".into(),
        kind: "external_client_app".into(),
        method: "staged".into(),
        stores: vec!["corp".into()],
        timing: None,
    };
    names.iter().map(|name| ((*name).to_owned(), card())).collect()
}

/// Folds notes one by one, a minute apart, and keeps what is said after each.
pub struct Telling {
    ledgers: Ledgers,
    apps: Directory,
    pub told: BTreeMap<String, Letter>,
    minutes: u64,
}

impl Telling {
    pub fn new() -> Telling {
        Telling {
            ledgers: Ledgers::default(),
            apps: directory(&["billing"]),
            told: BTreeMap::new(),
            minutes: 0,
        }
    }

    fn open(&self) -> BTreeMap<String, Incident> {
        open(&self.ledgers, &self.apps)
    }

    fn say(&mut self, said: &Said) -> Vec<Letter> {
        let now = START + Duration::from_secs(60 * self.minutes);
        self.minutes += 1;
        let record = Record {
            seq: 0,
            at: now,
            entry: said.entry(),
            prev: Head([0; 32]),
            hash: Head([0; 32]),
        };
        self.ledgers.add(&record).unwrap();
        let new = letters(
            &Scope::All,
            &self.told,
            &self.open(),
            &self.ledgers,
            &self.apps,
            now,
        );
        for letter in &new {
            match letter.action {
                Action::Trigger | Action::Update => {
                    self.told.insert(letter.incident.clone(), letter.clone());
                }
                Action::Resolve => {
                    self.told.remove(&letter.incident).unwrap();
                }
            }
        }
        new
    }

    /// What is said after one more note, in short.
    pub fn tells(&mut self, said: &Said, wanted: &[&str]) -> Vec<Letter> {
        let new = self.say(said);
        let short: Vec<String> = new
            .iter()
            .map(|letter| {
                let action = match letter.action {
                    Action::Trigger => "+",
                    Action::Update => "~",
                    Action::Resolve => "-",
                };
                let (severity, case, count) = (letter.severity.word(), &letter.case, letter.count);
                format!("{action} {} {severity} {case} {count}", letter.incident)
            })
            .collect();
        assert_eq!(short, wanted, "after {:?}", said.entry());
        new.iter().for_each(whole);
        new
    }
}

/// Says which app, since when, and what somebody on call wants to know.
fn whole(letter: &Letter) {
    let text = &letter.text;
    let parts = [&text.headline, &text.happened, &text.consumers];
    for part in parts {
        assert!(!part.is_empty(), "{letter:?}");
    }
    for part in [
        &text.headline,
        &text.happened,
        &text.consumers,
        &text.next,
        &text.command,
    ] {
        assert!(!part.contains("  ") && !part.contains(".."), "{part}");
    }
    if let Some(app) = &letter.app {
        assert!(text.headline.contains(app), "{letter:?}");
        assert_eq!(letter.org.as_deref(), Some("prod"));
    }
    match letter.action {
        Action::Trigger | Action::Update => {
            assert!(!text.next.is_empty() && !text.command.is_empty(), "{letter:?}");
            assert!(text.command.contains('`'), "no command to type: {letter:?}");
        }
        Action::Resolve => assert!(text.happened.contains("lasted"), "{letter:?}"),
    }
}

#[test]
fn the_current_credential_is_refused() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    world.tells(
        &refused("billing"),
        &["+ rekeyd/billing/current-refused critical  1"],
    );
    let told = &world.told["rekeyd/billing/current-refused"];
    assert!(told.text.consumers.contains("CANNOT log in"), "{told:?}");
    assert!(told.text.happened.contains("introspect at acme"), "{told:?}");
    // Seen again, nothing new is said.
    world.tells(&refused("billing"), &[]);
    world.tells(
        &fine("billing"),
        &["- rekeyd/billing/current-refused critical  1"],
    );
    // A rotation that publishes everywhere ends it too.
    world.tells(
        &refused("billing"),
        &["+ rekeyd/billing/current-refused critical  1"],
    );
    world.tells(&started("billing", 1), &[]);
    world.tells(
        &rotated("billing", 1),
        &["- rekeyd/billing/current-refused critical  1"],
    );
}

#[test]
fn stores_disagree_and_somebody_elses_change() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    let disagree = checked(
        "billing",
        Health::Disagree {
            why: "corp holds ab, local cd".into(),
        },
    );
    let foreign = checked(
        "billing",
        Health::Foreign {
            why: "ef, not ab".into(),
        },
    );
    world.tells(&disagree, &["+ rekeyd/billing/stores-disagree error  1"]);
    world.tells(
        &foreign,
        &[
            "- rekeyd/billing/stores-disagree error  1",
            "+ rekeyd/billing/foreign-change warning  1",
        ],
    );
    // Handed over: it is the known one from here on.
    world.tells(
        &adopted("billing"),
        &["- rekeyd/billing/foreign-change warning  1"],
    );
}

#[test]
fn a_store_that_cannot_be_read() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    let unreadable = Health::Unreadable {
        stores: vec!["corp".into()],
        why: "corp: unusable: no age file".into(),
    };
    world.tells(
        &checked("billing", unreadable),
        &["+ rekeyd/billing/store-unreadable error  1"],
    );
    world.tells(
        &checked("billing", Health::Fine),
        &["- rekeyd/billing/store-unreadable error  1"],
    );
}

#[test]
fn held_by_whom_and_for_what() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    world.tells(
        &hold_asked("billing", "uid 1000"),
        &["+ rekeyd/billing/held warning by-person 1"],
    );
    let told = &world.told["rekeyd/billing/held"];
    assert!(told.text.happened.contains("audit week"), "{told:?}");
    assert!(told.text.command.contains("`rekeyd resume billing`"), "{told:?}");
    world.tells(
        &hold_lifted("billing"),
        &["- rekeyd/billing/held warning by-person 1"],
    );
    world.tells(
        &hold_asked("billing", "rekeyd"),
        &["+ rekeyd/billing/held error by-rekeyd 1"],
    );
    world.tells(
        &hold_lifted("billing"),
        &["- rekeyd/billing/held error by-rekeyd 1"],
    );

    world.tells(&started("billing", 1), &[]);
    world.tells(
        &held("billing", 1, Hold::ForeignSlot { id: "888F".into() }),
        &["+ rekeyd/billing/held error foreign-slot 1"],
    );
    let told = &world.told["rekeyd/billing/held"];
    assert!(told.text.command.contains("--take-over 888F"), "{told:?}");
    assert_eq!(told.rotation, Some(id(1)));
    // Another reason is told anew, under the same key.
    world.tells(
        &held("billing", 1, Hold::CurrentRefused),
        &["~ rekeyd/billing/held critical current-refused 1"],
    );
    world.tells(&held("billing", 1, Hold::CurrentRefused), &[]);
    world.tells(
        &resumed("billing", 1),
        &["- rekeyd/billing/held critical current-refused 1"],
    );
    // An old journal.
    let behind = Note::Behind {
        why: "a store knows rotation x".into(),
    };
    world.tells(
        &Said::App("billing", None, Box::new(behind)),
        &["+ rekeyd/billing/held error by-rekeyd 1"],
    );
}

#[test]
fn failures_are_told_at_growing_distance() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    world.tells(&started("billing", 1), &[]);
    world.tells(&tried("billing", 1), &["+ rekeyd/billing/failed info trying 1"]);
    world.tells(
        &tried("billing", 1),
        &["~ rekeyd/billing/failed warning trying 2"],
    );
    let told = &world.told["rekeyd/billing/failed"];
    assert!(told.text.next.contains("2027-01-15T08:10:00Z"), "{told:?}");
    assert!(told.text.happened.contains("corp is not available"), "{told:?}");
    let mut told = Vec::new();
    for count in 3..=40 {
        if !world.say(&tried("billing", 1)).is_empty() {
            told.push(count);
        }
    }
    assert_eq!(told, [4, 8, 16, 32]);
    world.tells(&rotated("billing", 1), &[]);
    world.tells(
        &resumed("billing", 1),
        &["- rekeyd/billing/failed warning trying 32"],
    );

    // Rotations that ended without success, up to where rekeyd stops.
    world.tells(&started_in_place("billing", 2), &[]);
    world.tells(
        &ended("billing", 2, undone()),
        &["+ rekeyd/billing/failed error ended 1"],
    );
    world.tells(&started_in_place("billing", 3), &[]);
    world.tells(
        &ended("billing", 3, undone()),
        &["~ rekeyd/billing/failed error ended 2"],
    );
    world.tells(&started_in_place("billing", 4), &[]);
    world.tells(
        &ended("billing", 4, undone()),
        &["~ rekeyd/billing/failed error stopped 3"],
    );
    let told = &world.told["rekeyd/billing/failed"];
    assert!(told.text.command.contains("`rekeyd resume billing`"), "{told:?}");
    assert_eq!(
        told.since,
        START + Duration::from_secs(60 * 45),
        "since the first of them"
    );
    world.tells(
        &hold_lifted("billing"),
        &["- rekeyd/billing/failed error stopped 3"],
    );
    // Somebody who abandons a rotation knows it.
    world.tells(&started("billing", 5), &[]);
    world.tells(
        &ended(
            "billing",
            5,
            End::Abandoned {
                by: "uid 1000".into(),
            },
        ),
        &[],
    );
}

#[test]
fn exhausted_is_a_failure_and_an_outage_is_critical() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    world.tells(&started_in_place("billing", 1), &[]);
    world.tells(&intended("billing", 1, Effect::Cutover), &[]);
    // Between cutover and publication one failure is enough to wake somebody.
    world.tells(
        &tried("billing", 1),
        &["+ rekeyd/billing/failed critical outage 1"],
    );
    let told = &world.told["rekeyd/billing/failed"];
    assert!(told.text.consumers.starts_with("OUTAGE"), "{told:?}");
    world.tells(&rotated("billing", 1), &[]);
    world.tells(
        &resumed("billing", 1),
        &["- rekeyd/billing/failed critical outage 1"],
    );

    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    world.tells(&started("billing", 1), &[]);
    let exhausted = Hold::Exhausted {
        why: "corp is not available".into(),
    };
    world.tells(
        &held("billing", 1, exhausted),
        &["+ rekeyd/billing/failed error exhausted 1"],
    );
}

#[test]
fn overdue_ahead_and_past() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    world.tells(
        &overdue("billing", false),
        &["+ rekeyd/billing/overdue warning ahead 1"],
    );
    world.tells(
        &overdue("billing", true),
        &["~ rekeyd/billing/overdue error past 1"],
    );
    assert_eq!(
        world.told["rekeyd/billing/overdue"].since,
        START + Duration::from_secs(60)
    );
    let in_time = Said::App("billing", None, Box::new(Note::InTime));
    world.tells(&in_time, &["- rekeyd/billing/overdue error past 1"]);
    world.tells(
        &overdue("billing", true),
        &["+ rekeyd/billing/overdue error past 1"],
    );
    world.tells(&started("billing", 1), &[]);
    world.tells(&rotated("billing", 1), &["- rekeyd/billing/overdue error past 1"]);
}

#[test]
fn an_app_that_waits_to_be_adopted() {
    let mut world = Telling::new();
    let unadopted = |why: &str| Said::App("billing", None, Box::new(Note::Unadopted { why: why.into() }));
    world.tells(
        &unadopted("corp is empty"),
        &["+ rekeyd/billing/unadopted warning  1"],
    );
    let told = &world.told["rekeyd/billing/unadopted"];
    assert!(told.text.command.contains("`rekeyd submit billing`"), "{told:?}");
    world.tells(&unadopted("corp is not available"), &[]);
    world.tells(&adopted("billing"), &["- rekeyd/billing/unadopted warning  1"]);
}

#[test]
fn the_service_and_its_orgs() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    let service = |note| Said::Service(note);
    let org = || "prod".to_owned();
    let refused = ServiceNote::ReloadRefused {
        why: "`org` is missing".into(),
    };
    world.tells(
        &service(refused),
        &["+ rekeyd/service:/reload-refused warning  1"],
    );
    // The same faults again are no news; others are told.
    let refused = |why: &str| ServiceNote::ReloadRefused { why: why.into() };
    world.tells(&service(refused("`org` is missing")), &[]);
    world.tells(
        &service(refused("no such store")),
        &["~ rekeyd/service:/reload-refused warning  1"],
    );
    let told = &world.told["rekeyd/service:/reload-refused"];
    assert_eq!(told.text.happened, "no such store.");
    let reloaded = ServiceNote::Reloaded { apps: 1 };
    world.tells(
        &service(reloaded),
        &["- rekeyd/service:/reload-refused warning  1"],
    );

    let ending = ServiceNote::LoginEnding {
        org: org(),
        at: START + Duration::from_secs(86_400),
    };
    world.tells(&service(ending), &["+ rekeyd/org:prod/login warning ending 1"]);
    assert!(
        world.told["rekeyd/org:prod/login"]
            .text
            .headline
            .contains("2027-01-16")
    );
    let refused = ServiceNote::LoginRefused {
        org: org(),
        why: "invalid_grant".into(),
    };
    world.tells(&service(refused), &["~ rekeyd/org:prod/login error refused 1"]);
    world.tells(
        &service(ServiceNote::LoginFine { org: org() }),
        &["- rekeyd/org:prod/login error refused 1"],
    );

    let off = ServiceNote::ClockOff {
        org: org(),
        by_ms: -90_000,
    };
    world.tells(&service(off), &["+ rekeyd/org:prod/clock-off error  1"]);
    assert!(
        world.told["rekeyd/org:prod/clock-off"]
            .text
            .headline
            .contains("90 s behind")
    );
    world.tells(
        &service(ServiceNote::ClockRight { org: org() }),
        &["- rekeyd/org:prod/clock-off error  1"],
    );
    let spent = ServiceNote::BudgetSpent {
        org: org(),
        used: 95,
        limit: 100,
        share: 90,
    };
    world.tells(&service(spent), &["+ rekeyd/org:prod/api-budget warning  1"]);
    assert!(
        world.told["rekeyd/org:prod/api-budget"]
            .text
            .headline
            .contains("95 of its 100")
    );
    world.tells(
        &service(ServiceNote::BudgetFree { org: org() }),
        &["- rekeyd/org:prod/api-budget warning  1"],
    );

    // Turning it on is no incident; that it cannot be turned off is one, and it grows.
    world.tells(
        &service(ServiceNote::SwitchIntended { org: org(), on: true }),
        &[],
    );
    world.tells(&service(ServiceNote::SwitchSet { org: org(), on: true }), &[]);
    let stuck = || ServiceNote::SwitchStuck {
        org: org(),
        why: "INSUFFICIENT_ACCESS".into(),
    };
    world.tells(
        &service(stuck()),
        &["+ rekeyd/org:prod/switch-left-on warning stuck 1"],
    );
    let text = &world.told["rekeyd/org:prod/switch-left-on"].text;
    assert!(text.happened.ends_with("INSUFFICIENT_ACCESS."), "{text:?}");
    world.tells(
        &service(stuck()),
        &["~ rekeyd/org:prod/switch-left-on warning stuck 2"],
    );
    world.tells(
        &service(stuck()),
        &["~ rekeyd/org:prod/switch-left-on error stuck 3"],
    );
    world.tells(
        &service(ServiceNote::SwitchSet {
            org: org(),
            on: false,
        }),
        &["- rekeyd/org:prod/switch-left-on error stuck 3"],
    );

    // What was opened in an org that has left the policy is nobody's to close: that is told.
    let dev = || "dev".to_owned();
    world.tells(
        &service(ServiceNote::SwitchIntended { org: dev(), on: true }),
        &["+ rekeyd/org:dev/switch-left-on error no-app-left 1"],
    );
    world.tells(
        &service(ServiceNote::SwitchGone { org: dev() }),
        &["- rekeyd/org:dev/switch-left-on error no-app-left 1"],
    );

    // An org that no managed app is in is nobody's.
    let other = ServiceNote::LoginRefused {
        org: "dev".into(),
        why: "x".into(),
    };
    world.tells(&service(other), &[]);
}

#[test]
fn an_app_that_leaves_the_policy_takes_its_incidents_along() {
    let mut world = Telling::new();
    world.tells(&adopted("billing"), &[]);
    world.tells(
        &refused("billing"),
        &["+ rekeyd/billing/current-refused critical  1"],
    );
    world.apps = directory(&["other"]);
    let new = letters(
        &Scope::All,
        &world.told,
        &world.open(),
        &world.ledgers,
        &world.apps,
        START,
    );
    assert_eq!(new.len(), 1);
    assert_eq!(new[0].action, Action::Resolve);
    assert!(new[0].text.happened.contains("left the policy"), "{new:?}");
}

#[test]
fn every_kind_has_a_word_of_its_own() {
    let mut words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    words.dedup();
    assert_eq!(words.len(), Kind::ALL.len());
    assert!(Severity::Critical > Severity::Error && Severity::Warning > Severity::Info);
}

#[test]
fn a_count_is_told_when_it_has_doubled() {
    let told: Vec<u32> = (2..=64)
        .filter(|count| Incident::edition(*count) > Incident::edition(count - 1))
        .collect();
    assert_eq!(told, [2, 4, 8, 16, 32, 64]);
    assert_eq!(Incident::edition(0), Incident::edition(1));
}
