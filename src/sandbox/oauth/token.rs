//! `POST /services/oauth2/token` (O §3).

use super::client::{missing, presented, refusal};
use super::jwt;
use crate::sandbox::credential::Verdict;
use crate::sandbox::operation::Grant;
use crate::sandbox::session::{Actor, Session};
use crate::sandbox::switches::{ClientCredentialsOrder, FlowOff, TokenFormat};
use crate::sandbox::time::Moment;
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::World;
use serde_json::json;

/// Answers a grant.
pub(in crate::sandbox) fn token(world: &mut World, grant: Grant, call: &Call, at: Moment) -> Reply {
    match grant {
        Grant::JwtBearer => jwt_bearer(world, call, at),
        Grant::ClientCredentials => client_credentials(world, call, at),
        Grant::RefreshToken => junk(world, call, at, "refresh_token", "expired access/refresh token"),
        Grant::AuthorizationCode => junk(world, call, at, "code", "invalid authorization code"),
        Grant::Other if call.field("grant_type").is_none() => missing("grant_type"),
        Grant::Other => Reply::oauth(400, "unsupported_grant_type", "grant type not supported"),
    }
}

/// A refresh token or a code: the sandbox gave out none, so every one is junk.
fn junk(world: &mut World, call: &Call, at: Moment, field: &str, dead: &str) -> Reply {
    let Some(client) = presented(world, call) else {
        return missing("client_id");
    };
    if call.field(field).is_none() {
        return missing(field);
    }
    let first = match world.app_of_key(&client.id) {
        Some(app) => app.switches.junk_grant_judges_client_first,
        None => world.switches.junk_grant_judges_client_first,
    };
    let verdict = world.judge(&client.id, client.secret.as_deref(), at, field == "refresh_token");
    refusal(verdict)
        .filter(|_| first)
        .unwrap_or_else(|| Reply::oauth(400, "invalid_grant", dead))
}

fn client_credentials(world: &mut World, call: &Call, at: Moment) -> Reply {
    let Some(client) = presented(world, call) else {
        return missing("client_id");
    };
    let verdict = world.judge(&client.id, client.secret.as_deref(), at, false);
    let refused = refusal(verdict);
    let Some(app) = world.app_of_key(&client.id) else {
        return refused.unwrap_or_else(|| missing("client_id"));
    };
    let without_user = Reply::oauth(400, "invalid_grant", "no client credentials user enabled");
    if app.switches.cc_without_run_as == ClientCredentialsOrder::PolicyFirst
        && app.client_credentials()
        && app.run_as().is_none()
    {
        return without_user;
    }
    let generation = match (refused, verdict) {
        (Some(reply), _) => return reply,
        (None, Verdict::Accepted(generation)) => generation,
        (None, Verdict::UnknownClient | Verdict::BadSecret) => return missing("client_secret"),
    };
    if !app.client_credentials() {
        return match app.switches.cc_flow_off {
            FlowOff::InvalidGrant => {
                Reply::oauth(400, "invalid_grant", "client credentials flow not enabled")
            }
            FlowOff::UnsupportedGrantType => {
                Reply::oauth(400, "unsupported_grant_type", "grant type not supported")
            }
        };
    }
    match app.run_as().map(str::to_owned) {
        Some(user) => log_in(world, &client.id, &user, Some(generation), at).unwrap_or(without_user),
        None => without_user,
    }
}

fn jwt_bearer(world: &mut World, call: &Call, at: Moment) -> Reply {
    let Some(assertion) = call.field("assertion") else {
        return missing("assertion");
    };
    let invalid = |description: &str| Reply::oauth(400, "invalid_grant", description);
    let Some(issuer) = jwt::issuer(&assertion) else {
        return invalid("invalid assertion");
    };
    let base_url = world.base_url.clone();
    let unknown = Reply::oauth(400, "invalid_client_id", "client identifier invalid");
    let Some(app) = world.app_of_key(&issuer) else {
        return unknown;
    };
    let alive = app.consumer_of(&issuer).is_some_and(|consumer| {
        consumer
            .credentials
            .iter()
            .any(|pair| pair.key == issuer && pair.alive(at))
    });
    if !alive {
        return unknown;
    }
    let claims = match jwt::verify(&assertion, app, at, &base_url, &app.switches) {
        Ok(claims) => claims,
        Err(description) => return invalid(description),
    };
    let approved =
        app.approved_users.is_empty() || app.approved_users.iter().any(|user| user == claims.user());
    let reply = if approved {
        log_in(world, &claims.iss, claims.user(), None, at)
    } else {
        None
    };
    reply.unwrap_or_else(|| invalid("user hasn't approved this consumer"))
}

/// Starts a session and answers it; `None` when there is no such user.
fn log_in(
    world: &mut World,
    client_id: &str,
    username: &str,
    generation: Option<u64>,
    at: Moment,
) -> Option<Reply> {
    let user = world.user_named(username)?.id.clone();
    let app = world.app_of_key(client_id)?;
    let (name, switches) = (app.name.clone(), app.switches.clone());
    let token = match switches.token_format {
        TokenFormat::Opaque => format!("{}!{}", world.org.short(), world.chance.alphanumeric(96)),
        TokenFormat::Jwt => {
            // Only the shape matters: nobody but the org can read it.
            let parts = [36, 180, 256].map(|length| world.chance.base64_url(length));
            format!("eyJ{}", parts.join("."))
        }
    };
    let instance = match switches.instance_url.as_str() {
        "" => world.base_url.clone(),
        other => other.to_owned(),
    };
    let format_name = match switches.token_format {
        TokenFormat::Opaque => "opaque",
        TokenFormat::Jwt => "jwt",
    };
    let body = json!({
        "access_token": token,
        "signature": world.chance.base64(32),
        "scope": "api",
        "instance_url": instance,
        "id": format!("{}/id/{}/{}", world.base_url, world.org.long(), user.long()),
        "token_type": "Bearer",
        "token_format": format_name,
        "issued_at": at.timestamp_millis().to_string(),
    });
    let session = Session {
        actor: Actor {
            user,
            format: switches.token_format,
        },
        username: username.to_owned(),
        app: name,
        generation,
        client_id: client_id.to_owned(),
        started: at,
        last_used: at,
        life_seconds: switches.session_seconds,
    };
    world.sessions.start(token, session);
    Some(Reply::json(200, &body).with("Cache-Control", "no-cache, no-store"))
}
