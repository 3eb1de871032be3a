//! `GET …/apps/oauth/usage`: External Client Apps that have been used, the users that hold a token of one, and the call
//! that ends all of its refresh tokens (O §1, §4).

use super::not_found;
use super::page::page;
use crate::sandbox::app::{App, Kind};
use crate::sandbox::session::Actor;
use crate::sandbox::switches::IdLength;
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::World;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Lists the apps.
pub(super) fn usage(world: &World, call: &Call) -> Reply {
    let long = world.switches.id_length == IdLength::Long;
    let apps: Vec<Value> = world
        .apps
        .iter()
        .filter(|app| !app.deleted && app.used)
        .filter(|app| app.kind == Kind::ExternalClientApp || app.switches.connected_app_ids)
        .map(|app| {
            let id = if long {
                app.id.long()
            } else {
                app.id.short().to_owned()
            };
            json!({ "developerName": app.name, "identifier": id, "label": app.label })
        })
        .collect();
    Reply::json(200, &page(call, "apps", &apps, world.switches.next_page))
}

fn is_external(app: &App) -> bool {
    !app.deleted && (app.kind == Kind::ExternalClientApp || app.switches.connected_app_ids)
}

/// Lists the users that hold a refresh token of an app.
pub(super) fn users(world: &World, call: &Call, id: &str) -> Reply {
    let found = world.apps.iter().find(|app| app.id.is(id) && is_external(app));
    let Some(app) = found else {
        return not_found("The requested resource does not exist");
    };
    let names: BTreeSet<&String> = app.refresh_tokens.iter().collect();
    let users: Vec<Value> = names
        .into_iter()
        .map(|name| json!({ "username": name }))
        .collect();
    Reply::json(200, &page(call, "users", &users, world.switches.next_page))
}

/// Ends every refresh token of an app.
pub(super) fn end(world: &mut World, actor: &Actor, id: &str) -> Reply {
    let allowed = world
        .user(&actor.user)
        .is_some_and(|user| user.permissions.contains("CustomizeApplication"));
    let found = world
        .apps
        .iter_mut()
        .find(|app| app.id.is(id) && is_external(app));
    match found {
        None => not_found("The requested resource does not exist"),
        Some(_) if !allowed => Reply::rest(403, "INSUFFICIENT_ACCESS", "insufficient access rights"),
        Some(app) => {
            app.refresh_tokens.clear();
            Reply::empty(204)
        }
    }
}
