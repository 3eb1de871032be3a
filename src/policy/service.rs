//! The tables of the daemon itself: `[journal]`, `[api]`, `[signal]`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::pattern::AppPattern;

/// `[journal]`: where the record is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPolicy {
    /// The SQLite file (absolute), from `url = "sqlite:/..."`.
    pub database: PathBuf,
    /// The key of the fingerprints (absolute); never kept in the journal.
    pub key_file: PathBuf,
}

/// `[api]`: how commands and readers reach the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiPolicy {
    /// The HTTP address; `None` for no HTTP. Without [`ApiPolicy::tls`] it is a loopback address, unless the operator
    /// wrote `insecure = true`.
    pub listen: Option<SocketAddr>,
    /// The unix socket (absolute); `None` for no socket.
    pub socket: Option<PathBuf>,
    /// HTTPS instead of HTTP.
    pub tls: Option<ApiTls>,
    /// Who may read `/metrics` over HTTP.
    pub metrics: MetricsAccess,
    /// Who may do what over HTTP, by name.
    pub tokens: BTreeMap<String, ApiToken>,
}

/// `[api.tls]`: files in PEM, read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiTls {
    /// The certificate and those that lead to its root (absolute).
    pub certificate_file: PathBuf,
    /// Its private key (absolute).
    pub key_file: PathBuf,
    /// The roots of the certificates that clients must show (absolute); `None`: none is asked for.
    pub client_ca_file: Option<PathBuf>,
}

/// Who may read `/metrics` over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricsAccess {
    /// Who bears a token that may read: Prometheus can.
    #[default]
    Token,
    /// Everybody who reaches the address.
    Open,
}

/// `[api.token.X]`: one bearer token, known by its digest only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// What its bearer may do; never empty.
    pub may: BTreeSet<Permission>,
    /// With which apps; never empty.
    pub apps: Vec<AppPattern>,
}

/// What the bearer of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Look.
    Read,
    /// Start a rotation.
    Rotate,
    /// Hold, resume, abandon, submit.
    Operate,
    /// Revoke.
    BreakGlass,
}

/// `[signal]`: what SIGUSR1 rotates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalPolicy {
    /// What is due.
    #[default]
    Due,
    /// These apps.
    Apps(BTreeSet<String>),
}
