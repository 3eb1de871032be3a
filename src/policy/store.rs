//! `[store.X]`: where credentials are kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::text;
use super::vault::VaultStore;

/// A store, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorePolicy {
    /// `[store.X.vault]`
    Vault(Box<VaultStore>),
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
