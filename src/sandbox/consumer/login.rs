//! Using a credential at the org, once.

use super::config::{AppConfig, Flow};
use super::reader::{Value, client};

/// What the org said.
pub(super) enum Outcome {
    Accepted,
    /// It refused; the OAuth error's name.
    Refused(String),
    /// It gave no answer that says anything about the credential.
    Unanswered,
}

/// The endpoint an app logs in at.
pub(super) struct Door {
    http: reqwest::Client,
    flow: Flow,
    token_url: Option<String>,
    introspect_url: String,
}

impl Door {
    pub(super) fn new(app: &AppConfig) -> Result<Self, String> {
        let introspect_url = match (app.flow, &app.introspect_url) {
            (Flow::Introspect, None) => return Err(format!("app {}: introspect_url is missing", app.name)),
            (_, url) => url.clone().unwrap_or_default(),
        };
        Ok(Self {
            http: client()?,
            flow: app.flow,
            token_url: app.token_url.clone(),
            introspect_url,
        })
    }

    pub(super) async fn log_in(&self, value: &Value) -> Outcome {
        let (url, first) = match self.flow {
            Flow::ClientCredentials => {
                let Some(url) = self.token_url.as_deref().or(value.token_url.as_deref()) else {
                    return Outcome::Unanswered;
                };
                (url, ("grant_type", "client_credentials"))
            }
            Flow::Introspect => (self.introspect_url.as_str(), ("token", "not-a-token")),
        };
        let fields = [
            first,
            ("client_id", value.client_id.as_str()),
            ("client_secret", value.client_secret.as_str()),
        ];
        let Ok(response) = self.http.post(url).form(&fields).send().await else {
            return Outcome::Unanswered;
        };
        let status = response.status().as_u16();
        // The body is read either way, so that the connection can be used again.
        let body = response.bytes().await.unwrap_or_default();
        match (self.flow, status) {
            (_, 200) | (Flow::Introspect, 400) => Outcome::Accepted,
            (_, 400..=499) => Outcome::Refused(error_name(&body)),
            _ => Outcome::Unanswered,
        }
    }
}

/// The `error` of an OAuth answer, if it is a plain name.
fn error_name(body: &[u8]) -> String {
    let body: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let name = body
        .as_ref()
        .and_then(|body| body.get("error"))
        .and_then(serde_json::Value::as_str);
    name.filter(|name| name.len() < 64 && name.chars().all(|one| one.is_ascii_lowercase() || one == '_'))
        .unwrap_or("unnamed")
        .to_owned()
}
