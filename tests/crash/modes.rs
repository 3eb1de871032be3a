//! The failure modes that other tools are known for, each by its name: given, when, then. Where such a mode asks for
//! less than the design, the design wins: one mint, and two only after masking.
//!
//! What another test shows under a name of its own:
//!
//! | failure mode | test |
//! |---|---|
//! | 2 crash or lost answer between mint and record, at each place | `every_effect::*`, `lost::staged_writes` |
//! | 6 a staged entry of somebody else | `foreign::a_staged_entry_of_a_person_is_left_until_it_is_given_to_us` |
//! | 6 a pending value of somebody else | `foreign::a_pending_value_of_somebody_else_is_left_until_it_is_given_to_us`; AWS: `stores/aws_labels.rs` |
//! | 7 restarts, a lost journal | `engine/restarts.rs`, `journal_lost::*` |
//! | 8 two actors | `asleep::*_overtaken`; of the real binary: `cli/rivals.rs` |
//! | 10 another writer between read and write | `foreign::other_keys_that_change_meanwhile_are_kept` |
//! | a clock that jumps, a machine that sleeps, changes of the clock | `engine/clock_jumps.rs`, `schedule/clock_changes.rs`, `asleep::*_for_an_hour` |
//! | silent failure: a dead sink | `alerts/outbox.rs`: `a_sink_that_is_dead_for_a_day_gets_everything_in_order`; `alerts/whole.rs` |
//! | broken rollback | `undo::*` |
//! | circular dependency: our own login ends in the grace | `engine/restarts.rs` |
//! | a secret in a log or an error | `leaks/whole_run.rs` |
//! | torn pair | every look of `watch` in this binary; `stores/file_crash.rs`: `a_consumer_never_sees_half_a_value`; `cli/kills.rs` |

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rekeyd::alert::incident::{Incident, Kind, of_app};
use rekeyd::clock::Clock;
use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::lane::LaneEnd;
use rekeyd::engine::ledger::{AppLedger, Ledgers};
use rekeyd::journal::{Journal, SqliteJournal};
use rekeyd::port::Fault;
use rekeyd::port::journal::RecordQuery;
use rekeyd::port::outbox::Severity;
use rekeyd::rotation::{Effect, End, Event, Hold};
use rekeyd::sandbox::{Act, Action, Rule};
use reqwest::Method as Verb;
use serde_json::{Map, Value, json};

use super::fuse::Plan;
use super::journal_lost::{hold, is_done, rotate};
use super::life::{Life, Over};
use super::lost::rule;
use super::record::Level;
use super::world::Kind::{Aws, Bao, File};
use super::world::Method::{Assisted, Regenerate, Staged, Update};
use super::world::{APP, NAME, Shape, World};
use crate::support::aws;
use crate::support::aws::stub::is_read;
use crate::support::proxy::{Fate, Seen};

impl World {
    /// What somebody is told of, by now.
    async fn incidents(&self) -> Vec<Incident> {
        let journal = SqliteJournal::open_read_only(&self.journal).await.unwrap();
        let records = journal.read(&RecordQuery::default()).await.unwrap();
        of_app(APP, &Ledgers::read(&records).unwrap().apps[APP])
    }

    fn mints(&self) -> u64 {
        self.org.state().app(NAME).unwrap().consumers[0].mints
    }

    fn cutovers(&self) -> u64 {
        self.org.state().app(NAME).unwrap().consumers[0].cutovers
    }

    fn has(&self, of: impl Fn(&Event) -> bool) -> bool {
        self.record.events().iter().any(|(_, event)| of(event))
    }

    fn set(&self, switch: &str, value: Value) {
        let mut set = Map::new();
        set.insert(switch.to_owned(), value);
        self.org.switch(None, &set).unwrap();
    }
}

fn for_hours(hours: u64) -> Life {
    Life {
        limit: Duration::from_secs(hours * 3600),
        ..Life::default()
    }
}

/// Until the world says that they are well, no write of these is taken.
fn shut(effects: fn(Effect) -> bool) -> Life {
    Life {
        dress: Box::new(move |mut around| {
            around.refuse = Some(Arc::new(move |effect| {
                effects(effect).then(|| Fault::Unavailable("as the test wishes".into()))
            }));
            around
        }),
        ..for_hours(6)
    }
}

/// Mode 1.
#[tokio::test]
async fn given_a_minted_pair_when_every_store_write_fails_then_nothing_is_promoted_and_the_next_run_uses_the_same_pair()
 {
    let world = World::new(Shape::new(Staged, &[File, Bao])).await;
    let lived = world
        .live(shut(|effect| matches!(effect, Effect::Store(_))))
        .await;
    let waits = matches!(lived.over, Over::Busy | Over::Ended(LaneEnd::Held));
    assert!(waits, "{:?}\n{}", lived.over, world.history());
    assert_eq!((world.mints(), world.cutovers()), (1, 0));
    let told = world.incidents().await;
    assert_eq!(told.len(), 1, "one incident: {told:?}");
    let staged = |world: &World| world.org.state().app(NAME).unwrap().consumers[0].staged.clone();
    let minted = serde_json::to_value(staged(&world)).unwrap();
    // What they read is still accepted: the watch of the harness has looked at every call.
    world.sound("the stores are down").await;
    let crashed = world.live(Life::planned(Plan::Before(0))).await;
    assert!(matches!(crashed.over, Over::Crashed));
    assert_eq!(
        serde_json::to_value(staged(&world)).unwrap(),
        minted,
        "the same pair"
    );
    let lived = world.live(Life::default()).await;
    let done = Over::Ended(LaneEnd::Ended(End::Done { disproven: true }));
    assert_eq!(format!("{:?}", lived.over), format!("{done:?}"));
    world.new_is_everywhere("the stores are back").await;
    assert_eq!(world.incidents().await, []);
}

/// Mode 1, where a person made the pair: as long as the process lives nobody is asked for it again.
#[tokio::test]
async fn given_a_pair_handed_over_when_every_store_write_fails_for_hours_then_it_is_kept_and_nobody_is_asked_again()
 {
    for stores in [&[File][..], &[File, Bao]] {
        let world = Arc::new(World::new(Shape::new(Assisted, stores)).await);
        let back = world.clock.now() + Duration::from_secs(5 * 3600);
        let clock = world.clock.clone();
        let life = Life {
            dress: Box::new(move |mut around| {
                let clock = clock.clone();
                around.refuse = Some(Arc::new(move |effect| {
                    let away = matches!(effect, Effect::Store(_)) && clock.now() < back;
                    away.then(|| Fault::Unavailable("as the test wishes".into()))
                }));
                around
            }),
            ..Life::default()
        };
        let lived = world.live(life).await;
        let done = Over::Ended(LaneEnd::Ended(End::Done { disproven: true }));
        assert_eq!(
            format!("{:?}", lived.over),
            format!("{done:?}"),
            "{}",
            world.history()
        );
        world.new_is_everywhere("the stores are back").await;
        world.asked_once("the stores are back");
    }
}

/// Mode 2.
#[tokio::test]
async fn given_a_mint_that_arrived_when_its_answer_or_the_process_is_lost_then_it_is_found_and_not_made_again()
 {
    let world = World::new(Shape::new(Staged, &[File])).await;
    world
        .org
        .fault(rule("staged.post", 1, Action::DropAfter))
        .unwrap();
    let lived = world.live(Life::planned(Plan::After(0))).await;
    assert!(matches!(lived.over, Over::Crashed));
    let lived = world.live(Life::default()).await;
    world.rotated("found", &lived.over).await;
    assert!(world.has(|event| matches!(
        event,
        Event::FoundApplied {
            effect: Effect::Mint,
            ..
        }
    )));
    assert_eq!(world.org.state().calls("staged.post"), 1);
}

/// Mode 3.
#[tokio::test]
async fn given_a_new_pair_in_force_when_the_delete_of_the_old_fails_for_hours_then_it_counts_as_rotated_and_cleanup_outlives_restarts()
 {
    let world = World::new(Shape::new(Staged, &[File])).await;
    let away = Action::Status {
        code: 503,
        body: String::new(),
        retry_after: None,
        applied: false,
    };
    let all = Rule {
        count: 0,
        ..rule("staged.delete", 1, away)
    };
    world.org.fault(all).unwrap();
    for restart in 0..3 {
        let lived = world.live(for_hours(3)).await;
        let waits = matches!(lived.over, Over::Busy | Over::Ended(LaneEnd::Held));
        assert!(waits, "{restart}: {:?}\n{}", lived.over, world.history());
        assert!(world.has(|event| *event == Event::Rotated), "{restart}");
    }
    let told = world.incidents().await;
    let failed = |told: &&Incident| told.kind == Kind::Failed && told.severity == Severity::Error;
    assert_eq!(
        told.iter().filter(failed).count(),
        1,
        "{told:?}\n{}",
        world.history()
    );
    assert!(world.org.state().calls("staged.delete") < 30);
    world.org.clear_faults();
    let lived = world.live(Life::default()).await;
    let done = Over::Ended(LaneEnd::Ended(End::Done { disproven: true }));
    assert_eq!(
        format!("{:?}", lived.over),
        format!("{done:?}"),
        "{}",
        world.history()
    );
    world.new_is_everywhere("cleaned up").await;
    assert_eq!(world.incidents().await, []);
}

/// Mode 4.
#[tokio::test]
async fn given_one_slot_when_promoting_fails_again_and_again_then_one_mint_is_seen_and_the_old_pair_works() {
    for code in [500, 503] {
        let world = World::new(Shape::new(Staged, &[File])).await;
        let away = Action::Status {
            code,
            body: String::new(),
            retry_after: None,
            applied: false,
        };
        let five = Rule {
            count: 5,
            ..rule("staged.patch", 1, away)
        };
        world.org.fault(five).unwrap();
        let lived = world.live(Life::default()).await;
        let done = Over::Ended(LaneEnd::Ended(End::Done { disproven: true }));
        assert_eq!(
            format!("{:?}", lived.over),
            format!("{done:?}"),
            "{}",
            world.history()
        );
        world.new_is_everywhere("promoted at last").await;
        assert_eq!(world.org.state().calls("staged.post"), 1);
        assert_eq!(world.org.state().calls("staged.patch"), 6);
    }
}

/// Mode 5, where the design says: held, and a person ends it. No second mint by itself.
#[tokio::test]
async fn given_a_staged_pair_that_never_proves_when_it_is_retried_then_a_person_is_asked_and_abandon_discards_it()
 {
    let shape = Shape {
        spacing: "60s",
        ..Shape::new(Staged, &[File])
    };
    let world = World::new(shape).await;
    world
        .serve(Plan::Never, async |desk| {
            desk.until("adopted", |ledger| ledger.adopted_at.is_some()).await;
            assert!(matches!(rotate(desk).await, Reply::Started(_)));
            desk.until("done", is_done).await;
            // It was seen that this org takes staged pairs. Now it does not.
            let good = world.watch.primary();
            world.set("staged_proves_before_cutover", Value::Bool(false));
            let later = world.clock.now() + Duration::from_secs(86_400);
            world.clock.sleep_until(later).await;
            assert!(matches!(rotate(desk).await, Reply::Started(_)));
            desk.until("held", |ledger| hold(ledger).is_some()).await;
            assert_eq!(desk.see(hold), Some(Hold::EarlyRefused));
            let later = world.clock.now() + Duration::from_secs(86_400);
            world.clock.sleep_until(later).await;
            assert_eq!((world.mints(), world.cutovers()), (2, 1), "{}", world.history());
            assert_eq!(world.watch.primary(), good, "the pair in use is untouched");
            assert!(world.org.accepts(&good.0, &good.1).is_some());
            let (app, by) = (APP.to_owned(), "a person".to_owned());
            let reply = desk.ask(Command::Abandon { app, by }).await;
            assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
            desk.until("abandoned", |ledger| ledger.running().is_none()).await;
            assert!(world.org.state().app(NAME).unwrap().consumers[0].staged.is_none());
            world.set("staged_proves_before_cutover", Value::Bool(true));
            let later = world.clock.now() + Duration::from_secs(86_400);
            world.clock.sleep_until(later).await;
            assert!(matches!(rotate(desk).await, Reply::Started(_)));
            desk.until("done again", is_done).await;
            assert_eq!(world.mints(), 3);
        })
        .await;
    world.is_new("a fresh one").await;
}

/// Mode 5, the other half.
#[tokio::test]
async fn given_a_stored_staged_pair_when_it_expires_before_it_is_promoted_then_the_old_pair_is_intact_and_a_person_has_a_fresh_one_made()
 {
    for gone in ["\"listed\"", "\"gone\""] {
        let case = format!("expired_entry={gone}");
        let world = World::new(Shape::new(Staged, &[File])).await;
        world.set("expired_entry", serde_json::from_str(gone).unwrap());
        let stored = world.live(Life::planned(Plan::Before(2))).await;
        assert_eq!(stored.calls.last(), Some(&Effect::Cutover), "{case}");
        world.clock.advance(Duration::from_secs(31 * 86_400));
        let old = world.watch.old.clone();
        world
            .serve(Plan::Never, async |desk| {
                let exhausted = |ledger: &AppLedger| {
                    matches!(
                        hold(ledger),
                        Some(Hold::Exhausted { .. } | Hold::ForeignCurrent { .. })
                    )
                };
                desk.until(&case, |ledger| exhausted(ledger) || is_done(ledger))
                    .await;
                println!("{case}: {:?}", desk.see(hold));
                assert_eq!((world.mints(), world.watch.primary()), (1, old.clone()), "{case}");
                assert!(world.org.accepts(&old.0, &old.1).is_some(), "{case}");
                let (app, by) = (APP.to_owned(), "a person".to_owned());
                let reply = desk.ask(Command::Abandon { app, by }).await;
                assert!(matches!(reply, Reply::Done(_)), "{case}: {reply:?}");
                desk.until(&case, |ledger| ledger.running().is_none()).await;
                desk.until(&case, |ledger| ledger.adopted_at.is_some()).await;
                let later = world.clock.now() + Duration::from_secs(86_400);
                world.clock.sleep_until(later).await;
                assert!(matches!(rotate(desk).await, Reply::Started(_)), "{case}");
                desk.until(&case, is_done).await;
            })
            .await;
        let faults = world.record.faults();
        assert!(faults.is_empty(), "{case}: {faults:#?}\n{}", world.history());
        world.is_new(&case).await;
        assert_eq!(world.mints(), 2, "{case}");
    }
}

/// Mode 9.
#[tokio::test]
async fn given_a_new_pair_that_is_refused_for_minutes_when_it_is_tested_then_it_waits_without_minting_or_undoing()
 {
    const LATE: &[(&str, &str)] = &[("propagation_mode", "\"late\""), ("propagation_seconds", "480")];
    const MIXED: &[(&str, &str)] = &[("propagation_mode", "\"mixed\""), ("propagation_seconds", "480")];
    for method in [Staged, Update, Regenerate, Assisted] {
        for switches in [LATE, MIXED] {
            let shape = Shape::new(method, &[File]).with(switches);
            let (case, world) = (shape.name(), World::new(shape).await);
            let lived = world.live(Life::default()).await;
            world.rotated(&case, &lived.over).await;
            assert_eq!(world.cutovers(), 1, "{case}");
        }
    }
}

/// Mode 10.
#[tokio::test]
async fn given_max_versions_of_one_when_it_is_due_then_the_preflight_refuses_it_and_nothing_is_written() {
    for method in [Staged, Update, Regenerate, Assisted] {
        let world = World::new(Shape::new(method, &[Bao])).await;
        let path = format!("secret/metadata/{}", world.path);
        let few = |most: u32| Some(json!({ "max_versions": most }));
        let (status, _) = world.bao.root(Verb::POST, &path, few(1)).await;
        assert!(status < 300, "{status}");
        let lived = world.live(for_hours(6)).await;
        let waits = matches!(lived.over, Over::Busy | Over::Ended(LaneEnd::Held));
        assert!(waits, "{method:?}: {:?}", lived.over);
        assert!(
            world.has(
                |event| matches!(event, Event::Held { reason: Hold::Obstacles { what }, .. }
                if what.iter().any(|what| what.contains("max_versions")))
            ),
            "{method:?}\n{}",
            world.history()
        );
        assert!(
            !world.has(|event| matches!(event, Event::Asked { .. })),
            "{method:?}"
        );
        assert_eq!(
            (world.record.sent(Level::Port), world.mints()),
            (0, 0),
            "{method:?}"
        );
        let (status, _) = world.bao.root(Verb::POST, &path, few(10)).await;
        assert!(status < 300, "{status}");
        world.live(Life::resumed()).await;
        world.new_is_everywhere("versions enough").await;
    }
}

/// Deletes what it does not own: somebody stages right before our DELETE, in an org where that replaces the old pair's
/// entry.
#[tokio::test]
async fn given_somebody_elses_entry_in_the_slot_when_the_old_pair_is_to_be_deleted_then_theirs_stays() {
    let shape = Shape {
        grace: "1d",
        ..Shape::new(Staged, &[File]).with(&[("post_on_rotated", "\"replaces\"")])
    };
    let world = Arc::new(World::new(shape).await);
    let staged = Arc::new(AtomicBool::new(false));
    let (outside, done) = (world.clone(), staged.clone());
    let life = Life {
        told: Some(Box::new(move |state, _, _| {
            if state.is_rotated() && !done.swap(true, Ordering::SeqCst) {
                let (app, by) = (NAME.to_owned(), None);
                outside.org.act(Act::Stage { app, by }).unwrap();
            }
        })),
        ..for_hours(72)
    };
    world.live(life).await;
    assert!(staged.load(Ordering::SeqCst), "{}", world.history());
    assert_eq!(world.org.state().calls("staged.delete"), 0, "{}", world.history());
    assert!(world.org.state().app(NAME).unwrap().consumers[0].staged.is_some());
    let told = world.incidents().await;
    assert!(
        !world.has(|event| matches!(event, Event::Ended { .. })) || told.is_empty(),
        "{told:?}"
    );
}

/// Version flood: what is tried again and again is one version.
#[tokio::test]
async fn given_aws_whose_answers_are_lost_when_writes_are_repeated_then_no_flood_of_versions_is_made() {
    let world = World::new(Shape::new(Staged, &[Aws])).await;
    let put = |seen: &Seen| aws::action(&seen.body) == "PutSecretValue";
    for _ in 0..5 {
        let text = "{\"__type\":\"InternalServiceError\"}";
        let head = "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close";
        let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        world.cloud_proxy.once(Fate::Instead(answer.into_bytes()), put);
    }
    for _ in 0..5 {
        world
            .cloud_proxy
            .once(Fate::CutAfter, |seen| !is_read(aws::action(&seen.body)));
    }
    let lived = world.live(Life::default()).await;
    let done = Over::Ended(LaneEnd::Ended(End::Done { disproven: true }));
    assert_eq!(
        format!("{:?}", lived.over),
        format!("{done:?}"),
        "{}",
        world.history()
    );
    world.new_is_everywhere("no flood").await;
    // A version is what a token names, however often it is put.
    let puts = world.cloud_proxy.seen().into_iter().filter_map(|seen| {
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        body.get("SecretString")?;
        Some(body["ClientRequestToken"].to_string())
    });
    let tokens: Vec<String> = puts.collect();
    let versions: BTreeSet<&String> = tokens.iter().collect();
    assert!(tokens.len() > versions.len() && versions.len() <= 2, "{tokens:?}");
}
