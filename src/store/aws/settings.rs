//! How to reach Secrets Manager in one region.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

/// How long one request may take, from connecting to the last byte.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// One `[store.X.aws]`. The policy has checked that `http` goes to a loopback address only.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// Such as `eu-west-1`.
    pub region: String,
    /// A compatible server in place of AWS.
    pub endpoint_url: Option<Url>,
    /// Where credentials come from.
    pub credentials: Credentials,
    /// How a secret that does not exist is created on first use; `None`: it is not.
    pub create: Option<Creation>,
    /// How long one request may take; [`TIMEOUT`] unless a test knows better.
    pub timeout: Duration,
}

/// Where credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// AWS's usual chain: environment, profile (this one, or the usual), web identity, container, instance.
    Chain {
        /// A profile of the shared configuration files.
        profile: Option<String>,
    },
    /// One shared credentials file, and nothing else.
    File {
        /// Which.
        path: PathBuf,
        /// Which profile in it.
        profile: Option<String>,
    },
}

/// What a created secret is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Creation {
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The KMS key; `None`: AWS's own for Secrets Manager.
    pub kms_key_id: Option<String>,
    /// Regions that it is replicated to.
    pub replica_regions: Vec<String>,
}
