//! The orgs, as they answer our own login.

use std::collections::BTreeSet;

use super::Seen;
use super::family::{Family, count, flag, seconds};
use crate::engine::service::{LoginTrouble, SwitchLedger};

pub(super) fn families(seen: &Seen<'_>) -> [Family; 7] {
    let mut up = Family::gauge(
        "rekeyd_org_up",
        "1 if the org answered our own login when it was last asked, 0 if not.",
    );
    let mut used = Family::gauge(
        "rekeyd_org_api_requests_used",
        "API requests of the whole org in 24 hours, as it last said (Sforce-Limit-Info).",
    );
    let mut limit = Family::gauge(
        "rekeyd_org_api_requests_limit",
        "API requests that the whole org may make in 24 hours, as it last said (Sforce-Limit-Info).",
    );
    let mut logins = Family::counter(
        "rekeyd_org_logins_total",
        "Logins of rekeyd itself since it started, by outcome: accepted or refused.",
    );
    let mut refused = Family::gauge(
        "rekeyd_org_login_refused",
        "1 if our own login is refused, so that nothing can be rotated in this org.",
    );
    let mut open = Family::gauge(
        "rekeyd_org_secrets_switch_open",
        "1 while consumer secrets over REST are on by rekeyd's hand, or may be, 0 while they are not.",
    );
    let mut since = Family::gauge(
        "rekeyd_org_secrets_switch_open_since_timestamp_seconds",
        "When rekeyd turned them on, in seconds since 1970; absent while it has not.",
    );
    let switches = &seen.ledgers.service.switches;
    // What was turned on in an org that has left the policy is told as long as it is so.
    let named = seen.cards.apps.values().map(|card| &card.org);
    let orgs: BTreeSet<&String> = named.chain(switches.keys()).collect();
    for org in orgs {
        let labels = [("org", org.as_str())];
        let switch = switches.get(org);
        open.add(&labels, Some(flag(switch.is_some_and(SwitchLedger::is_owed))));
        since.add(
            &labels,
            switch.and_then(|switch| switch.open_since()).map(seconds),
        );
    }
    for (org, card) in &seen.cards.orgs {
        let labels = [("org", org.as_str())];
        up.add(&labels, card.at.map(|_| flag(card.up)));
        used.add(&labels, card.api.map(|(used, _)| count(used)));
        limit.add(&labels, card.api.map(|(_, limit)| count(limit)));
        for (outcome, number) in [("accepted", card.logins.0), ("refused", card.logins.1)] {
            let labels = [("org", org.as_str()), ("outcome", outcome)];
            logins.add(&labels, Some(count(number)));
        }
        let trouble = seen.ledgers.service.login.get(org);
        let is_refused = matches!(trouble, Some(LoginTrouble::Refused { .. }));
        refused.add(&labels, Some(flag(is_refused)));
    }
    [up, used, limit, logins, refused, open, since]
}
