//! Method `assisted`: rekeyd asks, a person acts in Setup, and everything else is done as for any other method. A Connected
//! App of a default org: no API shows or changes anything of it.

use std::time::Duration;

use rekeyd::engine::command::Reply;
use rekeyd::engine::health::{Health, was_refused};
use rekeyd::engine::ledger::{AppLedger, Ledgers};
use rekeyd::engine::note::Note;
use rekeyd::engine::phase::Phase;
use rekeyd::engine::tell;
use rekeyd::policy::Policy;
use rekeyd::rotation::{Ask, End, Event, Hold};
use rekeyd::sandbox::{Act, ConnectedAppSeed};

use super::person::{abandon, end, of, resume, rotate, submit};
use super::world::{DAY, Engine, HOUR, TICK, World, name, pair};

const STEP: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// One Connected App, as App0, and another.
async fn world(switches: &[(&str, serde_json::Value)]) -> World {
    World::seeded(0, |seed| {
        for app in 0..2 {
            let (key, secret) = pair(app);
            seed.connected_apps.push(ConnectedAppSeed {
                name: format!("App{app}"),
                consumer_key: Some(key),
                consumer_secret: Some(secret),
                ..ConnectedAppSeed::default()
            });
        }
        let usual = [("staged_proves_before_cutover", false.into())];
        let set = usual
            .iter()
            .chain(switches)
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        seed.switches = seed.switches.with(&set.collect()).unwrap();
    })
    .await
}

fn policy(world: &World, more: &str) -> Policy {
    let (name, other) = (name(0), name(1));
    world.policy_of(
        "",
        &format!(
            r#"
[app.{other}]
org = "prod"
stores = [{{ store = "one", path = "{other}" }}]
schedule = {{ every = "90d" }}
first = "after-interval"
[app.{other}.connected_app]
name = "App1"
method = "assisted"
allow_key_change = true

[app.{name}]
org = "prod"
stores = [{{ store = "one", path = "{name}" }}, {{ store = "two", path = "{name}" }}]
schedule = {{ every = "90d" }}
first = "after-interval"
{more}
[app.{name}.connected_app]
name = "App0"
method = "assisted"
allow_key_change = true
"#
        ),
    )
}

fn asked(what: Ask) -> impl Fn(&Ledgers) -> bool {
    move |ledgers| {
        of(ledgers, |ledger| {
            ledger.running().is_some_and(|run| {
                run.state.asks() && run.state.asked.is_some_and(|asked| asked.what == what)
            })
        })
    }
}

fn is_done(ledgers: &Ledgers) -> bool {
    of(ledgers, end) == Some(End::Done { disproven: true })
}

fn refused(reply: &Reply, words: &str) {
    let Reply::Refused { why, .. } = reply else {
        panic!("not refused: {reply:?}")
    };
    assert!(why.contains(words), "{why}");
}

impl World {
    fn act_on(&self, act: fn(String, Option<String>) -> Act) {
        self.org.act(act("App0".into(), None)).unwrap();
    }

    /// The pair of the highest number: the one that was made last.
    fn newest(&self) -> (String, String) {
        let state = self.org.state();
        let consumer = state.app("App0").unwrap().consumers.first().unwrap();
        let newest = consumer.pairs.iter().max_by_key(|pair| pair.generation).unwrap();
        (newest.client_id.clone(), newest.client_secret.clone())
    }

    fn generate(&self) -> (String, String) {
        self.act_on(|app, by| Act::Stage { app, by });
        self.newest()
    }

    fn apply(&self) {
        self.act_on(|app, by| Act::Promote { app, by });
    }

    async fn both(&self, policy: &Policy) -> [(String, String); 2] {
        [
            self.held(policy, 0, "one").await,
            self.held(policy, 0, "two").await,
        ]
    }
}

/// Adopted, and asked for a pair.
async fn asking<'a>(world: &'a World, policy: &Policy) -> Engine<'a> {
    for store in ["one", "two"] {
        world.give(policy, &name(0), store, &pair(0)).await;
    }
    world.give(policy, &name(1), "one", &pair(1)).await;
    let engine = world.start(policy).await;
    engine.adopted().await;
    let reply = engine.say(|| rotate(0)).await;
    assert!(matches!(reply, Reply::Started(_)), "{reply:?}");
    engine.until("asked", TICK, asked(Ask::Pair)).await;
    engine
}

#[tokio::test]
async fn from_the_request_to_the_proof() {
    let world = world(&[]).await;
    let policy = policy(&world, "");
    let engine = asking(&world, &policy).await;
    let ledger = engine.ledger(0);
    assert_eq!(Phase::of(&ledger, engine.now()), Phase::Asking);
    let (stands, help) = tell::status_words(&ledger, &name(0), engine.now());
    assert!(
        stands.contains("waiting for a person's new credential until"),
        "{stands}"
    );
    let help = help.unwrap();
    assert!(
        help.contains("Manage Consumer Details") && help.contains("`rekeyd submit app-0`"),
        "{help}"
    );
    // A refused pair is what one that was not applied looks like, so it is taken; nothing changes for consumers.
    let new = world.generate();
    let reply = engine.say(|| submit(&new)).await;
    assert!(
        matches!(&reply, Reply::Done(text) if text.contains("stored as pending in every store")),
        "{reply:?}"
    );
    assert_eq!(world.both(&policy).await, [pair(0), pair(0)]);
    engine.until("to apply", TICK, asked(Ask::Apply)).await;
    engine.pass(HOUR, MINUTE).await;
    assert_eq!(world.both(&policy).await, [pair(0), pair(0)]);
    let reply = engine.say(resume).await;
    assert!(
        matches!(&reply, Reply::Done(text) if text.contains("every few seconds")),
        "{reply:?}"
    );
    world.apply();
    let at = engine.now();
    let rotated = |ledgers: &Ledgers| {
        of(ledgers, |ledger| {
            ledger.run.as_ref().is_some_and(|run| run.state.is_rotated())
        })
    };
    engine.until("rotated", TICK, rotated).await;
    // Without the person's word it would be looked at every five minutes by now.
    assert!(
        engine.now().since(at) < MINUTE * 4,
        "{}",
        engine.now().since(at).as_secs()
    );
    assert_eq!(world.both(&policy).await, [new.clone(), new.clone()]);
    engine.until("done", STEP, is_done).await;
    assert!(world.org.accepts(&new.0, &new.1).is_some());
    engine.stop().await;
}

#[tokio::test]
async fn what_is_not_the_new_pair_is_turned_away_and_nothing_changes() {
    let world = world(&[]).await;
    let policy = policy(&world, "");
    let engine = asking(&world, &policy).await;
    refused(
        &engine.say(|| submit(&pair(0))).await,
        "current now, not a new one",
    );
    refused(
        &engine.say(|| submit(&pair(1))).await,
        "it is the credential of app app-1",
    );
    let new = world.generate();
    let done = engine.say(|| submit(&new)).await;
    assert!(matches!(done, Reply::Done(_)), "{done:?}");
    // The same one again is no other.
    let done = engine.say(|| submit(&new)).await;
    assert!(matches!(done, Reply::Done(_)), "{done:?}");
    let wrong = ("3MVG9nobody".to_owned(), "nothing".to_owned());
    refused(
        &engine.say(|| submit(&wrong)).await,
        "another credential was handed over before",
    );
    assert_eq!(world.both(&policy).await, [pair(0), pair(0)]);
    let away = |note: &&Note| {
        matches!(
            note,
            Note::Step {
                step: Event::TurnedAway { .. }
            }
        )
    };
    assert_eq!(engine.notes(0).await.iter().filter(away).count(), 3);
    engine.stop().await;
}

#[tokio::test]
async fn without_an_answer_it_reminds_and_abandon_changes_nothing() {
    let world = world(&[]).await;
    let policy = policy(&world, "answer_within = \"2d\"");
    let engine = asking(&world, &policy).await;
    engine.pass(DAY * 4 - HOUR * 2, HOUR).await;
    let reminded = |note: &&Note| {
        matches!(
            note,
            Note::Step {
                step: Event::Reminded
            }
        )
    };
    // Half, nine tenths, the end, and one each day after.
    assert_eq!(engine.notes(0).await.iter().filter(reminded).count(), 4);
    assert!(matches!(engine.say(abandon).await, Reply::Done(_)));
    let abandoned = |ledgers: &Ledgers| matches!(of(ledgers, end), Some(End::Abandoned { .. }));
    engine.until("abandoned", TICK, abandoned).await;
    assert_eq!(world.both(&policy).await, [pair(0), pair(0)]);
    engine.stop().await;
}

#[tokio::test]
async fn a_restart_at_any_time_goes_on_where_it_was() {
    let world = world(&[]).await;
    let policy = policy(&world, "");
    asking(&world, &policy).await.stop().await;
    let engine = world.start(&policy).await;
    engine.until("asked still", TICK, asked(Ask::Pair)).await;
    let new = world.generate();
    let reply = engine.say(|| submit(&new)).await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    engine.stop().await;
    // Applied while nobody looks: consumers are out until rekeyd is back.
    world.apply();
    let engine = world.start(&policy).await;
    engine.until("done", STEP, is_done).await;
    assert_eq!(world.both(&policy).await, [new.clone(), new.clone()]);
    assert_eq!(engine.started().await.get(&name(0)).unwrap().len(), 1);
    engine.stop().await;
}

#[tokio::test]
async fn a_pair_that_was_applied_before_it_was_handed_over_ends_the_outage_at_once() {
    let world = world(&[]).await;
    let policy = policy(&world, "");
    let engine = asking(&world, &policy).await;
    let new = world.generate();
    world.apply();
    let reply = engine.say(|| submit(&new)).await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    engine.until("done", STEP, is_done).await;
    assert_eq!(world.both(&policy).await, [new.clone(), new.clone()]);
    engine.stop().await;
}

#[tokio::test]
async fn an_org_that_takes_a_generated_pair_early_and_lets_the_old_one_live_is_told_apart_by_the_primary_key()
{
    let switches = [
        ("staged_proves_before_cutover", true.into()),
        ("cutover_overlap_seconds", 600.into()),
    ];
    let world = world(&switches).await;
    let policy = policy(&world, "");
    let engine = asking(&world, &policy).await;
    let new = world.generate();
    let reply = engine.say(|| submit(&new)).await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    engine.pass(HOUR, MINUTE).await;
    // Accepted, and not applied: not published.
    assert_eq!(world.both(&policy).await, [pair(0), pair(0)]);
    world.apply();
    engine.until("done", STEP, is_done).await;
    assert_eq!(world.both(&policy).await, [new.clone(), new.clone()]);
    engine.stop().await;
}

#[tokio::test]
async fn another_pair_than_the_one_handed_over_is_applied_and_a_person_is_paged_and_can_end_it() {
    let world = world(&[]).await;
    let policy = policy(&world, "");
    let engine = asking(&world, &policy).await;
    let handed = world.generate();
    assert!(matches!(engine.say(|| submit(&handed)).await, Reply::Done(_)));
    world.act_on(|app, by| Act::Rotate { app, by });
    let applied = world.newest();
    let hold = |ledger: &AppLedger| ledger.running().and_then(|run| run.state.hold().cloned());
    let held = |ledgers: &Ledgers| matches!(of(ledgers, hold), Some(Hold::NeitherAccepted { .. }));
    engine.until("held", MINUTE, held).await;
    assert_eq!(world.both(&policy).await, [pair(0), pair(0)]);
    assert!(matches!(engine.say(abandon).await, Reply::Done(_)));
    let abandoned = |ledgers: &Ledgers| matches!(of(ledgers, end), Some(End::Abandoned { .. }));
    engine.until("abandoned", MINUTE, abandoned).await;
    // Consumers are out as before, and that is told by the first look.
    assert!(was_refused(&engine.ledger(0)));
    let health = |ledger: &AppLedger| ledger.health.clone().map(|(_, health)| health);
    let refused = |ledgers: &Ledgers| matches!(of(ledgers, health), Some(Health::Refused { .. }));
    engine.until("told", Duration::from_secs(1), refused).await;
    let since = engine.ledger(0).failed_at.unwrap();
    let told = engine.ledger(0).health.unwrap().0;
    assert!(told.since(since) < MINUTE, "{told}");
    let reply = engine.say(|| submit(&applied)).await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    assert!(!was_refused(&engine.ledger(0)));
    assert_eq!(of(&engine.ledgers.lock().unwrap(), health), None);
    assert_eq!(world.both(&policy).await, [applied.clone(), applied.clone()]);
    // What was handed over and never applied is kept, and asked about.
    assert_eq!(engine.ledger(0).aside.len(), 2);
    engine.stop().await;
}

#[tokio::test]
async fn without_its_journal_the_pair_that_was_handed_over_is_found_again_and_published_once_it_is_applied() {
    let world = world(&[]).await;
    let policy = policy(&world, "");
    let engine = asking(&world, &policy).await;
    let new = world.generate();
    assert!(matches!(engine.say(|| submit(&new)).await, Reply::Done(_)));
    engine.stop().await;
    world.lose_journal();
    let engine = world.start(&policy).await;
    engine.until("to apply", STEP, asked(Ask::Apply)).await;
    assert_eq!(world.both(&policy).await, [pair(0), pair(0)]);
    world.apply();
    engine.until("done", STEP, is_done).await;
    assert_eq!(world.both(&policy).await, [new.clone(), new.clone()]);
    engine.stop().await;
}
