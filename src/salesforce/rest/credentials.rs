//! The calls to the credentials of one consumer, each one request.

use reqwest::Method;

use super::super::fault::{self, Area, Class, Failure};
use super::super::id::RecordId;
use super::super::org::{Call, Org};
use super::find::PAGES;
use super::row::{Row, rows};
use crate::clock::Timestamp;
use crate::port::{Fault, Outcome, Refusal};

/// Names one consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) app: RecordId,
    pub(crate) consumer: RecordId,
}

impl Ids {
    /// Org and consumer by the ids that identify: no two apps of a policy may share them.
    pub(crate) async fn identity(&self, org: &Org) -> Result<String, Fault> {
        Ok(format!("{} {}", org.identity().await?, self.consumer.short()))
    }

    fn path(&self) -> String {
        format!(
            "/apps/oauth/credentials/{}/{}",
            self.app.as_str(),
            self.consumer.as_str()
        )
    }

    fn slot(&self) -> String {
        format!("{}/staged", self.path())
    }

    fn entry(&self, id: &RecordId) -> String {
        format!("{}/staged/{}", self.path(), id.as_str())
    }
}

fn illegible(what: &str) -> Fault {
    Fault::Unusable(format!("{what}: the answer is not legible"))
}

/// All consumers of an app.
pub(crate) async fn consumers(org: &Org, app: &RecordId) -> Result<Vec<Row>, Fault> {
    let mut all: Vec<Row> = Vec::new();
    for page in 0..PAGES {
        let mut call = Call::get(
            "list consumers",
            format!("/apps/oauth/credentials/{}", app.as_str()),
        );
        if page > 0 {
            call.query.push(("page", page.to_string()));
        }
        let reply = org.rest(&call).await.map_err(Failure::fault)?;
        let body = fault::read(&reply).map_err(|class| class.fault(Area::Credentials))?;
        let read = rows(body).ok_or_else(|| illegible("consumers"))?;
        let before = all.len();
        for row in read.rows {
            // A server that pays no heed to `page` repeats itself.
            let known = row
                .id()
                .is_some_and(|id| all.iter().any(|seen| seen.id().as_ref() == Some(&id)));
            if !known {
                all.push(row);
            }
        }
        if !read.more || all.len() == before {
            return Ok(all);
        }
    }
    Err(Fault::Unusable(format!(
        "the list of consumers has more than {PAGES} pages"
    )))
}

/// The primary pair.
pub(crate) async fn primary(org: &Org, ids: &Ids) -> Result<Row, Fault> {
    let mut call = Call::get("read primary", ids.path());
    call.query.push(("part", "keyandsecret".into()));
    let reply = org.rest(&call).await.map_err(Failure::fault)?;
    let body = fault::read(&reply).map_err(|class| class.fault(Area::Credentials))?;
    let read = rows(body).map(|read| read.rows).unwrap_or_default();
    let row = read.into_iter().next().filter(|row| row.key().is_some());
    row.ok_or_else(|| illegible("primary pair"))
}

/// The staged slot, and Salesforce's clock.
pub(crate) async fn staged(org: &Org, ids: &Ids) -> Result<(Vec<Row>, Option<Timestamp>), Fault> {
    let reply = org
        .rest(&Call::get("read slot", ids.slot()))
        .await
        .map_err(Failure::fault)?;
    let body = fault::read(&reply).map_err(|class| class.fault(Area::Credentials))?;
    let read = rows(body).ok_or_else(|| illegible("staged slot"))?;
    if read.rows.iter().any(|row| row.entry().is_none()) {
        return Err(Fault::Unusable(
            "an entry of the staged slot has no id or no key".into(),
        ));
    }
    Ok((read.rows, reply.date))
}

/// One staged entry.
pub(crate) async fn staged_entry(org: &Org, ids: &Ids, id: &RecordId) -> Result<Row, Fault> {
    let call = Call::get("read staged", ids.entry(id));
    let reply = org.rest(&call).await.map_err(Failure::fault)?;
    let body = fault::read(&reply).map_err(|class| class.fault(Area::Credentials))?;
    let read = rows(body).ok_or_else(|| illegible("staged pair"))?;
    // One object need not repeat the id that was asked for.
    let mut fitting = read
        .rows
        .into_iter()
        .filter(|row| row.id().is_none_or(|found| found == *id));
    let row = fitting.next().filter(|row| row.key().is_some());
    row.ok_or_else(|| illegible("staged pair"))
}

/// Makes a staged pair. The body `{}` is there because a POST without one is reported to hang.
pub(crate) async fn stage(org: &Org, ids: &Ids) -> Outcome<Row> {
    let mut call = Call::get("stage", ids.slot());
    call.method = Method::POST;
    call.body = Some("{}");
    let reply = match org.rest(&call).await {
        Ok(reply) => reply,
        Err(failure) => return failure.outcome(),
    };
    match fault::read(&reply) {
        Ok(body) => {
            let made = rows(body).map(|read| read.rows).unwrap_or_default();
            let mut made = made.into_iter().filter(|row| row.entry().is_some());
            match (made.next(), made.next()) {
                (Some(row), None) => Outcome::Done(row),
                (None, _) | (Some(_), Some(_)) => {
                    Outcome::Unknown("staged, but the answer does not name one entry".into())
                }
            }
        }
        Err(Class::Missing(text)) => Outcome::Refused(Refusal::Unsupported(format!(
            "{text}: the consumer or its staged slot does not exist (it takes API v65.0)"
        ))),
        Err(class) => class.outcome(Area::Credentials),
    }
}

/// Promotes a staged pair.
pub(crate) async fn rotate(org: &Org, ids: &Ids, id: &RecordId) -> Outcome<()> {
    let mut call = Call::get("rotate", ids.entry(id));
    call.method = Method::PATCH;
    call.body = Some(r#"{"command":"rotate"}"#);
    let reply = match org.rest(&call).await {
        Ok(reply) => reply,
        Err(failure) => return failure.outcome(),
    };
    match fault::read(&reply) {
        Ok([]) if reply.status == 204 => Outcome::Done(()),
        Ok(body) if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() => Outcome::Done(()),
        Ok(_) => Outcome::Unknown(format!("{}, but the answer is not legible", reply.status)),
        Err(Class::Missing(text)) => {
            Outcome::Refused(Refusal::Conflict(format!("{text}: the staged entry is gone")))
        }
        Err(class) => class.outcome(Area::Credentials),
    }
}

/// Deletes a staged entry. The caller has just seen it in the slot, so "no such thing" is no proof that it is gone:
/// only the slot is.
pub(crate) async fn delete(org: &Org, ids: &Ids, id: &RecordId) -> Outcome<()> {
    let mut call = Call::get("delete staged", ids.entry(id));
    call.method = Method::DELETE;
    let reply = match org.rest(&call).await {
        Ok(reply) => reply,
        Err(failure) => return failure.outcome(),
    };
    match fault::read(&reply) {
        Ok(_) => Outcome::Done(()),
        Err(Class::Missing(text)) => Outcome::Unknown(text),
        Err(class) => class.outcome(Area::Credentials),
    }
}
