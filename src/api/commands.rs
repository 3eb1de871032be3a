//! What changes something: a request becomes one command of the engine.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{self, FromRequest, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::access::Caller;
use super::answer::{self, Problem};
use super::routes::Named;
use super::{Service, body};
use crate::engine::command::Command;
use crate::secret::Credential;

/// How long the engine may take with a pair that is handed over, which is tried at Salesforce first; or with the question
/// who is hit by a revocation.
const SUBMIT_WITHIN: Duration = Duration::from_secs(150);

/// Names one wish of one caller, however often it is sent.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request about one app: who makes it, and what it says.
pub(super) struct Request {
    service: Service,
    app: String,
    by: String,
    headers: HeaderMap,
    body: Body,
}

impl FromRequest<Service> for Request {
    type Rejection = Response;

    async fn from_request(request: extract::Request, service: &Service) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        // Whoever admitted the request has put both there.
        let Extension(Named(app)) = part(&mut parts, service).await?;
        let Extension(caller) = part::<Extension<Caller>>(&mut parts, service).await?;
        Ok(Request {
            service: service.clone(),
            app,
            by: caller.name,
            headers: parts.headers,
            body,
        })
    }
}

async fn part<T: FromRequestParts<Service>>(parts: &mut Parts, service: &Service) -> Result<T, Response> {
    let found = T::from_request_parts(parts, service).await;
    found.map_err(IntoResponse::into_response)
}

impl Request {
    /// What it says; `shape` is what a complaint says is wanted.
    async fn read<T: DeserializeOwned>(&mut self, shape: &str) -> Result<T, Problem> {
        let (body, within) = (std::mem::take(&mut self.body), self.service.limits.body_within);
        body::read(&self.headers, body, within, shape).await
    }

    /// What the engine answers, at once.
    async fn ask(self, of: impl FnOnce(String, String) -> Command) -> Result<Response, Problem> {
        let within = self.service.limits.answer_within;
        ask(&self.service, of(self.app, self.by), within).await
    }

    /// The same where others are asked first.
    async fn ask_slowly(self, of: impl FnOnce(String, String) -> Command) -> Result<Response, Problem> {
        ask(&self.service, of(self.app, self.by), SUBMIT_WITHIN).await
    }
}

pub(super) async fn rotate(mut request: Request) -> Result<Response, Problem> {
    let shape = r#"{"reason": text, "ignore_window": true or false}"#;
    let asked: body::Rotate = request.read(shape).await?;
    let reason = asked.reason.unwrap_or_else(|| "asked for".to_owned());
    let reason = sober("reason", reason)?;
    let key = key(&request.headers)?;
    let command = |app, by| Command::Rotate {
        app,
        reason,
        // No caller's name has more than one blank, so no two callers share a key.
        key: key.map(|key| format!("{by} {key}")),
        by,
        ignore_window: asked.ignore_window,
    };
    request.ask(command).await
}

pub(super) async fn revoke(mut request: Request) -> Result<Response, Problem> {
    let shape =
        r#"{"which": "previous" or "current", "confirm": text, "reason": text, "tokens": true or false}"#;
    let asked: body::Revoke = request.read(shape).await?;
    let reason = asked.reason.unwrap_or_else(|| "no reason was given".to_owned());
    let confirm = asked.confirm.map(|token| sober("confirm", token)).transpose()?;
    let reason = sober("reason", reason)?;
    let command = |app, by| Command::Revoke {
        app,
        leaked: asked.which,
        confirm,
        reason,
        tokens: asked.tokens,
        by,
    };
    // The question is put to the org and to every store.
    request.ask_slowly(command).await
}

pub(super) async fn hold(mut request: Request) -> Result<Response, Problem> {
    let asked: body::Hold = request.read(r#"{"why": text}"#).await?;
    let why = sober("why", asked.why)?;
    request.ask(|app, by| Command::Hold { app, by, why }).await
}

pub(super) async fn resume(mut request: Request) -> Result<Response, Problem> {
    let asked: body::Resume = request.read(r#"{"take_over": text}"#).await?;
    let take_over = asked.take_over.map(|what| sober("take_over", what)).transpose()?;
    request
        .ask(|app, by| Command::Resume { app, by, take_over })
        .await
}

pub(super) async fn abandon(mut request: Request) -> Result<Response, Problem> {
    let body::Nothing {} = request.read("{}").await?;
    request.ask(|app, by| Command::Abandon { app, by }).await
}

pub(super) async fn adopt(mut request: Request) -> Result<Response, Problem> {
    let body::Nothing {} = request.read("{}").await?;
    request.ask(|app, by| Command::Adopt { app, by }).await
}

pub(super) async fn submit(mut request: Request) -> Result<Response, Problem> {
    let shape = r#"{"client_id": text, "client_secret": text}"#;
    let asked: body::Submit = request.read(shape).await?;
    let pair = Credential {
        client_id: sober("client_id", asked.client_id)?,
        client_secret: asked.client_secret,
    };
    let secret = pair.client_secret.expose();
    if secret.is_empty() || secret.chars().any(char::is_control) {
        let text = "client_secret is empty or holds control characters";
        return Err(Problem::new(StatusCode::BAD_REQUEST, text));
    }
    request
        .ask_slowly(|app, by| Command::Submit { app, pair, by })
        .await
}

/// A text that can stand in a line of the history.
fn sober(name: &str, text: String) -> Result<String, Problem> {
    match text.is_empty() || text.chars().count() > 1000 || text.chars().any(char::is_control) {
        true => {
            let text = format!("{name} is a line of 1 to 1000 characters");
            Err(Problem::new(StatusCode::BAD_REQUEST, text))
        }
        false => Ok(text),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), more) = (all.next(), all.next()) else {
        return Ok(None);
    };
    let text = value.as_bytes();
    let good = more.is_none() && (1..=255).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(text) if good => Ok(Some(text.to_owned())),
        Ok(_) | Err(_) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "Idempotency-Key is one word of 1 to 255 visible ASCII characters",
        )),
    }
}

async fn ask(service: &Service, command: Command, within: Duration) -> Result<Response, Problem> {
    if service.drain.is_cancelled() {
        return Err(Problem::stopping());
    }
    let app = command.app().to_owned();
    let (reply, answered) = oneshot::channel();
    let asked = async {
        let sent = service.commands.send((command, reply)).await;
        sent.map_err(|_| Problem::stopping())?;
        answered.await.map_err(|_| Problem::stopping())
    };
    match tokio::time::timeout(within, asked).await {
        Ok(reply) => Ok(answer::reply(&app, reply?, service.clock.now())),
        Err(_) => {
            let text = format!(
                "not answered within {} s, and it may still be heard: look at the app before asking again, or ask \
                 again under the same Idempotency-Key",
                within.as_secs()
            );
            Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, text))
        }
    }
}
