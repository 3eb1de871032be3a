//! What a consumer is told: its apps, where each reads its credential, and how it logs in.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The configuration file (JSON).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The apps, all run at once.
    pub apps: Vec<AppConfig>,
    /// Milliseconds between an answer and the next read.
    #[serde(default = "default_interval")]
    pub interval_ms: u64,
}

fn default_interval() -> u64 {
    20
}

/// One app.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// Its name, for what is printed.
    pub name: String,
    /// Where its credential is read.
    pub reader: ReaderConfig,
    /// How it uses it.
    #[serde(default)]
    pub flow: Flow,
    /// The token endpoint; the credential's own `token_url` when left out.
    #[serde(default)]
    pub token_url: Option<String>,
    /// The introspection endpoint, for that flow.
    #[serde(default)]
    pub introspect_url: Option<String>,
}

/// Where a credential is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReaderConfig {
    /// A file encrypted with age; a symbolic link is followed.
    File {
        /// The file.
        path: PathBuf,
        /// A file with the `AGE-SECRET-KEY-1…` line.
        identity_file: PathBuf,
    },
    /// A KV v2 secret.
    Vault {
        /// The server.
        address: String,
        /// A file with the token.
        token_file: PathBuf,
        /// The mount.
        mount: String,
        /// The path.
        path: String,
    },
    /// A secret of AWS Secrets Manager; credentials come by the SDK's usual chain.
    Aws {
        /// The region.
        region: String,
        /// Another server than AWS's own.
        #[serde(default)]
        endpoint_url: Option<String>,
        /// The secret's name or ARN.
        name: String,
    },
}

/// How a credential is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// A login by client credentials.
    #[default]
    ClientCredentials,
    /// Introspection of a junk token: an app without that flow still shows whether its pair is taken.
    Introspect,
}

impl Config {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
        serde_json::from_str(&text).map_err(|error| named(&error))
    }
}
