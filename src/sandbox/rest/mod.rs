//! The REST resources: version list, limits, SOQL, identity, and the Connect REST credentials of client apps
//! (O §1, §7). Metadata deploys over REST are not here.

mod credentials;
mod data;
mod page;
mod query;
mod soql;
mod staged;
mod usage;

use super::operation::Operation;
use super::session::Actor;
use super::time::Moment;
use super::wire::{Call, Reply};
use super::world::World;

pub(super) use data::versions;
pub(super) use query::Cursor;

/// The answer to a call without a living session.
pub(super) fn session_expired() -> Reply {
    Reply::rest(401, "INVALID_SESSION_ID", "Session expired or invalid")
}

/// The answer when the day's calls are used up.
pub(super) fn limit_exceeded() -> Reply {
    Reply::rest(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
}

/// The answer for what does not exist.
pub(super) fn not_found(message: &str) -> Reply {
    Reply::rest(404, "NOT_FOUND", message)
}

/// Serves a call of a living session.
pub(super) fn serve(
    world: &mut World,
    operation: &Operation,
    call: &Call,
    actor: &Actor,
    at: Moment,
) -> Reply {
    let since = |version: u16, oldest: u16| version >= oldest && version <= world.switches.newest_version;
    let absent = || not_found("The requested resource does not exist");
    match operation {
        Operation::Userinfo => data::userinfo(world, actor),
        Operation::Identity { user } => data::identity(world, user),
        Operation::Resources { version } if since(*version, data::OLDEST) => data::resources(*version),
        Operation::Limits { version } if since(*version, data::OLDEST) => data::limits(world),
        Operation::Query { version } if since(*version, data::OLDEST) => {
            query::query(world, *version, call, actor)
        }
        Operation::QueryMore { version, locator } if since(*version, data::OLDEST) => {
            query::more(world, *version, locator, actor)
        }
        Operation::Usage { version } if since(*version, 59) => usage::usage(world, call),
        Operation::UsageUsers { version, app } if since(*version, 59) => usage::users(world, call, app),
        Operation::UsageEnd { version, app } if since(*version, 59) => usage::end(world, actor, app),
        Operation::CredentialList { version, app } if since(*version, 60) => {
            credentials::list(world, *version, call, actor, app)
        }
        Operation::CredentialGet {
            version,
            app,
            consumer,
        } if since(*version, 60) => credentials::get(world, *version, call, actor, (app, consumer)),
        Operation::Staged {
            version,
            app,
            consumer,
            verb,
        } if since(*version, 65) => {
            let place = staged::Place {
                version: *version,
                app,
                consumer,
            };
            staged::serve(world, &place, verb, call, actor, at)
        }
        Operation::Resources { .. }
        | Operation::Limits { .. }
        | Operation::Query { .. }
        | Operation::QueryMore { .. }
        | Operation::Usage { .. }
        | Operation::UsageUsers { .. }
        | Operation::UsageEnd { .. }
        | Operation::CredentialList { .. }
        | Operation::CredentialGet { .. }
        | Operation::Staged { .. }
        | Operation::Token(_)
        | Operation::Introspect
        | Operation::Revoke
        | Operation::Versions
        | Operation::Soap { .. }
        | Operation::SoapLogin { .. }
        | Operation::Unknown => absent(),
    }
}
