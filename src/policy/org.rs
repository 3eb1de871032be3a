//! `[org.X]`: a Salesforce org, how to log in to it, and how patient to be with it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::app::Method;
use super::text;

/// A Salesforce org.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgPolicy {
    /// The name in `[org.NAME]`.
    pub name: String,
    /// The org's My Domain: an origin, without path; `http` only for a loopback address.
    #[serde(with = "text")]
    pub url: Url,
    /// Which version of the APIs to speak.
    #[serde(with = "text")]
    pub api_version: ApiVersion,
    /// How many apps of the org may be between mint and publish at once.
    pub concurrency: u32,
    /// How long old and new answers may mix after a change was answered with success.
    pub propagation: Duration,
    /// How late a write whose answer was lost may still land, from when it was sent.
    pub request_lifetime: Duration,
    /// What makes an acceptance a stable one.
    pub stability: Stability,
    /// Without overlap: how long no store may be publishable before the change is undone.
    pub cutover_timeout: Duration,
    /// How often each app's current credential, and our own login, are tried; zero for never.
    pub live_check: Duration,
    /// At which share of the org's daily requests, in percent, no rotation is started by the clock; 100 for never.
    pub api_budget: u32,
    /// Between two starts of rotations that fell due while the service was away.
    pub catch_up_spacing: Duration,
    /// What to do about the org's switch for consumer secrets over REST.
    pub consumer_secrets_switch: SecretsSwitch,
    /// How the daemon logs in.
    pub login: Login,
    /// The `aud` of the login assertion, where it is not found by trying; as written, without a trailing slash.
    pub audience: Option<String>,
}

/// What is done about the org switch "Allow access to External Client App consumer secrets via REST API".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretsSwitch {
    /// Nothing: it is as administrators have it.
    #[default]
    Leave,
    /// Where it is off, it is turned on while a rotation needs it, and off again.
    OpenForRotation,
}

impl SecretsSwitch {
    /// Every one, with its word in the policy.
    pub const WORDS: [(&str, SecretsSwitch); 2] = [
        ("leave", SecretsSwitch::Leave),
        ("open-for-rotation", SecretsSwitch::OpenForRotation),
    ];

    /// Whether a rotation by this method turns it on: only what is read and made over Connect REST needs it.
    pub fn opens_for(self, method: Method) -> bool {
        match (self, method) {
            (SecretsSwitch::OpenForRotation, Method::Staged | Method::Regenerate) => true,
            (SecretsSwitch::OpenForRotation, Method::Update | Method::Assisted)
            | (SecretsSwitch::Leave, _) => false,
        }
    }
}

/// When an acceptance is stable: this many tries in a row, this far apart, over at least this long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stability {
    /// `stable_tries`, at least 1.
    pub tries: u32,
    /// `stable_spacing`.
    pub spacing: Duration,
    /// `stable_span`, from the first accepted try to the last.
    pub span: Duration,
}

/// How the daemon logs in to an org.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Login {
    /// `[org.X.login.jwt]`: the JWT bearer flow.
    Jwt {
        /// The consumer key of the daemon's own app; not a secret.
        client_id: String,
        /// The user to act as.
        username: String,
        /// The RSA key in PEM (absolute).
        key_file: PathBuf,
        /// The certificate of that key as uploaded to the app (absolute), so that its end can be told of in time.
        certificate_file: Option<PathBuf>,
    },
}

/// A Salesforce API version, such as 66.0. 65.0 is the first with staged credentials
/// (salesforce-metadata.md, section 4) and the least that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(u16);

impl ApiVersion {
    /// The least version that has all that is used here.
    pub const LEAST: Self = Self(65);

    /// What is spoken where nobody said: the version whose description the wire formats were checked against.
    pub const USUAL: Self = Self(66);

    /// The whole number before the `.0`.
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.0", self.0)
    }
}

impl FromStr for ApiVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix(".0").unwrap_or_default();
        match number.parse::<u16>() {
            Ok(n) if n.to_string() != number || n > 999 => Err("an API version is written like \"66.0\""),
            Ok(n) if Self(n) < Self::LEAST => {
                Err("the least API version is 65.0, the first with staged credentials")
            }
            Ok(n) => Ok(Self(n)),
            Err(_) => Err("an API version is written like \"66.0\""),
        }
    }
}
