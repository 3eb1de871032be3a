//! For any history: it verifies, it reads back, and no bit of it can change unseen.

use proptest::prelude::*;
use rekeyd::clock::Timestamp;
use rekeyd::journal::{Entry, Journal, JournalFault, RecordQuery, VerifyFault};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::support::{Place, raw, rotation};

fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let app = prop::option::of(any::<String>());
    let rotation = prop::option::of(any::<u128>().prop_map(rotation));
    (app, rotation, any::<String>(), body()).prop_map(|(app, rotation, kind, body)| Entry {
        app,
        rotation,
        kind,
        body,
    })
}

fn history() -> impl Strategy<Value = Vec<(i64, Vec<Entry>)>> {
    prop::collection::vec((any::<i64>(), prop::collection::vec(any_entry(), 1..4)), 1..5)
}

fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

async fn write(history: &[(i64, Vec<Entry>)]) -> Place {
    let place = Place::new();
    let journal = place.open().await.unwrap();
    for (at, entries) in history {
        journal.append(Timestamp(*at), entries).await.unwrap();
    }
    journal.close().await.unwrap();
    place
}

/// Every stored field that the chain must protect. Integers are flipped as the number that they are.
const FIELDS: [(&str, &str); 11] = [
    ("record", "seq"),
    ("record", "at"),
    ("record", "app"),
    ("record", "rotation"),
    ("record", "kind"),
    ("record", "body"),
    ("record", "prev"),
    ("record", "hash"),
    ("chain", "installation"),
    ("chain", "seq"),
    ("chain", "hash"),
];

/// Flips one bit, or makes something of nothing. False if the database itself would not have it.
async fn flip(place: &Place, field: (&str, &str), row: u16, bit: usize) -> bool {
    place.tamper("SELECT 1").await;
    let (table, column) = field;
    let mut connection = raw(&place.path()).await;
    let count: i64 = sqlx::query(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
        .fetch_one(&mut connection)
        .await
        .unwrap()
        .get(0);
    let rowid = i64::from(row) % count + 1;
    let number = column == "seq" || column == "at";
    let select = if number {
        column.to_owned()
    } else {
        format!("CAST({column} AS BLOB)")
    };
    let found = sqlx::query(AssertSqlSafe(format!(
        "SELECT {select} FROM {table} WHERE rowid = ?"
    )))
    .bind(rowid)
    .fetch_one(&mut connection)
    .await
    .unwrap();
    let cast = if number { "?" } else { "CAST(? AS TEXT)" };
    let update = AssertSqlSafe(format!("UPDATE {table} SET {column} = {cast} WHERE rowid = ?"));
    let update = if number {
        sqlx::query(update).bind(found.get::<i64, _>(0) ^ (1 << (bit % 64)))
    } else {
        let mut bytes = found.get::<Option<Vec<u8>>, _>(0).unwrap_or_default();
        let bits = bytes.len() * 8;
        match bits {
            // An empty or absent text becomes one of one byte.
            0 => bytes.push(b'x'),
            _ => bytes[bit % bits / 8] ^= 1 << (bit % 8),
        }
        sqlx::query(update).bind(bytes)
    };
    let done = update.bind(rowid).execute(&mut connection).await;
    connection.close().await.unwrap();
    match done {
        Ok(result) => {
            assert_eq!(result.rows_affected(), 1);
            true
        }
        Err(error) => {
            assert!(error.to_string().contains("UNIQUE"), "{error}");
            false
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_verifies_and_reads_back(history in history()) {
        on_a_runtime(async {
            let place = write(&history).await;
            let journal = place.open().await.unwrap();
            let count: usize = history.iter().map(|(_, entries)| entries.len()).sum();
            assert_eq!(journal.verify(None).await.unwrap().count, count as i64);
            let read: Vec<_> = journal.read(&RecordQuery::default()).await.unwrap()
                .into_iter().map(|record| (record.at.0, record.entry)).collect();
            let wrote: Vec<_> = history.iter()
                .flat_map(|(at, entries)| entries.iter().map(|entry| (*at, entry.clone()))).collect();
            assert_eq!(read, wrote);
        });
    }

    #[test]
    fn any_bit_that_changes_in_any_stored_field_shows(
        history in history(),
        field in prop::sample::select(FIELDS.to_vec()),
        row in any::<u16>(),
        bit in any::<usize>(),
    ) {
        on_a_runtime(async {
            let place = write(&history).await;
            if !flip(&place, field, row, bit).await {
                return;
            }
            let verdict = place.look().await.unwrap().verify(None).await;
            assert!(matches!(verdict, Err(VerifyFault::Broken(_))), "{field:?}: {verdict:?}");
            let refusal = place.open().await.unwrap_err();
            assert!(matches!(refusal, JournalFault::Corrupt(_)), "{field:?}: {refusal}");
        });
    }

    /// Below SQL: wherever in the file a bit flips, either nothing that was recorded reads differently, or it shows.
    #[test]
    fn any_bit_that_changes_in_the_file_shows_or_changes_nothing(
        history in history(), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        on_a_runtime(async {
            let place = write(&history).await;
            let before = place.look().await.unwrap().read(&RecordQuery::default()).await.unwrap();
            let mut bytes = std::fs::read(place.path()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            std::fs::write(place.path(), bytes).unwrap();
            match place.open().await {
                Ok(journal) => {
                    let after = journal.read(&RecordQuery::default()).await.unwrap();
                    assert_eq!(after, before, "byte {at}");
                }
                Err(JournalFault::Corrupt(_) | JournalFault::Newer(_)) => {}
                Err(other) => panic!("byte {at}: {other}"),
            }
        });
    }
}
