//! What one component of an `updateMetadata` or a `deploy` would change: decided before anything is changed, so that all or
//! none can be.

use super::schema::{self, Misfit};
use super::settings::{self, SETTINGS, Through};
use crate::sandbox::app::{App, Kind};
use crate::sandbox::switches::{InPlaceSecret, Omitted};
use crate::sandbox::world::World;
use crate::sandbox::xml::Element;
use std::collections::BTreeSet;

/// A decided change.
pub(super) struct Change {
    pub(super) app: String,
    pub(super) kind: Kind,
    pub(super) component: Element,
    pub(super) pair: NewPair,
}

/// What becomes of key and secret.
pub(super) enum NewPair {
    /// They stay.
    None,
    /// This secret, under the same key.
    Given(String),
    /// Salesforce makes a secret, and a key too where that is asked for.
    Made { key: bool },
}

/// Why there is none.
pub(super) enum Refusal {
    /// The whole call fails with this SOAP fault: code and message.
    Fault(&'static str, String),
    /// This component fails: status code and message.
    Save(String, String),
}

pub(super) fn save(code: &str, message: &str) -> Refusal {
    Refusal::Save(code.to_owned(), message.to_owned())
}

/// Decides one component's change.
pub(super) fn decide(world: &World, component: &Element, version: u16) -> Result<Change, Refusal> {
    if component.xsi_type.as_deref() == Some(SETTINGS) {
        let name = component.text_of("fullName").unwrap_or_default();
        return settings::decide(world, name, component, version, Through::Update);
    }
    if component.xsi_type.as_deref() != Some("ConnectedApp") {
        let kind = component.xsi_type.as_deref().unwrap_or("none");
        return Err(Refusal::Fault(
            "sf:INVALID_TYPE",
            format!("Must specify a type that can be updated: {kind}"),
        ));
    }
    connected(
        world,
        component.text_of("fullName").unwrap_or_default(),
        component,
        version,
    )
}

/// Decides the change of a whole Connected App, whichever way it came.
pub(super) fn connected(
    world: &World,
    name: &str,
    component: &Element,
    version: u16,
) -> Result<Change, Refusal> {
    let found = world
        .apps
        .iter()
        .find(|app| !app.deleted && app.kind == Kind::ConnectedApp && app.name == name);
    let out_of_order = found.map_or(world.switches.out_of_order, |app| app.switches.out_of_order);
    let extras = found.map(|app| names(&app.component)).unwrap_or_default();
    let mut new =
        schema::check(Kind::ConnectedApp, component, version, &extras, out_of_order).map_err(|misfit| {
            match misfit {
                Misfit::Shape(message) => Refusal::Fault("soapenv:Client", message),
                Misfit::Missing(path) => save(
                    "REQUIRED_FIELD_MISSING",
                    &format!("Required field is missing: {path}"),
                ),
            }
        })?;
    let app = found.ok_or_else(|| {
        save(
            "INVALID_CROSS_REFERENCE_KEY",
            &format!("In field: fullName - no ConnectedApp named {name} found"),
        )
    })?;
    if app.read_only || app.managed {
        return Err(save(
            "CANNOT_MODIFY_MANAGED_OBJECT",
            "This connected app was migrated and can't be edited",
        ));
    }
    new.children.retain(|child| child.name != "fullName");
    let secret = credentials(world, app, &mut new)?;
    let component = merge(&app.component, new, app.switches.omitted_element);
    Ok(Change {
        app: app.name.clone(),
        kind: Kind::ConnectedApp,
        component,
        pair: secret.map_or(NewPair::None, NewPair::Given),
    })
}

/// Takes key and secret out of a component, and decides what they do (M §2).
fn credentials(world: &World, app: &App, component: &mut Element) -> Result<Option<String>, Refusal> {
    let Some(oauth) = component.child_mut("oauthConfig") else {
        return Ok(None);
    };
    let mut take = |name: &str| {
        let text = oauth.text_of(name).map(str::to_owned);
        oauth.children.retain(|child| child.name != name);
        text.filter(|text| !text.is_empty())
    };
    let (key, secret) = (take("consumerKey"), take("consumerSecret"));
    let code = app.switches.refusal_code.as_str();
    let pair = app.consumers.first().and_then(|consumer| consumer.primary_pair());
    if key.is_some() && key.as_deref() != pair.map(|pair| pair.key.as_str()) {
        return Err(save(code, "You cannot provide a Consumer Key"));
    }
    // The guide wants a key in the payload beside a run-as user (M §1.1).
    if oauth
        .text_of("oauthClientCredentialUser")
        .is_some_and(|user| !user.is_empty())
    {
        if key.is_none() || oauth.text_of("isClientCredentialEnabled") != Some("true") {
            let message = "oauthClientCredentialUser requires isClientCredentialEnabled and consumerKey";
            return Err(save("REQUIRED_FIELD_MISSING", message));
        }
        if oauth
            .text_of("oauthClientCredentialUser")
            .is_some_and(|user| world.user_named(user).is_none())
        {
            return Err(save(
                "INVALID_CROSS_REFERENCE_KEY",
                "oauthClientCredentialUser: no such user",
            ));
        }
    }
    let Some(secret) = secret else { return Ok(None) };
    if pair.is_some_and(|pair| pair.secret == secret) {
        return Ok(None);
    }
    let plain = secret
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || character == '_');
    if !plain || !(8..=256).contains(&secret.len()) {
        return Err(save(
            code,
            "The consumer secret must be alphanumeric, with 8 to 256 characters",
        ));
    }
    let taken = world
        .apps
        .iter()
        .filter(|other| !other.deleted && other.name != app.name)
        .any(|other| {
            other
                .consumers
                .iter()
                .filter_map(|consumer| consumer.primary_pair())
                .any(|pair| pair.secret == secret)
        });
    if taken {
        return Err(save("DUPLICATE_VALUE", "The consumer secret is already taken"));
    }
    match app.switches.in_place_secret {
        InPlaceSecret::Applies => Ok(Some(secret)),
        InPlaceSecret::Ignored => Ok(None),
        InPlaceSecret::Refused => Err(save(code, "You cannot provide a Consumer Secret")),
    }
}

/// The component after the update: what was left out stays or goes, by switch; an empty element always goes.
pub(super) fn merge(old: &Element, new: Element, omitted: Omitted) -> Element {
    let mut merged = Element {
        children: Vec::new(),
        ..old.clone()
    };
    for child in &new.children {
        let before = old
            .child(&child.name)
            .filter(|before| !before.children.is_empty());
        let repeats = new.all(&child.name).count() > 1;
        match before {
            Some(before) if !repeats && !child.children.is_empty() => {
                merged.insert_in_order(merge(before, child.clone(), omitted));
            }
            _ if child.children.is_empty() && (child.nil || child.text.is_empty()) => {}
            _ => merged.insert_in_order(child.clone()),
        }
    }
    match omitted {
        Omitted::Resets => {}
        Omitted::Keeps => {
            for child in old
                .children
                .iter()
                .filter(|child| new.child(&child.name).is_none())
            {
                merged.insert_in_order(child.clone());
            }
        }
    }
    merged
}

/// Every element name in a component.
pub(super) fn names(component: &Element) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = component.children.iter().flat_map(names).collect();
    all.insert(component.name.clone());
    all
}
