//! `POST /services/oauth2/introspect` (O §3 key question, §4): the client is judged first, with 401.

use super::client::{missing, presented};
use crate::sandbox::credential::Verdict;
use crate::sandbox::switches::IntrospectJunk;
use crate::sandbox::time::Moment;
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::World;
use serde_json::json;

/// Answers an introspection.
pub(in crate::sandbox) fn introspect(world: &mut World, call: &Call, at: Moment) -> Reply {
    let Some(client) = presented(world, call) else {
        return Reply::oauth(401, "invalid_client", "invalid client credentials");
    };
    match world.judge(&client.id, client.secret.as_deref(), at, true) {
        Verdict::UnknownClient => {
            return Reply::oauth(401, "invalid_client_id", "client identifier invalid");
        }
        Verdict::BadSecret => return Reply::oauth(401, "invalid_client", "invalid client credentials"),
        Verdict::Accepted(_) => {}
    }
    let Some(token) = call.field("token") else {
        return missing("token");
    };
    let Some(app) = world.app_of_key(&client.id) else {
        return missing("client_id");
    };
    let (name, switches) = (app.name.clone(), app.switches.clone());
    let live = world
        .sessions
        .find(&token, at)
        .filter(|session| session.app == name);
    match live {
        Some(session) if !switches.introspect_live_reads_inactive => Reply::json(
            200,
            &json!({
                "active": true,
                "scope": "api",
                "client_id": session.client_id,
                "username": session.username,
                "sub": format!("{}/id/{}/{}", world.base_url, world.org.long(), session.actor.user.long()),
                "token_type": "access_token",
                "exp": session.ends().timestamp(),
                "iat": session.started.timestamp(),
                "nbf": session.started.timestamp(),
            }),
        ),
        _ => match switches.introspect_junk {
            IntrospectJunk::Inactive200 => Reply::json(200, &json!({ "active": false })),
            IntrospectJunk::Inactive400 => Reply::oauth(400, "invalid_token", "token is not active"),
        },
    }
}
