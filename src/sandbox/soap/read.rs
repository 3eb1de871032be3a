//! `readMetadata`: the component as it can be seen. Never its secret; its certificate only by switch.

use super::org_settings::{self, ORG_SETTINGS, ORG_SETTINGS_NAME};
use super::settings::SETTINGS;
use super::{answer, fault, settings};
use crate::sandbox::app::{App, Kind};
use crate::sandbox::switches::MissingRecord;
use crate::sandbox::wire::Reply;
use crate::sandbox::world::World;
use crate::sandbox::xml::Element;

/// Answers a read.
pub(super) fn read(world: &World, request: &Element) -> Reply {
    let kind = request.text_of("type").unwrap_or_default();
    if kind == ORG_SETTINGS {
        return read_org_settings(world, request);
    }
    let wanted = match kind {
        "ConnectedApp" => Kind::ConnectedApp,
        SETTINGS => Kind::ExternalClientApp,
        _ => {
            return fault(
                "sf:INVALID_TYPE",
                &format!("This type of metadata is not available: {kind}"),
            );
        }
    };
    if wanted == Kind::ConnectedApp && !world.switches.ca_readable {
        return fault(
            "sf:INSUFFICIENT_ACCESS",
            "insufficient access rights on entity: ConnectedApp",
        );
    }
    let mut result = Element::node("result", Vec::new());
    for name in request.all("fullNames") {
        let app = world
            .apps
            .iter()
            .find(|app| !app.deleted && app.kind == wanted && app.component_name == name.text);
        match (app, world.switches.missing_record) {
            (Some(app), _) if app.hidden => {
                return fault(
                    "sf:UNKNOWN_EXCEPTION",
                    "An unexpected error occurred. ErrorId: 1182-1 (-12)",
                );
            }
            (Some(app), _) => result.children.push(match app.kind {
                Kind::ConnectedApp => record(app),
                Kind::ExternalClientApp => settings::record(app),
            }),
            (None, missing) => result.children.extend(nothing(missing)),
        }
    }
    answer(200, &Element::node("readMetadataResponse", vec![result]))
}

/// What stands for a name that does not exist.
fn nothing(missing: MissingRecord) -> Option<Element> {
    let record = Element::node("records", Vec::new());
    match missing {
        MissingRecord::Nil => Some(Element { nil: true, ..record }),
        MissingRecord::Empty => Some(record),
        MissingRecord::Absent => None,
    }
}

fn read_org_settings(world: &World, request: &Element) -> Reply {
    let names = request.all("fullNames");
    let records = names.filter_map(|name| match name.text == ORG_SETTINGS_NAME {
        true => Some(org_settings::record(world)),
        false => nothing(world.switches.missing_record),
    });
    let result = Element::node("result", records.collect());
    answer(200, &Element::node("readMetadataResponse", vec![result]))
}

pub(super) fn record(app: &App) -> Element {
    let mut record = Element {
        name: "records".to_owned(),
        xsi_type: Some("ConnectedApp".to_owned()),
        ..app.component.clone()
    };
    record.insert_in_order(Element::leaf("fullName", app.name.clone()));
    let key = app
        .consumers
        .first()
        .and_then(|consumer| consumer.primary_pair())
        .map(|pair| pair.key.clone());
    if let Some(oauth) = record.child_mut("oauthConfig") {
        if !app.switches.certificate_readable {
            oauth.children.retain(|child| child.name != "certificate");
        }
        oauth.insert_in_order(Element::leaf("consumerKey", key.unwrap_or_default()));
        normalise_scopes(oauth);
    }
    record
}

/// Scopes come back under their common names (M §1.1).
fn normalise_scopes(oauth: &mut Element) {
    let mut seen: Vec<String> = Vec::new();
    oauth.children.retain_mut(|child| {
        if child.name != "scopes" {
            return true;
        }
        match child.text.as_str() {
            "OfflineAccess" => child.text = "RefreshToken".to_owned(),
            "Profile" | "Email" | "Address" | "Phone" => child.text = "Basic".to_owned(),
            _ => {}
        }
        let new = !seen.contains(&child.text);
        seen.push(child.text.clone());
        new
    });
}
