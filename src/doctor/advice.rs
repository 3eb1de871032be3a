//! A way that is better than every method: the one-time migration of a Connected App.

use serde::Serialize;

use super::finding::{MethodVerdict, Standing, Way};
use super::observed::{AppSeen, Kind, Seen, Subject};
use crate::policy::Flow;

/// What is recommended, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// In one sentence.
    pub recommends: String,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// What follows from it.
    pub consequences: Vec<String>,
}

/// What the policy says after a migration.
pub(super) fn to_external(subject: &Subject) -> String {
    let (app, name) = (&subject.app, &subject.name);
    format!(
        "in the policy, replace [app.{app}.connected_app] by [app.{app}.external_client_app] with `name = \"{name}\"` \
         and `allow_key_change = true`, and reload: the pair is adopted as it is, and nothing is rotated by that"
    )
}

/// Migration, where the app is there, is ours and is not known to be rotatable otherwise by a program
/// (salesforce-metadata.md §2.3 E).
pub(super) fn advice(subject: &Subject, seen: &AppSeen, verdicts: &[MethodVerdict]) -> Option<Advice> {
    let AppSeen::Connected(seen) = seen else {
        return None;
    };
    let open =
        |verdict: &MethodVerdict| verdict.standing == Standing::Open && verdict.method == Way::Update.word();
    let migrated = matches!(seen.twin, Seen::Is(Some(Some(true) | None)));
    let there =
        matches!(&seen.component, Seen::Is(Some(component)) if component.oauth && !component.own_login);
    let managed = seen.managed == Seen::Is(true);
    if subject.kind != Kind::Connected || !there || managed || migrated || verdicts.iter().any(open) {
        return None;
    }
    let mut consequences = vec![
        "the Connected App becomes read-only; deleting the External Client App brings it back with its old settings"
            .to_owned(),
        "client id and secret are reported to stay as they are at the migration; the first rotation after it changes \
         both, so consumers must take both from the store"
            .to_owned(),
        "from then on old and new overlap for up to 30 days: no outage".to_owned(),
        "External Client Apps have no username-password flow: a consumer that uses it stops working".to_owned(),
        "no API does it: a person does it once, in Setup".to_owned(),
    ];
    if subject.flow == Some(Flow::JwtBearer) {
        consequences
            .push("JWT bearer clients must follow the new client id in `iss` at each rotation".to_owned());
    }
    Some(Advice {
        recommends: "migrate it to an External Client App once, and rotate it by `staged` from then on"
            .into(),
        steps: vec![
            format!(
                "Setup, App Manager, `{}`, View: migrate to an External Client App (local apps only)",
                subject.name
            ),
            "have every consumer read client id and secret from the store".into(),
            to_external(subject),
            format!("`rekeyd doctor {}` once more", subject.app),
        ],
        consequences,
    })
}
