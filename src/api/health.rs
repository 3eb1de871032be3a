//! Is it alive, and is it ready? Neither asks an org or a store: those are metrics, so that one dead org neither
//! restarts the daemon nor keeps a new one from starting.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Service;
use super::answer::Problem;

/// How long the journal may take to say where it ends.
const JOURNAL_WITHIN: Duration = Duration::from_secs(5);

/// It answers, so it is alive. Touches nothing that the work could hold.
pub(super) async fn alive() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// The policy is loaded (nothing is served before), the journal answers, and it is not stopping.
pub(super) async fn ready(State(service): State<Service>) -> Result<Response, Problem> {
    if service.drain.is_cancelled() {
        return Err(Problem::stopping());
    }
    match tokio::time::timeout(JOURNAL_WITHIN, service.journal.head()).await {
        Ok(Ok(_)) => Ok(Json(json!({ "status": "ready" })).into_response()),
        Ok(Err(_)) | Err(_) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the journal does not answer",
        )),
    }
}
