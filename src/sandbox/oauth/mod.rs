//! The OAuth endpoints (O §3–5): token, introspect, revoke. They judge clients, and are the only place that
//! says which secret is accepted. Browser flows are not here.

mod client;
mod introspect;
mod jwt;
mod revoke;
mod token;

pub(super) use client::client_id_of;
pub(super) use introspect::introspect;
pub(super) use revoke::revoke;
pub(super) use token::token;
