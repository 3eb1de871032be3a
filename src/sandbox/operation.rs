//! What a request asks for, by name: the names under which calls are counted and faults are laid.

use super::soap::{Envelope, Method as SoapMethod};
use super::wire::Call;
use axum::http::Method;

/// Every operation name. A fault may name one of them, or the part before its dot.
pub const OPERATIONS: &[&str] = &[
    "token.jwt_bearer",
    "token.client_credentials",
    "token.refresh_token",
    "token.authorization_code",
    "token.other",
    "introspect",
    "revoke",
    "userinfo",
    "identity",
    "versions",
    "resources",
    "limits",
    "query",
    "query.more",
    "usage",
    "usage.users",
    "usage.end",
    "credential.list",
    "credential.get",
    "staged.list",
    "staged.post",
    "staged.get",
    "staged.patch",
    "staged.delete",
    "soap.readMetadata",
    "soap.updateMetadata",
    "soap.listMetadata",
    "soap.describeMetadata",
    "soap.deploy",
    "soap.checkDeployStatus",
    "soap.retrieve",
    "soap.checkRetrieveStatus",
    "soap.login",
    "soap.other",
    "unknown",
];

/// A grant type of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    JwtBearer,
    ClientCredentials,
    RefreshToken,
    AuthorizationCode,
    Other,
}

/// A request's meaning.
#[derive(Clone)]
pub(super) enum Operation {
    Token(Grant),
    Introspect,
    Revoke,
    Userinfo,
    Identity {
        user: String,
    },
    Versions,
    Resources {
        version: u16,
    },
    Limits {
        version: u16,
    },
    Query {
        version: u16,
    },
    /// The next records of a query, by the locator that its last page named.
    QueryMore {
        version: u16,
        locator: String,
    },
    Usage {
        version: u16,
    },
    UsageUsers {
        version: u16,
        app: String,
    },
    UsageEnd {
        version: u16,
        app: String,
    },
    CredentialList {
        version: u16,
        app: String,
    },
    CredentialGet {
        version: u16,
        app: String,
        consumer: String,
    },
    Staged {
        version: u16,
        app: String,
        consumer: String,
        verb: StagedVerb,
    },
    Soap {
        version: Option<u16>,
        envelope: Result<Envelope, String>,
    },
    /// `login` of the SOAP API of data, in either of its forms.
    SoapLogin {
        version: Option<u16>,
    },
    Unknown,
}

/// What is done to the staged slot; an item is named by its id.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum StagedVerb {
    List,
    Post,
    Get(String),
    Patch(String),
    Delete(String),
}

impl Operation {
    /// Reads a request's meaning from its method, path and, where needed, body.
    pub(super) fn of(call: &Call) -> Self {
        let path = call.path.trim_end_matches('/');
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let get = call.method == Method::GET;
        let post = call.method == Method::POST;
        match parts.as_slice() {
            ["services", "oauth2", "token"] if post => Self::Token(grant(call)),
            ["services", "oauth2", "introspect"] if post => Self::Introspect,
            ["services", "oauth2", "revoke"] if post || get => Self::Revoke,
            ["services", "oauth2", "userinfo"] if post || get => Self::Userinfo,
            ["id", _, user] if get => Self::Identity {
                user: (*user).to_owned(),
            },
            ["services", "data"] if get => Self::Versions,
            ["services", "Soap", "m", version, ..] if post => Self::Soap {
                version: number(version),
                envelope: Envelope::read(&call.body),
            },
            ["services", "Soap", "u" | "c", version, ..] if post => Self::SoapLogin {
                version: number(version),
            },
            ["services", "data", version, rest @ ..] => match version.strip_prefix('v').and_then(number) {
                Some(version) => Self::data(call, version, rest),
                None => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    fn data(call: &Call, version: u16, rest: &[&str]) -> Self {
        let verb = call.method.as_str();
        let text = |part: &str| part.to_owned();
        match (verb, rest) {
            ("GET", []) => Self::Resources { version },
            ("GET", ["limits"]) => Self::Limits { version },
            ("GET", ["query"]) => Self::Query { version },
            ("GET", ["query", locator]) => Self::QueryMore {
                version,
                locator: text(locator),
            },
            ("GET", ["apps", "oauth", "usage"]) => Self::Usage { version },
            ("GET", ["apps", "oauth", "usage", app, "users"]) => Self::UsageUsers {
                version,
                app: text(app),
            },
            ("DELETE", ["apps", "oauth", "usage", app, "tokens"]) => Self::UsageEnd {
                version,
                app: text(app),
            },
            ("GET", ["apps", "oauth", "credentials", app]) => Self::CredentialList {
                version,
                app: text(app),
            },
            ("GET", ["apps", "oauth", "credentials", app, consumer]) => Self::CredentialGet {
                version,
                app: text(app),
                consumer: text(consumer),
            },
            (_, ["apps", "oauth", "credentials", app, consumer, "staged", item @ ..]) => {
                let verb = match (verb, item) {
                    ("GET", []) => StagedVerb::List,
                    ("POST", []) => StagedVerb::Post,
                    ("GET", [id]) => StagedVerb::Get(text(id)),
                    ("PATCH", [id]) => StagedVerb::Patch(text(id)),
                    ("DELETE", [id]) => StagedVerb::Delete(text(id)),
                    _ => return Self::Unknown,
                };
                Self::Staged {
                    version,
                    app: text(app),
                    consumer: text(consumer),
                    verb,
                }
            }
            _ => Self::Unknown,
        }
    }

    /// The operation's name, one of [`OPERATIONS`].
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Token(Grant::JwtBearer) => "token.jwt_bearer",
            Self::Token(Grant::ClientCredentials) => "token.client_credentials",
            Self::Token(Grant::RefreshToken) => "token.refresh_token",
            Self::Token(Grant::AuthorizationCode) => "token.authorization_code",
            Self::Token(Grant::Other) => "token.other",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::Userinfo => "userinfo",
            Self::Identity { .. } => "identity",
            Self::Versions => "versions",
            Self::Resources { .. } => "resources",
            Self::Limits { .. } => "limits",
            Self::Query { .. } => "query",
            Self::QueryMore { .. } => "query.more",
            Self::Usage { .. } => "usage",
            Self::UsageUsers { .. } => "usage.users",
            Self::UsageEnd { .. } => "usage.end",
            Self::CredentialList { .. } => "credential.list",
            Self::CredentialGet { .. } => "credential.get",
            Self::Staged { verb, .. } => match verb {
                StagedVerb::List => "staged.list",
                StagedVerb::Post => "staged.post",
                StagedVerb::Get(_) => "staged.get",
                StagedVerb::Patch(_) => "staged.patch",
                StagedVerb::Delete(_) => "staged.delete",
            },
            Self::Soap {
                envelope: Ok(envelope),
                ..
            } => match envelope.method() {
                SoapMethod::Read => "soap.readMetadata",
                SoapMethod::Update => "soap.updateMetadata",
                SoapMethod::List => "soap.listMetadata",
                SoapMethod::Describe => "soap.describeMetadata",
                SoapMethod::Deploy => "soap.deploy",
                SoapMethod::DeployStatus => "soap.checkDeployStatus",
                SoapMethod::Retrieve => "soap.retrieve",
                SoapMethod::RetrieveStatus => "soap.checkRetrieveStatus",
                SoapMethod::Other => "soap.other",
            },
            Self::SoapLogin { .. } => "soap.login",
            Self::Soap { envelope: Err(_), .. } => "soap.other",
            Self::Unknown => "unknown",
        }
    }

    /// True for the OAuth endpoints, which answer errors in a shape of their own and take no session.
    pub(super) fn is_oauth(&self) -> bool {
        matches!(self, Self::Token(_) | Self::Introspect | Self::Revoke)
    }

    /// True for the SOAP endpoint.
    pub(super) fn is_soap(&self) -> bool {
        matches!(self, Self::Soap { .. } | Self::SoapLogin { .. })
    }
}

fn grant(call: &Call) -> Grant {
    match call.field("grant_type").as_deref() {
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => Grant::JwtBearer,
        Some("client_credentials") => Grant::ClientCredentials,
        Some("refresh_token") => Grant::RefreshToken,
        Some("authorization_code") => Grant::AuthorizationCode,
        _ => Grant::Other,
    }
}

/// The major number of an API version such as `66.0`.
fn number(text: &str) -> Option<u16> {
    text.strip_suffix(".0").and_then(|major| major.parse().ok())
}
