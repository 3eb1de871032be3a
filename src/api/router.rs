//! The routes: a request becomes one command of the engine.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::json;
use tokio::sync::oneshot;

use super::answer::{self, Problem};
use super::body;
use super::{AppView, Caller, Service};
use crate::engine::command::Command;
use crate::secret::Credential;

/// How long the engine may take to answer: a pair that is handed over is tried at Salesforce first.
const ANSWER_WITHIN: Duration = Duration::from_secs(150);

/// Every route. Whoever serves it adds a [`Caller`] to each request.
pub fn router(service: Service) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/apps/{app}/rotate", post(rotate))
        .route("/v1/apps/{app}/hold", post(hold))
        .route("/v1/apps/{app}/resume", post(resume))
        .route("/v1/apps/{app}/abandon", post(abandon))
        .route("/v1/apps/{app}/submit", post(submit))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method")
        })
        .with_state(service)
}

async fn status(State(service): State<Service>) -> Response {
    let now = service.clock.now();
    let ledgers = service.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
    let apps: BTreeMap<&String, AppView> = ledgers
        .apps
        .iter()
        .map(|(app, ledger)| (app, AppView::of(app, ledger, now)))
        .collect();
    Json(json!({ "apps": apps })).into_response()
}

async fn rotate(
    State(service): State<Service>,
    Path(app): Path<String>,
    Extension(Caller(by)): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asked: body::Rotate = body::read(
        &headers,
        body,
        r#"{"reason": text, "ignore_window": true or false}"#,
    )
    .await?;
    let reason = asked.reason.unwrap_or_else(|| "asked for".to_owned());
    let command = Command::Rotate {
        app,
        reason: sober("reason", reason)?,
        by,
        ignore_window: asked.ignore_window,
        key: None,
    };
    ask(&service, command).await
}

async fn hold(
    State(service): State<Service>,
    Path(app): Path<String>,
    Extension(Caller(by)): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asked: body::Hold = body::read(&headers, body, r#"{"why": text}"#).await?;
    let why = sober("why", asked.why)?;
    ask(&service, Command::Hold { app, by, why }).await
}

async fn resume(
    State(service): State<Service>,
    Path(app): Path<String>,
    Extension(Caller(by)): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asked: body::Resume = body::read(&headers, body, r#"{"take_over": text}"#).await?;
    let take_over = asked.take_over.map(|what| sober("take_over", what)).transpose()?;
    ask(&service, Command::Resume { app, by, take_over }).await
}

async fn abandon(
    State(service): State<Service>,
    Path(app): Path<String>,
    Extension(Caller(by)): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body::Nothing {} = body::read(&headers, body, "{}").await?;
    ask(&service, Command::Abandon { app, by }).await
}

async fn submit(
    State(service): State<Service>,
    Path(app): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asked: body::Submit =
        body::read(&headers, body, r#"{"client_id": text, "client_secret": text}"#).await?;
    let pair = Credential {
        client_id: sober("client_id", asked.client_id)?,
        client_secret: asked.client_secret,
    };
    let secret = pair.client_secret.expose();
    if secret.is_empty() || secret.chars().any(char::is_control) {
        let text = "client_secret is empty or holds control characters";
        return Err(Problem::new(StatusCode::BAD_REQUEST, text));
    }
    ask(&service, Command::Submit { app, pair }).await
}

/// A text that can stand in a line of the history.
fn sober(name: &str, text: String) -> Result<String, Problem> {
    match text.is_empty() || text.len() > 1000 || text.chars().any(char::is_control) {
        true => {
            let text = format!("{name} is a line of 1 to 1000 bytes");
            Err(Problem::new(StatusCode::BAD_REQUEST, text))
        }
        false => Ok(text),
    }
}

async fn ask(service: &Service, command: Command) -> Result<Response, Problem> {
    let stopping = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "rekeyd is stopping");
    let (reply, answered) = oneshot::channel();
    let asked = async {
        service
            .commands
            .send((command, reply))
            .await
            .map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())
    };
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(reply) => Ok(answer::reply(reply?)),
        Err(_) => {
            let text = format!(
                "not answered within {} s; it goes on: `rekeyd status` tells",
                ANSWER_WITHIN.as_secs()
            );
            Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, text))
        }
    }
}
