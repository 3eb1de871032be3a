//! One login by JWT bearer: what is sent, and what the answer means (salesforce-oauth-rest.md §3, §5).
//!
//! Not here: when to log in, and how often (`session`).

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use url::Url;

use super::fault::{self, html};
use super::host;
use super::http::{Body, Content, Http, NoReply, Reply, Request};
use super::id::{RecordId, identity};
use super::json::SecretText;
use super::settings::{JwtLogin, SetupError};
use crate::clock::Timestamp;
use crate::port::Fault;
use crate::secret::Secret;

/// How long an assertion lives. The ceiling is not documented; two minutes are what others use.
const LIFE: Duration = Duration::from_secs(120);

/// How far our clock may be off before it is named as a suspect.
const SKEW: Duration = Duration::from_secs(60);

/// After `rate_limit_exceeded`: 3,600 logins per user and hour.
const RATE: Duration = Duration::from_secs(3600);

/// A session as the token endpoint granted it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: Secret,
    /// Where API calls go.
    pub(crate) instance: Url,
    pub(crate) user: Option<RecordId>,
    pub(crate) org: Option<RecordId>,
    /// The token is a JWT, which SOAP refuses (salesforce-metadata.md §5.1).
    pub(crate) jwt: bool,
}

/// What a login came to.
#[derive(Debug)]
pub(crate) enum Login {
    Granted(Session),
    /// This audience is not taken; another may be.
    Audience,
    Failed(Fault),
}

/// What is needed to log in.
pub(crate) struct Assertion {
    client_id: String,
    username: String,
    key: EncodingKey,
    audience: Option<String>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretText,
    instance_url: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    token_format: Option<String>,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Assertion {
    /// # Errors
    /// [`SetupError::Key`]
    pub(crate) fn new(login: &JwtLogin) -> Result<Self, SetupError> {
        let key =
            EncodingKey::from_rsa_pem(login.key_pem.expose().as_bytes()).map_err(|_| SetupError::Key)?;
        let assertion = Assertion {
            client_id: login.client_id.clone(),
            username: login.username.clone(),
            key,
            audience: login.audience.clone(),
        };
        // Signs once, so that an unusable key is found before anything depends on it.
        assertion.sign("", Timestamp(0)).ok_or(SetupError::Key)?;
        Ok(assertion)
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The audiences worth trying, likeliest first.
    pub(crate) fn audiences(&self, home: &Url) -> Vec<String> {
        if let Some(audience) = &self.audience {
            return vec![audience.clone()];
        }
        let mut known = ["https://login.salesforce.com", "https://test.salesforce.com"];
        let host = home.host_str().unwrap_or_default();
        if host.contains("--") || host.contains(".sandbox.") || host.contains(".scratch.") {
            known.reverse();
        }
        let mut all: Vec<String> = known.map(str::to_owned).into();
        all.push(home.origin().ascii_serialization());
        all
    }

    fn sign(&self, audience: &str, now: Timestamp) -> Option<Secret> {
        let claims = Claims {
            iss: &self.client_id,
            sub: &self.username,
            aud: audience,
            exp: (now + LIFE).0.div_euclid(1000),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .ok()
            .map(Secret::new)
    }

    /// Asks once.
    pub(crate) async fn log_in(&self, http: &Http, home: &Url, audience: &str, now: Timestamp) -> Login {
        let Some(assertion) = self.sign(audience, now) else {
            return Login::Failed(Fault::Unusable("the login key does not sign".into()));
        };
        let form = form(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.expose()),
        ]);
        let mut url = home.clone();
        url.set_path("/services/oauth2/token");
        let request = Request {
            operation: "login",
            method: reqwest::Method::POST,
            url,
            bearer: None,
            content: Content::Form(form),
        };
        match http.send(request).await {
            Ok(reply) => judge(home, &reply, now),
            Err(NoReply::NotSent(why) | NoReply::Lost(why)) => {
                Login::Failed(Fault::Unavailable(format!("login: {why}")))
            }
        }
    }
}

/// Form-encodes.
pub(crate) fn form(pairs: &[(&str, &str)]) -> Secret {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    Secret::new(form.finish())
}

fn judge(home: &Url, reply: &Reply, now: Timestamp) -> Login {
    let body = match &reply.body {
        Body::Whole(bytes) => bytes.as_slice(),
        Body::Cut(why) => return unavailable(reply.status, why),
    };
    if html(body) && !matches!(reply.status, 300..=399) {
        return unavailable(reply.status, "a page instead of an answer");
    }
    if matches!(reply.status, 200..=299) {
        return granted(home, body);
    }
    // A parse error is dropped: its text would repeat the body.
    match serde_json::from_slice::<Denied>(body) {
        Ok(denied) if reply.status < 500 => refused(&denied, reply, now),
        Ok(_) | Err(_) => match fault::read(reply) {
            Ok(_) | Err(fault::Class::Expired) => {
                Login::Failed(Fault::Unauthorized(format!("login: {}", reply.status)))
            }
            Err(class) => Login::Failed(class.fault(fault::Area::Credentials)),
        },
    }
}

fn unavailable(status: u16, why: &str) -> Login {
    Login::Failed(Fault::Unavailable(format!("login: {status}, {why}")))
}

fn granted(home: &Url, body: &[u8]) -> Login {
    let unusable = |what: &str| Login::Failed(Fault::Unusable(format!("login: {what}")));
    let Ok(granted) = serde_json::from_slice::<Granted>(body) else {
        return unusable("granted, but the answer has no token or no instance_url");
    };
    let Some(instance) = host::instance(home, &granted.instance_url) else {
        return unusable("instance_url is not a host of Salesforce's that a token may be sent to");
    };
    let token = granted.access_token.0;
    if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return unusable("the access token is empty or not text");
    }
    let jwt = granted.token_format.as_deref() == Some("jwt") || jwt_shaped(token.expose());
    let (org, user) = granted.id.as_deref().and_then(identity).unzip();
    Login::Granted(Session {
        token,
        instance,
        user,
        org,
        jwt,
    })
}

/// Whether a token has the form of a JWT. An opaque one can have two dots as well, but has a `!` after the
/// organisation's id.
fn jwt_shaped(token: &str) -> bool {
    let mut parts = token.split('.');
    let base64url = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    parts.clone().count() == 3 && parts.all(base64url)
}

fn refused(denied: &Denied, reply: &Reply, now: Timestamp) -> Login {
    let said = denied.error_description.to_lowercase();
    let has = |part: &str| said.contains(part);
    let remedy = match denied.error.as_str() {
        "rate_limit_exceeded" => {
            return Login::Failed(Fault::Throttled {
                wait: RATE,
                text: "login: rate_limit_exceeded".into(),
            });
        }
        "invalid_grant" if has("audience") => return Login::Audience,
        "invalid_client_id" => "the login app's client_id is not known here",
        "invalid_client" if has("installed") => "the login app must be installed into the org",
        "invalid_client" => "the login app is not accepted",
        "invalid_app_access" => "the user is not admin approved for the login app",
        "invalid_grant" if has("approved this consumer") => {
            "the user has not approved the login app: pre-authorise it by profile or permission set"
        }
        "invalid_grant" if has("ip restricted") || has("login hours") => {
            "the user may not log in from here or now: IP ranges or login hours"
        }
        "invalid_grant" if has("assertion") => "the assertion is not accepted: key, certificate or user",
        "invalid_grant" => "the grant is refused",
        "inactive_user" => "the user is inactive",
        "inactive_org" => "the org is locked, closed or suspended",
        "unsupported_grant_type" => "the JWT bearer flow is off",
        "invalid_request" | "invalid_scope" => "the request is judged wrong",
        _ if reply.status == 429 => {
            return Login::Failed(Fault::Throttled {
                wait: reply.retry_after.unwrap_or(Duration::from_secs(60)),
                text: "login: 429".into(),
            });
        }
        _ => "the login is refused",
    };
    let off = reply
        .date
        .map(|date| now.since(date).max(date.since(now)))
        .filter(|off| *off > SKEW)
        .map_or(String::new(), |off| {
            format!("; our clock and Salesforce's are {} s apart", off.as_secs())
        });
    Login::Failed(Fault::Unauthorized(format!("{remedy}{off}")))
}

/// What is said of an answer to a login.
pub(super) fn said(home: &Url, reply: &Reply, now: Timestamp) -> String {
    format!("{:?}", judge(home, reply, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opaque_token_with_two_dots_is_no_jwt() {
        assert!(!jwt_shaped(
            "00Dxx0000001gPL!AR8AQJXg5oj8.39AsX.LVpxezPwuX5VAIrrbbHMuol7GQ"
        ));
        assert!(jwt_shaped("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln"));
        assert!(!jwt_shaped("eyJhbGciOiJSUzI1NiJ9..c2ln"));
    }
}
