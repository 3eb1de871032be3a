//! The machine's clock is set, or the machine sleeps: nothing is rotated because of the one, and nothing is missed
//! because of the other.

use std::time::Duration;

use rekeyd::clock::Clock;
use rekeyd::engine::command::{Command, Reply};
use rekeyd::rotation::End;
use rekeyd::sandbox::{Action, ConnectedAppSeed, Rule};

use super::world::{DAY, HOUR, TICK, World, name};

const HUNDRED_DAYS_MS: i64 = 100 * 86_400_000;
const STEP: Duration = Duration::from_secs(60);
const QUARTERLY: &str = "schedule = { every = \"90d\" }\ngrace = \"1d\"";

#[tokio::test]
async fn a_clock_that_is_set_ahead_by_mistake_starts_nothing() {
    let world = World::new(1).await;
    let engine = world.start(&world.policy([0], "", QUARTERLY)).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    world.clock.set_wall(HUNDRED_DAYS_MS);
    let off = |engine: &super::world::Engine<'_>| {
        engine
            .ledgers
            .lock()
            .unwrap()
            .service
            .clock_off
            .contains_key("prod")
    };
    engine
        .until("told", TICK, |ledgers| {
            ledgers.service.clock_off.contains_key("prod")
        })
        .await;
    engine.pass(DAY, STEP * 10).await;
    assert!(engine.started().await.is_empty(), "by its clock it was due");
    assert!(off(&engine));
    world.clock.set_wall(-HUNDRED_DAYS_MS);
    engine
        .until("right again", TICK, |ledgers| {
            ledgers.service.clock_off.is_empty()
        })
        .await;
    assert_eq!(engine.ledgers.lock().unwrap().service.clock_jumps, 1);
    // And the day that it is due comes none the later.
    engine.pass(DAY * 88, HOUR * 6).await;
    engine
        .until("rotated", STEP * 10, |ledgers| {
            ledgers.apps[&name(0)].last_success.is_some()
        })
        .await;
    let started = engine.started().await;
    let since = engine.ledger(0).adopted_at.unwrap();
    assert_eq!(started[&name(0)].len(), 1);
    let late = started[&name(0)][0].since(since);
    assert!(late >= DAY * 90 && late < DAY * 90 + HOUR * 2, "{late:?}");
    engine.stop().await;
}

/// Found by the real binary under a faked clock: between a look at the machine's clock and going by it, it was set.
#[tokio::test]
async fn a_clock_that_is_set_between_a_look_and_going_by_it_starts_nothing() {
    let world = World::new(1).await;
    let engine = world.start(&world.policy([0], "", QUARTERLY)).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    world.clock.set_wall_once_read(HUNDRED_DAYS_MS);
    engine
        .until("told", TICK, |ledgers| {
            ledgers.service.clock_off.contains_key("prod")
        })
        .await;
    assert!(engine.started().await.is_empty(), "by its clock it was due");
    engine.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_by_mistake_holds_nothing_up() {
    let world = World::new(1).await;
    let engine = world.start(&world.policy([0], "", QUARTERLY)).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    world.clock.set_wall(-HUNDRED_DAYS_MS);
    engine.pass(DAY * 89, HOUR * 6).await;
    engine
        .until("rotated", STEP * 10, |ledgers| {
            ledgers.apps[&name(0)].last_success.is_some()
        })
        .await;
    let late = engine.started().await[&name(0)][0].since(engine.ledger(0).adopted_at.unwrap());
    assert!(late >= DAY * 90 && late < DAY * 90 + HOUR * 2, "{late:?}");
    engine.stop().await;
}

#[tokio::test]
async fn a_machine_that_slept_catches_up_once() {
    let world = World::new(1).await;
    let engine = world.start(&world.policy([0], "", QUARTERLY)).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    world.clock.sleep(DAY * 300);
    let before = world.clock.wall();
    engine
        .until("rotated", TICK, |ledgers| {
            ledgers.apps[&name(0)].last_success.is_some()
        })
        .await;
    engine.pass(HOUR, STEP).await;
    let started = engine.started().await;
    assert_eq!(started[&name(0)].len(), 1, "once, though three were missed");
    assert!(started[&name(0)][0] >= before);
    assert!(engine.ledgers.lock().unwrap().service.clock_off.is_empty());
    engine.stop().await;
}

/// Nobody can say who is right: nothing is believed, and the org is asked again.
#[tokio::test]
async fn while_the_org_is_silent_the_jump_is_not_believed() {
    let world = World::new(1).await;
    let engine = world.start(&world.policy([0], "", QUARTERLY)).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    for operation in ["versions", "limits"] {
        let (operation, action) = (operation.to_owned(), Action::DropBefore);
        world
            .org
            .fault(Rule {
                operation,
                app: None,
                nth: 1,
                count: 0,
                action,
            })
            .unwrap();
    }
    world.clock.sleep(DAY * 300);
    engine.pass(HOUR, TICK * 10).await;
    assert!(engine.started().await.is_empty());
    world.org.clear_faults();
    engine
        .until("rotated", TICK, |ledgers| {
            ledgers.apps[&name(0)].last_success.is_some()
        })
        .await;
    assert_eq!(engine.started().await[&name(0)].len(), 1);
    engine.stop().await;
}

/// Every method, under way while the clock is set a day ahead and back again and again, also in the grace: nothing ends
/// earlier or later, and nothing is made twice.
#[tokio::test]
async fn a_clock_that_jumps_a_day_ahead_and_back_changes_nothing_about_a_rotation() {
    const DAY_MS: i64 = 86_400_000;
    for method in ["staged", "update", "regenerate"] {
        let world = World::seeded(1, |seed| {
            seed.switches = seed
                .switches
                .with(
                    serde_json::json!({ "in_place_secret": "applies" })
                        .as_object()
                        .unwrap(),
                )
                .unwrap();
            seed.connected_apps.push(ConnectedAppSeed {
                name: "Legacy".into(),
                consumer_key: Some("3MVG9enginelegacy".into()),
                consumer_secret: Some("secret0of0legacy0secret0of0legacy".into()),
                ..ConnectedAppSeed::default()
            });
        })
        .await;
        let app = name(0);
        let target = match method {
            "staged" => {
                "grace = \"2d\"\n[app.app-0.external_client_app]\nname = \"App0\"\nallow_key_change = true"
            }
            "regenerate" => {
                "[app.app-0.external_client_app]\nname = \"App0\"\nmethod = \"regenerate\"\ncertificate = \"none\""
            }
            _ => "[app.app-0.connected_app]\nname = \"Legacy\"\nmethod = \"update\"\ncertificate = \"none\"",
        };
        let text = format!(
            "[app.{app}]\norg = \"prod\"\nstores = [{{ store = \"one\", path = \"x\" }}]\nschedule = {{ every = \"90d\" }}\n\
             first = \"after-interval\"\n{target}\n"
        );
        let policy = world.policy_of("", &text);
        let pair = match method {
            "update" => (
                "3MVG9enginelegacy".to_owned(),
                "secret0of0legacy0secret0of0legacy".to_owned(),
            ),
            _ => super::world::pair(0),
        };
        world.give(&policy, &app, "one", &pair).await;
        let engine = world.start(&policy).await;
        engine.adopted().await;
        let ask = Command::Rotate {
            app: app.clone(),
            reason: "a test".into(),
            by: "a test".into(),
            ignore_window: true,
            key: None,
        };
        let reply = engine.ask(ask).await;
        assert!(matches!(reply, Reply::Started(_)), "{method}: {reply:?}");
        let over = || engine.ledger(0).run.is_some_and(|run| run.state.end().is_some());
        let (asked, mut ahead) = (engine.now(), false);
        while !over() {
            assert!(
                engine.now().since(asked) < DAY * 4,
                "{method}: {:?}",
                engine.ledger(0).run
            );
            ahead = !ahead;
            world.clock.set_wall(if ahead { DAY_MS } else { -DAY_MS });
            let first = engine.ledger(0).last_success.is_none();
            engine
                .pass(
                    if first { STEP } else { HOUR },
                    if first { TICK * 5 } else { STEP * 10 },
                )
                .await;
        }
        let ledger = engine.ledger(0);
        let run = ledger.run.unwrap();
        let (last, state) = (run.last_at, run.state);
        assert_eq!(state.end(), Some(&End::Done { disproven: true }), "{method}");
        let consumer = match method {
            "update" => "Legacy",
            _ => "App0",
        };
        let org = world.org.state();
        assert_eq!(org.app(consumer).unwrap().consumers[0].cutovers, 1, "{method}");
        if method == "staged" {
            let grace = last.since(ledger.last_success.unwrap());
            assert!(grace >= DAY * 2 && grace < DAY * 2 + HOUR * 3, "{grace:?}");
        }
        assert_eq!(engine.started().await[&app].len(), 1, "{method}");
        engine.stop().await;
    }
}
