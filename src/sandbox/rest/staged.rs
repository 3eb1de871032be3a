//! The staged slot (O §1 semantics): `GET`, `POST`, `PATCH` rotate, `DELETE`.

use super::credentials::{app, consumer, path, written};
use super::not_found;
use crate::sandbox::app::App;
use crate::sandbox::credential::Origin;
use crate::sandbox::operation::StagedVerb;
use crate::sandbox::session::Actor;
use crate::sandbox::slot::{Consumer, Slot, SlotError};
use crate::sandbox::switches::{PostReply, StagedSecret, TokensDie};
use crate::sandbox::time::{Moment, iso};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::World;
use serde_json::{Value, json};

/// Which consumer's slot, as the path says it.
pub(super) struct Place<'a> {
    pub(super) version: u16,
    pub(super) app: &'a str,
    pub(super) consumer: &'a str,
}

/// Serves one call to the slot.
pub(super) fn serve(
    world: &mut World,
    place: &Place<'_>,
    verb: &StagedVerb,
    call: &Call,
    actor: &Actor,
    at: Moment,
) -> Reply {
    // The permissions and the switch of the org guard every verb alike.
    let allowed = app(world, actor, place.app).and_then(|app| {
        consumer(app, place.consumer)?;
        Ok(app.name.clone())
    });
    let name = match allowed {
        Ok(name) => name,
        Err(reply) => return reply,
    };
    match verb {
        StagedVerb::List => show(world, place, at, None),
        StagedVerb::Get(id) => show(world, place, at, Some(id)),
        StagedVerb::Post if !call.has_length() => {
            Reply::text(411, "text/html;charset=UTF-8", "<h1>Length Required</h1>")
        }
        StagedVerb::Post => post(world, place, actor, at),
        StagedVerb::Patch(id) => match command(call) {
            Ok(()) => patch(world, place, &name, id, actor, at),
            Err(reply) => reply,
        },
        StagedVerb::Delete(id) => delete(world, place, &name, id, at),
    }
}

/// `PATCH` understands one command.
fn command(call: &Call) -> Result<(), Reply> {
    let body: Value = serde_json::from_slice(&call.body)
        .map_err(|_| Reply::rest(400, "JSON_PARSER_ERROR", "The request body is not JSON"))?;
    match body.get("command").and_then(Value::as_str) {
        Some("rotate") => Ok(()),
        _ => Err(Reply::rest(400, "INVALID_PARAMETER", "command: expected rotate")),
    }
}

fn show(world: &World, place: &Place<'_>, at: Moment, id: Option<&str>) -> Reply {
    let found = find(world, place);
    let Some((app, consumer)) = found else {
        return not_found("no such consumer");
    };
    let readable = app.switches.staged_secret;
    let entry = consumer.staged(at, &app.switches);
    match id {
        None => {
            let items: Vec<Value> = entry
                .map(|slot| item(place, app, consumer, slot, at, readable))
                .into_iter()
                .collect();
            Reply::json(200, &collection(place, app, consumer, items))
        }
        Some(id) => match entry.filter(|slot| slot.id.is(id)) {
            Some(slot) => Reply::json(200, &item(place, app, consumer, slot, at, readable)),
            None => not_found("no such staged credential"),
        },
    }
}

fn post(world: &mut World, place: &Place<'_>, actor: &Actor, at: Moment) -> Reply {
    let id = world.id("888");
    let World { apps, chance, .. } = world;
    let Some(app) = apps.iter_mut().find(|app| app.id.is(place.app)) else {
        return not_found("no such app");
    };
    let switches = app.switches.clone();
    let staged = app
        .consumers
        .iter_mut()
        .find(|consumer| consumer.id.is(place.consumer));
    let outcome =
        staged.map(|consumer| consumer.stage(at, actor.user.clone(), id, &switches, chance, Origin::Staged));
    match outcome {
        None => not_found("no such consumer"),
        Some(Err(error)) => refused(&error),
        Some(Ok(())) => {
            let Some((app, consumer)) = find(world, place) else {
                return not_found("no such consumer");
            };
            let Some(slot) = consumer.slot.as_ref() else {
                return not_found("no such staged credential");
            };
            let item = item(place, app, consumer, slot, at, StagedSecret::Readable);
            match app.switches.post_reply {
                PostReply::Collection => Reply::json(201, &collection(place, app, consumer, vec![item])),
                PostReply::Object => Reply::json(201, &item),
            }
        }
    }
}

fn patch(world: &mut World, place: &Place<'_>, name: &str, id: &str, actor: &Actor, at: Moment) -> Reply {
    let new_id = world.id("888");
    let outcome = change(world, place, |consumer, switches| {
        consumer.promote(id, at, actor.user.clone(), new_id, switches)
    });
    match outcome {
        None => not_found("no such consumer"),
        Some(Err(error)) => refused(&error),
        Some(Ok(former)) => {
            world.tokens_die(name, former, TokensDie::AtCutover);
            show_slot(world, place, at)
        }
    }
}

fn delete(world: &mut World, place: &Place<'_>, name: &str, id: &str, at: Moment) -> Reply {
    match change(world, place, |consumer, switches| {
        consumer.discard(id, at, switches)
    }) {
        None => not_found("no such consumer"),
        Some(Err(error)) => refused(&error),
        Some(Ok(ended)) => {
            world.tokens_die(name, ended, TokensDie::AtRetirement);
            Reply::empty(204)
        }
    }
}

/// Lets `act` change the consumer that `place` names.
fn change<T>(
    world: &mut World,
    place: &Place<'_>,
    act: impl FnOnce(&mut Consumer, &crate::sandbox::Switches) -> T,
) -> Option<T> {
    let app = world.apps.iter_mut().find(|app| app.id.is(place.app))?;
    let switches = app.switches.clone();
    let consumer = app
        .consumers
        .iter_mut()
        .find(|consumer| consumer.id.is(place.consumer))?;
    Some(act(consumer, &switches))
}

fn find<'a>(world: &'a World, place: &Place<'_>) -> Option<(&'a App, &'a Consumer)> {
    let app = world.apps.iter().find(|app| app.id.is(place.app))?;
    let consumer = app
        .consumers
        .iter()
        .find(|consumer| consumer.id.is(place.consumer))?;
    Some((app, consumer))
}

/// The slot as it stands after a `PATCH`.
fn show_slot(world: &World, place: &Place<'_>, at: Moment) -> Reply {
    let Some((app, consumer)) = find(world, place) else {
        return not_found("no such consumer");
    };
    match consumer.slot.as_ref() {
        Some(slot) => Reply::json(
            200,
            &item(place, app, consumer, slot, at, app.switches.staged_secret),
        ),
        None => not_found("no such staged credential"),
    }
}

/// The record does not tell these bodies; a client can only read the state back (O §1 OPEN).
fn refused(error: &SlotError) -> Reply {
    let invalid = |message: &str| Reply::rest(400, "INVALID_OPERATION", message);
    match error {
        SlotError::NotFound => not_found("no such staged credential"),
        SlotError::Taken => invalid("A staged credential already exists for this consumer"),
        SlotError::Expired => invalid("The staged credential has expired"),
        SlotError::AlreadyRotated => invalid("The staged credential has already been rotated"),
    }
}

fn collection(place: &Place<'_>, app: &App, consumer: &Consumer, items: Vec<Value>) -> Value {
    json!({ "stagedCredentials": items, "url": format!("{}/staged", path(place.version, app, consumer)) })
}

fn item(
    place: &Place<'_>,
    app: &App,
    consumer: &Consumer,
    slot: &Slot,
    at: Moment,
    secret: StagedSecret,
) -> Value {
    let pair = consumer.pair(slot.generation);
    let staged = format!("{}/staged", path(place.version, app, consumer));
    let id = written(&slot.id, &app.switches);
    let mut item = json!({
        "id": id,
        "key": pair.map(|pair| &pair.key),
        "state": slot.told(at),
        "createdBy": written(&slot.created_by, &app.switches),
        "createdDate": iso(slot.created),
        "expirationDate": iso(slot.expires),
        "stagedCredentialsUrl": staged,
        "url": format!("{staged}/{id}"),
    });
    let told = match secret {
        StagedSecret::Readable => pair.map(|pair| pair.secret.clone()),
        StagedSecret::Masked => Some("*".repeat(16)),
        StagedSecret::Absent => None,
    };
    if let (Some(item), Some(told)) = (item.as_object_mut(), told) {
        item.insert("secret".to_owned(), Value::String(told));
    }
    item
}
