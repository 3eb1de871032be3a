//! Where Setup shows the pair of an app (salesforce-oauth-rest.md §1, §2): one place for each kind of app.

use serde_json::Value;

/// Both, where nobody says which kind of app it is.
pub const SETUP: &str = "Setup > App Manager > the app > View > Manage Consumer Details (Connected App), or Setup > \
                                External Client App Manager > the app > Settings > OAuth Settings > Consumer Key and \
                                Secret";

/// What an app is at Salesforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppKind {
    /// A Connected App.
    ConnectedApp,
    /// An External Client App.
    ExternalClientApp,
}

impl AppKind {
    /// As the policy, a card or a journaled policy writes it.
    pub fn named(word: &str) -> Option<AppKind> {
        match word {
            "connected_app" | "connected-app" => Some(AppKind::ConnectedApp),
            "external_client_app" | "external-client-app" => Some(AppKind::ExternalClientApp),
            _ => None,
        }
    }

    /// By the policy that a rotation began with.
    pub fn of(policy: &Value) -> Option<AppKind> {
        let target = policy.get("target")?.as_object()?;
        target.keys().find_map(|word| AppKind::named(word))
    }

    /// The place in Setup.
    pub fn setup(self) -> &'static str {
        match self {
            AppKind::ConnectedApp => "Setup > App Manager > the app > View > Manage Consumer Details",
            AppKind::ExternalClientApp => {
                "Setup > External Client App Manager > the app > Settings > OAuth Settings > Consumer Key and Secret"
            }
        }
    }
}

/// A text of ours with the one place that is right for this kind of app.
pub fn in_setup(text: String, kind: Option<AppKind>) -> String {
    match kind {
        Some(kind) => text.replace(SETUP, kind.setup()),
        None => text,
    }
}

/// How a person replaces a leaked credential where no call of ours does (salesforce-oauth-rest.md §2,
/// salesforce-metadata.md §2.3 D).
pub fn setup_steps(app: &str, kind: Option<AppKind>) -> Vec<String> {
    let place = kind.map_or(SETUP, AppKind::setup);
    let apply = match kind {
        Some(AppKind::ExternalClientApp) => "Apply the staged details at once, then delete the former ones",
        Some(AppKind::ConnectedApp) | None => {
            "Apply at once: from then on consumers are out, since Apply revokes every access and refresh token of the \
             app and cannot be taken back"
        }
    };
    vec![
        format!("{place} (an e-mailed code is asked for; it takes `Allow consumer key and secret rotation`)"),
        "Generate staged consumer details: a new key and a new secret".into(),
        apply.into(),
        format!("hand the new pair over: `rekeyd submit {app}`; it is proven, and published in every store"),
    ]
}

/// The same where rekeyd stores, proves and publishes what a person makes (method `assisted`).
pub fn assisted_steps(app: &str, kind: Option<AppKind>) -> Vec<String> {
    let place = kind.map_or(SETUP, AppKind::setup);
    vec![
        format!("{place}: Generate staged consumer details, and do not apply them yet"),
        format!("hand the new pair over: `rekeyd submit {app}`; it is stored everywhere, in use nowhere"),
        format!(
            "when `rekeyd status {app}` asks for it, Apply: consumers are out from then until it is published, which is at once; \
             Apply revokes every access and refresh token of the app and cannot be taken back"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tell;
    use crate::rotation::Hold;

    #[test]
    fn a_remedy_names_the_place_of_its_kind_of_app_only() {
        let text = || tell::remedy(&Hold::CurrentRefused, "billing", false);
        let external = in_setup(text(), Some(AppKind::ExternalClientApp));
        assert!(external.contains("External Client App Manager"), "{external}");
        assert!(!external.contains("Setup > App Manager"), "{external}");
        let connected = in_setup(text(), Some(AppKind::ConnectedApp));
        assert!(connected.contains("Setup > App Manager"), "{connected}");
        assert!(!connected.contains("External Client App"), "{connected}");
        assert_eq!(in_setup(text(), None), text());
    }
}
