//! Our own login to each org, tried on a timer: what it is refused for, and when it will be, is told before a rotation
//! needs it. The same look brings the org's clock and its quota.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Look, Managed, Supervisor};
use crate::clock::Timestamp;
use crate::engine::board::OrgCard;
use crate::engine::service::{LoginTrouble, ServiceNote};
use crate::port::{Fault, OrgReport, OrgWatch};

/// A certificate that ends within this is worth telling.
const ENDING: Duration = Duration::from_secs(30 * 86_400);

/// A refusal is tried again after this before it is told.
const AGAIN: Duration = Duration::from_secs(90);

/// While an org is above its budget the figure is asked for again after this.
const RECOUNT: Duration = Duration::from_secs(600);

/// What is known of the looks at each org.
#[derive(Default)]
pub(super) struct Orgs(BTreeMap<String, Card>);

#[derive(Default)]
struct Card {
    next: Option<Timestamp>,
    asked: Option<Timestamp>,
    looking: bool,
    refusals: u32,
}

impl Orgs {
    /// Every next look is due.
    pub fn forget_times(&mut self) {
        for card in self.0.values_mut() {
            card.next = None;
        }
    }
}

impl Supervisor {
    /// How each org is looked at.
    pub(super) fn watches(&self) -> BTreeMap<String, Arc<dyn OrgWatch>> {
        let of = |managed: &Managed| Some((managed.seat.org.clone(), managed.watch.clone()?));
        self.apps.values().filter_map(of).collect()
    }

    pub(super) fn look_at_orgs(&mut self) {
        let now = self.house.clock.now();
        let every: BTreeMap<String, Duration> = self
            .apps
            .values()
            .map(|managed| (managed.seat.org.clone(), managed.live_check))
            .collect();
        for (org, watch) in self.watches() {
            let every = every.get(&org).copied().unwrap_or_default();
            let card = self.orgs.0.entry(org.clone()).or_default();
            if every.is_zero() || card.looking || card.next.is_some_and(|next| now < next) {
                continue;
            }
            card.next = Some(now + every);
            self.ask_org(org, watch, now);
        }
    }

    fn ask_org(&mut self, org: String, watch: Arc<dyn OrgWatch>, now: Timestamp) {
        let card = self.orgs.0.entry(org.clone()).or_default();
        card.looking = true;
        card.asked = Some(now);
        self.looks.spawn(async move {
            let report = watch.look().await;
            let logins = watch.logins();
            Look::Org(org, now, report, logins)
        });
    }

    /// Whether a rotation that is due may start without taking what the org's own users need of its daily requests. Told
    /// when that changes; while it may not, the org is asked now and then.
    pub(super) async fn within_budget(&mut self, managed: &Managed, now: Timestamp) -> bool {
        let Some(watch) = managed.watch.clone() else {
            return true;
        };
        let (org, share) = (managed.seat.org.clone(), managed.exam.org.budget);
        let over = watch.api().filter(|(used, limit)| {
            let spent = used.saturating_mul(100);
            share < 100 && *limit > 0 && spent >= limit.saturating_mul(u64::from(share))
        });
        let known = self.service(|service| service.budget.contains_key(&org));
        let Some((used, limit)) = over else {
            if known {
                self.jot(&ServiceNote::BudgetFree { org }).await;
            }
            return true;
        };
        let card = self.orgs.0.entry(org.clone()).or_default();
        if !card.looking && card.asked.is_none_or(|asked| now.since(asked) >= RECOUNT) {
            self.ask_org(org.clone(), watch, now);
        }
        if !known {
            let note = ServiceNote::BudgetSpent {
                org,
                used,
                limit,
                share,
            };
            self.jot(&note).await;
        }
        false
    }

    pub(super) async fn org_answered(
        &mut self,
        org: String,
        asked: Timestamp,
        report: Result<OrgReport, Fault>,
        logins: (u64, u64),
    ) {
        let now = self.house.clock.now();
        {
            let mut cards = self.board.cards();
            let known = cards.orgs.entry(org.clone()).or_default();
            let api = report.as_ref().ok().and_then(|report| report.api);
            *known = OrgCard {
                at: Some(now),
                up: report.is_ok(),
                api: api.or(known.api),
                logins,
            };
        }
        let card = self.orgs.0.entry(org.clone()).or_default();
        card.looking = false;
        let report = match report {
            Ok(report) => report,
            Err(fault) => return self.login_failed(org, fault).await,
        };
        card.refusals = 0;
        if let Some(time) = report.server_time {
            self.time_is_told(org.clone(), asked, Ok(time)).await;
        }
        let trouble = self.service(|service| service.login.get(&org).cloned());
        let ending = report.login_ends.filter(|end| *end <= now + ENDING);
        match (ending, trouble) {
            (Some(at), Some(LoginTrouble::Ending { at: known, .. })) if known == at => {}
            (Some(at), _) => self.jot(&ServiceNote::LoginEnding { org, at }).await,
            (None, Some(_)) => self.jot(&ServiceNote::LoginFine { org }).await,
            (None, None) => {}
        }
    }

    async fn login_failed(&mut self, org: String, fault: Fault) {
        let now = self.house.clock.now();
        let refused = match &fault {
            Fault::Unauthorized(_) | Fault::Forbidden(_) | Fault::SwitchedOff(_) | Fault::Unusable(_) => true,
            Fault::Unavailable(_) | Fault::Throttled { .. } | Fault::NotFound(_) => false,
        };
        let card = self.orgs.0.entry(org.clone()).or_default();
        if !refused {
            tracing::warn!(org, "the org does not answer: {fault}");
            return;
        }
        card.refusals = card.refusals.saturating_add(1);
        if card.refusals == 1 {
            card.next = Some(now + AGAIN);
            return;
        }
        let why = fault.to_string();
        let told = self.service(|service| match service.login.get(&org) {
            Some(LoginTrouble::Refused { why: known, .. }) => *known == why,
            Some(LoginTrouble::Ending { .. }) | None => false,
        });
        if !told {
            self.jot(&ServiceNote::LoginRefused { org, why }).await;
        }
    }
}
