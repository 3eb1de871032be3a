//! Letters on their way: in order, at least once, whatever a sink does, and never in anybody's way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rekeyd::alert::sink::Trouble;
use rekeyd::clock::Clock;
use rekeyd::journal::Journal;
use rekeyd::port::journal::RecordQuery;
use rekeyd::port::outbox::{Action, Outbox, Severity};

use crate::incidents::directory;
use crate::notes::*;
use crate::outbox::letters;
use crate::world::{Mock, PATIENCE, Tarpit, World, pass, pass_asleep, route, until};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn gone() -> Trouble {
    Trouble::later("no connection")
}

#[tokio::test]
async fn a_sink_that_is_dead_for_a_day_gets_everything_in_order() {
    const APPS: [&str; 5] = ["a", "b", "c", "d", "e"];
    let world = World::new();
    let journal = world.journal().await;
    let back = START + DAY;
    let dead = Mock::new(
        &world.clock,
        move |now, _| if now < back { Err(gone()) } else { Ok(()) },
    );
    let living = Mock::willing(&world.clock);
    let routes = vec![route("dead", dead.clone()), route("living", living.clone())];
    let alerts = world.alerts_for(&APPS, journal.clone(), routes).await;
    for app in APPS {
        world.say(&alerts, &[adopted(app)]).await;
    }
    // All day long incidents come and go. Each app has its own distance.
    let mut hour = 0;
    while world.clock.now() < back {
        for (at, app) in APPS.into_iter().enumerate() {
            let turn = hour / (at + 1);
            if hour % (at + 1) == 0 {
                let said = if turn % 2 == 0 { refused(app) } else { fine(app) };
                world.say(&alerts, &[said]).await;
            }
        }
        let next = world.clock.now() + 60 * MINUTE;
        // The dead one's task, and the one that removes old letters.
        pass_asleep(&world.clock, MINUTE, 2, "an hour", || world.clock.now() >= next).await;
        hour += 1;
    }
    let count = letters(&world.path()).await.len();
    until("the living is told", || living.short().len() == count).await;
    let wanted = living.short();
    assert!(wanted.len() > 40, "{wanted:?}");
    let open = journal.open_incidents().await.unwrap();
    // No time passes while its task is at work: when the first one arrives is looked at below.
    pass_asleep(&world.clock, MINUTE, 2, "the first is taken", || {
        !dead.short().is_empty()
    })
    .await;
    pass_asleep(&world.clock, MINUTE, 1, "the sink is told", || {
        dead.short().len() >= wanted.len()
    })
    .await;
    assert_eq!(dead.short(), wanted, "the same, in the same order");

    // Every incident under one key, each opened before it was closed, and open still if it is.
    let mut state = BTreeMap::new();
    for (_, letter) in dead.taken.lock().unwrap().iter() {
        let open = letter.action != Action::Resolve;
        let before = state.insert(letter.incident.clone(), open).unwrap_or(false);
        assert_eq!(before, letter.action != Action::Trigger, "{letter:?}");
    }
    assert_eq!(state.len(), APPS.len());
    let still: Vec<_> = state
        .iter()
        .filter(|(_, open)| **open)
        .map(|(key, _)| key.clone())
        .collect();
    assert_eq!(still, open.into_keys().collect::<Vec<_>>());
    // It was not pressed: once every five minutes at most, after the first few.
    let asked = dead.asked.lock().unwrap().iter().filter(|at| **at < back).count();
    assert!((24..=300).contains(&asked), "asked {asked} times in a day");
    assert!(
        dead.taken.lock().unwrap()[0].0 <= back + 6 * MINUTE,
        "told within minutes"
    );
    let stats = alerts.stats();
    until("all is delivered", || stats.sinks()["dead"].waiting == 0).await;
    let standing = &stats.sinks()["dead"];
    assert_eq!(standing.delivered, u64::try_from(wanted.len()).unwrap());
    assert!(standing.failed >= 24 && standing.refused == 0, "{standing:?}");
}

#[tokio::test]
async fn a_sink_that_never_answers_is_in_nobodys_way() {
    let world = World::new();
    let journal = world.journal().await;
    let living = Mock::willing(&world.clock);
    let routes = vec![route("tarpit", Arc::new(Tarpit)), route("living", living.clone())];
    let alerts = world.alerts(journal.clone(), routes).await;
    let turns = async {
        for _ in 0..20 {
            world.say(&alerts, &[refused("billing"), fine("billing")]).await;
        }
    };
    // Nothing waits: forty times what the tarpit is given would be far more.
    tokio::time::timeout(Duration::from_secs(200), turns)
        .await
        .expect("an append waited for a sink");
    until("the other is told", || living.short().len() == 40).await;
    until("it is seen", || alerts.stats().sinks()["tarpit"].waiting == 40).await;
    let tarpit = alerts.stats().sinks()["tarpit"].clone();
    assert_eq!((tarpit.delivered, tarpit.oldest), (0, Some(START)));
    // Nor does the end wait for it.
    let ended = tokio::time::timeout(Duration::from_secs(15), alerts.finish(Duration::from_millis(200)));
    ended.await.expect("the end waited for a sink");
}

#[tokio::test]
async fn what_a_sink_asks_for_is_kept_over_a_restart() {
    let world = World::new();
    let journal = world.journal().await;
    let asking = Mock::new(&world.clock, |_, _| {
        Err(Trouble::Later {
            why: "it answered 429".into(),
            wait: Some(20 * MINUTE),
        })
    });
    let alerts = world
        .alerts(journal.clone(), vec![route("it", asking.clone())])
        .await;
    world.say(&alerts, &[refused("billing")]).await;
    until("it is asked", || asking.asked.lock().unwrap().len() == 1).await;
    until("it is noted", || alerts.stats().sinks()["it"].attempts == 1).await;
    alerts.finish(MINUTE).await;
    drop(alerts);

    // Another process: the sink is left alone for as long as it asked for, also as more is said.
    let willing = Mock::willing(&world.clock);
    let alerts = world
        .alerts(journal.clone(), vec![route("it", willing.clone())])
        .await;
    world.say(&alerts, &[overdue("billing", true)]).await;
    until("it is seen", || alerts.stats().sinks()["it"].waiting == 2).await;
    pass_asleep(&world.clock, MINUTE, 2, "it is told", || {
        !willing.short().is_empty()
    })
    .await;
    let first = willing.asked.lock().unwrap()[0];
    assert!(
        first >= START + 20 * MINUTE && first <= START + 25 * MINUTE,
        "{first}"
    );
    until("both", || willing.short().len() == 2).await;
    assert_eq!(asking.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_refused_for_good_is_passed_over_and_tried_again_after_a_reload() {
    let world = World::new();
    let journal = world.journal().await;
    let wrong_key = Arc::new(AtomicBool::new(true));
    let judged = wrong_key.clone();
    let sink = Mock::new(&world.clock, move |_, letter| {
        match judged.load(Ordering::SeqCst) && letter.kind == "current-refused" {
            true => Err(Trouble::Refused {
                why: "it answered 400".into(),
            }),
            false => Ok(()),
        }
    });
    let alerts = world
        .alerts(journal.clone(), vec![route("it", sink.clone())])
        .await;
    world
        .say(
            &alerts,
            &[adopted("billing"), refused("billing"), overdue("billing", true)],
        )
        .await;
    until("the second is taken", || {
        sink.short() == ["+ rekeyd/billing/overdue"]
    })
    .await;
    until("it is counted", || alerts.stats().sinks()["it"].refused == 1).await;
    wrong_key.store(false, Ordering::SeqCst);
    alerts
        .apply(directory(&["billing"]), vec![route("it", sink.clone())])
        .await
        .unwrap();
    until("the first is taken", || sink.short().len() == 2).await;
    world.say(&alerts, &[fine("billing")]).await;
    let wanted = [
        "+ rekeyd/billing/overdue",
        "+ rekeyd/billing/current-refused",
        "- rekeyd/billing/current-refused",
    ];
    until("it is over", || sink.short() == wanted).await;
}

#[tokio::test]
async fn a_sink_is_told_what_it_is_for_and_that_to_the_end() {
    let world = World::new();
    let journal = world.journal().await;
    let (all, errors, others) = (
        Mock::willing(&world.clock),
        Mock::willing(&world.clock),
        Mock::willing(&world.clock),
    );
    let mut of_errors = route("errors", errors.clone());
    of_errors.least = Severity::Error;
    let mut of_others = route("others", others.clone());
    of_others.apps = Arc::new(|app| app == "payroll");
    let routes = vec![route("all", all.clone()), of_errors, of_others];
    let alerts = world
        .alerts_for(&["billing", "payroll"], journal.clone(), routes)
        .await;
    world
        .say(&alerts, &[adopted("billing"), adopted("payroll")])
        .await;
    // Of no use to `errors` until it is past; a failure that is tried once again to nobody.
    world
        .say(&alerts, &[overdue("billing", false), overdue("billing", true)])
        .await;
    world
        .say(
            &alerts,
            &[started("billing", 1), tried("billing", 1), rotated("billing", 1)],
        )
        .await;
    let off = rekeyd::engine::service::ServiceNote::ClockOff {
        org: "prod".into(),
        by_ms: 9,
    };
    world
        .say(&alerts, &[Said::Service(off), hold_asked("payroll", "me")])
        .await;
    let wanted = [
        "+ rekeyd/billing/overdue",
        "~ rekeyd/billing/overdue",
        "- rekeyd/billing/overdue",
        "+ rekeyd/org:prod/clock-off",
        "+ rekeyd/payroll/held",
    ];
    until("all", || all.short() == wanted).await;
    let wanted = [
        "~ rekeyd/billing/overdue",
        "- rekeyd/billing/overdue",
        "+ rekeyd/org:prod/clock-off",
    ];
    until("errors", || errors.short() == wanted).await;
    let wanted = ["+ rekeyd/org:prod/clock-off", "+ rekeyd/payroll/held"];
    until("others", || others.short() == wanted).await;
}

#[tokio::test]
async fn a_sink_that_is_new_learns_what_is_open_and_no_more() {
    let world = World::new();
    let journal = world.journal().await;
    let first = Mock::willing(&world.clock);
    let alerts = world
        .alerts(journal.clone(), vec![route("first", first.clone())])
        .await;
    world
        .say(
            &alerts,
            &[adopted("billing"), refused("billing"), fine("billing")],
        )
        .await;
    world.say(&alerts, &[overdue("billing", true)]).await;
    until("the first knows", || first.short().len() == 3).await;
    let second = Mock::willing(&world.clock);
    let both = || vec![route("first", first.clone()), route("second", second.clone())];
    alerts.apply(directory(&["billing"]), both()).await.unwrap();
    until("the second knows", || {
        second.short() == ["+ rekeyd/billing/overdue"]
    })
    .await;
    // Once more: nobody is told twice.
    alerts.apply(directory(&["billing"]), both()).await.unwrap();
    world
        .say(
            &alerts,
            &[Said::App(
                "billing",
                None,
                Box::new(rekeyd::engine::note::Note::InTime),
            )],
        )
        .await;
    until("it is over", || {
        second.short().len() == 2 && first.short().len() == 4
    })
    .await;

    // A sink that was away, while letters were removed, learns what is over.
    world.say(&alerts, &[refused("billing")]).await;
    until("open", || second.short().len() == 3 && first.short().len() == 5).await;
    alerts
        .apply(directory(&["billing"]), vec![route("first", first.clone())])
        .await
        .unwrap();
    world.say(&alerts, &[fine("billing")]).await;
    until("over", || first.short().len() == 6).await;
    let stats = alerts.stats();
    until("noted", || stats.sinks()["first"].waiting == 0).await;
    // A sink that was taken away is gone once its task has ended.
    until("gone", || !stats.sinks().contains_key("second")).await;
    let removed = journal.prune(&["mock/first".into()], START + DAY).await.unwrap();
    assert!(removed >= 6, "{removed}");
    alerts.apply(directory(&["billing"]), both()).await.unwrap();
    until("told", || second.short().len() == 4).await;
    assert_eq!(second.short()[3], "- rekeyd/billing/current-refused");
}

#[tokio::test]
async fn a_sink_that_forgets_is_told_again_of_what_is_open() {
    let world = World::new();
    let journal = world.journal().await;
    let sink = Mock::forgetful(&world.clock, 3 * MINUTE);
    let alerts = world
        .alerts(journal.clone(), vec![route("it", sink.clone())])
        .await;
    world
        .say(&alerts, &[adopted("billing"), refused("billing")])
        .await;
    until("told", || sink.short().len() == 1).await;
    let before = sink.reminded.lock().unwrap().len();
    pass(&world.clock, Duration::from_secs(10), "told again", || {
        sink.reminded.lock().unwrap().len() >= before + 3
    })
    .await;
    let last = sink.reminded.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last, ["rekeyd/billing/current-refused"]);
    world.say(&alerts, &[fine("billing")]).await;
    until("over", || sink.short().len() == 2).await;
    let before = sink.reminded.lock().unwrap().len();
    pass(&world.clock, Duration::from_secs(10), "told again", || {
        sink.reminded.lock().unwrap().len() > before
    })
    .await;
    assert!(sink.reminded.lock().unwrap().last().unwrap().is_empty());
}

/// Old letters go once every sink has them; one that is still wanted stays, however old.
#[tokio::test]
async fn only_what_is_old_and_delivered_is_removed() {
    let world = World::new();
    let journal = world.journal().await;
    let back = START + 40 * DAY;
    let dead = Mock::new(
        &world.clock,
        move |now, _| if now < back { Err(gone()) } else { Ok(()) },
    );
    let living = Mock::willing(&world.clock);
    let routes = vec![route("dead", dead.clone()), route("living", living.clone())];
    let alerts = world.alerts(journal.clone(), routes).await;
    world
        .say(
            &alerts,
            &[adopted("billing"), refused("billing"), fine("billing")],
        )
        .await;
    until("the living knows", || living.short().len() == 2).await;
    pass(&world.clock, 360 * MINUTE, "forty days", || {
        world.clock.now() >= back
    })
    .await;
    assert_eq!(letters(&world.path()).await.len(), 2, "what is wanted stays");
    pass(&world.clock, MINUTE, "the dead knows", || dead.short().len() == 2).await;
    assert_eq!(dead.short(), living.short());
    let end = world.clock.now() + 2 * DAY;
    pass(&world.clock, 60 * MINUTE, "two days", || world.clock.now() >= end).await;
    let gone = async {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while !letters(&world.path()).await.is_empty() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("old letters are removed");
    // The history is whole: letters are no part of it.
    assert_eq!(journal.read(&RecordQuery::default()).await.unwrap().len(), 3);
    journal.verify(None).await.unwrap();
}
