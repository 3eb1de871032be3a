//! The window of an org that keeps consumer secrets over REST switched off: opened for rotations, closed after them, by
//! whoever opened it (design §4, the last rule).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rekeyd::alert::incident::{Directory, open};
use rekeyd::clock::Timestamp;
use rekeyd::document::Document;
use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::ledger::Ledgers;
use rekeyd::engine::seat::{Seat, StoreSeat};
use rekeyd::engine::service::ServiceNote;
use rekeyd::engine::supervisor::Managed;
use rekeyd::policy::Policy;
use rekeyd::port::journal::{Entry, Head, Journal, JournalFault, Record, RecordQuery, Verified, VerifyFault};
use rekeyd::port::{Fault, Outcome, Place, Slot, Store, VersionRef};
use rekeyd::rotation::{End, Hold, RotationId};
use rekeyd::sandbox::{Act, Rule};
use tokio::sync::watch;

use super::person;
use super::world::{DAY, Engine, HOUR, TICK, World, name, pair};

const STEP: Duration = Duration::from_secs(5);

/// Nothing is due by itself, and what was lost is given up soon.
const ORG: &str =
    "consumer_secrets_switch = \"open-for-rotation\"\nrequest_lifetime = \"60s\"\npropagation = \"30s\"";
const APP: &str = "schedule = { every = \"90d\" }\ngrace = \"2h\"";

/// An org with the switch off, and stores that hold each app's pair already.
async fn closed(apps: usize) -> (World, Policy) {
    closed_with(apps, |_| ()).await
}

async fn closed_with(apps: usize, change: impl FnOnce(&mut rekeyd::sandbox::Seed)) -> (World, Policy) {
    let world = World::seeded(apps, |seed| {
        seed.switches.secret_api_enabled = false;
        change(seed);
    })
    .await;
    let policy = world.policy(0..apps, ORG, APP);
    for app in 0..apps {
        for store in ["one", "two"] {
            world.edit(&policy, app, store, &pair(app)).await;
        }
    }
    (world, policy)
}

impl World {
    fn is_open(&self) -> bool {
        self.org.state().switches.secret_api_enabled
    }

    fn counted(&self, operation: &str) -> u64 {
        self.org
            .state()
            .counters
            .get(operation)
            .copied()
            .unwrap_or_default()
    }

    /// Writes of the switch that arrived.
    fn writes(&self) -> u64 {
        self.counted("soap.updateMetadata")
    }

    fn mints(&self) -> u64 {
        self.counted("staged.post")
    }

    fn lay(&self, rule: serde_json::Value) {
        self.org
            .fault(serde_json::from_value::<Rule>(rule).unwrap())
            .unwrap();
    }
}

fn refusal() -> serde_json::Value {
    serde_json::json!({
        "kind": "status",
        "code": 500,
        "body": "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
            <soapenv:Fault><faultcode>sf:INSUFFICIENT_ACCESS</faultcode><faultstring>no</faultstring></soapenv:Fault>\
            </soapenv:Body></soapenv:Envelope>",
    })
}

async fn rotate(engine: &Engine<'_>, app: usize) {
    let reply = engine.say(|| person::rotate(app)).await;
    assert!(matches!(reply, Reply::Started(_)), "{reply:?}");
}

fn rotated(ledgers: &Ledgers, app: usize) -> bool {
    let run = ledgers
        .apps
        .get(&name(app))
        .and_then(|ledger| ledger.run.as_ref());
    run.is_some_and(|run| run.state.is_rotated())
}

fn done(ledgers: &Ledgers, app: usize) -> bool {
    let run = ledgers
        .apps
        .get(&name(app))
        .and_then(|ledger| ledger.run.as_ref());
    run.is_some_and(|run| run.state.end() == Some(&End::Done { disproven: true }))
}

fn hold(ledgers: &Ledgers, app: usize) -> Option<Hold> {
    let run = ledgers.apps.get(&name(app))?.running()?;
    run.state.hold().cloned()
}

fn settled(ledgers: &Ledgers) -> bool {
    ledgers.service.switches.is_empty()
}

/// What was journaled about the switch: `+` for on and `-` for off, intended and seen.
async fn story(engine: &Engine<'_>) -> String {
    let mut story = String::new();
    for record in engine.house.journal.read(&RecordQuery::default()).await.unwrap() {
        let sign = |on: bool| if on { "+" } else { "-" };
        story += &match ServiceNote::read(&record).unwrap() {
            Some(ServiceNote::SwitchIntended { on, .. }) => format!("{}?", sign(on)),
            Some(ServiceNote::SwitchSet { on, .. }) => format!("{} ", sign(on)),
            Some(ServiceNote::SwitchNotSet { on, .. }) => format!("{}x ", sign(on)),
            Some(ServiceNote::SwitchStuck { .. }) => "stuck ".into(),
            Some(ServiceNote::SwitchGone { .. }) => "gone ".into(),
            _ => String::new(),
        };
    }
    story.trim_end().to_owned()
}

#[tokio::test]
async fn it_is_open_for_the_rotation_and_for_the_revocation_and_closed_between_and_after() {
    let (world, policy) = closed(1).await;
    let engine = world.start(&policy).await;
    engine.adopted().await;
    engine.pass(HOUR, STEP).await;
    assert_eq!((world.writes(), world.is_open()), (0, false), "a look opened it");

    rotate(&engine, 0).await;
    let grace = |ledgers: &Ledgers| rotated(ledgers, 0) && settled(ledgers);
    engine.until("rotated and closed", TICK, grace).await;
    assert!(!world.is_open());
    assert_eq!(story(&engine).await, "+?+ -?-");
    engine
        .until("done", STEP, |ledgers| done(ledgers, 0) && settled(ledgers))
        .await;
    assert!(!world.is_open());
    assert_eq!(story(&engine).await, "+?+ -?- +?+ -?-");
    assert_eq!((world.writes(), world.mints()), (4, 1));
    let settings = world.org.state().org_settings;
    let other = ("enablePackageEcaOauthFromDevOrg".to_owned(), "true".to_owned());
    assert!(
        settings.contains(&other),
        "another setting went with it: {settings:?}"
    );
    engine.stop().await;
}

#[tokio::test]
async fn what_an_administrator_had_open_is_not_closed() {
    let (world, policy) = closed(1).await;
    let on = serde_json::from_str(r#"{"secret_api_enabled": true}"#).unwrap();
    world.org.switch(None, &on).unwrap();
    let engine = world.start(&policy).await;
    engine.adopted().await;
    rotate(&engine, 0).await;
    engine.until("done", STEP, |ledgers| done(ledgers, 0)).await;
    engine.pass(HOUR, STEP).await;
    assert_eq!((world.writes(), world.is_open()), (0, true));
    assert_eq!(story(&engine).await, "");
    engine.stop().await;
}

#[tokio::test]
async fn a_rotation_that_fails_closes_it() {
    let (world, policy) = closed(1).await;
    let engine = world.start(&policy).await;
    engine.adopted().await;
    world.lay(serde_json::json!({
        "operation": "staged.post", "count": 0,
        "action": { "kind": "status", "code": 400, "body": "[{\"errorCode\":\"INVALID_INPUT\",\"message\":\"no\"}]" },
    }));
    rotate(&engine, 0).await;
    let held = |ledgers: &Ledgers| hold(ledgers, 0).is_some() && settled(ledgers);
    engine.until("held and closed", TICK, held).await;
    assert!(!world.is_open());
    assert!(matches!(engine.say(person::abandon).await, Reply::Done(_)));
    let ended = |ledgers: &Ledgers| {
        let run = ledgers.apps[&name(0)].run.as_ref();
        run.is_some_and(|run| run.state.end().is_some()) && settled(ledgers)
    };
    engine.until("ended and closed", TICK, ended).await;
    assert!(!world.is_open());
    engine.stop().await;
}

/// A held app gives it back, and opens it again when a person has decided.
#[tokio::test]
async fn a_rotation_that_is_held_closes_it_and_opens_it_again() {
    let (world, policy) = closed(1).await;
    let engine = world.start(&policy).await;
    engine.adopted().await;
    world
        .org
        .act(Act::Stage {
            app: "App0".into(),
            by: None,
        })
        .unwrap();
    rotate(&engine, 0).await;
    let held = |ledgers: &Ledgers| matches!(hold(ledgers, 0), Some(Hold::ForeignSlot { .. }));
    engine
        .until("held and closed", TICK, |ledgers| {
            held(ledgers) && settled(ledgers)
        })
        .await;
    assert!(!world.is_open());
    let Some(Hold::ForeignSlot { id }) = hold(&engine.ledgers.lock().unwrap(), 0) else {
        panic!("not held")
    };
    let resume = || Command::Resume {
        app: name(0),
        by: "a person".into(),
        take_over: Some(id.clone()),
    };
    assert!(matches!(engine.say(resume).await, Reply::Done(_)));
    engine
        .until("done", STEP, |ledgers| done(ledgers, 0) && settled(ledgers))
        .await;
    assert!(!world.is_open());
    assert_eq!(story(&engine).await, "+?+ -?- +?+ -?- +?+ -?-");
    engine.stop().await;
}

/// Takes no pending value as long as it is shut.
struct Shut {
    store: Arc<dyn Store>,
    shut: Arc<AtomicBool>,
}

#[async_trait]
impl Store for Shut {
    fn name(&self) -> &str {
        self.store.name()
    }

    async fn read(&self, place: &Place) -> Result<Slot, Fault> {
        self.store.read(place).await
    }

    async fn obstacles(&self, grace: Duration) -> Result<Vec<String>, Fault> {
        self.store.obstacles(grace).await
    }

    async fn put_pending(&self, base: &VersionRef, value: &Document, id: RotationId) -> Outcome<VersionRef> {
        match self.shut.load(Ordering::SeqCst) {
            true => Outcome::NotNow(Fault::Unavailable("shut".into())),
            false => self.store.put_pending(base, value, id).await,
        }
    }

    async fn publish(&self, base: &VersionRef, value: &Document, id: RotationId) -> Outcome<VersionRef> {
        self.store.publish(base, value, id).await
    }

    async fn clear_pending(&self, version: &VersionRef) -> Outcome<()> {
        self.store.clear_pending(version).await
    }

    async fn quarantine(&self, version: &VersionRef, id: RotationId) -> Outcome<()> {
        self.store.quarantine(version, id).await
    }
}

fn shut(managed: &mut Managed, shut: &Arc<AtomicBool>) {
    let seats = managed.ways.iter().map(|seat| {
        let stores = seat.stores.iter().map(|at| StoreSeat {
            store: Arc::new(Shut {
                store: at.store.clone(),
                shut: shut.clone(),
            }),
            names: at.names.clone(),
        });
        Arc::new(Seat {
            stores: stores.collect(),
            ..(**seat).clone()
        })
    });
    managed.ways = seats.collect();
    managed.seat = managed.ways[0].clone();
}

#[tokio::test]
async fn it_stays_open_while_one_of_two_apps_lies_between_mint_and_stored() {
    let (world, policy) = closed(2).await;
    let is_shut = Arc::new(AtomicBool::new(true));
    let change = |app: &str, managed: &mut Managed| {
        if app == name(1) {
            shut(managed, &is_shut);
        }
    };
    let engine = world.start_with(&policy, change).await;
    engine.adopted().await;
    rotate(&engine, 0).await;
    rotate(&engine, 1).await;
    // The first is through with everything; the second waits for its stores, longer and longer.
    engine.until("done", STEP, |ledgers| done(ledgers, 0)).await;
    engine.pass(HOUR, STEP * 12).await;
    let between = |ledgers: &Ledgers| {
        let run = ledgers.apps[&name(1)].running().cloned();
        run.is_some_and(|run| run.state.lies_between_mint_and_stored())
    };
    assert!(between(&engine.ledgers.lock().unwrap()));
    assert!(
        world.is_open(),
        "closed on an app that may have to read its value again"
    );
    assert_eq!(story(&engine).await, "+?+");
    is_shut.store(false, Ordering::SeqCst);
    let grace = |ledgers: &Ledgers| rotated(ledgers, 1) && settled(ledgers);
    engine.until("rotated and closed", STEP, grace).await;
    assert_eq!((world.is_open(), world.mints()), (false, 2));
    assert_eq!(story(&engine).await, "+?+ -?-");
    engine.stop().await;
}

#[tokio::test]
async fn a_close_that_is_refused_is_told_and_tried_again() {
    let (world, policy) = closed(1).await;
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let apps: Directory = engine.board.cards().apps.clone();
    let told = |ledgers: &Ledgers| {
        let found = open(ledgers, &apps);
        found
            .get("rekeyd/org:prod/switch-left-on")
            .map(|incident| incident.count)
    };
    world.lay(
        serde_json::json!({ "operation": "soap.updateMetadata", "nth": 2, "count": 0, "action": refusal() }),
    );
    rotate(&engine, 0).await;
    engine
        .until("told", TICK, |ledgers| {
            told(ledgers) == Some(1) && rotated(ledgers, 0)
        })
        .await;
    assert!(world.is_open());
    engine
        .until("tried again and again", STEP, |ledgers| told(ledgers) >= Some(4))
        .await;
    assert!(engine.now() > Timestamp(0) && story(&engine).await.starts_with("+?+ -?-x stuck -?-x stuck"));
    world.org.clear_faults();
    engine
        .until("closed", STEP, |ledgers| {
            told(ledgers).is_none() && settled(ledgers)
        })
        .await;
    assert!(!world.is_open());
    engine.stop().await;
}

/// The org says that it is on, and goes on refusing for a while.
#[tokio::test]
async fn a_switch_that_takes_its_time_holds_nothing() {
    let (world, policy) = closed_with(1, |seed| seed.switches.secret_api_delay_seconds = 25).await;
    let engine = world.start(&policy).await;
    engine.adopted().await;
    rotate(&engine, 0).await;
    let grace = |ledgers: &Ledgers| {
        assert_eq!(hold(ledgers, 0), None);
        rotated(ledgers, 0) && settled(ledgers)
    };
    engine.until("rotated and closed", TICK, grace).await;
    assert_eq!(story(&engine).await, "+?+ -?-");
    engine.stop().await;
}

/// Somebody turns it off under our hands: that was theirs to do, and it is opened again.
#[tokio::test]
async fn what_somebody_else_closed_is_opened_again() {
    let (world, policy) = closed(1).await;
    let is_shut = Arc::new(AtomicBool::new(true));
    let engine = world
        .start_with(&policy, |_, managed| shut(managed, &is_shut))
        .await;
    engine.adopted().await;
    rotate(&engine, 0).await;
    let waits = |ledgers: &Ledgers| {
        let run = ledgers.apps[&name(0)].running().cloned();
        run.is_some_and(|run| run.state.lies_between_mint_and_stored() && run.state.attempts > 1)
    };
    engine.until("waiting for its stores", TICK, waits).await;
    let off = serde_json::from_str(r#"{"secret_api_enabled": false}"#).unwrap();
    world.org.switch(None, &off).unwrap();
    is_shut.store(false, Ordering::SeqCst);
    engine
        .until("done", STEP, |ledgers| done(ledgers, 0) && settled(ledgers))
        .await;
    assert!(story(&engine).await.starts_with("+?+ gone +?+ -?-"));
    assert_eq!((world.is_open(), world.mints()), (false, 1));
    engine.stop().await;
}

#[tokio::test]
async fn what_only_credentials_show_is_not_opened_for() {
    let world = World::seeded(1, |seed| seed.switches.secret_api_enabled = false).await;
    let policy = world.policy([0], ORG, APP);
    let engine = world.start(&policy).await;
    let unadopted = |ledgers: &Ledgers| {
        let ledger = ledgers.apps.get(&name(0));
        ledger.is_some_and(|ledger| ledger.unadopted.is_some())
    };
    engine.until("not adopted", TICK, unadopted).await;
    let why = engine.ledger(0).unadopted.unwrap();
    assert!(
        why.contains("is off, which rekeyd turns on for rotations alone"),
        "{why}"
    );
    engine.pass(DAY / 2, HOUR / 4).await;
    assert_eq!(world.writes(), 0);
    engine.stop().await;
}

#[tokio::test]
async fn without_the_policy_s_word_it_is_left_alone() {
    let (world, _) = closed(1).await;
    let policy = world.policy([0], "", APP);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    rotate(&engine, 0).await;
    engine
        .until("held", TICK, |ledgers| {
            matches!(hold(ledgers, 0), Some(Hold::Obstacles { .. }))
        })
        .await;
    assert_eq!((world.writes(), world.is_open()), (0, false));
    engine.stop().await;
}

/// A journal before or after whose n-th note about the switch the process dies.
struct Cut {
    journal: Arc<dyn Journal>,
    left: AtomicU32,
    before: bool,
    dead: watch::Sender<bool>,
}

impl Cut {
    async fn die(&self) -> ! {
        self.dead.send_replace(true);
        std::future::pending::<()>().await;
        unreachable!("it is dead")
    }
}

#[async_trait]
impl Journal for Cut {
    async fn append(&self, at: Timestamp, entries: &[Entry]) -> Result<Head, JournalFault> {
        if *self.dead.borrow() {
            self.die().await;
        }
        let about = |entry: &Entry| {
            let note = entry.body.get("note").and_then(|note| note.as_str());
            note.is_some_and(|note| note.starts_with("switch-"))
        };
        let hit = entries.iter().any(about) && self.left.fetch_sub(1, Ordering::SeqCst) == 1;
        if hit && self.before {
            self.die().await;
        }
        let answer = self.journal.append(at, entries).await;
        if hit {
            self.die().await;
        }
        answer
    }

    async fn read(&self, query: &RecordQuery) -> Result<Vec<Record>, JournalFault> {
        self.journal.read(query).await
    }

    async fn head(&self) -> Result<Head, JournalFault> {
        self.journal.head().await
    }

    async fn is_empty(&self) -> Result<bool, JournalFault> {
        self.journal.is_empty().await
    }

    async fn verify(&self, expected: Option<Head>) -> Result<Verified, VerifyFault> {
        self.journal.verify(expected).await
    }

    async fn remember(&self, name: &str, value: &serde_json::Value) -> Result<(), JournalFault> {
        self.journal.remember(name, value).await
    }

    async fn recall(&self, name: &str) -> Result<Option<serde_json::Value>, JournalFault> {
        self.journal.recall(name).await
    }
}

/// Every crash at one of the four writes of a rotation with grace: before its intent, between intent and write, between
/// write and outcome, after the outcome.
#[tokio::test]
async fn a_crash_at_each_of_its_effects_leaves_nothing_open() {
    for note in 1..=8 {
        for before in [true, false] {
            let (world, policy) = closed(1).await;
            let (dead, died) = watch::channel(false);
            let cut = |journal| -> Arc<dyn Journal> {
                Arc::new(Cut {
                    journal,
                    left: AtomicU32::new(note),
                    before,
                    dead,
                })
            };
            let engine = world.start_in(&policy, cut, |_, _| ()).await;
            engine.adopted().await;
            rotate(&engine, 0).await;
            let case = format!("note {note}, before {before}");
            engine.until(&case, STEP, |_| *died.borrow()).await;
            engine.die().await;

            let engine = world.start(&policy).await;
            engine
                .until(&case, STEP, |ledgers| done(ledgers, 0) && settled(ledgers))
                .await;
            engine.pass(HOUR, STEP * 12).await;
            assert_eq!((world.is_open(), world.mints()), (false, 1), "{case}");
            engine.stop().await;
        }
    }
}

/// The same for requests that are lost, before and after they are applied, or come late.
#[tokio::test]
async fn a_write_that_is_not_answered_is_only_read_for_and_ends_well() {
    let lost = [
        serde_json::json!({ "kind": "drop_before" }),
        serde_json::json!({ "kind": "drop_after" }),
        serde_json::json!({ "kind": "apply_late", "seconds": 50 }),
    ];
    for action in lost {
        for nth in 1..=4 {
            let (world, _) = closed(1).await;
            // The clock of this test may run ahead of a request that is on its way: what lands late is given the time.
            let org = ORG.replace("\"60s\"", "\"20m\"");
            let policy = world.policy([0], &org, &APP.replace("2h", "3m"));
            let engine = world.start(&policy).await;
            engine.adopted().await;
            world
                .lay(serde_json::json!({ "operation": "soap.updateMetadata", "nth": nth, "action": action }));
            rotate(&engine, 0).await;
            let case = format!("{action} at {nth}");
            engine
                .until(&case, STEP, |ledgers| done(ledgers, 0) && settled(ledgers))
                .await;
            engine.pass(HOUR, STEP * 12).await;
            let story = story(&engine).await;
            assert_eq!((world.is_open(), world.mints()), (false, 1), "{case}: {story}");
            let twice = story.contains("?+?") || story.contains("?-?");
            assert!(!twice, "{case}: sent again while it might still land: {story}");
            engine.stop().await;
        }
    }
}

/// A stopped service leaves nothing open behind it.
#[tokio::test]
async fn a_drain_closes_it() {
    let (world, policy) = closed(1).await;
    let engine = world.start(&policy).await;
    engine.adopted().await;
    rotate(&engine, 0).await;
    engine
        .until("open", TICK, |ledgers| {
            ledgers
                .service
                .switches
                .get("prod")
                .is_some_and(|switch| switch.ours.is_some())
        })
        .await;
    engine.stop().await;
    let minted = world.mints() > 0;
    assert!(!world.is_open() || minted);
    let engine = world.start(&policy).await;
    engine
        .until("done", STEP, |ledgers| done(ledgers, 0) && settled(ledgers))
        .await;
    assert!(!world.is_open());
    engine.stop().await;
}
