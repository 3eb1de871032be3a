//! Salesforce's error codes and the texts that stand in for missing ones
//! (salesforce-metadata.md §5.3, salesforce-oauth-rest.md §7).

use std::time::Duration;

use super::Class;

/// After the daily quota is used up. The quota is counted over 24 hours.
const DAILY: Duration = Duration::from_secs(3600);

/// After too many long requests at once.
const CONCURRENT: Duration = Duration::from_secs(60);

/// What stands for Salesforce's words about it.
pub(super) const CREATION_BLOCKED: &str = "the app does not exist, and creating connected apps is blocked";

/// While Salesforce works on the org: minutes to hours, of which nobody says how many.
const MAINTENANCE: Duration = Duration::from_secs(300);

/// A code that may be shown: capitals and underscores only, so that no value can pass for one.
pub(crate) fn named(code: &str) -> Option<&str> {
    let fits =
        (3..=60).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    fits.then_some(code)
}

/// What a code and its message mean. `at` is what came with it, a status or the name of a call.
/// `None` for what nothing is known of.
pub(crate) fn classify(at: &str, code: &str, message: &str) -> Option<Class> {
    let message = message.to_lowercase().replace('\u{2019}', "'");
    let text = match named(code) {
        Some(code) => format!("{at} {code}"),
        None => at.to_owned(),
    };
    let class = by_code(text.clone(), code, &message);
    match class {
        // Whatever the words, nobody knows what became of it.
        Some(Class::Perhaps { .. }) => class,
        _ => by_message(&text, &message).or(class),
    }
}

fn by_message(text: &str, message: &str) -> Option<Class> {
    let has = |part: &str| message.contains(part);
    let said = |what: &str| format!("{text} ({what})");
    if has("you cannot provide a consumer key") {
        Some(Class::Unsupported(said(
            "a consumer key is not taken for an app that exists",
        )))
    } else if has("consumer key is already taken") {
        Some(Class::Invalid(said("the consumer key is taken elsewhere")))
    } else if has("can't create a connected app") {
        Some(Class::Unsupported(said(CREATION_BLOCKED)))
    } else if has("consumer secret") && ["not allowed", "cannot", "can't", "not be"].into_iter().any(has) {
        Some(Class::Unsupported(said(
            "the consumer secret cannot be changed in place",
        )))
    } else if has("modifyalldata") {
        Some(Class::Permission(said("ModifyAllData is missing")))
    } else if [
        "not currently enabled",
        "feature is not enabled",
        "not enabled for this user",
    ]
    .into_iter()
    .any(has)
    {
        Some(Class::Switch(said("not enabled")))
    } else if has("not valid for use with the rest api") {
        Some(Class::Unfit(
            "the session is not valid for the REST API: the login app needs the scope `api`",
        ))
    } else if has("not attached to agent") {
        Some(Class::Unfit("the login app is not attached to an agent"))
    } else {
        None
    }
}

fn by_code(text: String, code: &str, message: &str) -> Option<Class> {
    let class = match code {
        "INVALID_SESSION_ID" => Class::Expired,
        "UNKNOWN_EXCEPTION" | "SERVER_UNAVAILABLE" | "SERVICE_UNAVAILABLE" | "REQUEST_RUNNING_TOO_LONG" => {
            Class::Perhaps { text, wait: None }
        }
        "API_CURRENTLY_DISABLED"
        | "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE"
        | "ORG_IN_MAINTENANCE"
        | "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE" => Class::Throttled {
            wait: MAINTENANCE,
            text: format!("{text} (maintenance)"),
        },
        "UNABLE_TO_LOCK_ROW" | "UNABLE_TO_LOCK_RECORD" | "RECORD_LOCKED" | "ALREADY_IN_PROCESS" => {
            Class::Later(text)
        }
        "REQUEST_LIMIT_EXCEEDED" if message.contains("concurrent") => Class::Throttled {
            wait: CONCURRENT,
            text: format!("{text} (concurrent requests)"),
        },
        "REQUEST_LIMIT_EXCEEDED" => Class::Throttled { wait: DAILY, text },
        "FUNCTIONALITY_NOT_ENABLED" | "ORG_SETTING_REQUIRED" | "API_DISABLED_FOR_ORG" => Class::Switch(text),
        "INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_OR_READONLY" => Class::Permission(text),
        _ if code.starts_with("TXN_SECURITY_") => Class::Permission(text),
        "UNSUPPORTED_API_VERSION" | "CANNOT_MODIFY_MANAGED_OBJECT" | "FIELD_NOT_UPDATABLE" => {
            Class::Unsupported(text)
        }
        "REQUIRED_FIELD_MISSING"
        | "INVALID_FIELD"
        | "FIELD_INTEGRITY_EXCEPTION"
        | "INVALID_CROSS_REFERENCE_KEY"
        | "INVALID_TYPE"
        | "STRING_TOO_LONG"
        | "DUPLICATE_VALUE"
        | "DUPLICATE_DEVELOPER_NAME"
        | "ALL_OR_NONE_OPERATION_ROLLED_BACK" => Class::Invalid(text),
        "NOT_FOUND" => Class::Missing(text),
        _ => return None,
    };
    Some(class)
}
