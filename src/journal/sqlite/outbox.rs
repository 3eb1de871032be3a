//! The letters beside the records, as SQL. What writes runs inside a transaction of the caller.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::clock::Timestamp;
use crate::port::outbox::{Action, Letter, Posted, Settled, Standing, Wanted, missing};

/// What is for one sink: its own letters and those for all, behind the ones that it has passed.
const FOR_IT: &str =
    "FROM letter WHERE seq > (SELECT passed FROM sink WHERE sink = ?1) AND (sink IS NULL OR sink = ?1)";

type Done<T> = Result<T, sqlx::Error>;

fn letter(text: &str) -> Done<Letter> {
    serde_json::from_str(text).map_err(unreadable)
}

fn unreadable(_: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Decode("a letter that this version did not write".into())
}

fn body(letter: &Letter) -> Done<String> {
    serde_json::to_string(letter).map_err(unreadable)
}

fn by_incident(rows: &[SqliteRow]) -> Done<BTreeMap<String, Letter>> {
    rows.iter()
        .map(|row| {
            let letter = letter(row.try_get::<&str, _>(0)?)?;
            Ok((letter.incident.clone(), letter))
        })
        .collect()
}

/// Letters for every sink, and what they make of the open incidents.
pub(super) async fn post(connection: &mut SqliteConnection, letters: &[Letter]) -> Done<()> {
    for letter in letters {
        insert(connection, None, letter).await?;
        match letter.action {
            Action::Trigger | Action::Update => {
                sqlx::query("INSERT OR REPLACE INTO incident (incident, body) VALUES (?, ?)")
                    .bind(&letter.incident)
                    .bind(body(letter)?)
                    .execute(&mut *connection)
                    .await?;
            }
            Action::Resolve => {
                sqlx::query("DELETE FROM incident WHERE incident = ?")
                    .bind(&letter.incident)
                    .execute(&mut *connection)
                    .await?;
            }
        }
    }
    Ok(())
}

async fn insert(connection: &mut SqliteConnection, sink: Option<&str>, letter: &Letter) -> Done<()> {
    sqlx::query("INSERT INTO letter (at, sink, incident, body) VALUES (?, ?, ?, ?)")
        .bind(letter.at.0)
        .bind(sink)
        .bind(&letter.incident)
        .bind(body(letter)?)
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn open_incidents(connection: &mut SqliteConnection) -> Done<BTreeMap<String, Letter>> {
    let rows = sqlx::query("SELECT body FROM incident")
        .fetch_all(connection)
        .await?;
    by_incident(&rows)
}

async fn told_of(connection: &mut SqliteConnection, sink: &str) -> Done<BTreeMap<String, Letter>> {
    let rows = sqlx::query("SELECT body FROM told WHERE sink = ?")
        .bind(sink)
        .fetch_all(connection)
        .await?;
    by_incident(&rows)
}

pub(super) async fn told(connection: &mut SqliteConnection, sink: &str) -> Done<Vec<Letter>> {
    Ok(told_of(connection, sink).await?.into_values().collect())
}

pub(super) async fn enrol(connection: &mut SqliteConnection, sink: &str, wanted: Wanted<'_>) -> Done<()> {
    sqlx::query(
        "INSERT INTO sink (sink, passed) VALUES (?, (SELECT COALESCE(MAX(seq), 0) FROM letter)) \
         ON CONFLICT (sink) DO NOTHING",
    )
    .bind(sink)
    .execute(&mut *connection)
    .await?;
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT DISTINCT incident {FOR_IT}")))
        .bind(sink)
        .fetch_all(&mut *connection)
        .await?;
    let waiting: BTreeSet<String> = rows.iter().map(|row| row.try_get(0)).collect::<Done<_>>()?;
    let open = open_incidents(connection).await?;
    let told = told_of(connection, sink).await?;
    for letter in missing(&open, &told, &waiting, wanted) {
        insert(connection, Some(sink), &letter).await?;
    }
    Ok(())
}

pub(super) async fn standing(connection: &mut SqliteConnection, sink: &str) -> Done<Standing> {
    let row = sqlx::query("SELECT attempts, not_before, delivered, failed, refused FROM sink WHERE sink = ?")
        .bind(sink)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else {
        return Ok(Standing::default());
    };
    let waiting = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT COUNT(*), MIN(at) {FOR_IT}")))
        .bind(sink)
        .fetch_one(connection)
        .await?;
    let count = |row: &SqliteRow, at: usize| -> Done<u64> {
        Ok(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or_default())
    };
    Ok(Standing {
        attempts: u32::try_from(count(&row, 0)?).unwrap_or(u32::MAX),
        not_before: row.try_get::<Option<i64>, _>(1)?.map(Timestamp),
        delivered: count(&row, 2)?,
        failed: count(&row, 3)?,
        refused: count(&row, 4)?,
        waiting: count(&waiting, 0)?,
        oldest: waiting.try_get::<Option<i64>, _>(1)?.map(Timestamp),
    })
}

pub(super) async fn next(connection: &mut SqliteConnection, sink: &str) -> Done<Option<Posted>> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT seq, body {FOR_IT} ORDER BY seq LIMIT 1"
    )))
    .bind(sink)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let found = letter(row.try_get::<&str, _>(1)?)?;
    let before = sqlx::query("SELECT body FROM told WHERE sink = ? AND incident = ?")
        .bind(sink)
        .bind(&found.incident)
        .fetch_optional(connection)
        .await?;
    let before = before.map(|row| letter(row.try_get::<&str, _>(0)?)).transpose()?;
    Ok(Some(Posted {
        seq: row.try_get(0)?,
        letter: found,
        before,
    }))
}

pub(super) async fn settle(
    connection: &mut SqliteConnection,
    sink: &str,
    posted: &Posted,
    settled: Settled,
) -> Done<()> {
    let statement = match settled {
        Settled::Delivered => {
            "UPDATE sink SET passed = ?2, attempts = 0, not_before = NULL, delivered = delivered + 1 WHERE sink = ?1"
        }
        Settled::NotForIt => "UPDATE sink SET passed = ?2 WHERE sink = ?1",
        Settled::Refused => {
            "UPDATE sink SET passed = ?2, attempts = 0, not_before = NULL, failed = failed + 1, refused = refused + 1 \
             WHERE sink = ?1"
        }
        Settled::Failed { .. } => {
            "UPDATE sink SET attempts = attempts + 1, not_before = ?2, failed = failed + 1 WHERE sink = ?1"
        }
    };
    let second = match settled {
        Settled::Delivered | Settled::NotForIt | Settled::Refused => posted.seq,
        Settled::Failed { until } => until.0,
    };
    sqlx::query(statement)
        .bind(sink)
        .bind(second)
        .execute(&mut *connection)
        .await?;
    let letter = &posted.letter;
    match (settled, letter.action) {
        (Settled::Delivered, Action::Trigger | Action::Update) => {
            sqlx::query("INSERT OR REPLACE INTO told (sink, incident, body) VALUES (?, ?, ?)")
                .bind(sink)
                .bind(&letter.incident)
                .bind(body(letter)?)
                .execute(connection)
                .await
                .map(drop)
        }
        // A closing that the sink refuses for good is not tried for ever.
        (Settled::Delivered | Settled::Refused, Action::Resolve) => {
            sqlx::query("DELETE FROM told WHERE sink = ? AND incident = ?")
                .bind(sink)
                .bind(&letter.incident)
                .execute(connection)
                .await
                .map(drop)
        }
        (Settled::NotForIt | Settled::Refused | Settled::Failed { .. }, _) => Ok(()),
    }
}

pub(super) async fn prune(
    connection: &mut SqliteConnection,
    sinks: &[String],
    before: Timestamp,
) -> Done<u64> {
    let mut behind = i64::MAX;
    for sink in sinks {
        let row = sqlx::query("SELECT passed FROM sink WHERE sink = ?")
            .bind(sink)
            .fetch_optional(&mut *connection)
            .await?;
        behind = behind.min(match row {
            Some(row) => row.try_get(0)?,
            None => 0,
        });
    }
    let done = sqlx::query("DELETE FROM letter WHERE at < ? AND seq <= ?")
        .bind(before.0)
        .bind(behind)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
