//! The live check on a timer: each app's current credential, in each store (`crate::engine::live`).

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::time::Duration;

use super::{Look, Supervisor};
use crate::clock::Timestamp;
use crate::engine::board::LiveCheck;
use crate::engine::health::{Health, was_refused};
use crate::engine::live::{AGAIN, Primary, Seen, TIMES, judge, look};
use crate::engine::note::Note;
use crate::rotation::State;
use crate::schedule::delay_of;

/// After a start the first looks are spread over this, or over the usual distance where that is shorter.
const SPREAD: Duration = Duration::from_secs(60);

/// What is known of the looks at each app.
#[derive(Default)]
pub(super) struct Live(BTreeMap<String, Card>);

#[derive(Default)]
struct Card {
    next: Option<Timestamp>,
    looking: bool,
    /// What was found wrong, and how often in a row.
    suspicion: Option<(Health, u32)>,
    /// A rotation has found the same already: one look will do.
    forewarned: bool,
}

impl Live {
    /// Every next look is set anew.
    pub fn forget_times(&mut self) {
        for card in self.0.values_mut() {
            card.next = None;
        }
    }
}

impl Supervisor {
    /// A rotation ended that had found consumers out: that is looked at now, and told at once.
    pub(super) fn look_at_what_it_left(&mut self, app: &str) {
        if was_refused(&self.ledger(app)) {
            let now = self.house.clock.now();
            let card = self.live.0.entry(app.to_owned()).or_default();
            card.next = Some(now);
            card.forewarned = true;
        }
    }

    pub(super) fn look_at_credentials(&mut self) {
        let now = self.house.clock.now();
        for (app, managed) in &self.apps {
            let ledger = {
                let ledgers = self
                    .ledgers
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                let Some(ledger) = ledgers.apps.get(app) else {
                    continue;
                };
                // While a rotation is between its first change and its end, two credentials are right.
                let untouched = |state: &State| state.asks() && state.new.is_none();
                let settled = ledger
                    .running()
                    .is_none_or(|run| run.state.is_rotated() || untouched(&run.state));
                ledger.adopted_at.is_some() && settled
            };
            let every = managed.live_check;
            if !ledger || every.is_zero() {
                continue;
            }
            let card = self.live.0.entry(app.clone()).or_default();
            let next = *card
                .next
                .get_or_insert_with(|| now + delay_of(app, SPREAD.min(every)));
            if card.looking || now < next {
                continue;
            }
            card.next = Some(now + every);
            card.looking = true;
            let (seat, org, app) = (managed.seat.clone(), managed.org.clone(), app.clone());
            self.looks.spawn(async move {
                let _place = org.acquire_owned().await;
                let (seen, primary) = look(&seat).await;
                Look::Live(app, seen, primary)
            });
        }
    }

    pub(super) async fn credentials_seen(&mut self, app: String, seen: Vec<Seen>, primary: Option<Primary>) {
        let now = self.house.clock.now();
        {
            let mut cards = self.board.cards();
            for one in &seen {
                let check = LiveCheck {
                    at: now,
                    accepted: one.accepted(),
                    store_up: one.up(),
                };
                cards.live.insert((app.clone(), one.store.clone()), check);
            }
        }
        let ledger = self.ledger(&app);
        let card = self.live.0.entry(app.clone()).or_default();
        card.looking = false;
        let rotating = ledger.running().is_some_and(|run| !run.state.is_rotated());
        let Some(found) = judge(&seen, ledger.current, primary.as_ref()).filter(|_| !rotating) else {
            return;
        };
        let known = ledger.health.map_or(Health::Fine, |(_, health)| health);
        if found == Health::Fine {
            card.suspicion = None;
            if known != Health::Fine {
                self.jot_about(&app, &Note::LiveChecked { health: found }).await;
            }
            return;
        }
        // What is not known takes back nothing that is.
        let louder = !matches!(known, Health::Fine | Health::Unreadable { .. });
        if matches!(found, Health::Unreadable { .. }) && louder {
            return;
        }
        let same = |(before, _): &(Health, u32)| discriminant(before) == discriminant(&found);
        let forewarned = std::mem::take(&mut card.forewarned) && matches!(found, Health::Refused { .. });
        let known_before = if forewarned { TIMES } else { 0 };
        let times = 1 + known_before + card.suspicion.take().filter(same).map_or(0, |(_, times)| times);
        card.suspicion = Some((found.clone(), times));
        // A store that is away for some minutes is no news; Prometheus has `rekeyd_store_up`.
        let away = seen.iter().any(|seen| !seen.up());
        if times < TIMES {
            card.next = card
                .next
                .map(|next| if away { next } else { next.min(now + AGAIN) });
        } else if !is_told(&known, &found) {
            self.jot_about(&app, &Note::LiveChecked { health: found }).await;
        }
    }
}

/// A probe's time and words change with every look; what they say of which store does not.
fn is_told(known: &Health, found: &Health) -> bool {
    match (known, found) {
        (Health::Refused { stores: before, .. }, Health::Refused { stores, .. }) => before == stores,
        (Health::Unreadable { stores: before, .. }, Health::Unreadable { stores, .. }) => before == stores,
        (
            Health::Fine
            | Health::Refused { .. }
            | Health::Disagree { .. }
            | Health::Foreign { .. }
            | Health::Unreadable { .. },
            Health::Fine
            | Health::Refused { .. }
            | Health::Disagree { .. }
            | Health::Foreign { .. }
            | Health::Unreadable { .. },
        ) => known == found,
    }
}
