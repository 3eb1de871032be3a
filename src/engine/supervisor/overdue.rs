//! Tells of credentials that are too old, or will be, whatever was or was not tried.

use std::sync::PoisonError;

use super::Supervisor;
use crate::engine::note::Note;
use crate::schedule::{Lateness, lateness};

impl Supervisor {
    /// Looks at every app of the policy.
    pub(super) async fn tell_what_is_late(&mut self) {
        let now = self.house.clock.now();
        let mut notes = Vec::new();
        for (app, managed) in &self.apps {
            let Some(timing) = &managed.timing else { continue };
            let (known, before) = {
                let ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(ledger) = ledgers.apps.get(app) else {
                    continue;
                };
                (ledger.for_schedule(), ledger.overdue.clone())
            };
            let found = lateness(timing, &known, now.to_utc());
            let (deadline, past, why) = match found {
                Lateness::InTime => {
                    if before.is_some() {
                        notes.push((app.clone(), Note::InTime));
                    }
                    continue;
                }
                Lateness::Near { deadline, why } => (deadline.into(), false, why),
                Lateness::Past { deadline, why } => (deadline.into(), true, why),
            };
            let told = before.is_some_and(|before| (before.deadline, before.past) == (deadline, past));
            if !told {
                notes.push((app.clone(), Note::Overdue { deadline, past, why }));
            }
        }
        for (app, note) in notes {
            self.jot_about(&app, &note).await;
        }
    }
}
