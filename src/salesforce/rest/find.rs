//! Which External Client App, and which consumer of it.

use serde::Deserialize;

use super::super::fault::{self, Area, Class, Failure};
use super::super::id::RecordId;
use super::super::org::{Call, Org};
use super::row::Row;
use crate::port::Fault;

/// Pages of a list that are read before it is taken for endless.
pub(super) const PAGES: u32 = 100;

#[derive(Deserialize)]
struct Found {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    apps: Vec<Used>,
    #[serde(default)]
    next_page_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Used {
    #[serde(default)]
    developer_name: String,
    #[serde(default)]
    identifier: String,
}

/// The id of the app of this developer name. SOQL first; the usage list, which leaves out apps that were never
/// used, where SOQL does not answer or finds nothing.
pub(crate) async fn app(org: &Org, name: &str) -> Result<Option<RecordId>, Fault> {
    match by_query(org, name).await? {
        Some(id) => Ok(Some(id)),
        None => by_usage(org, name).await,
    }
}

async fn by_query(org: &Org, name: &str) -> Result<Option<RecordId>, Fault> {
    let name = name.replace('\\', "\\\\").replace('\'', "\\'");
    let query =
        format!("SELECT Id, DeveloperName FROM ExternalClientApplication WHERE DeveloperName = '{name}'");
    let mut call = Call::get("find app", "/query".into());
    call.query.push(("q", query));
    let reply = org.rest(&call).await.map_err(Failure::fault)?;
    let body = match fault::read(&reply) {
        Ok(body) => body,
        // No right to the object, or an edition without it.
        Err(Class::Invalid(_) | Class::Permission(_) | Class::Missing(_) | Class::Unsupported(_)) => {
            return Ok(None);
        }
        Err(class) => return Err(class.fault(Area::Credentials)),
    };
    let found: Found = serde_json::from_slice(body)
        .map_err(|_| Fault::Unusable("the answer to the query for the app is not legible".into()))?;
    let mut ids = found.records.iter().map(|record| RecordId::parse(&record.id));
    match (ids.next(), ids.next()) {
        (None, _) => Ok(None),
        (Some(Some(id)), None) => Ok(Some(id)),
        (Some(None), None) => Err(Fault::Unusable("the app's id is not one".into())),
        (Some(_), Some(_)) => Err(Fault::Unusable("several apps have this name".into())),
    }
}

async fn by_usage(org: &Org, name: &str) -> Result<Option<RecordId>, Fault> {
    for page in 0..PAGES {
        let mut call = Call::get("list apps", "/apps/oauth/usage".into());
        call.query.push(("page", page.to_string()));
        call.query.push(("pageSize", "100".into()));
        let reply = org.rest(&call).await.map_err(Failure::fault)?;
        let body = fault::read(&reply).map_err(|class| class.fault(Area::Credentials))?;
        let usage: Usage = serde_json::from_slice(body)
            .map_err(|_| Fault::Unusable("the list of apps is not legible".into()))?;
        let named = |app: &&Used| app.developer_name.eq_ignore_ascii_case(name);
        if let Some(app) = usage.apps.iter().find(named) {
            let id = RecordId::parse(&app.identifier);
            return id
                .map(Some)
                .ok_or_else(|| Fault::Unusable("the app's id is not one".into()));
        }
        // The last page can name a next one as well, which is empty then.
        if usage.apps.is_empty() || usage.next_page_url.is_none() {
            return Ok(None);
        }
    }
    Err(Fault::Unusable(format!(
        "the list of apps has more than {PAGES} pages"
    )))
}

/// The consumer to rotate: the one that `wanted` names by id, name or key, or the only one. Otherwise what a
/// person does about it.
pub(crate) fn choose<'a>(rows: &'a [Row], wanted: Option<&str>) -> Result<(&'a Row, RecordId), String> {
    let identified = rows.iter().filter_map(|row| Some((row, row.id()?)));
    let mut fitting = identified.filter(|(row, id)| match wanted {
        None => true,
        Some(wanted) => {
            RecordId::parse(wanted).is_some_and(|wanted| wanted == *id)
                || row.name() == Some(wanted)
                || row.key() == Some(wanted)
        }
    });
    match (fitting.next(), fitting.next(), wanted) {
        (Some(one), None, _) => Ok(one),
        (None, _, Some(_)) => Err(format!(
            "none of the app's {} consumers is the named one",
            rows.len()
        )),
        (None, _, None) => Err("the app has no OAuth consumer".into()),
        (Some(_), Some(_), Some(_)) => {
            Err("several consumers of the app fit the named one: name it by id".into())
        }
        (Some(_), Some(_), None) => Err(format!(
            "the app has {} consumers: set `consumer` to the id of one",
            rows.len()
        )),
    }
}
