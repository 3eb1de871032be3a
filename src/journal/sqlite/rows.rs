//! Rows of the database, and what they say.

use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};

use super::fault::classify;
use crate::clock::Timestamp;
use crate::journal::chain::{self, Checker, Stored};
use crate::journal::{Broken, Damage, Entry, Head, JournalFault, Record, RecordQuery, Verified, VerifyFault};

/// As blobs, since what was tampered with need not be text.
const STORED: &str = "SELECT seq, at, CAST(app AS BLOB), CAST(rotation AS BLOB), CAST(kind AS BLOB), \
                      CAST(body AS BLOB), CAST(prev AS BLOB), CAST(hash AS BLOB) FROM record";

/// Where a history ends, as the journal notes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub seq: i64,
    pub hash: Head,
}

fn stored(row: &SqliteRow) -> Result<Stored, sqlx::Error> {
    Ok(Stored {
        seq: row.try_get(0)?,
        at: row.try_get(1)?,
        app: row.try_get(2)?,
        rotation: row.try_get(3)?,
        kind: row.try_get(4)?,
        body: row.try_get(5)?,
        prev: row.try_get(6)?,
        hash: row.try_get(7)?,
    })
}

/// `None` if it is not what [`following`] makes.
fn record(stored: Stored) -> Option<Record> {
    let text = |bytes| String::from_utf8(bytes).ok();
    Some(Record {
        seq: stored.seq,
        at: Timestamp(stored.at),
        entry: Entry {
            app: match stored.app {
                Some(app) => Some(text(app)?),
                None => None,
            },
            rotation: match stored.rotation {
                Some(rotation) => Some(text(rotation)?.parse().ok()?),
                None => None,
            },
            kind: text(stored.kind)?,
            body: serde_json::from_slice(&stored.body).ok()?,
        },
        prev: text(stored.prev)?.parse().ok()?,
        hash: text(stored.hash)?.parse().ok()?,
    })
}

/// The row that puts `entry` after `tip`.
pub(super) fn following(tip: Tip, at: Timestamp, entry: &Entry) -> (Stored, Tip) {
    let mut row = Stored {
        seq: tip.seq.saturating_add(1),
        at: at.0,
        app: entry.app.clone().map(String::into_bytes),
        rotation: entry.rotation.map(|rotation| rotation.to_string().into_bytes()),
        kind: entry.kind.clone().into_bytes(),
        body: entry.body.to_string().into_bytes(),
        prev: tip.hash.to_string().into_bytes(),
        hash: Vec::new(),
    };
    let hash = chain::link(tip.hash, &row);
    row.hash = hash.to_string().into_bytes();
    let tip = Tip { seq: row.seq, hash };
    (row, tip)
}

pub(super) async fn insert(row: &Stored, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO record (seq, at, app, rotation, kind, body, prev, hash) VALUES (?, ?, CAST(? AS TEXT), \
         CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT))",
    )
    .bind(row.seq)
    .bind(row.at)
    .bind(row.app.as_deref())
    .bind(row.rotation.as_deref())
    .bind(row.kind.as_slice())
    .bind(row.body.as_slice())
    .bind(row.prev.as_slice())
    .bind(row.hash.as_slice())
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn tip(path: &Path, connection: &mut SqliteConnection) -> Result<Tip, JournalFault> {
    let fault = |error: sqlx::Error| classify(path, &error);
    let row = sqlx::query("SELECT seq, hash FROM chain")
        .fetch_one(connection)
        .await
        .map_err(fault)?;
    let hash: String = row.try_get(1).map_err(fault)?;
    Ok(Tip {
        seq: row.try_get(0).map_err(fault)?,
        hash: hash.parse().map_err(|_| unusable(path))?,
    })
}

pub(super) fn unusable(path: &Path) -> JournalFault {
    classify(path, &sqlx::Error::RowNotFound)
}

pub(super) async fn read(
    path: &Path,
    connection: &mut SqliteConnection,
    query: &RecordQuery,
) -> Result<Vec<Record>, JournalFault> {
    // Only the conditions asked for, so that the indexes serve.
    let mut sql = QueryBuilder::<Sqlite>::new(STORED);
    sql.push(" WHERE seq > ").push_bind(query.after_seq.unwrap_or(0));
    if let Some(app) = &query.app {
        sql.push(" AND app = ").push_bind(app);
    }
    if let Some(rotation) = query.rotation {
        sql.push(" AND rotation = ").push_bind(rotation.to_string());
    }
    sql.push(if query.newest_first {
        " ORDER BY seq DESC"
    } else {
        " ORDER BY seq"
    });
    if let Some(limit) = query.limit {
        sql.push(" LIMIT ").push_bind(limit);
    }
    let rows = sql
        .build()
        .fetch_all(connection)
        .await
        .map_err(|error| classify(path, &error))?;
    rows.iter()
        .map(|row| {
            let stored = stored(row).map_err(|error| classify(path, &error))?;
            record(stored).ok_or_else(|| unusable(path))
        })
        .collect()
}

/// Recomputes everything, in one read transaction: appends that go on meanwhile are not seen.
pub(super) async fn verify(
    path: &Path,
    connection: &mut SqliteConnection,
    expected: Option<Head>,
) -> Result<Verified, VerifyFault> {
    let fault = |error: sqlx::Error| VerifyFault::Fault(classify(path, &error));
    let mut snapshot = connection.begin().await.map_err(fault)?;
    let chain = sqlx::query("SELECT CAST(installation AS BLOB), seq, CAST(hash AS BLOB) FROM chain")
        .fetch_one(&mut *snapshot)
        .await
        .map_err(fault)?;
    let installation: Vec<u8> = chain.try_get(0).map_err(fault)?;
    let mut checker = Checker::new(&installation, expected);
    {
        let mut rows = QueryBuilder::<Sqlite>::new(STORED);
        rows.push(" ORDER BY seq");
        let mut rows = rows.build().fetch(&mut *snapshot);
        while let Some(row) = rows.try_next().await.map_err(fault)? {
            let stored = stored(&row).map_err(|_| Broken {
                seq: checker.next_seq(),
                what: Damage::Unreadable,
            })?;
            checker.check(&stored)?;
        }
    }
    let last: Vec<u8> = chain.try_get(2).map_err(fault)?;
    Ok(checker.finish(chain.try_get(1).map_err(fault)?, &last)?)
}
