//! `[store.X]`: where credentials are kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::text;

/// A store, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorePolicy {
    /// `[store.X.vault]`
    Vault(VaultStore),
    /// `[store.X.file]`
    File(FileStore),
    /// `[store.X.aws]`
    Aws(AwsStore),
}

impl StorePolicy {
    /// The word in the header of its table.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Vault(_) => "vault",
            Self::File(_) => "file",
            Self::Aws(_) => "aws",
        }
    }
}

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
    /// How the daemon authenticates.
    pub auth: VaultAuth,
}

impl VaultStore {
    /// Where the pending value of `path` lies, inside the mount.
    pub fn pending_path(&self, path: &str) -> String {
        format!("{}/{path}", self.pending_prefix)
    }
}

/// How the daemon authenticates to Vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaultAuth {
    /// `[store.X.vault.auth.token]`
    Token(TokenSource),
    /// `[store.X.vault.auth.approle]`
    Approle {
        /// Which role; not a secret.
        role_id: String,
        /// The secret id (absolute).
        secret_id_file: PathBuf,
    },
}

/// Where a token is read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenSource {
    /// A file (absolute).
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// The encrypted file store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStore {
    /// Where the values lie (absolute).
    pub directory: PathBuf,
    /// The key that opens them (absolute).
    pub identity_file: PathBuf,
}

/// AWS Secrets Manager in one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsStore {
    /// Such as `eu-west-1`.
    pub region: String,
    /// A compatible server in place of AWS; `http` only for a loopback address.
    #[serde(with = "text::option")]
    pub endpoint_url: Option<Url>,
    /// A profile of the shared configuration files, in place of the usual one.
    pub profile: Option<String>,
    /// A shared credentials file (absolute), in place of the usual chain.
    pub credentials_file: Option<PathBuf>,
    /// How a secret that does not exist is created on first use; `None`: it is not.
    pub create: Option<AwsCreate>,
}

/// What a created secret is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsCreate {
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The KMS key: id, ARN or alias. `None`: AWS's own for Secrets Manager.
    pub kms_key_id: Option<String>,
    /// Regions that it is replicated to.
    pub replica_regions: Vec<String>,
}
