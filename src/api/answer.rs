//! Answers as JSON, refusals as problem details (RFC 9457).

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::view;
use crate::clock::Timestamp;
use crate::engine::command::Reply;
use crate::rotation::RotationId;

/// A refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The status.
    pub status: StatusCode,
    /// For a person; never any of what was sent.
    pub detail: String,
    /// When the same request may be answered otherwise.
    pub retry_at: Option<Timestamp>,
    /// The same as a distance, in seconds.
    pub retry_after: Option<u64>,
    /// The rotation that is in the way.
    pub rotation: Option<RotationId>,
    /// A person's word is waited for: what that person can do.
    pub remedy: Option<String>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Problem {
            status,
            detail: detail.into(),
            retry_at: None,
            retry_after: None,
            rotation: None,
            remedy: None,
        }
    }

    /// Not before `until`.
    pub fn until(mut self, until: Timestamp, now: Timestamp) -> Self {
        self.retry_at = Some(until);
        self.retry_after = Some(
            until
                .since(now)
                .as_millis()
                .div_ceil(1000)
                .try_into()
                .unwrap_or(u64::MAX),
        );
        self
    }

    /// This rotation is in the way.
    fn about(mut self, rotation: Option<RotationId>) -> Self {
        self.rotation = rotation;
        self
    }

    /// The daemon is going away.
    pub fn stopping() -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "rekeyd is stopping")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(fields) = body.as_object_mut() {
            if let Some(until) = self.retry_at {
                fields.insert("retry_at".into(), json!(view::moment(until)));
            }
            if let Some(rotation) = self.rotation {
                fields.insert("rotation".into(), json!(rotation));
                fields.insert("location".into(), json!(address(rotation)));
            }
            if let Some(remedy) = self.remedy {
                fields.insert("held".into(), json!(true));
                fields.insert("remedy".into(), json!(remedy));
            }
        }
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body.to_string()).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

fn address(rotation: RotationId) -> String {
    format!("/v1/rotations/{rotation}")
}

/// The engine's answer about `app` as HTTP.
pub(super) fn reply(app: &str, reply: Reply, now: Timestamp) -> Response {
    match reply {
        Reply::Started(rotation) => {
            let place = [(LOCATION, address(rotation))];
            let body = Json(json!({ "app": app, "rotation": rotation }));
            (StatusCode::ACCEPTED, place, body).into_response()
        }
        Reply::Radius(radius) => Json(json!(radius)).into_response(),
        Reply::Revoking {
            text,
            rotation,
            pair,
            held,
        } => {
            let body = Json(
                json!({ "app": app, "done": text, "rotation": rotation, "credential": pair.to_string(), "held": held }),
            );
            (StatusCode::ACCEPTED, body).into_response()
        }
        Reply::Done(text) => Json(json!({ "done": text })).into_response(),
        Reply::Refused { why, until } => {
            let problem = Problem::new(StatusCode::CONFLICT, why);
            match until {
                Some(until) => problem.until(until, now).into_response(),
                None => problem.into_response(),
            }
        }
        Reply::Held {
            why,
            remedy,
            rotation,
        } => {
            let mut problem = Problem::new(StatusCode::CONFLICT, why).about(rotation);
            problem.remedy = Some(remedy);
            problem.into_response()
        }
        Reply::UnderWay { why, rotation, until } => {
            let problem = Problem::new(StatusCode::CONFLICT, why).about(Some(rotation));
            match until {
                Some(until) => problem.until(until, now).into_response(),
                None => problem.into_response(),
            }
        }
        Reply::CoolingDown { until } => {
            let why = format!(
                "it was rotated, or tried, only just now: not again before {} (the policy's `cool_down`)",
                view::moment(until)
            );
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, why);
            problem.until(until, now).into_response()
        }
        Reply::Unknown(what) => Problem::new(StatusCode::NOT_FOUND, what).into_response(),
    }
}
