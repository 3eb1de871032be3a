//! `listMetadata` and `describeMetadata`: which components and types there are, and who touched them last.

use super::package::Component;
use super::settings::SETTINGS;
use super::{answer, fault};
use crate::sandbox::app::{App, Kind};
use crate::sandbox::ident::RecordId;
use crate::sandbox::time::iso;
use crate::sandbox::wire::Reply;
use crate::sandbox::world::World;
use crate::sandbox::xml::Element;

/// Queries in one call.
const MOST_QUERIES: usize = 3;

/// Answers a list.
pub(super) fn list(world: &World, request: &Element) -> Reply {
    if request.all("queries").count() > MOST_QUERIES {
        return fault("sf:EXCEEDED_ID_LIMIT", "no more than three queries in one call");
    }
    let mut results = Vec::new();
    for query in request.all("queries") {
        let wanted = match query.text_of("type").unwrap_or_default() {
            "ConnectedApp" => Kind::ConnectedApp,
            "ExternalClientApplication" | SETTINGS => Kind::ExternalClientApp,
            other => {
                return fault(
                    "sf:INVALID_TYPE",
                    &format!("Unknown type in package.xml: {other}"),
                );
            }
        };
        let found = world.apps.iter().filter(|app| !app.deleted && app.kind == wanted);
        let settings = query.text_of("type") == Some(SETTINGS);
        results.extend(found.map(|app| properties(world, app, settings)));
    }
    answer(200, &Element::node("listMetadataResponse", results))
}

pub(super) fn properties(world: &World, app: &App, settings: bool) -> Element {
    let who = |id: &RecordId| {
        world
            .user(id)
            .map(|user| user.username.clone())
            .unwrap_or_default()
    };
    let (kind, file) = match app.kind {
        Kind::ConnectedApp => ("ConnectedApp", Component::of(app).file()),
        Kind::ExternalClientApp if settings => (SETTINGS, Component::of(app).file()),
        Kind::ExternalClientApp => (
            "ExternalClientApplication",
            format!("externalClientApps/{}.eca", app.name),
        ),
    };
    Element::node(
        "result",
        vec![
            Element::leaf("createdById", app.created_by.long()),
            Element::leaf("createdByName", who(&app.created_by)),
            Element::leaf("createdDate", iso(app.created)),
            Element::leaf("fileName", file),
            Element::leaf("fullName", if settings { &app.component_name } else { &app.name }),
            Element::leaf("id", app.id.long()),
            Element::leaf("lastModifiedById", app.modified_by.long()),
            Element::leaf("lastModifiedByName", who(&app.modified_by)),
            Element::leaf("lastModifiedDate", iso(app.modified)),
            Element::leaf(
                "manageableState",
                if app.managed { "installed" } else { "unmanaged" },
            ),
            Element::leaf("type", kind),
        ],
    )
}

/// Answers a describe.
pub(super) fn describe() -> Reply {
    let types = [
        ("connectedApps", "connectedApp", "ConnectedApp"),
        ("externalClientApps", "eca", "ExternalClientApplication"),
        ("extlClntAppGlobalOauthSets", "ecaGlblOauth", SETTINGS),
    ];
    let mut parts: Vec<Element> = types
        .iter()
        .map(|(directory, suffix, name)| {
            Element::node(
                "metadataObjects",
                vec![
                    Element::leaf("directoryName", *directory),
                    Element::leaf("inFolder", "false"),
                    Element::leaf("metaFile", "false"),
                    Element::leaf("suffix", *suffix),
                    Element::leaf("xmlName", *name),
                ],
            )
        })
        .collect();
    parts.push(Element::leaf("organizationNamespace", ""));
    parts.push(Element::leaf("partialSaveAllowed", "true"));
    parts.push(Element::leaf("testRequired", "false"));
    answer(
        200,
        &Element::node("describeMetadataResponse", vec![Element::node("result", parts)]),
    )
}
