//! What every store promises. Each case begins at a path where nothing was ever written; those about *pending* where a
//! store takes one (`World::adopted`).

use rekeyd::document::{Document, FieldNames};
use rekeyd::port::{Fault, Outcome, Place, Refusal};
use serde_json::Value;

use super::world::{
    World, conflict, document, done, holds, number, publish, put_pending, read, rotation, version,
    with_credential,
};

/// One test per case, in a world that `$world` makes.
macro_rules! keeps_the_contract {
    ($world:path) => {
        keeps_the_contract! { $world:
            a_place_never_written_is_empty_over_zero,
            the_first_value_goes_over_zero,
            a_stale_base_is_a_conflict_and_changes_nothing,
            repeating_a_write_is_a_conflict_that_a_read_resolves,
            publishing_keeps_what_it_replaces_readable,
            pending_is_not_where_consumers_look,
            clearing_ends_pending_and_can_be_repeated,
            numbers_do_not_begin_again_after_clearing,
            clearing_leaves_somebody_elses_pending_alone,
            quarantine_hides_pending_and_keeps_it_by_name,
            quarantine_of_what_is_not_there_is_a_conflict,
            a_quarantined_value_can_be_ended,
            other_peoples_keys_come_back_as_they_were,
            a_large_value_and_any_text_come_back,
            of_many_writers_one_wins,
            a_foreign_version_name_is_refused_before_anything_is_sent,
            a_healthy_store_has_no_obstacles,
        }
    };
    ($world:path: $($case:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let world = $world().await;
                let case = stringify!($case);
                match $crate::stores::world::World::skips(&world, case) {
                    None => $crate::stores::contract::$case(&world).await,
                    Some(why) => println!("skipped: {case}: {why}"),
                }
            }
        )*

        /// Their names.
        #[allow(dead_code, reason = "only worlds that skip some count them")]
        pub const CASES: &[&str] = &[$(stringify!($case)),*];
    };
}

pub async fn a_place_never_written_is_empty_over_zero(world: &dyn World) {
    let store = world.open();
    for place in [Place::Current, Place::Pending] {
        let slot = read(&*store, place).await;
        assert_eq!(slot.base, version("0"));
        assert!(slot.value.is_none());
    }
    let never = world.never_written();
    for place in [
        Place::Version(never.clone()),
        Place::PendingVersion(never.clone()),
    ] {
        let slot = read(&*store, place).await;
        assert_eq!(slot.base, never);
        assert!(slot.value.is_none());
    }
    assert_eq!(world.consumer_reads().await, None);
}

pub async fn the_first_value_goes_over_zero(world: &dyn World) {
    let store = world.open();
    let first = publish(&*store, &version("0"), 1).await;
    let again = world.open();
    assert_eq!(read(&*again, Place::Current).await.base, first);
    assert_eq!(holds(&*again, Place::Current).await, Some(1));
    let read = world.consumer_reads().await.unwrap();
    assert_eq!(number(&Document::parse(&read).unwrap()), 1);
}

pub async fn a_stale_base_is_a_conflict_and_changes_nothing(world: &dyn World) {
    let store = world.open();
    let first = publish(&*store, &version("0"), 1).await;
    let second = publish(&*store, &first, 2).await;
    for stale in [version("0"), first, world.never_written()] {
        conflict(store.publish(&stale, &document(3), rotation(3)).await);
        let slot = read(&*store, Place::Current).await;
        assert_eq!((slot.base, number(&slot.value.unwrap())), (second.clone(), 2));
    }
    put_pending(&*store, &version("0"), 4).await;
    conflict(store.put_pending(&version("0"), &document(5), rotation(5)).await);
    assert_eq!(holds(&*store, Place::Pending).await, Some(4));
}

/// After an unknown answer the engine reads: another base with our rotation id is done.
pub async fn repeating_a_write_is_a_conflict_that_a_read_resolves(world: &dyn World) {
    let store = world.open();
    world.adopted().await;
    let base = read(&*store, Place::Pending).await.base;
    let ours = put_pending(&*store, &base, 6).await;
    conflict(store.put_pending(&base, &document(6), rotation(6)).await);
    let slot = read(&*store, Place::Pending).await;
    assert_eq!(slot.base, ours);
    assert_ne!(slot.base, base);
    let written_by = slot.value.unwrap().rotation(&FieldNames::default());
    assert_eq!(written_by, Some(rotation(6)));
}

pub async fn publishing_keeps_what_it_replaces_readable(world: &dyn World) {
    let store = world.open();
    let old = publish(&*store, &version("0"), 1).await;
    let pending = put_pending(&*store, &version("0"), 2).await;
    let new = publish(&*store, &old, 2).await;
    done(store.clear_pending(&pending).await);
    assert_eq!(holds(&*store, Place::Current).await, Some(2));
    let slot = read(&*store, Place::Version(old.clone())).await;
    assert_eq!((slot.base, number(&slot.value.unwrap())), (old, 1));
    assert_eq!(holds(&*store, Place::Version(new)).await, Some(2));
}

pub async fn pending_is_not_where_consumers_look(world: &dyn World) {
    let store = world.open();
    world.adopted().await;
    let before = world.consumer_reads().await;
    let base = put_pending(&*store, &version("0"), 1).await;
    assert_eq!(world.consumer_reads().await, before);
    let current = read(&*store, Place::Current).await.base;
    publish(&*store, &current, 2).await;
    put_pending(&*store, &base, 3).await;
    let read = world.consumer_reads().await.unwrap();
    assert_eq!(number(&Document::parse(&read).unwrap()), 2);
    assert_eq!(holds(&*store, Place::Current).await, Some(2));
}

pub async fn clearing_ends_pending_and_can_be_repeated(world: &dyn World) {
    let store = world.open();
    done(store.clear_pending(&world.never_written()).await);
    publish(&*store, &version("0"), 1).await;
    let base = read(&*store, Place::Pending).await.base;
    let pending = put_pending(&*store, &base, 2).await;
    for _ in 0..2 {
        done(store.clear_pending(&pending).await);
        assert_eq!(holds(&*store, Place::Pending).await, None);
        let gone = read(&*store, Place::PendingVersion(pending.clone())).await;
        assert!(gone.value.is_none());
    }
    assert_eq!(holds(&*store, Place::Current).await, Some(1));
    let base = read(&*store, Place::Pending).await.base;
    put_pending(&*store, &base, 3).await;
    assert_eq!(holds(&*store, Place::Pending).await, Some(3));
}

/// Or a write that lands late would pass for the first.
pub async fn numbers_do_not_begin_again_after_clearing(world: &dyn World) {
    let store = world.open();
    world.adopted().await;
    let base = read(&*store, Place::Pending).await.base;
    let pending = put_pending(&*store, &base, 1).await;
    done(store.clear_pending(&pending).await);
    conflict(store.put_pending(&base, &document(2), rotation(2)).await);
    let slot = read(&*store, Place::Pending).await;
    assert!(slot.value.is_none());
    assert_ne!(put_pending(&*store, &slot.base, 3).await, pending);
}

pub async fn clearing_leaves_somebody_elses_pending_alone(world: &dyn World) {
    let store = world.open();
    world.adopted().await;
    let ours = put_pending(&*store, &version("0"), 1).await;
    let theirs = put_pending(&*world.open(), &ours, 2).await;
    done(store.clear_pending(&ours).await);
    assert_eq!(read(&*store, Place::Pending).await.base, theirs);
    assert_eq!(holds(&*store, Place::Pending).await, Some(2));
    assert_eq!(holds(&*store, Place::PendingVersion(ours)).await, None);
}

pub async fn quarantine_hides_pending_and_keeps_it_by_name(world: &dyn World) {
    let store = world.open();
    world.adopted().await;
    let pending = put_pending(&*store, &version("0"), 1).await;
    for _ in 0..2 {
        done(store.quarantine(&pending, rotation(1)).await);
        assert_eq!(holds(&*store, Place::Pending).await, None);
        let aside = Place::PendingVersion(pending.clone());
        assert_eq!(holds(&*store, aside).await, Some(1));
    }
    // The place goes on, and so does what was set aside.
    let base = read(&*store, Place::Pending).await.base;
    let next = put_pending(&*store, &base, 2).await;
    done(store.quarantine(&pending, rotation(1)).await);
    assert_eq!(holds(&*store, Place::Pending).await, Some(2));
    done(store.clear_pending(&next).await);
    assert_eq!(holds(&*store, Place::PendingVersion(pending)).await, Some(1));
}

pub async fn quarantine_of_what_is_not_there_is_a_conflict(world: &dyn World) {
    let store = world.open();
    world.adopted().await;
    for nothing in [version("0"), world.never_written()] {
        conflict(store.quarantine(&nothing, rotation(1)).await);
        done(store.clear_pending(&nothing).await);
    }
    assert_eq!(read(&*store, Place::Pending).await.base, version("0"));
    let ours = put_pending(&*store, &version("0"), 1).await;
    let theirs = put_pending(&*world.open(), &ours, 2).await;
    conflict(store.quarantine(&ours, rotation(1)).await);
    assert_eq!(read(&*store, Place::Pending).await.base, theirs);
    assert_eq!(holds(&*store, Place::PendingVersion(ours)).await, Some(1));
}

pub async fn a_quarantined_value_can_be_ended(world: &dyn World) {
    let store = world.open();
    world.adopted().await;
    let pending = put_pending(&*store, &version("0"), 1).await;
    done(store.quarantine(&pending, rotation(1)).await);
    done(store.clear_pending(&pending).await);
    assert_eq!(holds(&*store, Place::PendingVersion(pending)).await, None);
    assert_eq!(holds(&*store, Place::Pending).await, None);
}

pub async fn other_peoples_keys_come_back_as_they_were(world: &dyn World) {
    let text = r#"{"zeta":"<&>\u2028","note":"keep","list":[1,true,null,{"b":1,"a":-2.5}],"client_id":"x","n":0,"e":""}"#;
    let theirs = Document::parse(text).unwrap();
    let store = world.open();
    let base = done(store.publish(&version("0"), &theirs, rotation(1)).await);
    let seen = read(&*store, Place::Current).await.value.unwrap();
    same(world, &seen, &theirs);
    let merged = with_credential(&seen, 2);
    done(store.publish(&base, &merged, rotation(2)).await);
    let seen = read(&*store, Place::Current).await.value.unwrap();
    same(world, &seen, &merged);
    assert_eq!(seen.object().get("note"), Some(&Value::from("keep")));
    assert_eq!(number(&seen), 2);
}

pub async fn a_large_value_and_any_text_come_back(world: &dyn World) {
    let store = world.open();
    let mut fields = document(1).object().clone();
    fields.insert("large".into(), Value::from("ü7\"\\\n".repeat(world.large() / 6)));
    fields.insert(
        "schlüssel 鍵 🔑".into(),
        Value::from("\u{0}\u{7f}\u{10FFFF} e\u{301} \u{202e}"),
    );
    let value = Document::from_object(fields);
    assert!(value.text().len() > world.large());
    done(store.publish(&version("0"), &value, rotation(1)).await);
    let seen = read(&*store, Place::Current).await.value.unwrap();
    same(world, &seen, &value);
}

pub async fn of_many_writers_one_wins(world: &dyn World) {
    let first = publish(&*world.open(), &version("0"), 100).await;
    let writers = (0..8).map(|writer| {
        let (store, base) = (world.open(), first.clone());
        tokio::spawn(async move {
            let outcome = store.publish(&base, &document(writer), rotation(writer)).await;
            (writer, outcome)
        })
    });
    let mut won = Vec::new();
    for ended in futures_util::future::join_all(writers).await {
        match ended.unwrap() {
            (writer, Outcome::Done(version)) => won.push((writer, version)),
            (_, lost) => conflict(lost),
        }
    }
    let [(winner, written)] = won.as_slice() else {
        panic!("{} writers won", won.len());
    };
    let slot = read(&*world.open(), Place::Current).await;
    assert_eq!((&slot.base, number(&slot.value.unwrap())), (written, *winner));
}

pub async fn a_foreign_version_name_is_refused_before_anything_is_sent(world: &dyn World) {
    let store = world.open();
    for name in ["", "-1", "seven", world.foreign_version()] {
        let name = version(name);
        let invalid = |outcome| matches!(outcome, Outcome::Refused(Refusal::Invalid(_)));
        assert!(invalid(
            store.publish(&name, &document(1), rotation(1)).await.map(|_| ())
        ));
        assert!(invalid(
            store
                .put_pending(&name, &document(1), rotation(1))
                .await
                .map(|_| ())
        ));
        assert!(invalid(store.clear_pending(&name).await));
        assert!(invalid(store.quarantine(&name, rotation(1)).await));
        let fault = store.read(&Place::Version(name)).await.unwrap_err();
        assert!(matches!(fault, Fault::Unusable(_)), "{fault:?}");
    }
}

pub async fn a_healthy_store_has_no_obstacles(world: &dyn World) {
    let store = world.open();
    let grace = std::time::Duration::from_secs(30 * 86400);
    assert_eq!(store.obstacles(grace).await.unwrap(), Vec::<String>::new());
    publish(&*store, &version("0"), 1).await;
    put_pending(&*store, &version("0"), 2).await;
    assert_eq!(store.obstacles(grace).await.unwrap(), Vec::<String>::new());
}

fn same(world: &dyn World, seen: &Document, written: &Document) {
    if world.keeps_bytes() {
        assert_eq!(*seen.text(), *written.text());
    } else {
        assert_eq!(seen.object(), written.object());
    }
}
