//! `ExternalClientAppSettings`: the org's own settings for External Client Apps, among them the switch without which
//! secrets are not served over REST (M §3, O §1 preconditions).

use super::change::{Refusal, merge};
use crate::sandbox::switches::{Omitted, OutOfOrder};
use crate::sandbox::time::{Moment, later, seconds};
use crate::sandbox::world::World;
use crate::sandbox::xml::Element;

/// The type's name.
pub(super) const ORG_SETTINGS: &str = "ExternalClientAppSettings";

/// The one component of it.
pub(super) const ORG_SETTINGS_NAME: &str = "ExternalClientApp";

/// The switch.
const SWITCH: &str = "enableClientSecretInRestApiAccess";

/// The others, and what they fall back to.
const OTHERS: [&str; 2] = ["enableConsumerSecretApiAccess", "enablePackageEcaOauthFromDevOrg"];

/// As a new org has them. The last one is on, so that a write that drops it shows.
pub(in crate::sandbox) fn fresh() -> Element {
    Element::node(
        ORG_SETTINGS,
        vec![
            Element::leaf("enableConsumerSecretApiAccess", "false"),
            Element::leaf("enablePackageEcaOauthFromDevOrg", "true"),
        ],
    )
}

/// The settings as they can be read.
pub(super) fn record(world: &World) -> Element {
    let mut record = Element {
        name: "records".to_owned(),
        xsi_type: Some(ORG_SETTINGS.to_owned()),
        ..world.org_settings.clone()
    };
    record.insert_in_order(Element::leaf(SWITCH, truth(world.switches.secret_api_enabled)));
    record.insert_in_order(Element::leaf("fullName", ORG_SETTINGS_NAME));
    record
}

/// Each of them, by name.
pub(in crate::sandbox) fn shown(world: &World) -> Vec<(String, String)> {
    let record = record(world);
    let leaves = record.children.into_iter();
    leaves.map(|leaf| (leaf.name, leaf.text)).collect()
}

/// Decides what a whole component would make of them: the merged settings.
pub(super) fn decide(world: &World, component: &Element) -> Result<Element, Refusal> {
    let name = component.text_of("fullName").unwrap_or_default();
    if name != ORG_SETTINGS_NAME {
        return Err(super::change::save(
            "INVALID_CROSS_REFERENCE_KEY",
            &format!("In field: fullName - no {ORG_SETTINGS} named {name} found"),
        ));
    }
    let invalid = |child: &Element| {
        Refusal::Fault(
            "soapenv:Client",
            format!(
                "Element {{{}}}{} invalid at this location in type {ORG_SETTINGS}",
                child.namespace, child.name
            ),
        )
    };
    let mut new = Element {
        children: Vec::new(),
        ..component.clone()
    };
    for child in &component.children {
        let known = child.name == SWITCH || child.name == "fullName" || OTHERS.contains(&child.name.as_str());
        if !known {
            return Err(invalid(child));
        }
        let last = new.children.last().map(|last| last.name.as_str());
        if last.is_some_and(|last| last != "fullName" && last >= child.name.as_str()) {
            match world.switches.out_of_order {
                OutOfOrder::Dropped => continue,
                OutOfOrder::Refused => return Err(invalid(child)),
            }
        }
        new.children.push(child.clone());
    }
    let mut merged = merge(&record(world), new, world.switches.omitted_element);
    if world.switches.omitted_element == Omitted::Resets {
        for name in OTHERS.into_iter().chain([SWITCH]) {
            if merged.child(name).is_none() {
                merged.insert_in_order(Element::leaf(name, "false"));
            }
        }
    }
    Ok(merged)
}

/// Puts merged settings in force.
pub(super) fn apply(world: &mut World, mut merged: Element, at: Moment) {
    let on = merged.text_of(SWITCH) == Some("true");
    if on && !world.switches.secret_api_enabled {
        world.secret_api_from = later(at, seconds(world.switches.secret_api_delay_seconds));
    }
    let set = serde_json::Map::from_iter([("secret_api_enabled".to_owned(), on.into())]);
    // A boolean by a name that is there: it is taken.
    world.switch(None, &set).unwrap_or_default();
    merged
        .children
        .retain(|child| OTHERS.contains(&child.name.as_str()));
    world.org_settings = Element {
        name: ORG_SETTINGS.to_owned(),
        children: merged.children,
        ..Element::default()
    };
}

fn truth(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}
