//! `[alert.X]`: who is told when something is wrong.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::pattern::AppPattern;
use super::store::TokenSource;
use super::text;

/// One sink: what it is told, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertPolicy {
    /// Its name.
    pub name: String,
    /// Nothing less severe is told.
    pub least: Severity,
    /// Incidents of these apps only; empty for all. What is about no app is told in any case.
    pub apps: Vec<AppPattern>,
    /// How it is reached.
    pub sink: SinkPolicy,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should look, during the day.
    Warning,
    /// Somebody has to do something.
    Error,
    /// Consumers cannot log in, or will not in a moment.
    Critical,
}

/// How a sink is reached. Each secret is named by where it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SinkPolicy {
    /// `[alert.X.pagerduty]`: Events API v2.
    Pagerduty {
        /// The integration's key.
        routing_key: TokenSource,
        /// Where events go.
        #[serde(with = "text")]
        url: Url,
        /// Certificates to trust besides the system's (absolute).
        ca_file: Option<PathBuf>,
    },
    /// `[alert.X.alertmanager]`: API v2 of Alertmanager and what imitates it.
    Alertmanager {
        /// The server, up to what stands before `/api/v2/alerts`.
        #[serde(with = "text")]
        url: Url,
        /// A bearer token, where one is wanted.
        token: Option<TokenSource>,
        /// As above.
        ca_file: Option<PathBuf>,
    },
    /// `[alert.X.webhook]`: a request of our own form, signed after Standard Webhooks.
    Webhook {
        /// Where it goes.
        #[serde(with = "text")]
        url: Url,
        /// `whsec_` and the key in Base64.
        secret: TokenSource,
        /// As above.
        ca_file: Option<PathBuf>,
    },
    /// `[alert.X.slack]`: an incoming webhook of Slack, Mattermost and others.
    Slack {
        /// The URL, which is the secret.
        url: TokenSource,
        /// As above.
        ca_file: Option<PathBuf>,
    },
    /// `[alert.X.smtp]`: mail.
    Smtp(SmtpPolicy),
}

impl SinkPolicy {
    /// The word in the header of its table.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Pagerduty { .. } => "pagerduty",
            Self::Alertmanager { .. } => "alertmanager",
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Smtp(_) => "smtp",
        }
    }
}

/// A mail server and who is written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpPolicy {
    /// The server, by name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// The user name and the password, where the server asks for them.
    pub login: Option<(String, TokenSource)>,
    /// The sender.
    pub from: String,
    /// The receivers; never empty.
    pub to: Vec<String>,
    /// As above.
    pub ca_file: Option<PathBuf>,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpTls {
    /// From the first command after the greeting; a server that does not offer it is not spoken to.
    Starttls,
    /// From the first byte.
    Implicit,
    /// Not at all: to a loopback address only.
    None,
}
