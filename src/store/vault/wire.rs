//! Sends to one configured server, reads a bounded answer, and knows whether a request ever left.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Request, Response};
use tokio::sync::Mutex;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::answer::{Answer, Lost};
use super::auth::Stamp;
use super::requests::Requests;
use super::settings::{Tls, VaultSettings};
use crate::port::Fault;

/// An answer larger than this is not read to its end, in bytes. The server takes values of at most 1 MiB.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Longer waits than this are not believed.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The way to one server.
pub(super) struct Wire {
    requests: Requests,
    namespace: Option<HeaderValue>,
    tls: Tls,
    /// Where the server is, whatever name its certificate has.
    host: String,
    timeout: Duration,
    client: Mutex<Option<(Vec<Option<Stamp>>, Client)>>,
}

impl Wire {
    /// Sends nothing and reads no file yet.
    pub(super) fn new(settings: &VaultSettings) -> Result<Self, Fault> {
        let unusable = |what: &str| Fault::Unusable(format!("the store's {what} cannot be used"));
        let host = match settings.address.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(unusable("address")),
        };
        let namespace = settings.namespace.as_deref().map(HeaderValue::from_str);
        Ok(Wire {
            requests: Requests::new(&named(settings)?, &settings.mount)?,
            namespace: namespace.transpose().map_err(|_| unusable("namespace"))?,
            tls: settings.tls.clone(),
            host,
            timeout: settings.timeout,
            client: Mutex::default(),
        })
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }

    pub(super) async fn send(
        &self,
        mut request: Request,
        token: Option<&HeaderValue>,
    ) -> Result<Answer, Lost> {
        let headers = request.headers_mut();
        headers.insert("X-Vault-Request", HeaderValue::from_static("true"));
        if let Some(token) = token {
            headers.insert("X-Vault-Token", token.clone());
        }
        if let Some(namespace) = &self.namespace {
            headers.insert("X-Vault-Namespace", namespace.clone());
        }
        let client = self.client().await.map_err(Lost::NotSent)?;
        let response = client.execute(request).await.map_err(|fault| lost(&fault))?;
        let (status, retry_after) = (response.status().as_u16(), wait(response.headers()));
        Ok(Answer {
            status,
            retry_after,
            body: body(response).await?,
        })
    }

    /// Asks without a token or namespace, and takes any status.
    pub(super) async fn health(&self) -> Result<u16, Fault> {
        let sent = self.client().await?.execute(self.requests.health()?).await;
        sent.map(|answer| answer.status().as_u16())
            .map_err(|fault| Fault::from(lost(&fault)))
    }

    /// The client that fits the files as they are now. While they do not fit each other, the one before.
    async fn client(&self) -> Result<Client, Fault> {
        let stamps = Tls::stamps(&self.tls.files()).await;
        let mut known = self.client.lock().await;
        if let Some((seen, client)) = known.as_ref()
            && *seen == stamps
        {
            return Ok(client.clone());
        }
        match (self.tls.client(&self.host, self.timeout).await, known.as_ref()) {
            (Ok(client), _) => {
                *known = Some((stamps, client.clone()));
                Ok(client)
            }
            (Err(fault), Some((_, before))) => {
                tracing::warn!("the store's TLS files changed, and the old ones stay in use: {fault}");
                Ok(before.clone())
            }
            (Err(fault), None) => Err(fault),
        }
    }
}

/// The address by the name that the server's certificate has.
fn named(settings: &VaultSettings) -> Result<Url, Fault> {
    let mut address = settings.address.clone();
    if let Some(name) = &settings.tls.server_name {
        let set = address.set_host(Some(name));
        set.map_err(|_| Fault::Unusable("the store's `tls_server_name` is no host name".into()))?;
    }
    Ok(address)
}

async fn body(mut response: Response) -> Result<Zeroizing<Vec<u8>>, Lost> {
    let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
    while let Some(chunk) = response.chunk().await.map_err(|fault| cut(&fault))? {
        if body.len().saturating_add(chunk.len()) > LARGEST_ANSWER {
            return Err(Lost::Unclear("the answer is too large to be the server's".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Only a connection that was never made is certain not to have carried the request.
fn lost(fault: &reqwest::Error) -> Lost {
    if fault.is_builder() {
        return Lost::NotSent(Fault::Unusable("the request cannot be built".into()));
    }
    if fault.is_connect() {
        return Lost::NotSent(Fault::Unavailable(match certificate(fault) {
            Some(wrong) => format!("no connection to the server: {wrong}"),
            None => "no connection to the server".into(),
        }));
    }
    cut(fault)
}

fn cut(fault: &reqwest::Error) -> Lost {
    Lost::Unclear(if fault.is_timeout() {
        "the server did not answer in time".into()
    } else {
        "the connection was cut before the answer ended".into()
    })
}

/// What TLS has against the server's certificate. For people only: no decision rests on it.
fn certificate(fault: &reqwest::Error) -> Option<&'static str> {
    let mut source: Option<&dyn Error> = Some(fault);
    while let Some(error) = source {
        let said = error.to_string();
        if let Some(wrong) = said.strip_prefix("invalid peer certificate: ") {
            let wrong = wrong.to_lowercase();
            return Some(if wrong.contains("unknownissuer") {
                "its certificate is of an authority that is not trusted: name it by `ca_file`"
            } else if wrong.contains("name") {
                "its certificate has another name: set `tls_server_name`, or change the address"
            } else if wrong.contains("expired") || wrong.contains("yet") {
                "its certificate is out of its time, or a clock is wrong"
            } else {
                "its certificate is not accepted"
            });
        }
        source = error.source();
    }
    None
}

fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}
