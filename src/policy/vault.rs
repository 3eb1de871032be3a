//! `[store.X.vault]`: a mount, how to reach it, and how to log in there.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::store::TokenSource;
use super::text;

/// What stands before the path of a pending value, unless the policy says otherwise.
pub const PENDING_PREFIX: &str = "rekeyd-pending";

/// Where a pod finds the token of its service account.
pub const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// A KV version 2 mount of Vault or OpenBao.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultStore {
    /// The server: an origin, without path; `http` only for a loopback address.
    #[serde(with = "text")]
    pub address: Url,
    /// Where KV version 2 is mounted, without slashes at its ends.
    pub mount: String,
    /// The namespace, where the server has them.
    pub namespace: Option<String>,
    /// What stands before the path of a pending value, without slashes at its ends. Consumers' policies must not
    /// cover it.
    pub pending_prefix: String,
    /// The only authorities trusted (absolute); without it, the system's.
    pub ca_file: Option<PathBuf>,
    /// What the server is shown.
    pub client: Option<ClientCertificate>,
    /// The name in the server's certificate, where that is not the one in the address.
    pub tls_server_name: Option<String>,
    /// How the daemon authenticates.
    pub auth: VaultAuth,
}

impl VaultStore {
    /// Where the pending value of `path` lies, inside the mount.
    pub fn pending_path(&self, path: &str) -> String {
        format!("{}/{path}", self.pending_prefix)
    }
}

/// A client certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// With its chain (absolute).
    pub certificate_file: PathBuf,
    /// Its private key (absolute).
    pub key_file: PathBuf,
}

/// How the daemon authenticates to Vault. `mount` is where the auth method is, below `auth/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaultAuth {
    /// `[store.X.vault.auth.token]`
    Token(TokenSource),
    /// `[store.X.vault.auth.approle]`
    Approle {
        /// `approle` unless the policy says otherwise.
        mount: String,
        /// Which role; not a secret.
        role_id: String,
        /// The secret id (absolute).
        secret_id_file: PathBuf,
        /// The file holds a token that unwraps to the secret id.
        wrapped: bool,
    },
    /// `[store.X.vault.auth.kubernetes]`
    Kubernetes {
        /// `kubernetes` unless the policy says otherwise.
        mount: String,
        /// Which role.
        role: String,
        /// The token of the service account (absolute).
        jwt_file: PathBuf,
    },
    /// `[store.X.vault.auth.jwt]`
    Jwt {
        /// `jwt` unless the policy says otherwise.
        mount: String,
        /// Which role; the mount's default without it.
        role: Option<String>,
        /// The JWT (absolute).
        jwt_file: PathBuf,
    },
    /// `[store.X.vault.auth.cert]`, with the client certificate of the store.
    Cert {
        /// `cert` unless the policy says otherwise.
        mount: String,
        /// Which role; any that fits the certificate without it.
        role: Option<String>,
    },
}

impl VaultAuth {
    /// Where the login goes to, below `/v1/`; `None` where there is none.
    pub fn login_path(&self) -> Option<String> {
        match self {
            Self::Token(_) => None,
            Self::Approle { mount, .. }
            | Self::Kubernetes { mount, .. }
            | Self::Jwt { mount, .. }
            | Self::Cert { mount, .. } => Some(format!("auth/{mount}/login")),
        }
    }
}
