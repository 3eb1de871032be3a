//! Speaks to the running daemon through its unix socket.

use std::error::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use url::Url;

use crate::cli::exit::{self, Failure};

/// Longer than the daemon takes to answer anything.
const PATIENCE: Duration = Duration::from_secs(180);

/// What it answers without asking anybody else.
const GLANCE: Duration = Duration::from_secs(10);

/// The daemon behind one socket.
pub struct Client {
    http: reqwest::Client,
    socket: PathBuf,
}

/// Why there is no good answer.
#[derive(Debug)]
pub enum Refusal {
    /// Nobody answers, or not in time.
    Unreached {
        /// For a person.
        why: String,
        /// Nobody is there at all: it does not run.
        nobody: bool,
    },
    /// It was understood and refused; the daemon says why.
    Refused(String),
    /// It was understood, and a person is wanted first; the daemon says for what.
    Held(String),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        match refusal {
            Refusal::Unreached { why: text, .. } | Refusal::Refused(text) => Failure::failed(text),
            Refusal::Held(text) => Failure {
                code: exit::HELD,
                text,
            },
        }
    }
}

impl Client {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// [`Failure`] (1) where this machine has no memory for it.
    pub fn at(socket: PathBuf) -> Result<Client, Failure> {
        let built = reqwest::Client::builder()
            .unix_socket(socket.as_path())
            .no_proxy()
            // Nothing here speaks TLS: the machine's roots need not be read, or even be there.
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build();
        let http = built.map_err(|_| Failure::failed("no HTTP client could be built"))?;
        Ok(Client { http, socket })
    }

    /// The socket, for messages.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks for something about one app. `body` is JSON.
    ///
    /// # Errors
    /// [`Refusal`], with a text for a person.
    pub async fn post(&self, app: &str, verb: &str, body: String) -> Result<Value, Refusal> {
        let url = address(&["v1", "apps", app, verb])?;
        let request = self
            .http
            .post(url)
            .header(reqwest::header::CONTENT_TYPE, "application/json");
        self.answer(request.body(body)).await
    }

    /// Whether somebody answers, at once.
    ///
    /// # Errors
    /// [`Refusal`], with a text for a person.
    pub async fn is_alive(&self) -> Result<(), Refusal> {
        let request = self.http.get(address(&["healthz"])?).timeout(GLANCE);
        self.answer(request).await.map(|_alive| ())
    }

    /// Every app as the daemon's own policy has it.
    ///
    /// # Errors
    /// [`Refusal`], with a text for a person.
    pub async fn apps(&self) -> Result<Value, Refusal> {
        let request = self.http.get(address(&["v1", "apps"])?).timeout(GLANCE);
        self.answer(request).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value, Refusal> {
        let response = request.send().await.map_err(|fault| self.unreached(&fault))?;
        let status = response.status();
        // The daemon's own answers are short, and it is this user's or root's.
        let text = response.text().await.map_err(|fault| self.unreached(&fault))?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        let detail = value.get("detail").and_then(Value::as_str);
        let detail = detail.unwrap_or("the daemon does not say why").to_owned();
        let remedy = value.get("remedy").and_then(Value::as_str);
        Err(match (status, remedy) {
            (StatusCode::SERVICE_UNAVAILABLE, _) => Refusal::Unreached {
                why: detail,
                nobody: false,
            },
            (_, Some(remedy)) => Refusal::Held(format!("{detail}\nwhat to do: {remedy}")),
            (_, None) => Refusal::Refused(detail),
        })
    }

    /// What the error says is not shown, but its kind: it may repeat the request.
    fn unreached(&self, fault: &reqwest::Error) -> Refusal {
        let shown = self.socket.display();
        let kind = io_kind(fault);
        let nobody = matches!(kind, Some(ErrorKind::NotFound | ErrorKind::ConnectionRefused));
        let why = match kind {
            _ if fault.is_timeout() => format!("rekeyd did not answer at {shown} in time"),
            Some(ErrorKind::PermissionDenied) => {
                format!("this user may not use {shown}: only root and the user that rekeyd runs as may")
            }
            Some(_) if nobody => {
                format!(
                    "rekeyd is not running: nobody answers at {shown} ([api] socket); start it with `systemctl start rekeyd` where \
                     systemd runs it, else with `rekeyd run`"
                )
            }
            Some(kind) => format!("rekeyd cannot be reached at {shown}: {kind}"),
            None => format!("rekeyd broke off at {shown} before it had answered"),
        };
        Refusal::Unreached { why, nobody }
    }
}

fn address(segments: &[&str]) -> Result<Url, Refusal> {
    let unusable = || Refusal::Refused("no address can be made for this app".into());
    // The host is a name only: every request goes to the socket.
    let mut url = Url::parse("http://rekeyd.invalid/").map_err(|_| unusable())?;
    url.path_segments_mut().map_err(|()| unusable())?.extend(segments);
    Ok(url)
}

fn io_kind(fault: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let mut cause = fault.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}
