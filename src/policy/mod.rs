//! What an operator wrote, checked.
//!
//! TOML documents go in as text, and either one `Policy` comes out or *every* fault at once, each with its file,
//! line, caret and a hint. `serde` would stop at the first fault of a document, so the documents are parsed to a
//! tree with spans and that tree is walked by hand.
//!
//! ```text
//! SourceFile* -> document (merge) -> read/* (shape, values) -> cross (between tables) -> Policy | Vec<Fault>
//! ```
//!
//! - `alert`, `app`, `org`, `store`, `vault`, `service`: the checked types, plain data without spans.
//! - `environment`: the variables that stand in where the policy is silent.
//! - `diagnostic`: a fault, as text for a person and as JSON.
//! - `outline`: the little that is read of a policy that is refused.
//! - `mask`: which parts of a line may be shown at all. It shows what it knows to be harmless and hides the rest.
//!
//! Not here: reading files, and secrets of any kind. A policy only names where a secret is kept.
//!
//! `AppPolicy` can be serialised, since a rotation runs under the policy that it began with.

pub mod alert;
pub mod app;
pub mod compile;
pub mod diagnostic;
pub mod environment;
pub mod org;
pub mod outline;
pub mod service;
pub mod store;
pub mod vault;

mod cross;
mod document;
mod hint;
mod mask;
mod pattern;
mod read;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use alert::{AlertPolicy, Severity, SinkPolicy, SmtpPolicy, SmtpTls};
pub use app::{AppPolicy, Certificate, Fields, Flow, Method, StoreEntry, Target};
pub use compile::{SourceFile, compile, compile_in};
pub use diagnostic::{Fault, Place, to_json, to_text};
pub use environment::Environment;
pub use org::{ApiVersion, Login, OrgPolicy, Stability};
pub use outline::{Outline, outline};
pub use pattern::AppPattern;
pub use service::{ApiPolicy, ApiTls, ApiToken, JournalPolicy, MetricsAccess, Permission, SignalPolicy};
pub use store::{AwsCreate, AwsStore, FileStore, StorePolicy, TokenSource};
pub use vault::{ClientCertificate, VaultAuth, VaultStore};

/// Everything that was configured. Every name in it that refers to another table of it is known to exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Where the record is kept.
    pub journal: JournalPolicy,
    /// The HTTP and socket interface; `None` where there is no `[api]`.
    pub api: Option<ApiPolicy>,
    /// What a signal does.
    pub signal: SignalPolicy,
    /// Salesforce orgs by name.
    pub orgs: BTreeMap<String, OrgPolicy>,
    /// Stores by name.
    pub stores: BTreeMap<String, StorePolicy>,
    /// Managed apps by name.
    pub apps: BTreeMap<String, AppPolicy>,
    /// Who is told when something is wrong, by name.
    pub alerts: BTreeMap<String, AlertPolicy>,
}
