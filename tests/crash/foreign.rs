//! Somebody else is at it too: what is not ours is reported and left, unless a person says take over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rekeyd::clock::Clock;
use rekeyd::document::Document;
use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::lane::LaneEnd;
use rekeyd::engine::ledger::AppLedger;
use rekeyd::port::{Outcome, Place, VersionRef};
use rekeyd::rotation::{Ask, Effect, End, Event, Hold, Observation};
use rekeyd::sandbox::{Act, Action};
use serde_json::Value;

use super::fuse::Plan;
use super::journal_lost::{resume, rotate};
use super::life::{Desk, Life, Lived, Over};
use super::lost::rule;
use super::record::Level;
use super::watch::Pair;
use super::world::Kind::{Bao, File};
use super::world::Method::{Assisted, Regenerate, Staged, Update};
use super::world::{APP, LATE_PROOF, NAME, OTHER, Shape, World, id};

/// A person says go on, and what may be taken.
fn resumed(take_over: Option<&str>) -> Life {
    Life {
        first: Some(Observation::Resume {
            by: "a person".into(),
            take_over: take_over.map(str::to_owned),
        }),
        ..Life::default()
    }
}

type Stranger = Arc<dyn Fn(Arc<World>) -> futures_util::future::BoxFuture<'static, ()> + Send + Sync>;

/// A process beside which somebody does something once, right before the first call of an effect.
fn beside(world: &Arc<World>, at: Effect, act: Stranger) -> Life {
    let (world, done) = (world.clone(), Arc::new(AtomicBool::new(false)));
    Life {
        dress: Box::new(move |mut around| {
            let (world, done, act) = (world.clone(), done.clone(), act.clone());
            around.before = Some(Arc::new(move |effect| {
                let (world, done, act) = (world.clone(), done.clone(), act.clone());
                Box::pin(async move {
                    if effect == at && !done.swap(true, Ordering::SeqCst) {
                        act(world).await;
                    }
                })
            }));
            around
        }),
        limit: Duration::from_secs(2 * 86_400),
        ..Life::default()
    }
}

fn stranger<F>(act: impl Fn(Arc<World>) -> F + Send + Sync + 'static) -> Stranger
where
    F: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |world| Box::pin(act(world)))
}

impl World {
    /// The pair in the slot.
    fn slot(&self) -> Option<Value> {
        let state = self.org.state();
        let staged = &state.app(NAME).unwrap().consumers[0].staged;
        staged
            .as_ref()
            .map(|staged| serde_json::to_value(staged).unwrap())
    }

    /// Why a person was asked last.
    pub fn hold(&self) -> Option<Hold> {
        let mut holds = self
            .record
            .events()
            .into_iter()
            .filter_map(|(_, event)| match event {
                Event::Held { reason, .. } => Some(reason),
                _ => None,
            });
        holds.next_back()
    }

    fn is_held(&self, case: &str, lived: &Lived) -> Hold {
        let held = matches!(lived.over, Over::Ended(LaneEnd::Held));
        assert!(held, "{case}: {:?}\n{}", lived.over, self.history());
        self.hold().unwrap()
    }

    fn is_done(&self, case: &str, lived: &Lived) {
        let done = LaneEnd::Ended(End::Done { disproven: true });
        let fits = matches!(&lived.over, Over::Ended(end) if *end == done);
        assert!(fits, "{case}: {:?}\n{}", lived.over, self.history());
    }
}

#[tokio::test]
async fn a_staged_entry_of_a_person_is_left_until_it_is_given_to_us() {
    let world = World::new(Shape::new(Staged, &[File])).await;
    let (app, by) = (NAME.to_owned(), None);
    world.org.act(Act::Stage { app, by }).unwrap();
    let before = serde_json::to_value(world.org.state().app(NAME).unwrap()).unwrap();
    let lived = world.live(Life::default()).await;
    let Hold::ForeignSlot { id } = world.is_held("slot", &lived) else {
        panic!("{}", world.history())
    };
    assert_eq!(world.record.sent(Level::Wire), 0);
    assert_eq!(world.record.sent(Level::Port), 0);
    let mut after = serde_json::to_value(world.org.state().app(NAME).unwrap()).unwrap();
    // How often a pair was judged is all that differs.
    let judged = before["consumers"][0]["pairs"][0]["judged"].clone();
    after["consumers"][0]["pairs"][0]["judged"] = judged;
    assert_eq!(before, after);
    // Another id gives nothing away.
    let lived = world.live(resumed(Some("888xx0000000999AAA"))).await;
    world.is_held("another id", &lived);
    assert_eq!(world.record.sent(Level::Port), 0);
    let lived = world.live(resumed(Some(&id))).await;
    world.is_done("taken over", &lived);
    world.is_new("taken over").await;
    assert_eq!(world.record.intended(Effect::Mint), 1);
}

/// Our POST never arrives, and a person stages a pair at the same moment: what is found in the slot is not ours.
#[tokio::test]
async fn a_staged_entry_that_appears_beside_a_lost_mint_is_not_taken_for_ours() {
    let world = Arc::new(World::new(Shape::new(Staged, &[File])).await);
    world
        .org
        .fault(rule("staged.post", 1, Action::DropBefore))
        .unwrap();
    let stage = stranger(|world| async move {
        let (app, by) = (NAME.to_owned(), None);
        world.org.act(Act::Stage { app, by }).unwrap();
    });
    let lived = world.live(beside(&world, Effect::Mint, stage)).await;
    let hold = world.is_held("beside", &lived);
    assert!(matches!(hold, Hold::ForeignSlot { .. }), "{hold:?}");
    world.sound("beside").await;
    let state = world.org.state();
    let consumer = &state.app(NAME).unwrap().consumers[0];
    assert_eq!((consumer.mints, consumer.cutovers), (1, 0));
    assert!(consumer.staged.is_some());
    assert_eq!(world.watch.at(0, &Place::Pending).await, None);
}

#[tokio::test]
async fn a_pending_value_of_somebody_else_is_left_until_it_is_given_to_us() {
    for (method, kind) in [
        (Staged, &[File]),
        (Staged, &[Bao]),
        (Update, &[File]),
        (Update, &[Bao]),
        (Regenerate, &[File]),
        (Regenerate, &[Bao]),
        (Assisted, &[File]),
        (Assisted, &[Bao]),
    ] {
        let case = format!("pending {method:?} {kind:?}");
        let world = World::new(Shape::new(method, kind)).await;
        let theirs = Document::parse(r#"{"client_id":"theirs","client_secret":"theirs"}"#).unwrap();
        let store = &world.watch.eyes[0].store;
        let base = store.read(&Place::Pending).await.unwrap().base;
        let Outcome::Done(version) = store.put_pending(&base, &theirs, id(2)).await else {
            panic!("{case}")
        };
        let lived = world.live(Life::default()).await;
        let Hold::ForeignPending {
            store: 0,
            version: named,
        } = world.is_held(&case, &lived)
        else {
            panic!("{case}: {}", world.history())
        };
        assert_eq!(
            (named.as_str(), world.record.sent(Level::Port)),
            (version.0.as_str(), 0),
            "{case}"
        );
        let kept = world.watch.at(0, &Place::Pending).await.unwrap();
        assert_eq!(kept.0, "theirs", "{case}");
        let lived = world.live(resumed(Some(&named))).await;
        world.is_done(&case, &lived);
        world.is_new(&case).await;
    }
}

/// The two places where a value that was read is written over.
#[tokio::test]
async fn other_keys_that_change_meanwhile_are_kept() {
    for (method, kind) in [
        (Staged, &[File]),
        (Staged, &[Bao]),
        (Update, &[File]),
        (Update, &[Bao]),
        (Regenerate, &[File]),
        (Regenerate, &[Bao]),
        (Assisted, &[File]),
        (Assisted, &[Bao]),
    ] {
        for at in [Effect::Store(0), Effect::Cutover, Effect::Publish(0)] {
            if (method, at) == (Assisted, Effect::Cutover) {
                // Nobody here makes it.
                continue;
            }
            let case = format!("edited before {at}: {method:?} {kind:?}");
            let world = Arc::new(World::new(Shape::new(method, kind)).await);
            let edit = stranger(|world| async move {
                let pair = world.watch.at(0, &Place::Current).await.unwrap();
                world.write(0, &[("theirs", "kept")], &pair).await;
            });
            let lived = world.live(beside(&world, at, edit)).await;
            world.rotated(&case, &lived.over).await;
            assert_eq!(world.current(0).await.object()["theirs"], "kept", "{case}");
        }
    }
}

/// Nobody can use it: ours goes over it, and theirs stays readable by name.
#[tokio::test]
async fn a_refused_credential_in_current_gives_way() {
    for (method, kind) in [
        (Staged, &[File]),
        (Staged, &[Bao]),
        (Update, &[File]),
        (Update, &[Bao]),
        (Regenerate, &[File]),
        (Regenerate, &[Bao]),
        (Assisted, &[File]),
        (Assisted, &[Bao]),
    ] {
        let case = format!("refused: {method:?} {kind:?}");
        let world = Arc::new(World::new(Shape::new(method, kind)).await);
        let base = Arc::new(Mutex::new(None));
        let written = base.clone();
        let edit = stranger(move |world| {
            let written = written.clone();
            async move {
                let theirs = ("3MVG9nobody".to_owned(), "wrong".to_owned());
                world.write(0, &[], &theirs).await;
                let slot = world.watch.eyes[0].store.read(&Place::Current).await.unwrap();
                *written.lock().unwrap() = Some(slot.base);
            }
        });
        // What readers get then is that person's doing.
        let lived = world.live(beside(&world, Effect::Publish(0), edit)).await;
        world.is_done(&case, &lived);
        let new = world.watch.primary();
        assert_eq!(world.watch.at(0, &Place::Current).await, Some(new), "{case}");
        let version: VersionRef = base.lock().unwrap().clone().unwrap();
        let theirs = world.watch.at(0, &Place::Version(version)).await.unwrap();
        assert_eq!(theirs.1, "wrong", "{case}");
        let faults = world.record.faults();
        let ours = |fault: &&String| !fault.contains("readers of store 0 get another pair");
        assert_eq!(faults.iter().find(ours), None, "{case}");
    }
}

#[tokio::test]
async fn an_accepted_credential_in_current_stays_and_a_person_is_asked() {
    for (method, kind) in [
        (Staged, &[File]),
        (Staged, &[Bao]),
        (Update, &[File]),
        (Update, &[Bao]),
        (Regenerate, &[File]),
        (Regenerate, &[Bao]),
        (Assisted, &[File]),
        (Assisted, &[Bao]),
    ] {
        let case = format!("accepted: {method:?} {kind:?}");
        let world = Arc::new(World::new(Shape::new(method, kind)).await);
        let theirs = (OTHER.0.to_owned(), OTHER.1.to_owned());
        let edit = stranger(|world| async move {
            let theirs = (OTHER.0.to_owned(), OTHER.1.to_owned());
            world.write(0, &[], &theirs).await;
        });
        let lived = world.live(beside(&world, Effect::Publish(0), edit)).await;
        let hold = world.is_held(&case, &lived);
        assert!(matches!(hold, Hold::ForeignCurrent { .. }), "{case}: {hold:?}");
        assert_eq!(world.watch.at(0, &Place::Current).await, Some(theirs), "{case}");
        let new = world.watch.primary();
        assert_eq!(
            world.watch.at(0, &Place::Pending).await,
            Some(new),
            "{case}: lost"
        );
        // They take it back, and a person says go on.
        world.write(0, &[], &world.watch.old).await;
        let lived = world.live(resumed(None)).await;
        world.is_done(&case, &lived);
        world.is_new(&case).await;
    }
}

/// The effects of an undisturbed rotation.
async fn effects(shape: &Shape) -> Vec<Effect> {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    world.rotated("undisturbed", &lived.over).await;
    lived.calls
}

/// Another tool stages a pair before each effect, where the slot is free. It is neither promoted nor deleted, unless a
/// person says so.
#[tokio::test]
async fn what_another_tool_stages_meanwhile_is_not_touched() {
    const REPLACES: &[(&str, &str)] = &[("post_on_rotated", "\"replaces\"")];
    let mut cases = 0;
    for (method, switches) in [
        (Staged, &[][..]),
        (Staged, REPLACES),
        (Regenerate, &[][..]),
        (Regenerate, REPLACES),
    ] {
        let shape = Shape::new(method, &[File]).with(switches);
        for at in effects(&shape).await {
            let case = format!("{}: staged by another tool before {at}", shape.name());
            let world = Arc::new(World::new(shape.clone()).await);
            let theirs = Arc::new(Mutex::new(None));
            let made = theirs.clone();
            let stage = stranger(move |world| {
                let made = made.clone();
                async move {
                    let (app, by) = (NAME.to_owned(), None);
                    // A slot that is taken stays as it is.
                    if world.org.act(Act::Stage { app, by }).is_ok() {
                        *made.lock().unwrap() = world.slot();
                    }
                }
            });
            let lived = world.live(beside(&world, at, stage)).await;
            let Some(theirs) = theirs.lock().unwrap().clone() else {
                world.rotated(&case, &lived.over).await;
                continue;
            };
            let history = world.history();
            assert_eq!(world.slot(), Some(theirs), "{case}: {:?}\n{history}", lived.over);
            let faults = world.record.faults();
            assert!(faults.is_empty(), "{case}: {faults:#?}\n{history}");
            let done = matches!(lived.over, Over::Ended(LaneEnd::Ended(End::Done { .. })));
            assert!(
                done || world.hold().is_some(),
                "{case}: {:?}\n{history}",
                lived.over
            );
            cases += 1;
        }
    }
    println!("{cases} entries staged by another tool, none touched");
    assert!(cases > 5);
}

/// Somebody rotates in Setup at the same time. Whatever they put in force is not undone, and nothing of theirs is deleted.
#[tokio::test]
async fn a_rival_who_rotates_in_setup_is_never_undone() {
    let mut cases = 0;
    for method in [Staged, Update, Regenerate] {
        for at in effects(&Shape::new(method, &[File])).await {
            let case = format!("a rival before {at}: {method:?}");
            let world = Arc::new(World::new(Shape::new(method, &[File])).await);
            let theirs = Arc::new(Mutex::new(None));
            let made = theirs.clone();
            let rotate = stranger(move |world| {
                let made = made.clone();
                async move {
                    world.watch.rival.store(true, Ordering::SeqCst);
                    let (app, by) = (NAME.to_owned(), None);
                    world.org.act(Act::Rotate { app, by }).unwrap();
                    *made.lock().unwrap() = Some(world.watch.primary());
                }
            });
            let lived = world.live(beside(&world, at, rotate)).await;
            let theirs = theirs.lock().unwrap().clone().unwrap();
            let ended = format!("{:?}", lived.over);
            assert_eq!(
                world.watch.primary(),
                theirs,
                "{case}: theirs was replaced: {ended}\n{}",
                world.history()
            );
            assert!(
                world.org.accepts(&theirs.0, &theirs.1).is_some(),
                "{case}: {ended}"
            );
            // Between the last look and a DELETE no call can tell: then it ends, and the next look tells. So it does where
            // ours has become the former pair, which stays accepted in the slot (`engine/live_check.rs`).
            let slotted = method == Regenerate && at != Effect::Cutover;
            let told = world.hold().is_some() || at == Effect::Revoke || slotted;
            assert!(told, "{case}: nobody was told: {ended}\n{}", world.history());
            let wrong: Vec<String> = world.record.faults();
            let readers = |fault: &&String| !fault.contains("readers of store");
            assert_eq!(wrong.iter().find(readers), None, "{case}\n{}", world.history());
            cases += 1;
        }
    }
    println!("{cases} rivals, none undone");
}

/// Somebody rotates in Setup while a request to a person is open. Nothing of theirs is undone and nothing is published
/// over it; a person is told, ends the request, and hands over what is in force.
#[tokio::test]
async fn a_rival_who_rotates_in_setup_while_a_person_is_asked_is_told_of() {
    for asked in [Ask::Pair, Ask::Apply] {
        let case = format!("a rival while asked for {asked:?}");
        let world = Arc::new(World::new(Shape::new(Assisted, &[File, Bao]).with(&[LATE_PROOF])).await);
        let (other, done) = (world.clone(), AtomicBool::new(false));
        let life = Life {
            told: Some(Box::new(move |_, events, _| {
                let open = |event: &Event| matches!(event, Event::Asked { what, .. } if *what == asked);
                if events.iter().any(open) && !done.swap(true, Ordering::SeqCst) {
                    other.watch.rival.store(true, Ordering::SeqCst);
                    let app = NAME.to_owned();
                    if asked == Ask::Apply {
                        // What was generated before is gone from Setup.
                        other.org.act(Act::Discard { app: app.clone() }).unwrap();
                    }
                    other.org.act(Act::Rotate { app, by: None }).unwrap();
                }
            })),
            ..Life::briefly()
        };
        let lived = world.live(life).await;
        let history = world.history();
        assert!(
            matches!(lived.over, Over::Busy),
            "{case}: {:?}\n{history}",
            lived.over
        );
        let fits = match asked {
            Ask::Pair => matches!(world.hold(), Some(Hold::CurrentRefused)),
            Ask::Apply => matches!(world.hold(), Some(Hold::NeitherAccepted { .. })),
        };
        assert!(fits, "{case}: {:?}\n{history}", world.hold());
        let published = |event: &Event| {
            matches!(
                event,
                Event::Intended {
                    effect: Effect::Publish(_)
                }
            )
        };
        assert!(
            !world.record.events().iter().any(|(_, event)| published(event)),
            "{case}\n{history}"
        );
        let theirs = world.watch.primary();
        world
            .serve(Plan::Never, async |desk| {
                let (app, by) = (APP.to_owned(), "a person".to_owned());
                let reply = desk.ask(Command::Abandon { app, by }).await;
                assert!(matches!(reply, Reply::Done(_)), "{case}: {reply:?}\n{history}");
                desk.until(&case, |ledger| ledger.running().is_none()).await;
                let reply = world.submit(desk, &theirs).await;
                assert!(
                    matches!(reply, Reply::Done(_)),
                    "{case}: {reply:?}\n{}",
                    world.history()
                );
            })
            .await;
        assert_eq!(world.watch.primary(), theirs, "{case}");
        for store in 0..world.watch.eyes.len() {
            let current = world.watch.at(store, &Place::Current).await;
            assert_eq!(current.as_ref(), Some(&theirs), "{case}\n{}", world.history());
        }
        // Consumers were out from the rival's Apply on.
        let faults = world.record.faults();
        let readers = |fault: &&String| !fault.contains("readers of store");
        assert_eq!(faults.iter().find(readers), None, "{case}\n{}", world.history());
    }
}

/// A pair of an app that the policy does not know, in an org that takes pairs before they are applied: as long as the
/// primary key is another one it is not published, whatever the person says.
#[tokio::test]
async fn a_pair_of_an_unknown_app_that_is_accepted_is_not_published_where_the_primary_key_is_seen() {
    let world = World::new(Shape::new(Assisted, &[File])).await;
    let other = (OTHER.0.to_owned(), OTHER.1.to_owned());
    world
        .serve(Plan::Never, async |desk| {
            desk.until("adopted", |ledger| ledger.adopted_at.is_some()).await;
            assert!(matches!(rotate(desk).await, Reply::Started(_)));
            desk.until("asked", asked_for(Ask::Pair)).await;
            let reply = world.submit(desk, &other).await;
            assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
            desk.until("to apply", asked_for(Ask::Apply)).await;
            for _ in 0..3 {
                let reply = resume(desk, None).await;
                assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
                let later = world.clock.now() + Duration::from_secs(3600);
                world.clock.sleep_until(later).await;
            }
            assert!(desk.see(asked_for(Ask::Apply)), "{}", world.history());
            let (app, by) = (APP.to_owned(), "a person".to_owned());
            assert!(matches!(
                desk.ask(Command::Abandon { app, by }).await,
                Reply::Done(_)
            ));
            desk.until("abandoned", |ledger| ledger.running().is_none()).await;
        })
        .await;
    world.old_is_untouched("a pair of another app").await;
}

fn asked_for(what: Ask) -> impl Fn(&AppLedger) -> bool {
    move |ledger| {
        let state = ledger.running().map(|run| &run.state);
        state.is_some_and(|state| state.asks() && state.asked.is_some_and(|asked| asked.what == what))
    }
}

/// An administrator edits the component between our look and our write: the edit stays.
#[tokio::test]
async fn an_edit_of_the_component_is_not_reverted() {
    for at in [Effect::Store(0), Effect::Cutover] {
        let case = format!("component edited before {at}");
        let world = Arc::new(World::new(Shape::new(Update, &[File])).await);
        let edit = stranger(|world| async move {
            world.clock.advance(Duration::from_secs(1));
            let set = BTreeMap::from([("description".to_owned(), "theirs".to_owned())]);
            let (app, by) = (NAME.to_owned(), None);
            world.org.act(Act::Edit { app, set, by }).unwrap();
        });
        let lived = world.live(beside(&world, at, edit)).await;
        world.rotated(&case, &lived.over).await;
        let state = world.org.state();
        let component = &state.app(NAME).unwrap().component;
        let description = component.iter().find(|(path, _)| path == "description").unwrap();
        assert_eq!(description.1, "theirs", "{case}\n{}", world.history());
        let note = world.current(0).await.object()["note"].clone();
        assert_eq!(note, Value::String("kept".into()));
    }
}

/// A person hands the pair in force over, or, where Salesforce shows it, only says so.
async fn take_over(world: &World, desk: &Desk, theirs: &Pair) -> Reply {
    loop {
        let (app, by) = (APP.to_owned(), "a person".to_owned());
        let command = match world.shape.method {
            Staged | Regenerate => Command::Adopt { app, by },
            Update | Assisted => return world.submit(desk, theirs).await,
        };
        match desk.ask(command).await {
            Reply::Refused { why, .. } if why.contains("try again in a moment") => {
                let soon = world.clock.now() + Duration::from_secs(5);
                world.clock.sleep_until(soon).await;
            }
            reply => return reply,
        }
    }
}

/// Rotated, and then somebody rotates in Setup before the old pair is retired.
async fn overtaken(shape: &Shape) -> (Arc<World>, Pair) {
    let world = Arc::new(World::new(shape.clone()).await);
    let rotate = stranger(|world| async move {
        world.watch.rival.store(true, Ordering::SeqCst);
        let (app, by) = (NAME.to_owned(), None);
        world.org.act(Act::Rotate { app, by }).unwrap();
    });
    let lived = world.live(beside(&world, Effect::Clear(0), rotate)).await;
    assert!(world.hold().is_some(), "{:?}\n{}", lived.over, world.history());
    let theirs = world.watch.primary();
    (world, theirs)
}

fn end(ledger: &AppLedger) -> Option<End> {
    ledger.run.as_ref().and_then(|run| run.state.end().cloned())
}

async fn rotate_again(world: &World, desk: &Desk, case: &str) {
    loop {
        let reply = desk
            .ask(Command::Rotate {
                app: APP.into(),
                reason: "a test".into(),
                by: "a test".into(),
                ignore_window: false,
                key: None,
            })
            .await;
        match reply {
            Reply::Started(_) => break,
            Reply::CoolingDown { until } => world.clock.sleep_until(until).await,
            other => panic!("{case}: {other:?}\n{}", world.history()),
        }
    }
    let done = Some(End::Done { disproven: true });
    desk.until(case, |ledger| end(ledger) == done).await;
}

/// The rotation is given up for the pair that a person adopts, whatever crashes on the way; and the next one works.
#[tokio::test]
async fn a_retirement_that_was_overtaken_is_given_up_with_a_crash_at_every_effect() {
    for shape in [Shape::new(Staged, &[File, Bao]), Shape::new(Update, &[File])] {
        let (world, theirs) = overtaken(&shape).await;
        let (calls, appends) = world
            .serve(Plan::Never, async |desk| {
                let reply = take_over(&world, desk, &theirs).await;
                assert!(matches!(reply, Reply::Done(_)), "{reply:?}\n{}", world.history());
                desk.counts()
            })
            .await;
        let at_calls = (0..calls).flat_map(|at| [Plan::Before(at), Plan::After(at), Plan::Unrecorded(at)]);
        let plans: Vec<Plan> = at_calls.chain((0..appends).map(Plan::Appended)).collect();
        for plan in &plans {
            let case = format!("{} given up, {plan:?}", shape.name());
            let (world, theirs) = overtaken(&shape).await;
            world
                .serve(*plan, async |desk| {
                    tokio::select! {
                        reply = take_over(&world, desk, &theirs) => panic!("{case}: not crashed: {reply:?}"),
                        () = desk.crash() => {}
                    }
                })
                .await;
            world
                .serve(Plan::Never, async |desk| {
                    let adopted = world.print(&theirs);
                    let known = desk.see(|ledger| ledger.current) == Some(adopted);
                    let reply = take_over(&world, desk, &theirs).await;
                    assert!(
                        known || matches!(reply, Reply::Done(_)),
                        "{case}: {reply:?}\n{}",
                        world.history()
                    );
                    assert_eq!(desk.see(|ledger| ledger.current), Some(adopted), "{case}");
                    let given_up = matches!(
                        desk.see(end),
                        Some(End::GivenUp {
                            adopting: Some(_),
                            ..
                        })
                    );
                    assert!(given_up, "{case}: {:?}", desk.see(end));
                    for store in 0..world.watch.eyes.len() {
                        let current = world.watch.at(store, &Place::Current).await;
                        assert_eq!(current.as_ref(), Some(&theirs), "{case}");
                        assert_eq!(world.watch.at(store, &Place::Pending).await, None, "{case}");
                    }
                    rotate_again(&world, desk, &case).await;
                })
                .await;
            let state = world.org.state();
            let accepted = state.accepted.iter().filter(|one| one.app == NAME);
            assert_eq!(accepted.count(), 1, "{case}\n{}", world.history());
            let faults = world.record.faults();
            let readers = |fault: &&String| !fault.contains("readers of store");
            assert_eq!(faults.iter().find(readers), None, "{case}\n{}", world.history());
        }
        println!(
            "{}: given up with {} crashes, the next one works",
            shape.name(),
            plans.len()
        );
    }
}
