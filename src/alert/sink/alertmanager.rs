//! Alertmanager, API v2 (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>).
//!
//! Labels identify an alert and route it, annotations tell. An alert is only firing until its `endsAt`, so whoever
//! sends it sends it again while it lasts, as Prometheus does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use super::{Http, Sink, Trouble, Unusable};
use crate::alert::render::moment;
use crate::clock::{Clock, Timestamp};
use crate::port::outbox::{Action, Letter};
use crate::secret::Secret;

/// How often what is open is sent again.
pub const AGAIN: Duration = Duration::from_secs(180);

/// An alert that is not sent again for this long is over: four times may fail, as with Prometheus.
const LASTS: Duration = Duration::from_secs(4 * 180);

/// One Alertmanager.
pub struct Alertmanager {
    http: Http,
    url: Url,
    headers: HeaderMap,
    clock: Arc<dyn Clock>,
}

impl Alertmanager {
    /// The server at `url`, which may have a path of its own, with a bearer token where it wants one.
    ///
    /// # Errors
    /// [`Unusable`] for a token that cannot stand in a header.
    pub fn new(
        http: Http,
        mut url: Url,
        token: Option<&Secret>,
        clock: Arc<dyn Clock>,
    ) -> Result<Alertmanager, Unusable> {
        let path = format!("{}/api/v2/alerts", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let value = zeroize::Zeroizing::new(format!("Bearer {}", token.expose()));
            let value = HeaderValue::from_str(&value);
            let mut value = value.map_err(|_| Unusable("its token cannot stand in a header"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Alertmanager {
            http,
            url,
            headers,
            clock,
        })
    }

    async fn post(&self, alerts: Vec<Value>) -> Result<(), Trouble> {
        let body = Value::Array(alerts).to_string().into_bytes();
        self.http.post(self.url.clone(), self.headers.clone(), body).await
    }
}

/// Upper camel case, as names of alerts are written.
fn alert_name(kind: &str) -> String {
    let words = std::iter::once("rekeyd").chain(kind.split('-'));
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters)
        })
        .collect()
}

/// The labels: what an alert is, and by what it is routed. Never what changes while it lasts, but for the severity.
fn labels(letter: &Letter) -> Value {
    let mut labels = BTreeMap::from([
        ("alertname", alert_name(&letter.kind)),
        ("job", "rekeyd".to_owned()),
        ("incident", letter.incident.clone()),
        ("severity", letter.severity.word().to_owned()),
    ]);
    let named = [("app", &letter.app), ("org", &letter.org)];
    labels.extend(
        named
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?))),
    );
    json!(labels)
}

/// The alert of a letter that ends, or would, at `ends`.
fn alert(letter: &Letter, ends: Timestamp) -> Value {
    let text = &letter.text;
    let rotation = letter.rotation.map(|id| id.to_string()).unwrap_or_default();
    let annotations: BTreeMap<&str, &String> = [
        ("summary", &text.headline),
        ("description", &text.happened),
        ("consumers", &text.consumers),
        ("next", &text.next),
        ("command", &text.command),
        ("rotation", &rotation),
    ]
    .into_iter()
    .filter(|(_, said)| !said.is_empty())
    .collect();
    json!({
        "labels": labels(letter),
        "annotations": annotations,
        "startsAt": moment(letter.since),
        "endsAt": moment(ends),
    })
}

#[async_trait]
impl Sink for Alertmanager {
    async fn send(&self, letter: &Letter, before: Option<&Letter>) -> Result<(), Trouble> {
        let now = self.clock.now();
        let ends = match letter.action {
            Action::Trigger | Action::Update => now + LASTS,
            // What is over before it began is refused.
            Action::Resolve => letter.at.max(letter.since),
        };
        let mut alerts = vec![alert(letter, ends)];
        // With another severity it is another alert: the one before ends.
        if let Some(before) = before.filter(|before| labels(before) != labels(letter)) {
            alerts.insert(0, alert(before, letter.at.max(before.since)));
        }
        self.post(alerts).await
    }

    fn forgets_after(&self) -> Option<Duration> {
        Some(AGAIN)
    }

    async fn remind(&self, open: &[Letter]) -> Result<(), Trouble> {
        let ends = self.clock.now() + LASTS;
        match open.is_empty() {
            true => Ok(()),
            false => {
                self.post(open.iter().map(|letter| alert(letter, ends)).collect())
                    .await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::alert_name;

    #[test]
    fn a_kind_becomes_a_name() {
        assert_eq!(alert_name("current-refused"), "RekeydCurrentRefused");
    }
}
