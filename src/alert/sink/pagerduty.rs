//! PagerDuty, Events API v2 (<https://developer.pagerduty.com/docs/send-alert-event>).

use async_trait::async_trait;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use url::Url;

use super::{Http, Sink, Trouble};
use crate::alert::render::{moment, parts, short};
use crate::port::outbox::{Action, Letter};
use crate::secret::Secret;

/// What PagerDuty takes of a summary, in characters.
const LONGEST_SUMMARY: usize = 1024;

/// A service of PagerDuty.
pub struct PagerDuty {
    http: Http,
    url: Url,
    key: Secret,
}

impl PagerDuty {
    /// Sends to `url` with an integration's key.
    pub fn new(http: Http, url: Url, key: Secret) -> PagerDuty {
        PagerDuty { http, url, key }
    }
}

/// The event of a letter.
pub fn event(letter: &Letter, key: &Secret) -> Value {
    let details: serde_json::Map<String, Value> = parts(letter)
        .into_iter()
        .map(|(name, said)| (name.to_owned(), said.into()))
        .collect();
    let action = match letter.action {
        Action::Trigger | Action::Update => "trigger",
        Action::Resolve => "resolve",
    };
    json!({
        "routing_key": key.expose(),
        "event_action": action,
        "dedup_key": short(&letter.incident, 255),
        "client": "rekeyd",
        "payload": {
            "summary": short(&letter.text.headline, LONGEST_SUMMARY),
            "source": letter.org.as_deref().unwrap_or("rekeyd"),
            "severity": letter.severity.word(),
            "timestamp": moment(letter.at),
            "component": letter.app.as_deref().unwrap_or("rekeyd"),
            "group": letter.org.as_deref().unwrap_or("rekeyd"),
            "class": letter.kind,
            "custom_details": details,
        },
    })
}

#[async_trait]
impl Sink for PagerDuty {
    async fn send(&self, letter: &Letter, _before: Option<&Letter>) -> Result<(), Trouble> {
        let body = event(letter, &self.key).to_string().into_bytes();
        self.http.post(self.url.clone(), HeaderMap::new(), body).await
    }
}
