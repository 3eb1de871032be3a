//! The apps: when each was and will be rotated, where it stands, and whether its credential works.

use super::Seen;
use super::family::{Family, count, flag, seconds, span};
use crate::clock::Timestamp;
use crate::engine::board::AppCard;
use crate::engine::due;
use crate::engine::ledger::AppLedger;
use crate::engine::phase::Phase;
use crate::schedule::deadline;

/// Every outcome is there from the start, so that a rate sees the first one.
const OUTCOMES: [&str; 5] = ["rotated", "abandoned", "ignored", "not-offered", "undone"];

struct Families {
    success: Family,
    due: Family,
    deadline: Family,
    created: Family,
    state: Family,
    failed: Family,
    rotations: Family,
    outage: Family,
    acceptance: Family,
    overdue: Family,
    accepted: Family,
    checked: Family,
}

pub(super) fn families(seen: &Seen<'_>) -> Vec<Family> {
    let mut all = Families::new();
    let none = AppLedger::default();
    for (app, card) in &seen.cards.apps {
        let ledger = seen.ledgers.apps.get(app).unwrap_or(&none);
        all.app(app, card, ledger, seen.now);
        for ((of, store), check) in seen.cards.live.iter().filter(|((of, _), _)| of == app) {
            let labels = [
                ("app", of.as_str()),
                ("org", card.org.as_str()),
                ("store", store.as_str()),
            ];
            all.accepted.add(&labels, check.accepted.map(flag));
            all.checked.add(&labels, Some(seconds(check.at)));
        }
    }
    all.list()
}

impl Families {
    fn new() -> Families {
        Families {
            success: Family::gauge(
                "rekeyd_app_last_success_timestamp_seconds",
                "When a rotation last published a proven credential in every store; absent if never in this journal.",
            ),
            due: Family::gauge(
                "rekeyd_app_next_due_timestamp_seconds",
                "When the next rotation is due, or may start; absent while it is held, running or unadopted.",
            ),
            deadline: Family::gauge(
                "rekeyd_app_deadline_timestamp_seconds",
                "When the current credential is too old.",
            ),
            created: Family::gauge(
                "rekeyd_app_credential_created_timestamp_seconds",
                "Since when the current credential is current; absent where nobody knows.",
            ),
            state: Family::gauge(
                "rekeyd_app_state",
                "1 for the state that the app is in: unadopted, idle, rotating, grace, held or stopped.",
            ),
            failed: Family::gauge(
                "rekeyd_app_attempts_failed",
                "Rotations in a row that ended without publishing.",
            ),
            rotations: Family::counter(
                "rekeyd_app_rotations_total",
                "Rotations by outcome, by the journal: rotated, abandoned, ignored, not-offered or undone.",
            ),
            outage: Family::gauge(
                "rekeyd_app_outage_seconds",
                "In the last rotation without overlap: from sending the cutover to the last publish, or to its undoing.",
            ),
            acceptance: Family::gauge(
                "rekeyd_app_acceptance_seconds",
                "In the last rotation: from sending the cutover to the first acceptance of the new credential.",
            ),
            overdue: Family::gauge(
                "rekeyd_app_overdue",
                "1 if the current credential is past its deadline, 0 if not.",
            ),
            accepted: Family::gauge(
                "rekeyd_app_current_accepted",
                "1 if Salesforce accepts what consumers read in this store, 0 if it refuses; absent if nobody could tell.",
            ),
            checked: Family::gauge(
                "rekeyd_app_live_check_timestamp_seconds",
                "When what consumers read in this store was last tried.",
            ),
        }
    }

    fn app(&mut self, app: &str, card: &AppCard, ledger: &AppLedger, now: Timestamp) {
        let labels = [("app", app), ("org", card.org.as_str())];
        let known = ledger.for_schedule();
        let timing = card.timing.as_ref();
        let due = timing.and_then(|timing| due::of(timing, ledger, now.to_utc()).next);
        let deadline = timing.and_then(|timing| deadline(timing, &known));
        self.success.add(&labels, ledger.last_success.map(seconds));
        self.due.add(&labels, due.map(|at| seconds(at.into())));
        self.deadline.add(&labels, deadline.map(|at| seconds(at.into())));
        self.created.add(&labels, ledger.since.map(seconds));
        self.failed.add(&labels, Some(count(ledger.failures.into())));
        self.outage.add(&labels, ledger.tally.outage.map(span));
        self.acceptance.add(&labels, ledger.tally.acceptance.map(span));
        let past = deadline.is_some_and(|at| at <= now.to_utc());
        self.overdue.add(&labels, Some(flag(past)));
        let [app, org] = labels;
        let phase = Phase::of(ledger, now);
        for word in Phase::ALL {
            let labels = [app, org, ("state", word.word())];
            self.state.add(&labels, Some(flag(word == phase)));
        }
        for outcome in OUTCOMES {
            let number = ledger.tally.outcomes.get(outcome).copied().unwrap_or(0);
            self.rotations
                .add(&[app, org, ("outcome", outcome)], Some(count(number)));
        }
    }

    fn list(self) -> Vec<Family> {
        vec![
            self.success,
            self.due,
            self.deadline,
            self.created,
            self.state,
            self.failed,
            self.rotations,
            self.outage,
            self.acceptance,
            self.overdue,
            self.accepted,
            self.checked,
        ]
    }
}
