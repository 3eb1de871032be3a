//! Version list, limits, and who one is.

use super::not_found;
use crate::sandbox::session::Actor;
use crate::sandbox::switches::Switches;
use crate::sandbox::wire::Reply;
use crate::sandbox::world::{User, World};
use serde_json::{Value, json};

/// The oldest API version that is still listed.
pub(super) const OLDEST: u16 = 31;

/// `GET /services/data/`: needs no session.
pub(in crate::sandbox) fn versions(switches: &Switches) -> Reply {
    let list: Vec<Value> = (OLDEST..=switches.newest_version)
        .map(|version| {
            json!({
                "label": label(version),
                "url": format!("/services/data/v{version}.0"),
                "version": format!("{version}.0"),
            })
        })
        .collect();
    Reply::json(200, &Value::Array(list))
}

/// The release name: three a year, 65 being Winter '26.
fn label(version: u16) -> String {
    let season = match version % 3 {
        0 => "Spring",
        1 => "Summer",
        _ => "Winter",
    };
    // 64 is Summer '25, 65 Winter '26, 66 Spring '26.
    let year = (version + 1) / 3 + 4;
    format!("{season} '{year}")
}

/// `GET /services/data/vNN.0`: where the resources are, as far as they are here.
pub(super) fn resources(version: u16) -> Reply {
    let at = |rest: &str| format!("/services/data/v{version}.0/{rest}");
    Reply::json(
        200,
        &json!({ "limits": at("limits"), "query": at("query"), "apps": at("apps") }),
    )
}

/// `GET …/limits`.
pub(super) fn limits(world: &World) -> Reply {
    let remaining = world.api_limit.saturating_sub(world.api_used);
    Reply::json(
        200,
        &json!({ "DailyApiRequests": { "Max": world.api_limit, "Remaining": remaining } }),
    )
}

/// `GET /services/oauth2/userinfo`.
pub(super) fn userinfo(world: &World, actor: &Actor) -> Reply {
    let Some(user) = world.user(&actor.user) else {
        return not_found("no such user");
    };
    Reply::json(
        200,
        &json!({
            "sub": identity_url(world, user),
            "user_id": user.id.long(),
            "organization_id": world.org.long(),
            "preferred_username": user.username,
            "active": true,
        }),
    )
}

/// `GET /id/ORG/USER`.
pub(super) fn identity(world: &World, id: &str) -> Reply {
    let Some(user) = world.users.iter().find(|user| user.id.is(id)) else {
        return not_found("no such user");
    };
    Reply::json(
        200,
        &json!({
            "id": identity_url(world, user),
            "user_id": user.id.long(),
            "organization_id": world.org.long(),
            "username": user.username,
            "active": true,
        }),
    )
}

fn identity_url(world: &World, user: &User) -> String {
    format!("{}/id/{}/{}", world.base_url, world.org.long(), user.id.long())
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn releases_are_named_as_published() {
        assert_eq!(label(64), "Summer '25");
        assert_eq!(label(65), "Winter '26");
        assert_eq!(label(66), "Spring '26");
        assert_eq!(label(68), "Winter '27");
    }
}
