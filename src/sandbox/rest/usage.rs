//! `GET …/apps/oauth/usage`: External Client Apps that have been used (O §1).

use super::page::page;
use crate::sandbox::app::Kind;
use crate::sandbox::switches::IdLength;
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::World;
use serde_json::{Value, json};

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
