//! The orgs, as they answer our own login.

use super::Seen;
use super::family::{Family, count, flag};
use crate::engine::service::LoginTrouble;

pub(super) fn families(seen: &Seen<'_>) -> [Family; 5] {
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
    [up, used, limit, logins, refused]
}
