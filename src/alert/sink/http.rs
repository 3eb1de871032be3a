//! One request to a sink over HTTP: bounded, without redirects, and judged by its status alone.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Client, redirect, retry};
use url::Url;

use super::{TIMEOUT, Trouble};

/// Longer waits than this are not believed.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Most of an answer that is read, in bytes: only so that the connection can be used again.
const LONGEST_ANSWER: usize = 64 * 1024;

/// A sink cannot be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub &'static str);

/// The client of one sink.
pub struct Http(Client);

impl Http {
    /// Trusts what the system trusts and, besides, the certificates in `ca`, in PEM.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn new(ca: Option<&[u8]>) -> Result<Http, Unusable> {
        let certificates = ca.map(|pem| {
            let read = Certificate::from_pem_bundle(pem).unwrap_or_default();
            match read.is_empty() {
                true => Err(Unusable("`ca_file` holds no certificate in PEM")),
                false => Ok(read),
            }
        });
        let certificates = certificates.transpose()?.unwrap_or_default();
        let client = Client::builder()
            .user_agent(concat!("rekeyd/", env!("CARGO_PKG_VERSION")))
            .tls_certs_merge(certificates)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(TIMEOUT / 4)
            .timeout(TIMEOUT)
            .http1_max_headers(128)
            .http2_max_header_list_size(64 * 1024)
            .build()
            .map_err(|_| Unusable("TLS cannot be set up"))?;
        Ok(Http(client))
    }

    /// Sends a JSON document once.
    ///
    /// # Errors
    /// [`Trouble`]: refused for what is wrong with the request; later for everything else.
    pub async fn post(&self, url: Url, headers: HeaderMap, body: Vec<u8>) -> Result<(), Trouble> {
        let request = self.0.post(url).headers(headers);
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let mut answer = request.send().await.map_err(|fault| unanswered(&fault))?;
        let status = answer.status().as_u16();
        let wait = answer.headers().get(RETRY_AFTER).and_then(|text| {
            let seconds = text.to_str().ok()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
        });
        let mut read = 0;
        while let Ok(Some(piece)) = answer.chunk().await {
            read += piece.len();
            if read > LONGEST_ANSWER {
                break;
            }
        }
        let why = format!("it answered {status}");
        match status {
            200..=299 => Ok(()),
            408 | 429 => Err(Trouble::Later { why, wait }),
            400..=499 => Err(Trouble::Refused { why }),
            _ => Err(Trouble::Later { why, wait }),
        }
    }
}

fn unanswered(fault: &reqwest::Error) -> Trouble {
    if fault.is_builder() {
        return Trouble::Refused {
            why: "the request could not be built".into(),
        };
    }
    Trouble::later(if fault.is_connect() {
        "no connection"
    } else if fault.is_timeout() {
        "no answer in time"
    } else {
        "the connection broke before an answer"
    })
}
