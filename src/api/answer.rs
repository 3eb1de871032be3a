//! Answers as JSON, refusals as problem details.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::engine::command::Reply;

/// A refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The status.
    pub status: StatusCode,
    /// For a person; never any of what was sent.
    pub detail: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Problem {
            status,
            detail: detail.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        (self.status, kind, body.to_string()).into_response()
    }
}

/// The engine's answer as HTTP.
pub(super) fn reply(reply: Reply) -> Response {
    match reply {
        Reply::Started(rotation) => {
            (StatusCode::ACCEPTED, Json(json!({ "rotation": rotation }))).into_response()
        }
        Reply::Done(text) => Json(json!({ "done": text })).into_response(),
        Reply::Refused { why, until: _ } => Problem::new(StatusCode::CONFLICT, why).into_response(),
        Reply::CoolingDown { until } => {
            let why = format!("it was rotated, or tried, only just now: not again before {until}");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, why).into_response()
        }
        Reply::Unknown(what) => Problem::new(StatusCode::NOT_FOUND, what).into_response(),
    }
}
