//! REST answers: `[{"errorCode","message"}]`, an OAuth object, or nothing legible (salesforce-oauth-rest.md §7).

use std::time::Duration;

use serde::Deserialize;

use super::super::http::{Body, Reply};
use super::super::json::OneOrMany;
use super::Class;
use super::code::{classify, named};

#[derive(Default, Deserialize)]
struct Entry {
    #[serde(rename = "errorCode", default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The body of a 2xx answer, or what the answer means instead.
pub(crate) fn read(reply: &Reply) -> Result<&[u8], Class> {
    let status = reply.status;
    let body = match &reply.body {
        Body::Whole(bytes) => bytes.as_slice(),
        // What a 4xx or 5xx went on to say matters less than that it is one.
        Body::Cut(why) if status < 400 => return Err(Class::Cut(format!("{status}, but {why}"))),
        Body::Cut(_) => &[],
    };
    match status {
        200..=299 if html(body) => Err(Class::Page(format!("{status} with a page instead of an answer"))),
        200..=299 => Ok(body),
        300..=399 => Err(Class::Elsewhere(format!(
            "{status}: it answers from another address, which is not followed; is `url` the org's My Domain?"
        ))),
        400..=499 => Err(client(status, body, reply.retry_after)),
        500..=599 => Err(Class::Perhaps {
            text: labelled(status, &entry(body)),
            wait: reply.retry_after.filter(|_| status == 503),
        }),
        _ => Err(Class::Garbled(format!("status {status}"))),
    }
}

/// Whether the body is a page for people.
pub(crate) fn html(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// What the answer says, as far as it is legible.
fn entry(body: &[u8]) -> Entry {
    // A parse error is dropped: its text would repeat the body.
    let entries = serde_json::from_slice::<OneOrMany<Entry>>(body).ok();
    entries
        .and_then(|entries| entries.0.into_iter().next())
        .unwrap_or_default()
}

fn labelled(status: u16, entry: &Entry) -> String {
    match named(&entry.code) {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}

fn client(status: u16, body: &[u8], wait: Option<Duration>) -> Class {
    let entry = entry(body);
    let known = classify(&status.to_string(), &entry.code, &entry.message);
    if let Some(class) = known {
        return class;
    }
    let text = labelled(status, &entry);
    match status {
        401 => Class::Expired,
        403 => Class::Permission(text),
        404 => Class::Missing(text),
        405 | 410 => Class::Unsupported(text),
        408 => Class::Perhaps { text, wait: None },
        409 | 412 => Class::Conflict(text),
        429 => Class::Throttled {
            wait: wait.unwrap_or(Duration::from_secs(60)),
            text,
        },
        _ => Class::Invalid(text),
    }
}
