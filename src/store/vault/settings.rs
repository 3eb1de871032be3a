//! How to reach one KV version 2 mount.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::secret::Secret;

/// How long one request may take, from connecting to the last byte.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// One `[store.X.vault]`, environment resolved. The policy has checked that `http` goes to a loopback address only.
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
    /// Whom to trust, and as whom to connect.
    pub tls: Tls,
    /// How to come by a token.
    pub auth: Auth,
    /// How long one request may take; [`TIMEOUT`] unless a test knows better.
    pub timeout: Duration,
}

/// The TLS side of a connection. Files are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The only authorities trusted, in PEM; without it, those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// What the server is shown.
    pub client: Option<ClientFiles>,
    /// The name in the server's certificate, where that is not the one in the address.
    pub server_name: Option<String>,
}

/// A client certificate with its chain, and its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate, then its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How to come by a token.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Somebody else makes it.
    Token(TokenSource),
    /// We log in.
    Login(Login),
}

/// Where a token that somebody else makes comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// A file, read again when it changes or the token is refused: an agent may renew it there.
    File(PathBuf),
    /// The token itself, from an environment variable or a prompt.
    Value(Secret),
}

/// An auth method and where it is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Without slashes at its ends.
    pub mount: String,
    /// What is shown there.
    pub method: Method,
}

/// What is shown at login. Each file is read at each login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// `approle`
    AppRole {
        /// Which role; not a secret.
        role_id: String,
        /// The secret id, or a token that unwraps to it.
        secret_id_file: PathBuf,
        /// The file holds a wrapping token, which is good for one unwrapping.
        wrapped: bool,
    },
    /// `kubernetes`, or `jwt`, whose logins are alike.
    Jwt {
        /// Which role; the mount's default without it.
        role: Option<String>,
        /// The token of a service account, or any other JWT.
        jwt_file: PathBuf,
    },
    /// `cert`: the client certificate of the connection.
    Certificate {
        /// Which role; any that fits the certificate without it.
        role: Option<String>,
    },
}
