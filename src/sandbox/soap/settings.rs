//! `ExtlClntAppGlobalOauthSettings`: the OAuth settings of an External Client App, and the two flags that make a
//! new key or secret (M §3, §3.1).

use super::change::{Change, NewPair, Refusal, merge, names, save};
use super::schema::{self, Misfit};
use crate::sandbox::app::{App, Kind};
use crate::sandbox::switches::RotateFlag;
use crate::sandbox::world::World;
use crate::sandbox::xml::Element;

/// The type's name.
pub(super) const SETTINGS: &str = "ExtlClntAppGlobalOauthSettings";

const FLAGS: [&str; 2] = ["shouldRotateConsumerKey", "shouldRotateConsumerSecret"];

/// Where a component stands in a package.
pub(super) fn file_name(component: &str) -> String {
    format!("extlClntAppGlobalOauthSets/{component}.ecaGlblOauth")
}

/// Which way a component came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Through {
    /// `updateMetadata`.
    Update,
    /// `deploy`.
    Deploy {
        /// Its option.
        ignore_warnings: bool,
    },
}

/// The settings as they can be read: the key, never the secret; certificate and flags by switch.
pub(super) fn record(app: &App) -> Element {
    let mut record = Element {
        name: "records".to_owned(),
        xsi_type: Some(SETTINGS.to_owned()),
        ..app.component.clone()
    };
    record.children.retain(|child| {
        let hidden = !app.switches.flag_shown && FLAGS.contains(&child.name.as_str());
        !hidden && (app.switches.certificate_readable || child.name != "certificate")
    });
    record.insert_in_order(Element::leaf("fullName", app.component_name.clone()));
    if let Some(pair) = app.consumers.first().and_then(|consumer| consumer.primary_pair()) {
        record.insert_in_order(Element::leaf("consumerKey", pair.key.clone()));
    }
    // Told of as masked (M §3.1). A client that sends it back has understood nothing.
    record.insert_in_order(Element::leaf("consumerSecret", "*".repeat(16)));
    record
}

/// Decides what a whole component would change.
pub(super) fn decide(
    world: &World,
    name: &str,
    component: &Element,
    version: u16,
    through: Through,
) -> Result<Change, Refusal> {
    let found = world
        .apps
        .iter()
        .find(|app| !app.deleted && app.kind == Kind::ExternalClientApp && app.component_name == name);
    let out_of_order = found.map_or(world.switches.out_of_order, |app| app.switches.out_of_order);
    let extras = found.map(|app| names(&app.component)).unwrap_or_default();
    let checked = schema::check(Kind::ExternalClientApp, component, version, &extras, out_of_order);
    let mut new = checked.map_err(|misfit| match misfit {
        Misfit::Shape(message) => match through {
            Through::Update => Refusal::Fault("soapenv:Client", message),
            Through::Deploy { .. } => save("INVALID_FIELD", &message),
        },
        // The words that Salesforce has for it (M §5.3).
        Misfit::Missing(_) => save(
            "REQUIRED_FIELD_MISSING",
            "Enter the name of the parent external client app",
        ),
    })?;
    let app = found.ok_or_else(|| {
        save(
            "INVALID_CROSS_REFERENCE_KEY",
            &format!("In field: fullName - no {SETTINGS} named {name} found"),
        )
    })?;
    if new.text_of("externalClientApplication") != Some(app.name.as_str()) {
        return Err(save(
            "FIELD_INTEGRITY_EXCEPTION",
            "The parent external client app can't be changed",
        ));
    }
    if new.child("consumerSecret").is_some() {
        return Err(save("FIELD_NOT_UPDATABLE", "The consumer secret can't be set"));
    }
    // Another key is silently kept out (M §2.2).
    new.children
        .retain(|child| child.name != "fullName" && child.name != "consumerKey");
    let component = merge(&app.component, new, app.switches.omitted_element);
    let set = |flag: &str| component.text_of(flag) == Some("true");
    let (key, secret) = (set("shouldRotateConsumerKey"), set("shouldRotateConsumerSecret"));
    let honoured = match through {
        Through::Deploy {
            ignore_warnings: false,
        } if key || secret => {
            return Err(save(
                "INVALID_OPERATION",
                "Warning: this deployment rotates consumer credentials. To deploy it, ignore warnings.",
            ));
        }
        Through::Deploy { .. } => app.switches.flag_by_deploy,
        Through::Update => app.switches.flag_by_update,
    };
    let pair = match honoured {
        RotateFlag::Honoured if key || secret => NewPair::Made { key },
        RotateFlag::Honoured | RotateFlag::Ignored => NewPair::None,
    };
    Ok(Change {
        app: app.name.clone(),
        kind: Kind::ExternalClientApp,
        component,
        pair,
    })
}
