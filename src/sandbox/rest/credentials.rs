//! `GET …/apps/oauth/credentials/{app}` and `…/{consumer}`: the primary pair (O §1).

use super::not_found;
use super::page::page;
use crate::sandbox::app::{App, Kind};
use crate::sandbox::ident::RecordId;
use crate::sandbox::session::Actor;
use crate::sandbox::slot::Consumer;
use crate::sandbox::switches::{IdLength, Switches};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::World;
use serde_json::{Value, json};

/// An id as the org writes it.
pub(super) fn written(id: &RecordId, switches: &Switches) -> String {
    match switches.id_length {
        IdLength::Short => id.short().to_owned(),
        IdLength::Long => id.long(),
    }
}

/// The app that an id names, if this resource serves it and `actor` may see its credentials.
pub(super) fn app<'a>(world: &'a World, actor: &Actor, id: &str) -> Result<&'a App, Reply> {
    let app = world.apps.iter().find(|app| !app.deleted && app.id.is(id));
    let app = app
        .filter(|app| app.kind == Kind::ExternalClientApp || app.switches.connected_app_ids)
        .ok_or_else(|| not_found("The requested resource does not exist"))?;
    if !app.switches.secret_api_enabled || world.now() < world.secret_api_from {
        return Err(Reply::rest(
            403,
            "FUNCTIONALITY_NOT_ENABLED",
            "Access to External Client App consumer secrets via REST API is not currently enabled",
        ));
    }
    let allowed = world.user(&actor.user).is_some_and(|user| {
        ["ExternalClientAppDeveloper", "ViewClientSecret"]
            .iter()
            .all(|permission| user.permissions.contains(*permission))
    });
    if !allowed {
        return Err(Reply::rest(
            403,
            "INSUFFICIENT_ACCESS",
            "This feature is not currently enabled for this user",
        ));
    }
    Ok(app)
}

/// The consumer of an app that an id names.
pub(super) fn consumer<'a>(app: &'a App, id: &str) -> Result<&'a Consumer, Reply> {
    app.consumers
        .iter()
        .find(|consumer| consumer.id.is(id))
        .ok_or_else(|| not_found("The requested resource does not exist"))
}

/// Lists an app's consumers.
pub(super) fn list(world: &World, version: u16, call: &Call, actor: &Actor, id: &str) -> Reply {
    let app = match app(world, actor, id) {
        Ok(app) => app,
        Err(reply) => return reply,
    };
    let consumers: Vec<Value> = app
        .consumers
        .iter()
        .map(|consumer| item(version, app, consumer, false, false))
        .collect();
    Reply::json(
        200,
        &page(call, "consumers", &consumers, world.switches.next_page),
    )
}

/// Shows one consumer; `part` says how much.
pub(super) fn get(world: &World, version: u16, call: &Call, actor: &Actor, ids: (&str, &str)) -> Reply {
    let found = app(world, actor, ids.0).and_then(|app| Ok((app, consumer(app, ids.1)?)));
    let (app, consumer) = match found {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    let (no_key, secret) = match call.parameter("part").as_deref() {
        None | Some("key") => (false, false),
        Some("secret") => (true, true),
        Some("keyandsecret") => (false, true),
        Some(_) => return Reply::rest(400, "INVALID_PARAMETER", "part: unknown value"),
    };
    Reply::json(200, &item(version, app, consumer, no_key, secret))
}

fn item(version: u16, app: &App, consumer: &Consumer, no_key: bool, secret: bool) -> Value {
    let path = path(version, app, consumer);
    let pair = consumer.primary_pair();
    let mut item = json!({ "id": written(&consumer.id, &app.switches), "name": consumer.name });
    if let Some(item) = item.as_object_mut() {
        if !no_key {
            item.insert("key".to_owned(), json!(pair.map(|pair| &pair.key)));
        }
        if secret {
            item.insert("secret".to_owned(), json!(pair.map(|pair| &pair.secret)));
        }
        if version >= 65 {
            item.insert("stagedCredentialsUrl".to_owned(), json!(format!("{path}/staged")));
        }
        item.insert("url".to_owned(), json!(path));
    }
    item
}

/// The path of a consumer's resource.
pub(super) fn path(version: u16, app: &App, consumer: &Consumer) -> String {
    format!(
        "/services/data/v{version}.0/apps/oauth/credentials/{}/{}",
        written(&app.id, &app.switches),
        written(&consumer.id, &app.switches)
    )
}
