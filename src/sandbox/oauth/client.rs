//! Who the client says it is, and the refusals that every endpoint shares.

use crate::sandbox::credential::Verdict;
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::World;

/// A client as a request presents it.
pub(super) struct Presented {
    pub(super) id: String,
    pub(super) secret: Option<String>,
}

/// Client id and secret of the body, or of a Basic header where the switch lets it count (O §3).
pub(super) fn presented(world: &World, call: &Call) -> Option<Presented> {
    if let Some(id) = call.field("client_id") {
        return Some(Presented {
            id,
            secret: call.field("client_secret"),
        });
    }
    let (id, secret) = call.basic().filter(|_| world.switches.basic_auth)?;
    Some(Presented {
        id,
        secret: Some(secret),
    })
}

/// The client id that a call names, wherever it does; of an assertion, its unverified issuer.
pub(in crate::sandbox) fn client_id_of(call: &Call) -> Option<String> {
    call.field("client_id")
        .or_else(|| call.basic().map(|(id, _)| id))
        .or_else(|| {
            call.field("assertion")
                .and_then(|assertion| super::jwt::issuer(&assertion))
        })
}

/// The token endpoint's refusal of a client, if the verdict is one.
pub(super) fn refusal(verdict: Verdict) -> Option<Reply> {
    match verdict {
        Verdict::UnknownClient => Some(Reply::oauth(
            400,
            "invalid_client_id",
            "client identifier invalid",
        )),
        Verdict::BadSecret => Some(Reply::oauth(400, "invalid_client", "invalid client credentials")),
        Verdict::Accepted(_) => None,
    }
}

/// A request without what it must have.
pub(super) fn missing(name: &str) -> Reply {
    Reply::oauth(
        400,
        "invalid_request",
        &format!("missing required parameter: {name}"),
    )
}
