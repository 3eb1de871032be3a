//! The tables of the daemon itself: `[journal]`, `[api]`, `[signal]`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
    /// The HTTP address; `None` for no HTTP.
    pub listen: Option<SocketAddr>,
    /// The unix socket (absolute); `None` for no socket.
    pub socket: Option<PathBuf>,
    /// Who may do what over HTTP, by name.
    pub tokens: BTreeMap<String, ApiToken>,
}

/// `[api.token.X]`: one bearer token, known by its digest only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// What its bearer may do; never empty.
    pub may: BTreeSet<Permission>,
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
