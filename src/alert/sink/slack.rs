//! An incoming webhook of Slack (<https://api.slack.com/messaging/webhooks>), and of what imitates it. Its URL is the
//! secret.

use async_trait::async_trait;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use url::Url;

use super::{Http, Sink, Trouble, Unusable};
use crate::alert::render::{parts, plain, short, title};
use crate::port::outbox::{Action, Letter, Severity};
use crate::secret::Secret;

/// Longest text that Slack shows whole, in characters.
const LONGEST: usize = 3000;

/// A channel.
pub struct Slack {
    http: Http,
    url: Secret,
}

impl Slack {
    /// Sends to the URL that is `url`: `https`, or `http` to a loopback address.
    ///
    /// # Errors
    /// [`Unusable`], without the URL.
    pub fn new(http: Http, url: &Secret) -> Result<Slack, Unusable> {
        let wrong = Unusable("its URL is none, or not `https`");
        let read = Url::parse(url.expose().trim()).map_err(|_| wrong)?;
        let loopback = match read.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match read.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(wrong),
        }
        let url = Secret::new(url.expose().trim().to_owned());
        Ok(Slack { http, url })
    }
}

/// The message of a letter.
pub fn message(letter: &Letter) -> Value {
    let color = match (letter.action, letter.severity) {
        (Action::Resolve, _) => "good",
        (Action::Trigger | Action::Update, Severity::Critical | Severity::Error) => "danger",
        (Action::Trigger | Action::Update, Severity::Warning) => "warning",
        (Action::Trigger | Action::Update, Severity::Info) => "#439fe0",
    };
    let text = &letter.text;
    let told = [&text.happened, &text.consumers, &text.next, &text.command];
    let told: Vec<String> = told
        .iter()
        .filter(|said| !said.is_empty())
        .map(|said| escape(said))
        .collect();
    let short_ones = ["app", "org", "since", "rotation", "incident"];
    let fields: Vec<Value> = parts(letter)
        .into_iter()
        .filter(|(name, _)| short_ones.contains(name))
        .map(|(name, said)| json!({ "title": name, "value": escape(&said), "short": true }))
        .collect();
    json!({
        "text": escape(&title(letter)),
        "attachments": [{
            "color": color,
            "title": escape(&title(letter)),
            "text": short(&told.join("\n"), LONGEST),
            "fallback": escape(&short(&plain(letter), LONGEST)),
            "fields": fields,
            "mrkdwn_in": ["text"],
        }],
    })
}

/// Slack's own marks, so that nothing in a text is a link or calls a whole channel.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[async_trait]
impl Sink for Slack {
    async fn send(&self, letter: &Letter, _before: Option<&Letter>) -> Result<(), Trouble> {
        let url = Url::parse(self.url.expose()).map_err(|_| Trouble::Refused {
            why: "its URL is none".into(),
        })?;
        let body = message(letter).to_string().into_bytes();
        self.http.post(url, HeaderMap::new(), body).await
    }
}
