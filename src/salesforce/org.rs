//! One org: its HTTP client, session and API version, shared by all of its apps.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Method;
use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

use super::fault::{self, Area, Class, Failure};
use super::host;
use super::http::{Content, Http, Reply, Request};
use super::id::RecordId;
use super::login::{Assertion, Session};
use super::metadata::{self, Described};
use super::session::Sessions;
use super::settings::{OrgSettings, SetupError};
use crate::clock::{Clock, Timestamp};
use crate::port::Fault;
use crate::random::Random;
use crate::secret::Secret;

/// Requests used and allowed in 24 hours, as the org last said (`Sforce-Limit-Info`). Approximate, and lags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// Used so far.
    pub used: u64,
    /// Allowed in all.
    pub limit: u64,
}

/// One org. Its apps share the session, so that rekeyd logs in once and not per app.
pub struct Org {
    home: Url,
    wanted: u32,
    pub(super) http: Http,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    sessions: Sessions,
    version: OnceCell<u32>,
    described: OnceCell<Described>,
    limits: Mutex<Option<ApiLimits>>,
}

/// A REST call to the org's instance.
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Below `/services/data/vNN.0`, starting with a slash.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<&'static str>,
}

impl Call {
    /// A GET without a query.
    pub(crate) fn get(operation: &'static str, path: String) -> Call {
        Call {
            operation,
            method: Method::GET,
            path,
            query: Vec::new(),
            body: None,
        }
    }
}

impl Org {
    /// Builds the client. Sends nothing.
    ///
    /// # Errors
    /// [`SetupError`], for the first setting that cannot be used.
    pub fn new(
        settings: OrgSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Arc<Org>, SetupError> {
        let home = host::origin(&settings.url)?;
        let wanted = version(&settings.api_version)
            .filter(|version| *version >= OrgSettings::OLDEST_API)
            .ok_or_else(|| SetupError::ApiVersion("is not NN.0 with NN from 65 up".into()))?;
        let assertion = Assertion::new(&settings.login)?;
        let http = Http::new(settings.name, &home, settings.timeouts, clock.clone())?;
        Ok(Arc::new(Org {
            sessions: Sessions::new(assertion, home.clone(), clock.clone()),
            home,
            wanted,
            http,
            clock,
            random,
            version: OnceCell::new(),
            described: OnceCell::new(),
            limits: Mutex::new(None),
        }))
    }

    /// Where a consumer of this org's apps logs in: the token endpoint of the org's own domain.
    pub fn token_url(&self) -> String {
        self.at("/services/oauth2/token").to_string()
    }

    /// What the org last said of its request quota.
    pub fn limits(&self) -> Option<ApiLimits> {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logins that were granted, and that were not, since the start.
    pub(super) fn logins(&self) -> (u64, u64) {
        self.sessions.counts()
    }

    /// Logs in anew if the session is older than `age`.
    pub(super) async fn renew_session_older_than(&self, age: std::time::Duration) -> Result<(), Fault> {
        self.sessions.renew(&self.http, age).await
    }

    /// An address on the org's own domain.
    pub(super) fn at(&self, path: &str) -> Url {
        let mut url = self.home.clone();
        url.set_path(path);
        url
    }

    /// The host of the org's own domain.
    pub(super) fn host(&self) -> String {
        self.home.host_str().unwrap_or_default().to_owned()
    }

    /// Whether a key is that of the app that we log in with.
    pub(super) fn is_own_login(&self, key: &str) -> bool {
        key == self.sessions.client_id()
    }

    /// Our own user.
    pub(super) async fn user(&self) -> Result<Option<RecordId>, Fault> {
        Ok(self.sessions.get(&self.http).await?.user.clone())
    }

    /// The org's id, by the 15 characters that identify; its host where the login does not tell.
    pub(super) async fn identity(&self) -> Result<String, Fault> {
        let session = self.sessions.get(&self.http).await?;
        let id = session.org.as_ref().map(|id| id.short().to_owned());
        Ok(id.unwrap_or_else(|| self.host()))
    }

    /// The session, for looking at what kind it is.
    pub(super) async fn session(&self) -> Result<Arc<Session>, Fault> {
        self.sessions.get(&self.http).await
    }

    /// The API version to speak, `NN.0`: the configured one, or the newest below it that the org offers. Asked
    /// once (salesforce-metadata.md §6).
    pub(super) async fn version(&self) -> Result<String, Fault> {
        let version = self.version.get_or_try_init(|| self.negotiate()).await?;
        Ok(format!("{version}.0"))
    }

    /// What the org says of its metadata. Asked once.
    pub(super) async fn described(&self) -> Result<&Described, Fault> {
        self.described.get_or_try_init(|| metadata::describe(self)).await
    }

    /// The API versions that the org lists, as numbers before the `.0`. Needs no login.
    pub(super) async fn offered(&self) -> Result<Vec<u32>, Fault> {
        #[derive(Deserialize)]
        struct Offer {
            version: String,
        }
        let reply = self.offer().await?;
        let body = fault::read(&reply).map_err(|class| class.fault(Area::Credentials))?;
        let offers: Vec<Offer> = serde_json::from_slice(body)
            .map_err(|_| Fault::Unusable("the list of API versions is not legible".into()))?;
        Ok(offers
            .iter()
            .filter_map(|offer| version(&offer.version))
            .collect())
    }

    async fn negotiate(&self) -> Result<u32, Fault> {
        let offered = self.offered().await?;
        let newest = offered.iter().copied().max().unwrap_or_default();
        offered
            .into_iter()
            .filter(|version| (OrgSettings::OLDEST_API..=self.wanted).contains(version))
            .max()
            .ok_or_else(|| {
                Fault::Unusable(format!(
                    "the org offers API versions up to {newest}.0, and none from {}.0 to {}.0",
                    OrgSettings::OLDEST_API,
                    self.wanted
                ))
            })
    }

    /// The list of versions, which needs no login.
    async fn offer(&self) -> Result<Reply, Fault> {
        let request = Request {
            operation: "versions",
            method: Method::GET,
            url: self.at("/services/data/"),
            bearer: None,
            content: Content::Nothing,
        };
        let reply = self.http.send(request).await;
        reply.map_err(|why| Failure::from(why).fault())
    }

    /// The org's clock, by the `Date` of an answer that needs no login.
    pub(super) async fn date(&self) -> Result<Timestamp, Fault> {
        let date = self.offer().await?.date;
        date.ok_or_else(|| Fault::Unusable("the org's answer has no date".into()))
    }

    /// One REST request, sent again only if the session had expired.
    pub(super) async fn rest(&self, call: &Call) -> Result<Reply, Failure> {
        let version = self.version().await.map_err(Failure::Before)?;
        let build = |session: &Session| {
            let mut url = session.instance.clone();
            url.set_path(&format!("/services/data/v{version}{}", call.path));
            if !call.query.is_empty() {
                url.query_pairs_mut().extend_pairs(&call.query);
            }
            Ok(Request {
                operation: call.operation,
                method: call.method.clone(),
                url,
                bearer: Some(session.token.clone()),
                content: call.body.map_or(Content::Nothing, Content::Json),
            })
        };
        let expired = |reply: &Reply| matches!(fault::read(reply), Err(Class::Expired));
        self.with_session(build, expired).await
    }

    /// One SOAP request to the Metadata API, sent again only if the session had expired.
    pub(super) async fn soap(
        &self,
        operation: &'static str,
        envelope: impl Fn(&Secret) -> Option<Secret>,
        expired: impl Fn(&Reply) -> bool,
    ) -> Result<Reply, Failure> {
        let version = self.version().await.map_err(Failure::Before)?;
        let build = |session: &Session| {
            if session.jwt {
                return Err(Fault::Unusable(
                    "the login app issues access tokens in JWT format, which the Metadata API refuses: turn off \
                     `Issue JSON Web Token (JWT)-based access tokens for named users` on it"
                        .into(),
                ));
            }
            let Some(envelope) = envelope(&session.token) else {
                return Err(Fault::Unusable("the request could not be written".into()));
            };
            let mut url = session.instance.clone();
            url.set_path(&format!("/services/Soap/m/{version}"));
            Ok(Request {
                operation,
                method: Method::POST,
                url,
                bearer: None,
                content: Content::Soap(envelope),
            })
        };
        self.with_session(build, expired).await
    }

    async fn with_session(
        &self,
        build: impl Fn(&Session) -> Result<Request, Fault>,
        expired: impl Fn(&Reply) -> bool,
    ) -> Result<Reply, Failure> {
        let session = self.sessions.get(&self.http).await.map_err(Failure::Before)?;
        let reply = self.send(build(&session).map_err(Failure::Before)?).await?;
        if !expired(&reply) {
            return Ok(reply);
        }
        let fresh = self
            .sessions
            .after(&self.http, &session)
            .await
            .map_err(Failure::Before)?;
        let reply = self.send(build(&fresh).map_err(Failure::Before)?).await?;
        if expired(&reply) {
            return Err(Failure::Before(self.sessions.distrust(&fresh).await));
        }
        Ok(reply)
    }

    async fn send(&self, request: Request) -> Result<Reply, Failure> {
        let reply = self.http.send(request).await?;
        if let Some(limits) = reply.limit.as_deref().and_then(ApiLimits::parse) {
            *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = Some(limits);
        }
        Ok(reply)
    }
}

impl ApiLimits {
    /// `api-usage=18/5000`, among others.
    fn parse(header: &str) -> Option<ApiLimits> {
        let mut parts = header.split([',', ';']);
        let usage = parts.find_map(|part| part.trim().strip_prefix("api-usage="))?;
        let (used, limit) = usage.split_once('/')?;
        Some(ApiLimits {
            used: used.trim().parse().ok()?,
            limit: limit.trim().parse().ok()?,
        })
    }
}

/// `NN` of `NN.0`.
fn version(text: &str) -> Option<u32> {
    text.strip_suffix(".0")?.parse().ok()
}
