//! A request of our own form to any receiver, signed after Standard Webhooks.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use super::signature::SigningKey;
use super::{Http, Sink, Trouble};
use crate::alert::render::{moment, state};
use crate::clock::Clock;
use crate::port::outbox::Letter;

/// A receiver.
pub struct Webhook {
    http: Http,
    url: Url,
    key: SigningKey,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// Sends to `url`.
    pub fn new(http: Http, url: Url, key: SigningKey, clock: Arc<dyn Clock>) -> Webhook {
        Webhook {
            http,
            url,
            key,
            clock,
        }
    }
}

/// The body, in the shape that Standard Webhooks recommends: type, timestamp, data.
pub fn body(letter: &Letter) -> Value {
    let text = &letter.text;
    json!({
        "type": format!("incident.{}", state(letter.action)),
        "timestamp": moment(letter.at),
        "data": {
            "incident": letter.incident,
            "kind": letter.kind,
            "case": letter.case,
            "count": letter.count,
            "severity": letter.severity.word(),
            "app": letter.app,
            "org": letter.org,
            "since": moment(letter.since),
            "rotation": letter.rotation.map(|id| id.to_string()),
            "summary": text.headline,
            "happened": text.happened,
            "consumers": text.consumers,
            "next": text.next,
            "command": text.command,
        },
    })
}

#[async_trait]
impl Sink for Webhook {
    async fn send(&self, letter: &Letter, _before: Option<&Letter>) -> Result<(), Trouble> {
        let body = body(letter).to_string().into_bytes();
        // The time of this attempt: receivers refuse what is some minutes old. The id stays, so that they know it again.
        let seconds = self.clock.now().0.div_euclid(1000);
        let id = format!("msg_{}", letter.id);
        let signature = self.key.sign(&id, seconds, &body);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", id),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
        ] {
            let value = HeaderValue::from_str(&value).map_err(|_| Trouble::Refused {
                why: "the letter's id cannot stand in a header".into(),
            })?;
            headers.insert(name, value);
        }
        self.http.post(self.url.clone(), headers, body).await
    }
}
