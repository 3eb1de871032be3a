//! Is it alive, and is it ready? Neither asks an org or a store: those are metrics, so that one dead org neither
//! restarts the daemon nor keeps a new one from starting.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;
use tokio::sync::Mutex;

use super::Service;
use super::answer::Problem;
use crate::clock::Timestamp;

/// How long the journal may take to say where it ends.
const JOURNAL_WITHIN: Duration = Duration::from_secs(5);

/// How long its answer is good for.
const FRESH: Duration = Duration::from_secs(1);

/// It answers, so it is alive. Touches nothing that the work could hold.
pub(super) async fn alive() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// What the journal answered last. A crowd of questions is one question to it, so that they do not queue before the
/// engine's own.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Timestamp, bool)>>);

impl Readiness {
    async fn ask(&self, service: &Service) -> bool {
        let mut last = self.0.lock().await;
        let now = service.clock.now();
        if let Some((at, answered)) = *last
            && now.since(at) < FRESH
        {
            return answered;
        }
        let head = tokio::time::timeout(JOURNAL_WITHIN, service.journal.head()).await;
        let answered = matches!(head, Ok(Ok(_)));
        *last = Some((service.clock.now(), answered));
        answered
    }
}

/// The policy is loaded (nothing is served before), the journal answers, and it is not stopping.
pub(super) async fn ready(
    State(service): State<Service>,
    Extension(readiness): Extension<Arc<Readiness>>,
) -> Result<Response, Problem> {
    if service.drain.is_cancelled() {
        return Err(Problem::stopping());
    }
    match readiness.ask(&service).await {
        true => Ok(Json(json!({ "status": "ready" })).into_response()),
        false => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the journal does not answer",
        )),
    }
}
