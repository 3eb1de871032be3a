//! `[app.X]`: one managed client app, complete: a rotation needs nothing else of the policy but its org and stores.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::text;
use crate::schedule::Timing;

/// One managed app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppPolicy {
    /// The name in `[app.NAME]`.
    pub name: String,
    /// Which org it belongs to: a key of `Policy::orgs`.
    pub org: String,
    /// What it is at Salesforce.
    pub target: Target,
    /// How to rotate it, the most wanted first; never empty, all of them for this kind of target.
    pub methods: Vec<Method>,
    /// Where its credential is published, in order; never empty. Later stores copy what the first one holds.
    pub stores: Vec<StoreEntry>,
    /// When it rotates.
    pub timing: Timing,
    /// How long the old credential is left usable after publishing; zero where no method overlaps.
    pub grace: Duration,
    /// The app's own, else the org's.
    pub cutover_timeout: Duration,
    /// How long a person has for what the method `assisted` asks of them.
    #[serde(default = "week")]
    pub answer_within: Duration,
    /// How long after the end of a rotation none is started on demand.
    #[serde(default)]
    pub cool_down: Duration,
    /// What a write of the whole component says about the certificate; always there for a method
    /// that does so.
    pub certificate: Option<Certificate>,
    /// The OAuth flow that its consumers use, where the policy says so.
    #[serde(default)]
    pub flow: Option<Flow>,
    /// A hint for the probes: whether the app has the client credentials flow; `None` where it has to be found out.
    pub client_credentials: Option<bool>,
    /// The token endpoint to prove and publish with, where it is not the org's own.
    #[serde(with = "text::option")]
    pub token_url: Option<Url>,
}

/// What is usual, and what policies in journals of earlier versions mean.
fn week() -> Duration {
    AppPolicy::ANSWER_WITHIN
}

impl AppPolicy {
    /// `answer_within` where nobody said.
    pub const ANSWER_WITHIN: Duration = Duration::from_secs(7 * 86_400);
}

/// What an app is at Salesforce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// One consumer of an External Client App.
    ExternalClientApp {
        /// Its developer name.
        name: String,
        /// Which consumer, where the app has several.
        consumer: Option<String>,
        /// Consumers take the id from the store too, so a method may change it.
        allow_key_change: bool,
    },
    /// A Connected App.
    ConnectedApp {
        /// Its developer name.
        name: String,
        /// Consumers take the id from the store too, so a method may change it.
        #[serde(default)]
        allow_key_change: bool,
    },
}

impl Target {
    /// Its developer name.
    pub fn name(&self) -> &str {
        match self {
            Self::ExternalClientApp { name, .. } | Self::ConnectedApp { name, .. } => name,
        }
    }

    /// Whether a method may change the client id.
    pub fn allows_key_change(&self) -> bool {
        match self {
            Self::ExternalClientApp { allow_key_change, .. }
            | Self::ConnectedApp { allow_key_change, .. } => *allow_key_change,
        }
    }

    /// The word in the header of its table.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ExternalClientApp { .. } => "external_client_app",
            Self::ConnectedApp { .. } => "connected_app",
        }
    }
}

/// How an app is rotated. Words of later versions are known to the reader and refused there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Connect REST staged credentials of an External Client App.
    Staged,
    /// `updateMetadata` of a Connected App.
    Update,
    /// Metadata API `deploy` of an External Client App with `shouldRotateConsumerSecret`.
    Regenerate,
    /// A person in Setup, of either kind of app.
    Assisted,
}

impl Method {
    /// Every one that this version has.
    pub const ALL: [Method; 4] = [
        Method::Staged,
        Method::Update,
        Method::Regenerate,
        Method::Assisted,
    ];

    /// The word in the policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Update => "update",
            Self::Regenerate => "regenerate",
            Self::Assisted => "assisted",
        }
    }

    /// Whether it works on External Client Apps (`true`), or on Connected Apps.
    pub fn fits(self, external: bool) -> bool {
        match self {
            Self::Staged | Self::Regenerate => external,
            Self::Update => !external,
            Self::Assisted => true,
        }
    }

    /// Whether the old credential stays usable after the new one is.
    pub fn overlaps(self) -> bool {
        match self {
            Self::Staged => true,
            Self::Update | Self::Regenerate | Self::Assisted => false,
        }
    }

    /// Whether the client id changes with the secret (salesforce-oauth-rest.md, sections 1 and 2).
    pub fn changes_key(self) -> bool {
        match self {
            Self::Staged | Self::Assisted => true,
            Self::Update | Self::Regenerate => false,
        }
    }

    /// Whether the whole component is written, and so whatever of it cannot be read back is at risk.
    pub fn writes_component(self) -> bool {
        match self {
            Self::Staged | Self::Assisted => false,
            Self::Update | Self::Regenerate => true,
        }
    }
}

/// How an app's consumers come by their access tokens (salesforce-oauth-rest.md, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// Authorization code with a secret; refresh tokens.
    WebServer,
    /// Authorization code with PKCE, in an app on somebody's device: the secret is optional.
    Pkce,
    /// A signed assertion: no secret in use.
    JwtBearer,
    /// Client id and secret alone.
    ClientCredentials,
    /// A code that a person types in elsewhere: command lines, television sets.
    Device,
}

impl Flow {
    /// Every one of them, in the order in which they are listed to people.
    pub const ALL: [Flow; 5] = [
        Flow::WebServer,
        Flow::Pkce,
        Flow::JwtBearer,
        Flow::ClientCredentials,
        Flow::Device,
    ];

    /// The word in the policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::WebServer => "web-server",
            Self::Pkce => "pkce",
            Self::JwtBearer => "jwt-bearer",
            Self::ClientCredentials => "client-credentials",
            Self::Device => "device",
        }
    }
}

/// What a write of the whole component says about the certificate, which cannot be read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certificate {
    /// The app has none.
    None,
    /// It has this one (absolute).
    File(PathBuf),
}

/// Where a credential is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreEntry {
    /// Which store: a key of `Policy::stores`.
    pub store: String,
    /// The path in it (normalised: no empty, `.` or `..` part), or the name for AWS.
    pub path: String,
    /// What the keys of the value are called there.
    pub fields: Fields,
}

/// What the keys of a stored value are called. `None`: that key is not written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    /// The client id.
    pub client_id: String,
    /// The client secret.
    pub client_secret: String,
    /// The token endpoint.
    pub token_url: Option<String>,
    /// The name of the org in this policy.
    pub org: Option<String>,
    /// When the credential was published.
    pub rotated_at: String,
    /// Which rotation made it; what tells our values from others'.
    pub rotation_id: String,
    /// The org's My Domain.
    pub base_uri: Option<String>,
    /// The id of the app at Salesforce.
    pub app_id: Option<String>,
    /// The id of the consumer at Salesforce.
    pub consumer_id: Option<String>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            client_id: "client_id".into(),
            client_secret: "client_secret".into(),
            token_url: Some("token_url".into()),
            org: Some("org".into()),
            rotated_at: "rotated_at".into(),
            rotation_id: "rotation_id".into(),
            base_uri: None,
            app_id: None,
            consumer_id: None,
        }
    }
}

impl Fields {
    /// The word for [`Fields::managed_external_secret`].
    pub const MANAGED_EXTERNAL_SECRET: &'static str = "salesforce-managed-external-secret";

    /// Every name that is used.
    pub fn names(&self) -> Vec<&str> {
        let always = [
            &self.client_id,
            &self.client_secret,
            &self.rotated_at,
            &self.rotation_id,
        ];
        let maybe = [
            &self.token_url,
            &self.org,
            &self.base_uri,
            &self.app_id,
            &self.consumer_id,
        ];
        always
            .into_iter()
            .chain(maybe.into_iter().flatten())
            .map(String::as_str)
            .collect()
    }

    /// The names that AWS gives a managed external secret of Salesforce.
    pub fn managed_external_secret() -> Self {
        Self {
            client_id: "consumerKey".into(),
            client_secret: "consumerSecret".into(),
            token_url: None,
            org: None,
            base_uri: Some("baseUri".into()),
            app_id: Some("appId".into()),
            consumer_id: Some("consumerId".into()),
            ..Self::default()
        }
    }
}
