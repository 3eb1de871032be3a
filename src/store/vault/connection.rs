//! One HTTP client for one configured server: sends, reads a bounded answer, and knows whether a request ever left.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Request, Response};
use zeroize::Zeroizing;

use super::answer::{Answer, Lost};
use super::requests::Requests;
use super::settings::VaultSettings;
use super::token::Token;
use crate::port::{Fault, Outcome, Refusal};

/// An answer larger than this is not read to its end, in bytes. The server takes values of at most 1 MiB.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Longer waits than this are not believed.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// A server, shared by all apps whose values it keeps.
pub struct VaultConnection {
    http: Client,
    requests: Requests,
    settings: VaultSettings,
    namespace: Option<HeaderValue>,
    token: Token,
}

impl VaultConnection {
    /// Prepares to speak to the server; sends nothing and reads no token yet.
    ///
    /// # Errors
    /// [`Fault::Unusable`] if the address or the namespace cannot be used.
    pub fn new(settings: VaultSettings) -> Result<Self, Fault> {
        let unusable = |what: &str| Fault::Unusable(format!("the store's {what} cannot be used"));
        let http = Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
            // A redirected write would be a second one, and the token would go with it.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .map_err(|_| unusable("TLS set-up"))?;
        let namespace = settings.namespace.as_deref().map(HeaderValue::from_str);
        Ok(VaultConnection {
            http,
            requests: Requests::new(&settings)?,
            namespace: namespace.transpose().map_err(|_| unusable("namespace"))?,
            token: Token::new(settings.token.clone()),
            settings,
        })
    }

    pub(super) fn settings(&self) -> &VaultSettings {
        &self.settings
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Asks something that changes nothing. Success and 404 are answers; the rest are faults. `asked` names the right
    /// that it takes.
    pub(super) async fn ask(&self, request: Request, asked: &str) -> Result<Answer, Fault> {
        let again = request.try_clone();
        let used = self.token.header().await?;
        let mut answer = self.send(request, &used).await?;
        if answer.status == 403 {
            match (self.replaced(&used).await?, again) {
                (Some(token), Some(again)) => answer = self.send(again, &token).await?,
                (Some(_) | None, Some(_) | None) => self.accepted(&used).await?,
            }
        }
        answer.fault(asked).map_or(Ok(answer), Err)
    }

    /// Sends the one mutating request of an effect. The answer is a success; all else is an outcome.
    pub(super) async fn change<T>(&self, request: Request, asked: &str) -> Result<Answer, Outcome<T>> {
        let used = self.token.header().await.map_err(Outcome::NotNow)?;
        let answer = self.send(request, &used).await.map_err(Outcome::from)?;
        match answer.refusal(asked) {
            None => Ok(answer),
            Some(Outcome::Refused(Refusal::Permission(text))) => Err(self.forbidden(&used, text).await),
            Some(other) => Err(other),
        }
    }

    /// Asks without a token or namespace, and takes any status.
    pub(super) async fn health(&self) -> Result<u16, Fault> {
        let sent = self.http.execute(self.requests.health()?).await;
        sent.map(|answer| answer.status().as_u16())
            .map_err(|fault| Fault::from(lost(&fault)))
    }

    /// A write was refused by right. It was not applied, so with another token the same request may work; it is the
    /// caller's to send it again, since an effect holds one mutating request.
    async fn forbidden<T>(&self, used: &HeaderValue, text: String) -> Outcome<T> {
        let another = match self.replaced(used).await {
            Ok(None) => self.accepted(used).await,
            Ok(Some(_)) => Err(Fault::Unavailable("the token has been replaced meanwhile".into())),
            Err(fault) => Err(fault),
        };
        match another {
            Ok(()) => Outcome::Refused(Refusal::Permission(text)),
            Err(fault) => Outcome::NotNow(fault),
        }
    }

    /// The token to use now, if it is another one than `used`.
    async fn replaced(&self, used: &HeaderValue) -> Result<Option<HeaderValue>, Fault> {
        self.token.forget().await;
        let now = self.token.header().await?;
        Ok((now != used).then_some(now))
    }

    /// Tells a token that is dead from one that lacks a right: the server answers both alike.
    async fn accepted(&self, used: &HeaderValue) -> Result<(), Fault> {
        let answer = self.send(self.requests.own_token()?, used).await?;
        if answer.status == 403 {
            return Err(Fault::Unauthorized(
                "the token is revoked, has expired, or may not even ask about itself (policy `default`)"
                    .into(),
            ));
        }
        Ok(())
    }

    async fn send(&self, mut request: Request, token: &HeaderValue) -> Result<Answer, Lost> {
        let headers = request.headers_mut();
        headers.insert("X-Vault-Token", token.clone());
        headers.insert("X-Vault-Request", HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            headers.insert("X-Vault-Namespace", namespace.clone());
        }
        let response = self.http.execute(request).await.map_err(|fault| lost(&fault))?;
        let (status, retry_after) = (response.status().as_u16(), wait(response.headers()));
        Ok(Answer {
            status,
            retry_after,
            body: body(response).await?,
        })
    }
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
        return Lost::NotSent(Fault::Unavailable("no connection to the server".into()));
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

fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}
