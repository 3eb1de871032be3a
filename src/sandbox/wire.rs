//! A request as the org sees it, and what it answers: whole, in memory, so that a request can be kept and
//! applied later.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use base64::Engine as _;
use serde_json::{Value, json};

/// One request, read to its end.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        pick(self.query.as_bytes(), name)
    }

    /// The value of a form field of the body.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        pick(&self.body, name)
    }

    /// The token of `Authorization: Bearer` (or its old spelling `OAuth`).
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth"))
            .then_some(token.trim())
    }

    /// Client id and secret of `Authorization: Basic`.
    pub(super) fn basic(&self) -> Option<(String, String)> {
        let (scheme, encoded) = self.header("authorization")?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(encoded.trim())
            .ok()?;
        let (id, secret) = String::from_utf8(bytes).ok().and_then(|text| {
            text.split_once(':')
                .map(|(id, secret)| (id.to_owned(), secret.to_owned()))
        })?;
        Some((form_decoded(&id), form_decoded(&secret)))
    }

    /// True when the body's length is announced, as Salesforce wants it of a POST (O §1).
    pub(super) fn has_length(&self) -> bool {
        self.headers.contains_key("content-length") || self.headers.contains_key("transfer-encoding")
    }
}

fn pick(encoded: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(encoded)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn form_decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("v={}", text.replace('&', "%26")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// One answer.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

const JSON: &str = "application/json;charset=UTF-8";
const XML: &str = "text/xml;charset=UTF-8";

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: JSON,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: JSON,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(super) fn xml(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: XML,
            headers: Vec::new(),
            body,
        }
    }

    pub(super) fn text(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// An OAuth error: one object (O §3).
    pub(super) fn oauth(status: u16, error: &str, description: &str) -> Self {
        Self::json(
            status,
            &json!({ "error": error, "error_description": description }),
        )
    }

    /// A REST error: an array of one (O §7).
    pub(super) fn rest(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!([{ "errorCode": code, "message": message }]))
    }
}
