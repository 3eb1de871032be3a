//! Who is touched when an app's key or secret changes: counted by queries that only read (salesforce-oauth-rest.md §4, §6).
//!
//! Each count stands by itself: an object that this org or our user does not have leaves that one unknown.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::fault::{self, Area, Class, Failure};
use super::super::id::RecordId;
use super::super::metadata::{self, Component};
use super::super::org::{Call, Org};
use super::super::rest;
use super::rights;
use crate::doctor::observed::{Count, Kind, Subject, Touched};
use crate::port::Fault;

const OTHERS: &str =
    "it takes the permission Customize Application: without it only rekeyd's own tokens are shown";
const JWT: &str = "Salesforce keeps no record of logins by JWT bearer for each app";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    total_size: u64,
    #[serde(default)]
    done: Option<bool>,
    #[serde(default)]
    records: Vec<Map<String, Value>>,
}

/// What there is of an app, to count by.
struct App {
    id: Option<RecordId>,
    key: Option<String>,
}

pub(super) async fn touched(org: &Org, subject: &Subject) -> Touched {
    let app = match find(org, subject).await {
        Ok(app) => app,
        Err(fault) => return Touched::unknown(&fault.to_string()),
    };
    let users = match (&app.id, subject.kind) {
        (Some(id), Kind::External) => count(rest::users(org, id).await),
        (Some(_), Kind::Connected) => Count::unasked("the list is for External Client Apps only"),
        (None, _) => Count::unasked("the app was not found"),
    };
    Touched {
        refresh_tokens: match &app.id {
            Some(id) => tokens(org, id).await,
            None => Count::unasked("the app was not found"),
        },
        users,
        jwt_users: Count::unasked(JWT),
        auth_providers: match &app.key {
            Some(key) => count(providers(org, key).await),
            None => Count::unasked("the consumer key was not seen"),
        },
    }
}

fn count(found: Result<u64, Fault>) -> Count {
    match found {
        Ok(count) => Count::Known(count),
        Err(fault) => Count::Unknown(fault.to_string()),
    }
}

async fn find(org: &Org, subject: &Subject) -> Result<App, Fault> {
    match subject.kind {
        Kind::External => {
            let Some(id) = rest::app(org, &subject.name).await? else {
                return Ok(App { id: None, key: None });
            };
            let rows = rest::consumers(org, &id).await.unwrap_or_default();
            let chosen = rest::choose(&rows, subject.consumer.as_deref()).ok();
            Ok(App {
                id: Some(id),
                key: chosen.and_then(|(row, _)| row.key().map(str::to_owned)),
            })
        }
        Kind::Connected => {
            let (component, _) = metadata::read(org, &subject.name).await?;
            let properties = metadata::list(org, &subject.name).await?;
            let id = properties.and_then(|properties| RecordId::parse(properties.id.as_deref()?));
            Ok(App {
                id,
                key: component.as_ref().and_then(Component::consumer_key),
            })
        }
    }
}

/// Rows of `OauthToken`, joined by the app's menu item: its label may be another app's too.
async fn tokens(org: &Org, app: &RecordId) -> Count {
    let sees_all = rights::rights(org).await;
    if !sees_all.is_ok_and(|rights| rights.get("CustomizeApplication") == Some(&true)) {
        return Count::unasked(OTHERS);
    }
    let found = query(
        org,
        format!(
            "SELECT Id FROM AppMenuItem WHERE ApplicationId = '{}'",
            app.as_str()
        ),
    )
    .await;
    let item = match found {
        Ok(found) => found
            .records
            .first()
            .and_then(|row| RecordId::parse(row.get("Id")?.as_str()?)),
        Err(fault) => return Count::Unknown(fault.to_string()),
    };
    let Some(item) = item else {
        return Count::unasked("the app has no menu item to find its tokens by");
    };
    let rows = query(
        org,
        format!(
            "SELECT COUNT() FROM OauthToken WHERE AppMenuItemId = '{}'",
            item.as_str()
        ),
    );
    count(rows.await.map(|found| found.total_size))
}

/// Compared here, so that no key stands in a query, which a log may keep.
async fn providers(org: &Org, key: &str) -> Result<u64, Fault> {
    let found = query(org, "SELECT ConsumerKey FROM AuthProvider".into()).await?;
    if found.done == Some(false) {
        return Err(Fault::Unusable(
            "there are too many Auth Providers to look at".into(),
        ));
    }
    let with = |row: &&Map<String, Value>| row.get("ConsumerKey").and_then(Value::as_str) == Some(key);
    u64::try_from(found.records.iter().filter(with).count())
        .map_err(|_| Fault::Unusable("too many Auth Providers".into()))
}

async fn query(org: &Org, text: String) -> Result<Found, Fault> {
    let mut call = Call::get("count", "/query".into());
    call.query.push(("q", text));
    let reply = org.rest(&call).await.map_err(Failure::fault)?;
    let body = match fault::read(&reply) {
        Ok(body) => body,
        Err(Class::Invalid(_) | Class::Permission(_) | Class::Missing(_) | Class::Unsupported(_)) => {
            return Err(Fault::Forbidden(
                "this org or rekeyd's user has no such object".into(),
            ));
        }
        Err(class) => return Err(class.fault(Area::Credentials)),
    };
    serde_json::from_slice(body).map_err(|_| Fault::Unusable("the count is not legible".into()))
}
