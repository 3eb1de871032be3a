//! What the org holds when it starts, as written in a TOML file or built by a test. Ids, keys and secrets that
//! are left out are made up.

use super::fault::Rule;
use super::switches::Switches;
use super::time::ClockMode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A whole org.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    /// The org's id (15 or 18 characters).
    pub org_id: Option<String>,
    /// Fixes all that is random, so that a run repeats.
    pub random: Option<String>,
    /// The clock.
    pub clock: ClockSeed,
    /// API calls a day; 0 for 15,000.
    pub daily_api_requests: u64,
    /// How the org answers what is open.
    pub switches: Switches,
    /// Users. The login's user and `admin@sandbox.example` are there in any case.
    #[serde(rename = "user")]
    pub users: Vec<UserSeed>,
    /// The app and user that a daemon logs in with.
    pub login: Option<LoginSeed>,
    /// Connected Apps.
    #[serde(rename = "connected_app")]
    pub connected_apps: Vec<ConnectedAppSeed>,
    /// External Client Apps.
    #[serde(rename = "external_client_app")]
    pub external_client_apps: Vec<ExternalClientAppSeed>,
    /// Auth Providers of the org.
    #[serde(rename = "auth_provider")]
    pub auth_providers: Vec<AuthProviderSeed>,
    /// Fault rules that are laid from the start.
    #[serde(rename = "fault")]
    pub faults: Vec<Rule>,
}

/// An Auth Provider, which logs people in by an app of some org.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthProviderSeed {
    /// Its developer name.
    pub name: String,
    /// The consumer key that it holds.
    pub consumer_key: String,
}

/// How the org's clock starts.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockSeed {
    /// Whether it moves by itself.
    pub mode: ClockMode,
    /// Where it starts (RFC 3339); by default at a fixed date when virtual, now when real.
    pub start: Option<String>,
}

/// A user.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSeed {
    /// The login name.
    pub username: String,
    /// Permissions by API name; left out, those that rotating needs: `ExternalClientAppDeveloper`,
    /// `ViewClientSecret`, `ModifyMetadata`, `CustomizeApplication`, `ManageRemoteAccess`.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
}

/// The login app: an External Client App of its own, with a certificate for JWT bearer.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginSeed {
    /// The app's name; `Rekeyd_Login` when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// The consumer key.
    pub client_id: String,
    /// The user it logs in as.
    pub username: String,
    /// Public key or certificate in PEM.
    #[serde(default)]
    pub public_key: Option<String>,
    /// A file with it, relative to the seed file.
    #[serde(default)]
    pub public_key_file: Option<PathBuf>,
}

/// A Connected App.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectedAppSeed {
    /// `fullName`.
    pub name: String,
    /// Consumer key.
    pub consumer_key: Option<String>,
    /// Consumer secret.
    pub consumer_secret: Option<String>,
    /// Label; the name when left out.
    pub label: Option<String>,
    /// Contact address.
    pub contact_email: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Callback URL.
    pub callback_url: Option<String>,
    /// Scopes (`Api`, `RefreshToken`, …); `Api` when empty.
    pub scopes: Vec<String>,
    /// Certificate in PEM, for JWT bearer.
    pub certificate: Option<String>,
    /// Turns the client credentials flow on, with this run-as user.
    pub client_credentials_user: Option<String>,
    /// Turns the client credentials flow on without a user.
    pub client_credentials: bool,
    /// `isConsumerSecretOptional`.
    pub secret_optional: bool,
    /// Permission sets.
    pub permission_sets: Vec<String>,
    /// `oauthPolicy`: IP relaxation.
    pub ip_relaxation: Option<String>,
    /// `oauthPolicy`: refresh token policy.
    pub refresh_token_policy: Option<String>,
    /// Further elements, which a client may not know, under the component.
    pub extra: BTreeMap<String, String>,
    /// Further elements under `oauthConfig`.
    pub oauth_extra: BTreeMap<String, String>,
    /// Users that may log in by JWT bearer; empty for all.
    pub approved_users: Vec<String>,
    /// Its refresh tokens, each by the name of its user.
    pub refresh_tokens: Vec<String>,
    /// A system app that breaks `readMetadata`.
    pub hidden: bool,
    /// Migrated: can only be read.
    pub read_only: bool,
    /// It belongs to a managed package.
    pub managed: bool,
    /// Switches that are other for this app.
    pub switches: toml::Table,
}

/// An External Client App.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExternalClientAppSeed {
    /// Developer name.
    pub name: String,
    /// Label; the name when left out.
    pub label: Option<String>,
    /// It is listed under `usage`.
    pub used: bool,
    /// Certificate in PEM, for JWT bearer.
    pub certificate: Option<String>,
    /// Turns the client credentials flow on, with this run-as user.
    pub client_credentials_user: Option<String>,
    /// Turns the client credentials flow on without a user.
    pub client_credentials: bool,
    /// The secret is optional.
    pub secret_optional: bool,
    /// It belongs to a managed package.
    pub managed: bool,
    /// `fullName` of its `ExtlClntAppGlobalOauthSettings`; the app's name and `_glbloauth` when left out.
    pub settings_name: Option<String>,
    /// Further elements of its `ExtlClntAppGlobalOauthSettings`, which a client may not know.
    pub extra: BTreeMap<String, String>,
    /// Users that may log in by JWT bearer; empty for all.
    pub approved_users: Vec<String>,
    /// Its refresh tokens, each by the name of its user.
    pub refresh_tokens: Vec<String>,
    /// Consumers; one is made up when there is none.
    #[serde(rename = "consumer")]
    pub consumers: Vec<ConsumerSeed>,
    /// Switches that are other for this app.
    pub switches: toml::Table,
}

impl Default for ExternalClientAppSeed {
    fn default() -> Self {
        Self {
            name: String::new(),
            label: None,
            used: true,
            certificate: None,
            client_credentials_user: None,
            client_credentials: false,
            secret_optional: false,
            managed: false,
            settings_name: None,
            extra: BTreeMap::new(),
            approved_users: Vec::new(),
            refresh_tokens: Vec::new(),
            consumers: Vec::new(),
            switches: toml::Table::new(),
        }
    }
}

/// A consumer of an External Client App.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsumerSeed {
    /// Its name; the app's when left out.
    pub name: Option<String>,
    /// Consumer key.
    pub key: Option<String>,
    /// Consumer secret.
    pub secret: Option<String>,
}

impl Seed {
    /// Reads a seed file, and the key file it names.
    ///
    /// # Errors
    /// A sentence with the file's name. A seed is a rehearsal's script: its secrets are worth nothing, so the
    /// parser's own words are passed on.
    pub fn read(path: &Path) -> Result<Self, String> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
        let mut seed: Self = toml::from_str(&text).map_err(|error| named(&error))?;
        if let Some(login) = &mut seed.login
            && let Some(file) = login.public_key_file.take()
        {
            let file = path.parent().unwrap_or(Path::new(".")).join(file);
            let text =
                std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            login.public_key = Some(text);
        }
        Ok(seed)
    }
}
