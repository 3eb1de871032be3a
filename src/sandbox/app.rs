//! An app of the org, of either kind, and what its settings allow.

use super::ident::RecordId;
use super::slot::Consumer;
use super::switches::Switches;
use super::time::Moment;
use super::xml::Element;
use serde::{Deserialize, Serialize};

/// The two kinds of client apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `ConnectedApp`.
    ConnectedApp,
    /// `ExternalClientApplication`.
    ExternalClientApp,
}

/// One app.
pub(super) struct App {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) kind: Kind,
    pub(super) id: RecordId,
    pub(super) created: Moment,
    pub(super) created_by: RecordId,
    pub(super) modified: Moment,
    pub(super) modified_by: RecordId,
    /// A Connected App's component, or the `ExtlClntAppGlobalOauthSettings` of the other kind; without key and secret.
    pub(super) component: Element,
    /// The component's full name: that of its settings need not be the app's (M §3).
    pub(super) component_name: String,
    /// The run-as user of an External Client App, which stands among its policies.
    pub(super) run_as: Option<String>,
    /// Usernames that may log in by JWT bearer; empty for everyone.
    pub(super) approved_users: Vec<String>,
    /// It is listed under `usage`.
    pub(super) used: bool,
    /// A system app that breaks `readMetadata` (M §1.2).
    pub(super) hidden: bool,
    /// It was migrated, so it can only be read (M §2.3 E).
    pub(super) read_only: bool,
    /// It belongs to a managed package.
    pub(super) managed: bool,
    pub(super) deleted: bool,
    /// Its refresh tokens, each by the name of its user.
    pub(super) refresh_tokens: Vec<String>,
    pub(super) consumers: Vec<Consumer>,
    /// The seed's overrides, and what they make of the org's switches.
    pub(super) overrides: serde_json::Map<String, serde_json::Value>,
    pub(super) switches: Switches,
}

impl App {
    fn oauth(&self, name: &str) -> Option<&str> {
        let oauth = match self.kind {
            Kind::ConnectedApp => self.component.child("oauthConfig")?,
            Kind::ExternalClientApp => &self.component,
        };
        oauth.text_of(name).filter(|text| !text.is_empty())
    }

    /// The client credentials flow is on.
    pub(super) fn client_credentials(&self) -> bool {
        self.oauth(match self.kind {
            Kind::ConnectedApp => "isClientCredentialEnabled",
            Kind::ExternalClientApp => "isClientCredentialsFlowEnabled",
        }) == Some("true")
    }

    /// The flow's run-as user.
    pub(super) fn run_as(&self) -> Option<&str> {
        match self.kind {
            Kind::ConnectedApp => self.oauth("oauthClientCredentialUser"),
            Kind::ExternalClientApp => self.run_as.as_deref(),
        }
    }

    /// The key or certificate, in PEM, that its JWT assertions are checked with.
    pub(super) fn certificate(&self) -> Option<&str> {
        self.oauth("certificate")
    }

    pub(super) fn secret_optional(&self) -> bool {
        self.oauth("isConsumerSecretOptional") == Some("true")
    }

    /// True when `key` has ever been of this app.
    pub(super) fn owns(&self, key: &str) -> bool {
        self.consumers
            .iter()
            .any(|consumer| consumer.credentials.iter().any(|pair| pair.key == key))
    }

    /// The consumer that `key` has ever belonged to.
    pub(super) fn consumer_of(&mut self, key: &str) -> Option<&mut Consumer> {
        self.consumers.iter_mut().find(|consumer| {
            consumer
                .credentials
                .iter()
                .any(|credential| credential.key == key)
        })
    }
}
