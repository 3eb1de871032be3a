//! What queries find, in pages: apps, users and what belongs to them.

use super::credentials::written;
use super::soql::Soql;
use crate::sandbox::app::{App, Kind};
use crate::sandbox::ident::RecordId;
use crate::sandbox::session::Actor;
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::World;
use serde_json::{Map, Value, json};

/// A record: field names and values.
pub(super) type Record = Vec<(&'static str, Value)>;

/// Records in a page, and the fewest that a caller can ask for (`Sforce-Query-Options: batchSize=N`).
const PAGE: usize = 2000;
const SMALLEST_PAGE: usize = 200;
/// Queries of one user that can be gone on with; the oldest goes first.
const MOST_CURSORS: usize = 10;

const ORGANIZATION: &[&str] = &[
    "Id",
    "Name",
    "InstanceName",
    "IsSandbox",
    "NamespacePrefix",
    "OrganizationType",
    "TrialExpirationDate",
];

/// The rest of a query whose first page was given.
pub(in crate::sandbox) struct Cursor {
    id: RecordId,
    user: RecordId,
    page: usize,
    rows: Vec<Value>,
}

/// The permissions that can be asked about.
const PERMISSIONS: [&str; 7] = [
    "PermissionsClientSecretRotation",
    "PermissionsCustomizeApplication",
    "PermissionsExternalClientAppDeveloper",
    "PermissionsManageRemoteAccess",
    "PermissionsModifyAllData",
    "PermissionsModifyMetadata",
    "PermissionsViewClientSecret",
];

/// The one aggregate.
const COUNT: &str = "COUNT()";

/// Answers `GET …/query?q=`.
pub(super) fn query(world: &mut World, version: u16, call: &Call, actor: &Actor) -> Reply {
    let malformed = |message: &str| Reply::rest(400, "MALFORMED_QUERY", message);
    let Some(text) = call.parameter("q") else {
        return malformed("A query string has to be specified");
    };
    let Some(soql) = Soql::read(&text) else {
        return malformed("unexpected token");
    };
    let Some((object, records)) = records(world, actor, &soql.object) else {
        let message = format!("sObject type '{}' is not supported.", soql.object);
        return Reply::rest(400, "INVALID_TYPE", &message);
    };
    let (fields, filtered): (&[&str], &str) = match object {
        "AppMenuItem" => (&["Id", "ApplicationId", "Label"], "AppMenuItem"),
        "OauthToken" => (&["AppName", "AppMenuItemId", "UserId"], "OauthToken"),
        "AuthProvider" => (&["Id", "DeveloperName", "ConsumerKey"], "AuthProvider"),
        "ExternalClientApplication" => (
            &["Id", "DeveloperName", "MasterLabel"],
            "ExternalClientApplication",
        ),
        "User" => (&["Id", "Username"], "User"),
        "UserPermissionAccess" => (&PERMISSIONS, "UserPermissionAccess"),
        _ => (ORGANIZATION, "Organization"),
    };
    let known = |name: &str| fields.iter().any(|field| field.eq_ignore_ascii_case(name));
    let counts = matches!(soql.fields.as_slice(), [only] if only.eq_ignore_ascii_case(COUNT));
    let wanted = soql.fields.iter().filter(|_| !counts);
    let asked = wanted.chain(soql.filter.as_ref().map(|(field, _)| field));
    if let Some(unknown) = asked.into_iter().find(|field| !known(field)) {
        let message = format!("No such column '{unknown}' on entity '{filtered}'.");
        return Reply::rest(400, "INVALID_FIELD", &message);
    }
    if call.parameter("columns").as_deref() == Some("true") {
        return Reply::json(200, &columns(object, fields, &soql.fields));
    }
    let fitting = records.iter().filter(|record| soql.matches(record));
    if counts {
        let count = fitting.count();
        return Reply::json(200, &json!({ "totalSize": count, "done": true, "records": [] }));
    }
    let rows: Vec<Value> = fitting
        .take(soql.limit)
        .map(|record| row(object, version, record, &soql.fields))
        .collect();
    let page = call
        .header("sforce-query-options")
        .and_then(|options| options.trim().strip_prefix("batchSize="))
        .and_then(|size| size.parse().ok())
        .map_or(PAGE, |size: usize| size.clamp(SMALLEST_PAGE, PAGE));
    if rows.len() <= page {
        return Reply::json(
            200,
            &json!({ "totalSize": rows.len(), "done": true, "records": rows }),
        );
    }
    let cursor = Cursor {
        id: world.id("01g"),
        user: actor.user.clone(),
        page,
        rows,
    };
    let reply = cursor.page(version, 0);
    let ours = world
        .cursors
        .iter()
        .filter(|cursor| cursor.user == actor.user)
        .count();
    if ours >= MOST_CURSORS
        && let Some(oldest) = world.cursors.iter().position(|cursor| cursor.user == actor.user)
    {
        world.cursors.remove(oldest);
    }
    world.cursors.push(cursor);
    reply
}

/// Answers `GET …/query/LOCATOR`, the locator being an id and the number of the first record.
pub(super) fn more(world: &World, version: u16, locator: &str, actor: &Actor) -> Reply {
    let found = locator.split_once('-').and_then(|(id, from)| {
        let cursor = world.cursors.iter().find(|cursor| cursor.id.is(id))?;
        Some((cursor, from.parse().ok()?))
    });
    match found {
        Some((cursor, from)) if cursor.user == actor.user && from < cursor.rows.len() => {
            cursor.page(version, from)
        }
        Some(_) | None => Reply::rest(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
    }
}

impl Cursor {
    fn page(&self, version: u16, from: usize) -> Reply {
        let end = from.saturating_add(self.page).min(self.rows.len());
        let mut body = json!({
            "totalSize": self.rows.len(),
            "done": end == self.rows.len(),
            "records": self.rows.get(from..end).unwrap_or_default(),
        });
        if end < self.rows.len()
            && let Some(body) = body.as_object_mut()
        {
            let next = format!("/services/data/v{version}.0/query/{}-{end}", self.id.long());
            body.insert("nextRecordsUrl".to_owned(), json!(next));
        }
        Reply::json(200, &body)
    }
}

/// What `columns=true` tells instead of records: the columns in the order asked for.
fn columns(object: &str, known: &[&str], asked: &[String]) -> Value {
    let columns: Vec<Value> = asked
        .iter()
        .filter_map(|field| known.iter().find(|known| known.eq_ignore_ascii_case(field)))
        .map(|name| {
            json!({
                "aggregate": false,
                "columnName": name,
                "custom": false,
                "displayName": name,
                "foreignKeyName": null,
                "joinColumns": [],
            })
        })
        .collect();
    json!({ "columnMetadata": columns, "entityName": object, "groupBy": false })
}

fn row(object: &str, version: u16, record: &Record, fields: &[String]) -> Value {
    let id = record
        .iter()
        .find(|(name, _)| *name == "Id")
        .and_then(|(_, id)| id.as_str())
        .unwrap_or_default();
    let url = format!("/services/data/v{version}.0/sobjects/{object}/{id}");
    let mut row = Map::new();
    row.insert("attributes".to_owned(), json!({ "type": object, "url": url }));
    for (name, value) in record {
        if fields.iter().any(|field| field.eq_ignore_ascii_case(name)) {
            row.insert((*name).to_owned(), value.clone());
        }
    }
    Value::Object(row)
}

fn records(world: &World, actor: &Actor, object: &str) -> Option<(&'static str, Vec<Record>)> {
    let id = |id| json!(written(id, &world.switches));
    if object.eq_ignore_ascii_case("ExternalClientApplication") {
        let apps = world
            .apps
            .iter()
            .filter(|app| !app.deleted && app.kind == Kind::ExternalClientApp);
        let rows = apps.map(|app| {
            vec![
                ("Id", id(&app.id)),
                ("DeveloperName", json!(app.name)),
                ("MasterLabel", json!(app.label)),
            ]
        });
        Some(("ExternalClientApplication", rows.collect()))
    } else if object.eq_ignore_ascii_case("User") {
        let rows = world
            .users
            .iter()
            .map(|user| vec![("Id", id(&user.id)), ("Username", json!(user.username))]);
        Some(("User", rows.collect()))
    } else if object.eq_ignore_ascii_case("UserPermissionAccess") {
        // One row, about whoever asks.
        let user = world.user(&actor.user)?;
        let has = |field: &str| {
            let name = field.trim_start_matches("Permissions");
            json!(user.permissions.contains(name))
        };
        let row = PERMISSIONS.map(|field| (field, has(field)));
        Some(("UserPermissionAccess", vec![row.to_vec()]))
    } else if object.eq_ignore_ascii_case("AppMenuItem") {
        let rows = world.apps.iter().filter(|app| !app.deleted).map(|app| {
            vec![
                ("Id", json!(menu_item(app))),
                ("ApplicationId", id(&app.id)),
                ("Label", json!(app.label)),
            ]
        });
        Some(("AppMenuItem", rows.collect()))
    } else if object.eq_ignore_ascii_case("OauthToken") {
        Some(("OauthToken", grants(world, actor)?))
    } else if object.eq_ignore_ascii_case("AuthProvider") {
        let rows = world
            .auth_providers
            .iter()
            .zip(1_u64..)
            .map(|((name, key), number)| {
                vec![
                    ("Id", json!(RecordId::new("0SO", number).long())),
                    ("DeveloperName", json!(name)),
                    ("ConsumerKey", json!(key)),
                ]
            });
        Some(("AuthProvider", rows.collect()))
    } else if object.eq_ignore_ascii_case("Organization") {
        // It behaves as a production org (M §5.1).
        let row = vec![
            ("Id", id(&world.org)),
            ("Name", json!("Sandbox")),
            ("InstanceName", json!("LOOPBACK")),
            ("IsSandbox", json!(false)),
            ("NamespacePrefix", Value::Null),
            ("OrganizationType", json!("Enterprise Edition")),
            ("TrialExpirationDate", Value::Null),
        ];
        Some(("Organization", vec![row]))
    } else {
        None
    }
}

/// The item of an app in the menu, by which its tokens are found (O §6).
fn menu_item(app: &App) -> String {
    let number: String = app.id.short().chars().skip(3).collect();
    format!("0DS{number}")
}

/// Without Customize Application everybody sees only their own (O §6).
fn grants(world: &World, actor: &Actor) -> Option<Vec<Record>> {
    let user = world.user(&actor.user)?;
    let all = user.permissions.contains("CustomizeApplication");
    let of_app = |app: &App| {
        let seen = app
            .refresh_tokens
            .iter()
            .filter(|name| all || **name == user.username);
        let row = |name: &String| {
            let user = world.user_named(name).map(|user| user.id.long());
            vec![
                ("AppName", json!(app.label)),
                ("AppMenuItemId", json!(menu_item(app))),
                ("UserId", json!(user.unwrap_or_default())),
            ]
        };
        seen.map(row).collect::<Vec<Record>>()
    };
    Some(
        world
            .apps
            .iter()
            .filter(|app| !app.deleted)
            .flat_map(of_app)
            .collect(),
    )
}
