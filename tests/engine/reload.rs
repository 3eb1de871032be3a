//! A new policy in a running engine, and what a signal asks for.

use std::collections::BTreeSet;
use std::time::Duration;

use rekeyd::app;
use rekeyd::engine::command::{Command, Control, Reply};
use rekeyd::engine::ledger::Ledgers;
use rekeyd::engine::service::ServiceNote;
use rekeyd::policy::Policy;
use rekeyd::rotation::RotationId;
use tokio::sync::oneshot;

use super::world::{DAY, Engine, HOUR, TICK, World, name};

const QUARTERLY: &str = "schedule = { every = \"90d\" }\ngrace = \"3d\"\ncool_down = \"1h\"";

impl Engine<'_> {
    /// What SIGHUP does with a good policy.
    pub async fn take(&self, policy: &Policy) {
        let ledgers = self.ledgers.lock().unwrap().clone();
        let apps = app::build(policy, &ledgers, &self.house).ok().unwrap();
        let (done, in_force) = oneshot::channel();
        self.control(Control::Apps { apps, done }).await;
        in_force.await.unwrap();
    }

    async fn rotate(&self, app: usize, key: Option<&str>) -> Reply {
        self.ask(Command::Rotate {
            app: name(app),
            reason: "a test".into(),
            by: "a test".into(),
            ignore_window: false,
            key: key.map(str::to_owned),
        })
        .await
    }
}

fn started(reply: Reply) -> RotationId {
    let Reply::Started(id) = reply else {
        panic!("{reply:?}");
    };
    id
}

fn rotated(ledgers: &Ledgers, app: usize) -> bool {
    ledgers
        .apps
        .get(&name(app))
        .is_some_and(|ledger| ledger.last_success.is_some())
}

#[tokio::test]
async fn apps_come_and_go_and_a_rotation_under_way_goes_on() {
    let world = World::new(3).await;
    let engine = world.start(&world.policy([0, 1], "", QUARTERLY)).await;
    engine.adopted().await;
    let id = started(engine.rotate(0, None).await);
    // The app leaves the policy in the middle of it, and another comes.
    engine.take(&world.policy([1, 2], "", QUARTERLY)).await;
    engine
        .until("published", TICK, |ledgers| rotated(ledgers, 0))
        .await;
    let adopted = |ledgers: &Ledgers| {
        ledgers
            .apps
            .get(&name(2))
            .is_some_and(|ledger| ledger.adopted_at.is_some())
    };
    engine.until("the new one adopted", TICK, adopted).await;
    // Its retirement completes under the policy that it began with: after the grace of before.
    let gone = |ledgers: &Ledgers| ledgers.apps[&name(0)].running().is_none();
    engine.until("retired", HOUR, gone).await;
    let run = engine.ledger(0).run.unwrap();
    assert_eq!(run.state.id, id);
    assert!(run.last_at.since(run.started_at) >= DAY * 3);
    assert!(matches!(
        engine.rotate(0, None).await,
        Reply::Unknown(_) | Reply::Refused { .. }
    ));
    engine.pass(DAY * 2, HOUR).await;
    assert_eq!(engine.started().await.len(), 1, "and nothing new starts");
    assert!(engine.ledgers.lock().unwrap().service.reloaded_at.is_some());
    engine.stop().await;
}

#[tokio::test]
async fn one_key_is_one_rotation_also_after_a_restart() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let first = started(engine.rotate(0, Some("k1")).await);
    assert_eq!(started(engine.rotate(0, Some("k1")).await), first);
    assert!(matches!(
        engine.rotate(0, Some("k2")).await,
        Reply::UnderWay { rotation, .. } if rotation == first
    ));
    engine.until("rotated", TICK, |ledgers| rotated(ledgers, 0)).await;
    engine.stop().await;
    let engine = world.start(&policy).await;
    assert_eq!(started(engine.rotate(0, Some("k1")).await), first);
    let Reply::UnderWay {
        until: Some(until), ..
    } = engine.rotate(0, Some("k2")).await
    else {
        panic!("a second one in grace");
    };
    assert!(until > engine.now());
    engine
        .until("retired", HOUR, |ledgers| {
            ledgers.apps[&name(0)].running().is_none()
        })
        .await;
    let ended = engine.ledger(0).run.unwrap().last_at;
    let reply = engine.rotate(0, None).await;
    if let Reply::CoolingDown { until } = reply {
        assert_eq!(until, ended + HOUR);
    } else {
        // The last step of time was an hour long.
        assert!(matches!(reply, Reply::Started(_)), "{reply:?}");
        assert!(engine.now().since(ended) >= HOUR);
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_signal_rotates_what_it_names_and_skips_what_is_in_grace() {
    let world = World::new(3).await;
    let engine = world.start(&world.policy(0..3, "", QUARTERLY)).await;
    engine.adopted().await;
    // By default what is due: nothing is.
    engine.control(Control::Wake(None)).await;
    engine.pass(Duration::from_secs(30), TICK).await;
    assert!(engine.started().await.is_empty());
    let named =
        |apps: &[usize]| Control::Wake(Some(apps.iter().map(|app| name(*app)).collect::<BTreeSet<_>>()));
    engine.control(named(&[0, 1])).await;
    engine
        .until("rotated", TICK, |ledgers| {
            rotated(ledgers, 0) && rotated(ledgers, 1)
        })
        .await;
    engine.control(named(&[0, 1, 2])).await;
    engine.until("rotated", TICK, |ledgers| rotated(ledgers, 2)).await;
    let started = engine.started().await;
    assert!(started.values().all(|times| times.len() == 1), "{started:?}");
    engine.stop().await;
}

/// Whatever was refused before a restart, the policy of the start is in force.
#[tokio::test]
async fn a_refused_policy_is_forgotten_by_a_restart() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let refused = |ledgers: &Ledgers| ledgers.service.reload_refused.is_some();
    let note = ServiceNote::ReloadRefused { why: "a typo".into() };
    engine.control(Control::Note(note)).await;
    engine.until("refused", TICK, refused).await;
    engine.stop().await;
    let engine = world.start(&policy).await;
    engine.until("in force", TICK, |ledgers| !refused(ledgers)).await;
    engine.stop().await;
}

/// A hold is no mere *not now*: whoever asks is told who said it and how it ends.
#[tokio::test]
async fn a_rotation_asked_for_on_hold_names_the_remedy() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", QUARTERLY);
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let hold = Command::Hold {
        app: name(0),
        by: "uid 0".into(),
        why: "audit week".into(),
    };
    assert!(matches!(engine.ask(hold).await, Reply::Done(_)));
    let Reply::Held {
        why,
        remedy,
        rotation: None,
    } = engine.rotate(0, None).await
    else {
        panic!("it is on hold");
    };
    assert!(why.contains("audit week"), "{why}");
    assert!(
        remedy.contains(&format!("`rekeyd resume {}`", name(0))),
        "{remedy}"
    );
    engine.stop().await;
}
