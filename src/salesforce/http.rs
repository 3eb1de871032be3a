//! One HTTP client per org: bounded in time and size, without redirects, proxies or retries.
//!
//! An answer of any status is a [`Reply`]; what was no answer says whether the request can have arrived.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, redirect, retry};
use url::Url;
use zeroize::Zeroizing;

use super::settings::{SetupError, Timeouts};
use super::wipe::append;
use crate::clock::{Clock, Timestamp};
use crate::secret::Secret;

/// Longest answer that is read, in bytes. A list of every Connected App of a large org stays far below.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// Idle connections are closed before a server is likely to: a request that meets a closing connection has an
/// unknown outcome.
const IDLE: Duration = Duration::from_secs(25);

/// What to send.
pub(crate) struct Request {
    /// Its name in logs.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) bearer: Option<Secret>,
    pub(crate) content: Content,
}

/// What a request carries. The text is wiped after sending as far as it is ours.
pub(crate) enum Content {
    Nothing,
    Json(&'static str),
    Form(Secret),
    Soap(Secret),
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Salesforce's clock.
    pub(crate) date: Option<Timestamp>,
    /// `Sforce-Limit-Info`, as it came.
    pub(crate) limit: Option<String>,
    /// How long it asks to wait.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Body,
}

/// The body of an answer.
pub(crate) enum Body {
    Whole(Zeroizing<Vec<u8>>),
    /// It broke off, came too slowly or was too long: why.
    Cut(&'static str),
}

impl Body {
    /// The bytes, if all of them came.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        match self {
            Body::Whole(bytes) => Some(bytes),
            Body::Cut(_) => None,
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoReply {
    /// It was certainly not received.
    NotSent(&'static str),
    /// It may have been received.
    Lost(&'static str),
}

/// The client.
pub(crate) struct Http {
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    org: String,
}

/// With what lies beneath: the outermost error says only that a client could not be built.
fn in_full(fault: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(fault.source(), |cause| cause.source());
    let all = std::iter::once(fault.to_string()).chain(causes.map(ToString::to_string));
    all.collect::<Vec<_>>().join(": ")
}

impl Http {
    /// For the org at `home`.
    pub(crate) fn new(
        org: String,
        home: &Url,
        timeouts: Timeouts,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("rekeyd/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(timeouts.connect)
            .read_timeout(timeouts.read)
            .timeout(timeouts.total)
            .pool_idle_timeout(IDLE)
            .http1_max_headers(128)
            .http2_max_header_list_size(64 * 1024);
        if home.scheme() == "http" {
            // A loopback address: the machine's roots need not be there.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build();
        let client = client.map_err(|fault| SetupError::Client(in_full(&fault.without_url())))?;
        Ok(Http { client, clock, org })
    }

    /// Sends once.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, NoReply> {
        let operation = request.operation;
        let started = self.clock.now();
        let answer = self.exchange(request).await;
        let took = self.clock.now().since(started).as_millis();
        let org = &self.org;
        match &answer {
            Ok(Reply { status, body, .. }) => {
                let cut = matches!(body, Body::Cut(_));
                tracing::debug!(org, operation, status, cut, took, "answered");
            }
            Err(NoReply::NotSent(why)) => tracing::debug!(org, operation, why, took, "not sent"),
            Err(NoReply::Lost(why)) => tracing::debug!(org, operation, why, took, "no answer"),
        }
        answer
    }

    async fn exchange(&self, request: Request) -> Result<Reply, NoReply> {
        let mut builder = self.client.request(request.method, request.url);
        if let Some(token) = request.bearer {
            let text = Zeroizing::new(format!("Bearer {}", token.expose()));
            let mut value = HeaderValue::from_str(&text)
                .map_err(|_| NoReply::NotSent("the access token cannot stand in a header"))?;
            value.set_sensitive(true);
            builder = builder.header(header::AUTHORIZATION, value);
        }
        builder = match request.content {
            Content::Nothing => builder.header(header::ACCEPT, "application/json"),
            Content::Json(text) => builder
                .header(header::ACCEPT, "application/json")
                .header(header::CONTENT_TYPE, "application/json")
                .body(text),
            Content::Form(text) => builder
                .header(header::ACCEPT, "application/json")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(text.expose().to_owned()),
            Content::Soap(text) => builder
                .header(header::CONTENT_TYPE, "text/xml; charset=UTF-8")
                .header("SOAPAction", "\"\"")
                .body(text.expose().to_owned()),
        };
        let mut response = builder.send().await.map_err(|fault| unanswered(&fault))?;
        let headers = response.headers();
        let mut reply = Reply {
            status: response.status().as_u16(),
            date: text(headers, header::DATE.as_str()).and_then(date),
            limit: text(headers, "sforce-limit-info").map(str::to_owned),
            retry_after: text(headers, header::RETRY_AFTER.as_str()).and_then(seconds),
            body: Body::Cut("it is longer than 4 MiB"),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
        loop {
            match response.chunk().await {
                Ok(None) => {
                    reply.body = Body::Whole(bytes);
                    break;
                }
                Ok(Some(piece)) if bytes.len() + piece.len() > LONGEST_BODY => break,
                Ok(Some(piece)) => append(&mut bytes, &piece),
                Err(fault) => {
                    reply.body = Body::Cut(if fault.is_timeout() {
                        "it came too slowly"
                    } else {
                        "it broke off"
                    });
                    break;
                }
            }
        }
        Ok(reply)
    }
}

/// Only a failure to connect proves that nothing arrived.
fn unanswered(fault: &reqwest::Error) -> NoReply {
    if fault.is_builder() {
        NoReply::NotSent("the request could not be built")
    } else if fault.is_connect() {
        NoReply::NotSent("no connection")
    } else if fault.is_timeout() {
        NoReply::Lost("no answer in time")
    } else {
        NoReply::Lost("the connection broke before an answer")
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn date(text: &str) -> Option<Timestamp> {
    chrono::DateTime::parse_from_rfc2822(text)
        .ok()
        .map(|at| at.to_utc().into())
}

/// Longest wait that a `Retry-After` is believed (salesforce-oauth-rest.md §7).
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}
