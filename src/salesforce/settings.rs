//! What the composition root hands over to build the client of one org.

use std::time::Duration;

use crate::secret::Secret;

/// One org, as the policy names it.
#[derive(Clone, Debug)]
pub struct OrgSettings {
    /// The org's name in the policy, for logs.
    pub name: String,
    /// Its My Domain, `https://acme.my.salesforce.com`; `http` only for a loopback address. No path.
    pub url: String,
    /// The API version to speak, `66.0`. At least [`OrgSettings::OLDEST_API`].
    pub api_version: String,
    /// How rekeyd itself logs in.
    pub login: JwtLogin,
    /// How long to wait for an answer.
    pub timeouts: Timeouts,
}

impl OrgSettings {
    /// The first API version with staged credentials (salesforce-oauth-rest.md §1).
    pub const OLDEST_API: u32 = 65;
}

/// The login app and user of rekeyd itself (salesforce-oauth-rest.md §5).
#[derive(Clone, Debug)]
pub struct JwtLogin {
    /// Consumer key of the login app: `iss`.
    pub client_id: String,
    /// The integration user: `sub`.
    pub username: String,
    /// RSA private key in PEM, PKCS#8 or PKCS#1.
    pub key_pem: Secret,
    /// `aud`, where it must be a certain one. Otherwise the known ones are tried.
    pub audience: Option<String>,
}

/// Limits of one request. None of them is a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub read: Duration,
    /// For all of it, from the first byte sent to the last byte read.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(60),
            total: Duration::from_secs(120),
        }
    }
}

/// A setting that no client can be built from. Found before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// `url` is not one.
    #[error("the org's url {0}")]
    Url(String),
    /// `api_version` is not `NN.0`, or older than [`OrgSettings::OLDEST_API`].
    #[error("api_version {0}")]
    ApiVersion(String),
    /// The login key does not sign.
    #[error("the login key is not an RSA private key in PEM that can sign with RS256")]
    Key,
    /// The HTTP client could not be built, for want of trusted roots for instance.
    #[error("no HTTP client could be built: {0}")]
    Client(String),
    /// An app's name that cannot be one.
    #[error("the app's name {0}")]
    Name(String),
    /// The certificate is not PEM.
    #[error("the app's certificate is not one in PEM")]
    Certificate,
}
