//! The switch of an org as readers see it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::moment;
use crate::engine::board::Cards;
use crate::engine::ledger::Ledgers;
use crate::engine::service::SwitchLedger;

/// Consumer secrets over REST in one org, as far as rekeyd turned them on.
#[derive(Debug, Serialize)]
pub struct SwitchView {
    /// They are on by rekeyd's hand, or may be.
    secrets_switch_open: bool,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Why they could not be turned off.
    #[serde(skip_serializing_if = "Option::is_none")]
    stuck: Option<String>,
}

/// One for each org of the policy, and for each that has left it with its switch on.
pub(in crate::api) fn switches(ledgers: &Ledgers, cards: &Cards) -> BTreeMap<String, SwitchView> {
    let known = &ledgers.service.switches;
    let of = |org: &String| {
        let switch = known.get(org).cloned().unwrap_or_default();
        SwitchView {
            secrets_switch_open: SwitchLedger::is_owed(&switch),
            since: switch.open_since().map(moment),
            stuck: switch.stuck.map(|stuck| stuck.why),
        }
    };
    let orgs = cards.apps.values().map(|card| &card.org);
    orgs.chain(known.keys())
        .map(|org| (org.clone(), of(org)))
        .collect()
}
