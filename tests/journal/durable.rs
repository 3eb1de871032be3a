//! What is appended is there afterwards, once, in order, and found again.

use std::sync::Arc;

use futures_util::future::join_all;
use rekeyd::journal::{Entry, Journal, RecordQuery};
use serde_json::json;

use crate::support::{Place, at_millis, entry, numbers, raw, rotation, run};

#[tokio::test]
async fn records_survive_a_reopen_and_the_chain_goes_on() {
    let place = Place::new();
    let journal = place.open().await.unwrap();
    assert!(journal.is_empty().await.unwrap());
    let beginning = journal.head().await.unwrap();
    let first = journal.append(at_millis(1), &[entry(0), entry(1)]).await.unwrap();
    drop(journal);

    let journal = place.open().await.unwrap();
    assert!(!journal.is_empty().await.unwrap());
    assert_eq!(journal.head().await.unwrap(), first);
    let second = journal.append(at_millis(2), &[entry(2)]).await.unwrap();
    journal.close().await.unwrap();
    assert!(!place.directory.path().join("journal.db-wal").exists());

    let journal = place.look().await.unwrap();
    let records = journal.read(&RecordQuery::default()).await.unwrap();
    let seen: Vec<_> = records.iter().map(|record| (record.seq, record.at.0)).collect();
    assert_eq!(seen, [(1, 1), (2, 1), (3, 2)]);
    let entries: Vec<_> = records.iter().map(|record| record.entry.clone()).collect();
    assert_eq!(entries, [entry(0), entry(1), entry(2)]);
    assert_eq!(records[0].prev, beginning);
    assert_eq!(records[1].hash, first);
    assert_eq!((records[2].prev, records[2].hash), (first, second));
    let verified = journal.verify(None).await.unwrap();
    assert_eq!((verified.count, verified.head), (3, second));
}

#[tokio::test]
async fn two_installations_have_nothing_in_common() {
    let [one, other] = [Place::filled(1).await, Place::filled(1).await];
    let one = one.look().await.unwrap().head().await.unwrap();
    let other = other.look().await.unwrap().head().await.unwrap();
    assert_ne!(one, other);
}

#[tokio::test]
async fn queries_select_by_app_rotation_place_and_number() {
    let place = Place::filled(20).await;
    let journal = place.look().await.unwrap();
    let ask = async |query: RecordQuery| -> Vec<i64> {
        let records = journal.read(&query).await.unwrap();
        records.iter().map(|record| record.seq).collect()
    };
    let all = RecordQuery::default;
    let app = Some("app-1".to_owned());
    assert_eq!(
        ask(RecordQuery {
            app: app.clone(),
            ..all()
        })
        .await,
        [2, 5, 8, 11, 14, 17, 20]
    );
    assert_eq!(
        ask(RecordQuery {
            rotation: Some(rotation(3)),
            ..all()
        })
        .await,
        [4, 14, 19]
    );
    assert_eq!(
        ask(RecordQuery {
            app: app.clone(),
            rotation: Some(rotation(3)),
            ..all()
        })
        .await,
        [14]
    );
    assert_eq!(
        ask(RecordQuery {
            after_seq: Some(17),
            ..all()
        })
        .await,
        [18, 19, 20]
    );
    assert_eq!(
        ask(RecordQuery {
            limit: Some(2),
            ..all()
        })
        .await,
        [1, 2]
    );
    assert_eq!(
        ask(RecordQuery {
            app,
            limit: Some(2),
            newest_first: true,
            ..all()
        })
        .await,
        [20, 17]
    );
    assert_eq!(
        ask(RecordQuery {
            app: Some("no such".into()),
            ..all()
        })
        .await,
        [0_i64; 0]
    );
}

#[tokio::test]
async fn an_append_of_nothing_changes_nothing() {
    let place = Place::new();
    let journal = place.open().await.unwrap();
    let head = journal.append(at_millis(1), &[]).await.unwrap();
    assert_eq!(head, journal.head().await.unwrap());
    assert!(journal.is_empty().await.unwrap());
}

#[tokio::test]
async fn facts_are_kept_and_replaced_outside_the_history() {
    let place = Place::new();
    let journal = place.open().await.unwrap();
    let head = journal.head().await.unwrap();
    assert_eq!(journal.recall("org prod").await.unwrap(), None);
    journal
        .remember("org prod", &json!({ "ignores": true }))
        .await
        .unwrap();
    journal.remember("org prod", &json!([1, null])).await.unwrap();
    drop(journal);
    let journal = place.open().await.unwrap();
    assert_eq!(journal.recall("org prod").await.unwrap(), Some(json!([1, null])));
    assert_eq!(journal.head().await.unwrap(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_at_once_are_all_kept_whole() {
    let place = Place::new();
    let journal = Arc::new(place.open().await.unwrap());
    let writers = (0..16_usize).map(|writer| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            for round in 0..4_usize {
                let batch: Vec<_> = (0..3).map(|at| entry(writer * 100 + round * 10 + at)).collect();
                journal.append(at_millis(round), &batch).await.unwrap();
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let numbers = numbers(&journal).await;
    for batch in numbers.chunks(3) {
        assert_eq!(batch, [batch[0], batch[0] + 1, batch[0] + 2], "a batch was torn");
    }
    for writer in 0..16 {
        let own: Vec<_> = numbers.iter().filter(|number| **number / 100 == writer).collect();
        assert!(own.is_sorted(), "writer {writer} is out of order");
    }
    assert_eq!(journal.verify(None).await.unwrap().count, 16 * 4 * 3);
}

#[tokio::test]
async fn a_reader_follows_a_live_writer_and_cannot_write() {
    let place = Place::new();
    let writer = place.open().await.unwrap();
    let reader = place.look().await.unwrap();
    for at in 0..5 {
        let head = writer.append(at_millis(at), &[entry(at)]).await.unwrap();
        assert_eq!(reader.head().await.unwrap(), head);
        assert_eq!(
            reader.verify(Some(head)).await.unwrap().expected_at,
            Some(at as i64 + 1)
        );
    }
    reader.append(at_millis(9), &[entry(9)]).await.unwrap_err();
    reader.remember("x", &json!(1)).await.unwrap_err();
    assert_eq!(numbers(&reader).await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn an_append_that_sqlite_rolled_back_by_itself_is_followed_by_ones_that_work() {
    let place = Place::new();
    let journal = place.open().await.unwrap();
    journal.append(at_millis(1), &[entry(0)]).await.unwrap();
    // As a full disk or a failing one may make it do.
    let mut connection = raw(&place.path()).await;
    let trigger = "CREATE TRIGGER gives_up BEFORE INSERT ON record WHEN NEW.kind = 'too much' \
                   BEGIN SELECT RAISE(ROLLBACK, 'gave up'); END";
    run(&mut connection, trigger).await.unwrap();
    let too_much = Entry {
        kind: "too much".into(),
        ..entry(1)
    };
    journal
        .append(at_millis(2), &[entry(1), too_much])
        .await
        .unwrap_err();
    journal.append(at_millis(3), &[entry(2)]).await.unwrap();
    journal.append(at_millis(4), &[entry(3)]).await.unwrap();
    assert_eq!(numbers(&journal).await, [0, 2, 3]);
    journal.verify(None).await.unwrap();
}

#[tokio::test]
async fn a_call_dropped_at_any_point_leaves_a_chain_that_goes_on() {
    let place = Place::new();
    let journal = place.open().await.unwrap();
    let mut appended = 0;
    for polls in 0..40 {
        let batch = [entry(1000), entry(1001)];
        let mut call = journal.append(at_millis(1), &batch);
        for _ in 0..polls {
            if futures_util::poll!(&mut call).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        journal.append(at_millis(2), &[entry(polls)]).await.unwrap();
        appended += 1;
    }
    let numbers = numbers(&journal).await;
    let torn = numbers
        .iter()
        .zip(numbers.iter().skip(1))
        .filter(|(one, next)| (**one == 1000) != (**next == 1001));
    assert_eq!(torn.count(), 0, "{numbers:?}");
    assert_eq!(numbers.iter().filter(|number| **number < 1000).count(), appended);
    journal.verify(None).await.unwrap();
}
