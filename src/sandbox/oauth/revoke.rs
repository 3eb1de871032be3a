//! `/services/oauth2/revoke` (O §4): takes only a token, no client.

use super::client::missing;
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::World;

/// Ends a session.
pub(in crate::sandbox) fn revoke(world: &mut World, call: &Call) -> Reply {
    let Some(token) = call.field("token").or_else(|| call.parameter("token")) else {
        return missing("token");
    };
    if world.sessions.end(&token) {
        Reply::empty(200)
    } else {
        Reply::oauth(400, "invalid_token", "invalid token")
    }
}
