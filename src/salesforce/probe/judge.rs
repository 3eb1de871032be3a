//! What one answer says about the client, by the error catalogue of salesforce-oauth-rest.md §3.

use serde::Deserialize;

use super::super::json::SecretText;
use super::Kind;
use crate::port::Verdict;
use crate::secret::Secret;

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    active: Option<bool>,
    #[serde(default)]
    access_token: Option<SecretText>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
}

/// Verdict, the answer by class, and the session that a login made.
pub(super) fn judge(kind: Kind, status: u16, body: &[u8]) -> (Verdict, String, Option<Secret>) {
    // A parse error is dropped: its text would repeat the body.
    let read = serde_json::from_slice::<Body>(body);
    let legible = read.is_ok() || body.trim_ascii().is_empty();
    let body = read.unwrap_or_default();
    let error = body.error.as_deref().map(str::to_lowercase).unwrap_or_default();
    let said = body
        .error_description
        .as_deref()
        .map(str::to_lowercase)
        .unwrap_or_default();
    let class = class(kind, status, &body, &error, &said, legible);
    let text = match (body.active, known(&error)) {
        (Some(active), _) => format!("{status} active={active}"),
        (None, Some(error)) => format!("{status} {error}"),
        (None, None) => status.to_string(),
    };
    let verdict = match class {
        Class::Accepted => Verdict::Accepted,
        Class::Refused => Verdict::Refused,
        Class::Undecided(why) => Verdict::Inconclusive(format!("{text}: {why}")),
    };
    (verdict, text, body.access_token.map(|token| token.0))
}

enum Class {
    Accepted,
    Refused,
    Undecided(&'static str),
}

fn class(kind: Kind, status: u16, body: &Body, error: &str, said: &str, legible: bool) -> Class {
    let has = |part: &str| said.contains(part);
    if !legible {
        return Class::Undecided("not legible");
    }
    match status {
        200..=299 => match kind {
            Kind::Introspect if body.active.is_some() => Class::Accepted,
            Kind::ClientCredentials if body.access_token.is_some() => Class::Accepted,
            Kind::Introspect | Kind::Refresh | Kind::ClientCredentials => Class::Undecided("not an answer"),
        },
        400 | 401 => match error {
            "invalid_client" if has("installed") => {
                Class::Undecided("the app must be installed into the org")
            }
            "invalid_client" | "invalid_client_id" => Class::Refused,
            "rate_limit_exceeded" => Class::Undecided("too many logins"),
            "invalid_app_access" => Class::Undecided("the app's policy"),
            "inactive_user" | "inactive_org" => Class::Undecided("the user or org is inactive"),
            _ if has("not supported on this domain") => Class::Undecided("not the org's own domain"),
            _ if status == 401 && kind == Kind::Introspect => Class::Refused,
            _ if body.active.is_some() && kind == Kind::Introspect => Class::Accepted,
            // The client was let through to the token, which is junk.
            "invalid_grant" | "invalid_token" | "unsupported_token_type" | "invalid_request"
                if has("token") && kind != Kind::ClientCredentials =>
            {
                Class::Accepted
            }
            "invalid_token" | "unsupported_token_type" if kind == Kind::Introspect => Class::Accepted,
            "invalid_grant" => Class::Undecided("a policy of the flow, the user or the network"),
            "unsupported_grant_type" => Class::Undecided("the flow is off"),
            _ => Class::Undecided("not in the catalogue"),
        },
        429 => Class::Undecided("too many requests"),
        _ => Class::Undecided("not an answer about the client"),
    }
}

/// The error, if it is one that the catalogue has.
fn known(error: &str) -> Option<&str> {
    const CATALOGUE: [&str; 15] = [
        "invalid_client_id",
        "invalid_client",
        "invalid_app_access",
        "invalid_grant",
        "unsupported_grant_type",
        "inactive_user",
        "inactive_org",
        "rate_limit_exceeded",
        "redirect_uri_mismatch",
        "redirect_uri_missing",
        "invalid_scope",
        "invalid_request",
        "invalid_token",
        "unsupported_token_type",
        "unauthorized_client",
    ];
    CATALOGUE.contains(&error).then_some(error)
}
