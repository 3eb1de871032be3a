//! What changes something: a request becomes one command of the engine.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
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

pub(super) async fn rotate(
    State(service): State<Service>,
    Extension(Named(app)): Extension<Named>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let shape = r#"{"reason": text, "ignore_window": true or false}"#;
    let asked: body::Rotate = body::read(&headers, body, service.limits.body_within, shape).await?;
    let reason = asked.reason.unwrap_or_else(|| "asked for".to_owned());
    let command = Command::Rotate {
        app,
        reason: sober("reason", reason)?,
        // No caller's name has more than one blank, so no two callers share a key.
        key: key(&headers)?.map(|key| format!("{} {key}", caller.name)),
        by: caller.name,
        ignore_window: asked.ignore_window,
    };
    ask(&service, command, service.limits.answer_within).await
}

pub(super) async fn revoke(
    State(service): State<Service>,
    Extension(Named(app)): Extension<Named>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let shape =
        r#"{"which": "previous" or "current", "confirm": text, "reason": text, "tokens": true or false}"#;
    let asked: body::Revoke = body::read(&headers, body, service.limits.body_within, shape).await?;
    let reason = asked.reason.unwrap_or_else(|| "no reason was given".to_owned());
    let command = Command::Revoke {
        app,
        leaked: asked.which,
        confirm: asked.confirm.map(|token| sober("confirm", token)).transpose()?,
        reason: sober("reason", reason)?,
        tokens: asked.tokens,
        by: caller.name,
    };
    // The question is put to the org and to every store.
    ask(&service, command, SUBMIT_WITHIN).await
}

pub(super) async fn hold(
    State(service): State<Service>,
    Extension(Named(app)): Extension<Named>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let within = service.limits.body_within;
    let asked: body::Hold = body::read(&headers, body, within, r#"{"why": text}"#).await?;
    let (by, why) = (caller.name, sober("why", asked.why)?);
    ask(
        &service,
        Command::Hold { app, by, why },
        service.limits.answer_within,
    )
    .await
}

pub(super) async fn resume(
    State(service): State<Service>,
    Extension(Named(app)): Extension<Named>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let within = service.limits.body_within;
    let asked: body::Resume = body::read(&headers, body, within, r#"{"take_over": text}"#).await?;
    let take_over = asked.take_over.map(|what| sober("take_over", what)).transpose()?;
    let by = caller.name;
    ask(
        &service,
        Command::Resume { app, by, take_over },
        service.limits.answer_within,
    )
    .await
}

pub(super) async fn abandon(
    State(service): State<Service>,
    Extension(Named(app)): Extension<Named>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body::Nothing {} = body::read(&headers, body, service.limits.body_within, "{}").await?;
    let by = caller.name;
    ask(
        &service,
        Command::Abandon { app, by },
        service.limits.answer_within,
    )
    .await
}

pub(super) async fn adopt(
    State(service): State<Service>,
    Extension(Named(app)): Extension<Named>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body::Nothing {} = body::read(&headers, body, service.limits.body_within, "{}").await?;
    let by = caller.name;
    ask(&service, Command::Adopt { app, by }, service.limits.answer_within).await
}

pub(super) async fn submit(
    State(service): State<Service>,
    Extension(Named(app)): Extension<Named>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let shape = r#"{"client_id": text, "client_secret": text}"#;
    let asked: body::Submit = body::read(&headers, body, service.limits.body_within, shape).await?;
    let pair = Credential {
        client_id: sober("client_id", asked.client_id)?,
        client_secret: asked.client_secret,
    };
    let secret = pair.client_secret.expose();
    if secret.is_empty() || secret.chars().any(char::is_control) {
        let text = "client_secret is empty or holds control characters";
        return Err(Problem::new(StatusCode::BAD_REQUEST, text));
    }
    let by = caller.name;
    ask(&service, Command::Submit { app, pair, by }, SUBMIT_WITHIN).await
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
