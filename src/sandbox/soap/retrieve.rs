//! `retrieve` and `checkRetrieveStatus`: components as files in a zip, ready as soon as they are asked for (M §5.1).
//!
//! Here live the two departures from the published WSDL that jsforce and the `sf` command line make and Salesforce lets
//! pass (inferred: they work against it). They are noted, so that a test can hold rekeyd to the WSDL.

use super::package::{Component, zip};
use super::{answer, fault, list, read, settings};
use crate::sandbox::app::{App, Kind};
use crate::sandbox::ident::RecordId;
use crate::sandbox::wire::Reply;
use crate::sandbox::world::World;
use crate::sandbox::xml::{self, Element, METADATA};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a retrieve found.
pub(in crate::sandbox) struct Retrieve {
    id: RecordId,
    files: Vec<(String, Vec<u8>)>,
    properties: Vec<Element>,
    /// What could not be had.
    problems: Vec<String>,
}

/// Takes a retrieve on.
pub(super) fn retrieve(world: &mut World, request: &Element) -> Reply {
    let asked = request.child("retrieveRequest").or_else(|| {
        let asked = request.child("request")?;
        world
            .departures
            .insert("retrieve: request instead of retrieveRequest");
        Some(asked)
    });
    let Some(wanted) = asked.and_then(|asked| asked.child("unpackaged")) else {
        return fault(
            "sf:INVALID_OPERATION",
            "nothing to retrieve: unpackaged is missing",
        );
    };
    let bare = asked.and_then(|asked| asked.text_of("singlePackage")) == Some("true");
    let folder = if bare { "" } else { "unpackaged/" };
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for types in wanted.all("types") {
        let name = types.text_of("name").unwrap_or_default();
        let Some(kind) = Component::kind_of(name) else {
            problems.push(format!("Entity type: '{name}' is unknown"));
            continue;
        };
        let there = || world.apps.iter().filter(|app| !app.deleted && app.kind == kind);
        for member in types.all("members") {
            let before = found.len();
            found.extend(there().filter(|app| member.text == "*" || app.component_name == member.text));
            if found.len() == before && member.text != "*" {
                problems.push(format!(
                    "Entity of type '{name}' named '{}' cannot be found",
                    member.text
                ));
            }
        }
    }
    let mut files = Vec::new();
    let mut properties = Vec::new();
    for app in &found {
        let component = Component::of(app);
        let path = format!("{folder}{}", component.file());
        let mut about = list::properties(world, app, component.kind == Kind::ExternalClientApp);
        about.name = "fileProperties".to_owned();
        if let Some(file) = about.child_mut("fileName") {
            path.clone_into(&mut file.text);
        }
        properties.push(about);
        match xml::document(&file(app)) {
            Ok(bytes) => files.push((path, bytes)),
            Err(_) => problems.push(format!("{path} could not be written")),
        }
    }
    let manifest = Element {
        name: "Package".to_owned(),
        namespace: METADATA.to_owned(),
        ..wanted.clone()
    };
    if let Ok(bytes) = xml::document(&manifest) {
        files.push((format!("{folder}package.xml"), bytes));
    }
    let id = world.id("09S");
    let result = Element::node(
        "result",
        vec![
            Element::leaf("done", "false"),
            Element::leaf("id", id.long()),
            Element::leaf("state", "Queued"),
        ],
    );
    world.retrieves.push(Retrieve {
        id,
        files,
        properties,
        problems,
    });
    answer(200, &Element::node("retrieveResponse", vec![result]))
}

/// A component as it stands in a file: what a read shows, without its name and without a secret.
fn file(app: &App) -> Element {
    let mut record = match app.kind {
        Kind::ConnectedApp => read::record(app),
        Kind::ExternalClientApp => settings::record(app),
    };
    record.name = Component::of(app).type_name().to_owned();
    record.xsi_type = None;
    record
        .children
        .retain(|child| !["fullName", "consumerSecret"].contains(&child.name.as_str()));
    record
}

/// Answers how a retrieve stands, with the zip unless the caller can do without.
pub(super) fn status(world: &mut World, request: &Element) -> Reply {
    let id = request.text_of("asyncProcessId").unwrap_or_default().trim();
    let Some(retrieve) = world.retrieves.iter().find(|retrieve| retrieve.id.is(id)) else {
        return fault("sf:INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id");
    };
    let with_zip = request.text_of("includeZip") != Some("false");
    if request.child("includeZip").is_none() {
        world.departures.insert("checkRetrieveStatus: without includeZip");
    }
    let Ok(zip) = zip(&retrieve.files) else {
        return fault("sf:UNKNOWN_EXCEPTION", "the zip could not be written");
    };
    let mut parts = vec![Element::leaf("done", "true")];
    parts.extend(retrieve.properties.iter().cloned());
    parts.push(Element::leaf("id", retrieve.id.long()));
    parts.extend(retrieve.problems.iter().map(|problem| {
        Element::node(
            "messages",
            vec![
                Element::leaf("fileName", "unpackaged/package.xml"),
                Element::leaf("problem", problem.as_str()),
            ],
        )
    }));
    parts.push(Element::leaf("status", "Succeeded"));
    parts.push(Element::leaf("success", "true"));
    let zip = if with_zip {
        STANDARD.encode(zip)
    } else {
        String::new()
    };
    parts.push(Element::leaf("zipFile", zip));
    answer(
        200,
        &Element::node(
            "checkRetrieveStatusResponse",
            vec![Element::node("result", parts)],
        ),
    )
}
