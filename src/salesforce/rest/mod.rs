//! External Client Apps over REST: finding one, and the credentials of its consumer
//! (salesforce-oauth-rest.md §1).
//!
//! Paths are built from ids, never from the urls of an answer. Answers are read leniently, because the
//! documents and the clients in use differ in their shape, and judged strictly: no id or no key is no entry.
//!
//! Not here: which entry is ours, and what to do about it (`rotation`).

mod credentials;
mod find;
mod row;
mod tokens;

pub(crate) use credentials::{Ids, consumers, delete, primary, rotate, stage, staged, staged_entry};
pub(crate) use find::{app, choose};
pub(crate) use row::Row;
pub(crate) use tokens::{end, users};

/// What is said of an answer about credentials: of a pair that was read no more than its type shows.
pub(crate) fn said(body: &[u8]) -> String {
    let rows = row::rows(body).map(|read| read.rows).unwrap_or_default();
    let secrets = rows
        .iter()
        .filter_map(|row| Some(row.credential()?.client_secret));
    format!("{:?}", secrets.collect::<Vec<_>>())
}
