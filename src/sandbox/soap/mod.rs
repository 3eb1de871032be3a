//! The SOAP Metadata API (M §5.1) for Connected Apps and the global OAuth settings of External Client Apps: read,
//! update, list, describe, retrieve and deploy; the org's own settings for External Client Apps: read and update.
//! Creating, deleting and every other type are not here.

mod change;
mod deploy;
mod envelope;
mod list;
mod org_settings;
mod package;
mod read;
mod retrieve;
mod schema;
mod settings;
mod update;

use super::session::Actor;
use super::switches::TokenFormat;
use super::time::Moment;
use super::wire::{Call, Reply};
use super::world::World;
use super::xml::{self, Element};
pub(super) use deploy::{Deploy, run as run_deploys, states as deploy_states};
pub(super) use envelope::{Envelope, Method};
pub(super) use org_settings::{fresh as fresh_org_settings, shown as org_settings};
pub(super) use retrieve::Retrieve;
pub(super) use schema::in_order as component_in_order;

/// Components, names or queries in one call.
const MOST: usize = 10;

/// A SOAP fault: HTTP 500 and a code.
pub(super) fn fault(code: &str, message: &str) -> Reply {
    let text = code
        .strip_prefix("sf:")
        .map_or_else(|| message.to_owned(), |bare| format!("{bare}: {message}"));
    let body = Element::node(
        "soapenv:Fault",
        vec![
            Element::leaf("faultcode", code),
            Element::leaf("faultstring", text),
        ],
    );
    answer(500, &body)
}

/// The fault of a session that does not live, or that SOAP does not take.
pub(super) fn session_invalid() -> Reply {
    fault(
        "sf:INVALID_SESSION_ID",
        "Invalid Session ID found in SessionHeader: Illegal Session",
    )
}

/// `login` of the SOAP API of data: gone since v65, and off by default before that (M §5.1, O §7).
pub(super) fn login(version: Option<u16>) -> Reply {
    match version {
        Some(version) if version < 65 => fault(
            "sf:INVALID_OPERATION",
            "SOAP API login() is disabled by default in this org.",
        ),
        Some(_) | None => fault(
            "sf:UNSUPPORTED_API_VERSION",
            "SOAP API login() is not available in this API version",
        ),
    }
}

fn answer(status: u16, body: &Element) -> Reply {
    match xml::envelope(body) {
        Ok(bytes) => Reply::xml(status, bytes),
        Err(_) => Reply::empty(500),
    }
}

/// Serves one SOAP call.
pub(super) fn serve(
    world: &mut World,
    version: Option<u16>,
    envelope: &Result<Envelope, String>,
    call: &Call,
    actor: Option<&Actor>,
    at: Moment,
) -> Reply {
    if !call
        .header("content-type")
        .is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("text/xml"))
    {
        return Reply::text(415, "text/html;charset=UTF-8", "<h1>Unsupported Media Type</h1>");
    }
    if call.header("soapaction").is_none() {
        return fault("soapenv:Client", "SOAPAction HTTP header missing");
    }
    let envelope = match envelope {
        Ok(envelope) => envelope,
        Err(message) => return fault("soapenv:Client", message),
    };
    let supported = version.filter(|version| (31..=world.switches.newest_version).contains(version));
    let Some(version) = supported else {
        return fault(
            "sf:UNSUPPORTED_API_VERSION",
            "Invalid Api version specified on URL",
        );
    };
    let Some(actor) = actor.filter(|actor| actor.format == TokenFormat::Opaque) else {
        return session_invalid();
    };
    let permitted = world
        .user(&actor.user)
        .is_some_and(|user| user.permissions.contains("ModifyMetadata"));
    if !permitted {
        return fault(
            "sf:INSUFFICIENT_ACCESS",
            "use of the Metadata API requires the Modify Metadata permission",
        );
    }
    let most = envelope
        .body
        .all("metadata")
        .count()
        .max(envelope.body.all("fullNames").count());
    if most > MOST {
        return fault(
            "sf:EXCEEDED_ID_LIMIT",
            "record limit reached. cannot submit more than 10 records in this operation",
        );
    }
    match envelope.method() {
        Method::Read => read::read(world, &envelope.body),
        Method::Update => update::update(world, envelope, version, actor, at),
        Method::List => list::list(world, &envelope.body),
        Method::Describe => list::describe(),
        Method::Deploy => deploy::deploy(world, &envelope.body, version, actor, at),
        Method::DeployStatus => deploy::status(world, &envelope.body),
        Method::Retrieve => retrieve::retrieve(world, &envelope.body),
        Method::RetrieveStatus => retrieve::status(world, &envelope.body),
        Method::Other => fault(
            "soapenv:Client",
            &format!("No operation available for request {}", envelope.body.name),
        ),
    }
}
