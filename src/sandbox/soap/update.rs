//! `updateMetadata`: each component decided, then applied; results in the order of the request.

use super::change::{Change, NewPair, Refusal, decide};
use super::org_settings::{self, ORG_SETTINGS};
use super::{Envelope, answer, fault};
use crate::sandbox::app::Kind;
use crate::sandbox::credential::Origin;
use crate::sandbox::ident::RecordId;
use crate::sandbox::session::Actor;
use crate::sandbox::switches::TokensDie;
use crate::sandbox::time::{Moment, later, seconds};
use crate::sandbox::wire::Reply;
use crate::sandbox::world::World;
use crate::sandbox::xml::Element;

/// What one component would change.
enum Decided {
    App(Change),
    /// The org's own settings, merged.
    Org(Element),
}

/// A decided change, or the status code and message of why there is none.
type Outcome = Result<Decided, (String, String)>;

/// Answers an update.
pub(super) fn update(
    world: &mut World,
    envelope: &Envelope,
    version: u16,
    actor: &Actor,
    at: Moment,
) -> Reply {
    let mut decided: Vec<(String, Outcome)> = Vec::new();
    for component in envelope.body.all("metadata") {
        let name = component.text_of("fullName").unwrap_or_default().to_owned();
        let outcome = match component.xsi_type.as_deref() {
            Some(ORG_SETTINGS) => org_settings::decide(world, component).map(Decided::Org),
            Some(_) | None => decide(world, component, version).map(Decided::App),
        };
        match outcome {
            Ok(change) => decided.push((name, Ok(change))),
            Err(Refusal::Save(code, message)) => decided.push((name, Err((code, message)))),
            Err(Refusal::Fault(code, message)) => return fault(code, &message),
        }
    }
    if envelope.all_or_none && decided.iter().any(|(_, outcome)| outcome.is_err()) {
        for (_, outcome) in decided.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
            let message = "Record rolled back because not all records were valid and the request was using AllOrNone header";
            *outcome = Err(("ALL_OR_NONE_OPERATION_ROLLED_BACK".to_owned(), message.to_owned()));
        }
    }
    let mut results = Vec::new();
    for (name, outcome) in decided {
        let error = match outcome {
            Ok(Decided::App(change)) => {
                apply(world, change, &actor.user, at);
                None
            }
            Ok(Decided::Org(merged)) => {
                org_settings::apply(world, merged, at);
                None
            }
            Err(error) => Some(error),
        };
        results.push(result(name, error));
    }
    answer(200, &Element::node("updateMetadataResponse", results))
}

/// Carries a decided change out.
pub(super) fn apply(world: &mut World, change: Change, by: &RecordId, at: Moment) {
    let made = match change.pair {
        NewPair::Made { .. } => Some((world.chance.consumer_key(), world.chance.consumer_secret())),
        NewPair::None | NewPair::Given(_) => None,
    };
    let Some(app) = world.app_named(&change.app, Some(change.kind)) else {
        return;
    };
    app.component = change.component;
    if app.kind == Kind::ConnectedApp {
        app.label = app.component.text_of("label").unwrap_or_default().to_owned();
    }
    app.modified = at;
    app.modified_by = by.clone();
    let overlap = seconds(app.switches.cutover_overlap_seconds);
    let empties_slot = app.switches.flag_empties_slot;
    let former = app.consumers.first_mut().and_then(|consumer| {
        let key = consumer.primary_pair()?.key.clone();
        let (key, secret, origin) = match (change.pair, made) {
            (NewPair::Given(secret), _) => (key, secret, Origin::Update),
            (NewPair::Made { key: true }, Some((key, secret))) => (key, secret, Origin::Flag),
            (NewPair::Made { key: false }, Some((_, secret))) => (key, secret, Origin::Flag),
            (NewPair::None | NewPair::Made { .. }, _) => return None,
        };
        if origin == Origin::Flag {
            consumer.mints += 1;
            if empties_slot {
                consumer.end_slot(at);
            }
        }
        Some(consumer.replace(key, secret, at, later(at, overlap), origin))
    });
    if let Some(former) = former {
        world.tokens_die(&change.app, former, TokensDie::AtCutover);
        world.tokens_die(&change.app, former, TokensDie::AtRetirement);
    }
}

fn result(name: String, error: Option<(String, String)>) -> Element {
    let success = if error.is_none() { "true" } else { "false" };
    let mut parts = Vec::new();
    if let Some((code, message)) = error {
        parts.push(Element::node(
            "errors",
            vec![
                Element::leaf("message", message),
                Element::leaf("statusCode", code),
            ],
        ));
    }
    parts.push(Element::leaf("fullName", name));
    parts.push(Element::leaf("success", success));
    Element::node("result", parts)
}
