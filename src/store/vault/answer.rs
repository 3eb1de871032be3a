//! What an answer of the server means. Pure: a status and a body in, a meaning out, and no word of the body with it.
//!
//! A write counts as refused only if the server itself says so, in its own form: a 4xx page of some proxy in between
//! says nothing about what happened behind it.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::port::{Fault, Outcome, Refusal};

/// How long to wait when throttled and not told. Rate-limit quotas count per second by default.
const THROTTLED: Duration = Duration::from_secs(1);

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// What came of sending, where no answer was read to its end.
pub(super) enum Lost {
    /// It never left.
    NotSent(Fault),
    /// It may have arrived.
    Unclear(String),
}

impl From<Lost> for Fault {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::NotSent(fault) => fault,
            Lost::Unclear(text) => Fault::Unavailable(text),
        }
    }
}

impl<T> From<Lost> for Outcome<T> {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::NotSent(fault) => Outcome::NotNow(fault),
            Lost::Unclear(text) => Outcome::Unknown(text),
        }
    }
}

/// The form of every answer with content.
#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// The form of every refusal.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

impl Answer {
    /// The content, if it has that form.
    pub(super) fn data<T: DeserializeOwned>(&self) -> Option<T> {
        self.whole::<Envelope<T>>().map(|envelope| envelope.data)
    }

    /// All of the answer, if it has that form. The parser's complaint is dropped: it can quote the value.
    pub(super) fn whole<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A success without content, in the server's own form: with nothing, or with warnings. A page of something in between
    /// is none.
    pub(super) fn is_empty_success(&self) -> bool {
        let object = || matches!(self.whole(), Some(serde_json::Value::Object(_)));
        self.is_success() && (self.body.is_empty() || object())
    }

    /// 404 of a path that holds nothing, as opposed to a mount that is not there or a proxy's page.
    pub(super) fn is_absence(&self) -> bool {
        self.status == 404 && self.errors().is_some_and(|errors| errors.is_empty())
    }

    /// No success, and in the server's own form.
    pub(super) fn is_refusal(&self) -> bool {
        !self.is_success() && self.errors().is_some()
    }

    /// The reason why a read has no content; `None` for success, and for 404, which the caller looks into.
    pub(super) fn fault(&self, asked: &str) -> Option<Fault> {
        match self.status {
            200..300 | 404 => None,
            403 => Some(Fault::Forbidden(format!(
                "{asked}: add it to the policy of our token"
            ))),
            429 => Some(self.throttled()),
            408 | 412 | 472 | 473 | 500.. => {
                Some(Fault::Unavailable(format!("Vault answered {}", self.class())))
            }
            300..400 => Some(standby()),
            _ => Some(Fault::Unusable(format!("{asked} was answered {}", self.class()))),
        }
    }

    /// What became of a write that was not a success; `None` for success.
    pub(super) fn refusal<T>(&self, asked: &str) -> Option<Outcome<T>> {
        let errors = self.errors();
        let says = |word: &str| {
            let texts = errors.iter().flatten();
            texts.into_iter().any(|text| text.contains(word))
        };
        let ours = errors.is_some();
        Some(match self.status {
            200..300 => return None,
            300..400 => Outcome::NotNow(standby()),
            429 => Outcome::NotNow(self.throttled()),
            400 if says("check-and-set") => Outcome::Refused(Refusal::Conflict(format!(
                "{asked}: the version is no longer that one"
            ))),
            // Right after mounting, while the server converts the mount.
            400 if says("pgrading") => Outcome::NotNow(Fault::Unavailable(self.class())),
            412 if ours => Outcome::NotNow(Fault::Unavailable(self.class())),
            503 if says("sealed") => Outcome::NotNow(Fault::Unavailable("the server is sealed".into())),
            403 if ours => Outcome::Refused(Refusal::Permission(format!(
                "{asked}: add it to the policy of our token"
            ))),
            404 | 405 if ours => Outcome::Refused(Refusal::Unsupported(format!(
                "{asked} was answered {}: is that mount there, and KV version 2?",
                self.class()
            ))),
            400..500 if ours && self.status != 408 => {
                Outcome::Refused(Refusal::Invalid(format!("{asked} was answered {}", self.class())))
            }
            _ => Outcome::Unknown(format!("{asked} was answered {}", self.class())),
        })
    }

    /// The answer by class, for people.
    fn class(&self) -> String {
        let form = if self.errors().is_some() {
            ""
        } else {
            ", not by the server itself"
        };
        format!("{}{form}", self.status)
    }

    fn errors(&self) -> Option<Vec<String>> {
        serde_json::from_slice::<Errors>(&self.body)
            .ok()
            .map(|form| form.errors)
    }

    fn throttled(&self) -> Fault {
        Fault::Throttled {
            wait: self.retry_after.unwrap_or(THROTTLED),
            text: self.class(),
        }
    }
}

fn standby() -> Fault {
    Fault::Unavailable("a standby server that forwards nothing answered: name the active one".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            body: Zeroizing::new(body.as_bytes().to_vec()),
        }
    }

    #[test]
    fn a_page_in_place_of_nothing_is_no_success() {
        assert!(answer(204, "").is_empty_success());
        assert!(answer(200, r#"{"warnings":["x"]}"#).is_empty_success());
        assert!(!answer(200, "<html>Please sign in</html>").is_empty_success());
        assert!(!answer(503, "").is_empty_success());
    }

    fn word(status: u16, body: &str) -> &'static str {
        match answer(status, body).refusal::<()>("x") {
            None => "success",
            Some(Outcome::Done(())) => "done",
            Some(Outcome::Partly(_)) => "partly",
            Some(Outcome::Refused(Refusal::Conflict(_))) => "conflict",
            Some(Outcome::Refused(Refusal::Permission(_))) => "permission",
            Some(Outcome::Refused(Refusal::Unsupported(_))) => "unsupported",
            Some(Outcome::Refused(Refusal::Invalid(_))) => "invalid",
            Some(Outcome::NotNow(Fault::Throttled { .. })) => "throttled",
            Some(Outcome::NotNow(_)) => "not now",
            Some(Outcome::Unknown(_)) => "unknown",
        }
    }

    #[test]
    fn a_write_is_refused_only_by_the_server_itself() {
        let cas = r#"{"errors":["check-and-set parameter did not match the current version"]}"#;
        let denied = r#"{"errors":["permission denied"]}"#;
        let html = "<html><h1>secret-canary</h1></html>";
        for (status, body, expected) in [
            (200, "{}", "success"),
            (204, "", "success"),
            (307, "", "not now"),
            (400, cas, "conflict"),
            (400, denied, "invalid"),
            (400, html, "unknown"),
            (403, denied, "permission"),
            (403, html, "unknown"),
            (404, r#"{"errors":[]}"#, "unsupported"),
            (404, html, "unknown"),
            (408, denied, "unknown"),
            (413, denied, "invalid"),
            (429, "", "throttled"),
            (500, denied, "unknown"),
            (502, html, "unknown"),
            (503, r#"{"errors":["Vault is sealed"]}"#, "not now"),
            (503, html, "unknown"),
        ] {
            assert_eq!(word(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn no_message_quotes_a_body() {
        for status in [301, 400, 403, 404, 418, 429, 500, 503] {
            for body in ["secret-canary", r#"{"errors":["secret-canary"]}"#] {
                let answer = answer(status, body);
                let said = format!("{:?}{:?}", answer.fault("x"), answer.refusal::<()>("x"));
                assert!(!said.contains("canary"), "{said}");
            }
        }
    }

    #[test]
    fn absence_is_told_from_a_missing_mount() {
        assert!(answer(404, r#"{"errors":[]}"#).is_absence());
        assert!(!answer(404, r#"{"errors":["no handler for route"]}"#).is_absence());
        assert!(!answer(404, "<html>").is_absence());
    }
}
