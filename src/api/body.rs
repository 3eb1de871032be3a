//! Reads what was sent: bounded in time and size, into memory that is wiped, and never quoted in a complaint.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::{Zeroize, Zeroizing};

use super::answer::Problem;
use crate::engine::emergency::Leaked;
use crate::secret::Secret;

/// No request is larger, in bytes.
pub(super) const LARGEST: usize = 64 * 1024;

/// `rotate`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub ignore_window: bool,
}

/// `revoke`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    pub which: Leaked,
    #[serde(default)]
    pub confirm: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub tokens: bool,
}

/// `hold`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hold {
    pub why: String,
}

/// `resume`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resume {
    #[serde(default)]
    pub take_over: Option<String>,
}

/// `abandon` and `adopt`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// `submit`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submit {
    pub client_id: String,
    #[serde(deserialize_with = "secret")]
    pub client_secret: Secret,
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

/// Reads and understands a body that is complete `within` a time; an empty one counts as `{}`. `shape` is what a
/// complaint says is wanted.
pub(super) async fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    within: Duration,
    shape: &str,
) -> Result<T, Problem> {
    let mut bytes = match tokio::time::timeout(within, collect(body)).await {
        Ok(bytes) => bytes?,
        Err(_) => {
            let text = format!("the request was not complete after {} s", within.as_secs_f32());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, text));
        }
    };
    if bytes.is_empty() {
        bytes.extend_from_slice(b"{}");
    } else if !is_json(headers) {
        let text = "the content type is application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    // What is wrong with it is not said: the complaint of a parser repeats what it read.
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, format!("the body is not {shape}"));
    // An array of the members would do for serde.
    match bytes.trim_ascii_start().starts_with(b"{") {
        true => serde_json::from_slice(&bytes).map_err(|_| wrong()),
        false => Err(wrong()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn collect(body: Body) -> Result<Zeroizing<Vec<u8>>, Problem> {
    // Never grown, since growing would leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the request broke off"))?;
        let fits = bytes.len() + chunk.len() <= LARGEST;
        if fits {
            bytes.extend_from_slice(&chunk);
        }
        if let Ok(mut chunk) = chunk.try_into_mut() {
            chunk.as_mut().zeroize();
        }
        if !fits {
            let text = format!("a request has at most {LARGEST} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
    }
    Ok(bytes)
}
