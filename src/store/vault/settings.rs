//! How to reach one KV version 2 mount.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::secret::Secret;

/// How long one request may take, from connecting to the last byte.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// One `[store.X.vault]`, secrets resolved. The policy has checked that `http` goes to a loopback address only.
#[derive(Clone, Debug)]
pub struct VaultSettings {
    /// The server: an origin, without path.
    pub address: Url,
    /// Where KV version 2 is mounted, without slashes at its ends.
    pub mount: String,
    /// The namespace, where the server has them.
    pub namespace: Option<String>,
    /// What stands before the path of a pending value, without slashes at its ends.
    pub pending_prefix: String,
    /// Where the token comes from.
    pub token: TokenSource,
    /// How long one request may take; [`TIMEOUT`] unless a test knows better.
    pub timeout: Duration,
}

/// Where the token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// A file, read again when it changes or the token is refused: an agent renews it there.
    File(PathBuf),
    /// The token itself, from an environment variable or a prompt.
    Value(Secret),
}
