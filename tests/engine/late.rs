//! Deadlines: told ahead, told past, and taken back.

use rekeyd::engine::command::Command;
use rekeyd::engine::note::Note;

use super::world::{DAY, Engine, HOUR, TICK, World, name};

async fn words(engine: &Engine<'_>) -> Vec<&'static str> {
    let notes = engine.notes(0).await;
    let word = |note: &Note| {
        if let Note::Overdue { past, .. } = note {
            return Some(if *past { "past" } else { "near" });
        }
        (*note == Note::InTime).then_some("in time")
    };
    notes.iter().filter_map(word).collect()
}

/// It is held, so nothing is even tried.
#[tokio::test]
async fn a_deadline_that_nobody_works_towards_is_told_all_the_same() {
    let world = World::new(1).await;
    let policy = world.policy(
        [0],
        "",
        "schedule = { every = \"30d\" }\nmax_age = \"60d\"\ngrace = \"0s\"",
    );
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let (app, by, why) = (name(0), "a person".to_owned(), "audit".to_owned());
    engine.ask(Command::Hold { app, by, why }).await;
    engine.pass(DAY * 52, HOUR * 4).await;
    assert_eq!(words(&engine).await, [""; 0]);
    engine.pass(DAY * 3, HOUR * 4).await;
    assert_eq!(words(&engine).await, ["near"]);
    engine.pass(DAY * 30, HOUR * 4).await;
    assert_eq!(words(&engine).await, ["near", "past"]);
    assert!(engine.ledger(0).overdue.is_some_and(|overdue| overdue.past));
    let (app, by, take_over) = (name(0), "a person".to_owned(), None);
    engine.ask(Command::Resume { app, by, take_over }).await;
    engine
        .until("rotated", TICK, |ledgers| {
            ledgers.apps[&name(0)].last_success.is_some()
        })
        .await;
    assert!(engine.ledger(0).overdue.is_none());
    engine.stop().await;
}

/// The window that the policy names opens too late: that is known from the first day.
#[tokio::test]
async fn a_window_past_the_deadline_is_told_at_once_and_taken_back_by_another_policy() {
    let world = World::new(1).await;
    let quarterly = |cron: &str| {
        let app = format!(
            "schedule = {{ every = \"30d\" }}\nmax_age = \"60d\"\ngrace = \"0s\"\n\
             window = {{ cron = \"{cron}\", duration = \"1h\", zone = \"UTC\" }}"
        );
        world.policy([0], "", &app)
    };
    let engine = world.start(&quarterly("0 3 29 2 *")).await;
    engine.adopted().await;
    engine
        .until("told", TICK, |ledgers| ledgers.apps[&name(0)].overdue.is_some())
        .await;
    assert_eq!(words(&engine).await, ["near"]);
    engine.take(&quarterly("0 3 * * *")).await;
    engine
        .until("taken back", TICK, |ledgers| {
            ledgers.apps[&name(0)].overdue.is_none()
        })
        .await;
    assert_eq!(words(&engine).await, ["near", "in time"]);
    assert!(engine.started().await.is_empty());
    engine.stop().await;
}
