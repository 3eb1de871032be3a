//! How a case must have ended.

use rekeyd::document::FieldNames;
use rekeyd::engine::lane::LaneEnd;
use rekeyd::journal::{Journal, SqliteJournal};
use rekeyd::port::Place;
use rekeyd::rotation::{End, Event};

use super::life::{Over, ROTATION};
use super::record::Level;
use super::world::{Method, World, id};

impl World {
    /// Nothing that was noted is against a promise, and the history holds.
    pub async fn sound(&self, case: &str) {
        let faults = self.record.faults();
        assert!(faults.is_empty(), "{case}: {faults:#?}\n{}", self.history());
        let journal = SqliteJournal::open_read_only(&self.journal).await.unwrap();
        journal.verify(None).await.unwrap();
        // The journal of the file store stays at the port; the rest must have been seen twice.
        assert!(
            self.record.sent(Level::Wire) <= self.record.sent(Level::Port),
            "{case}"
        );
    }

    /// Rotated everywhere, the old pair dead, nothing left over, and nobody had to be asked.
    pub async fn rotated(&self, case: &str, over: &Over, mints: u64) {
        self.sound(case).await;
        let history = || self.history();
        let done = LaneEnd::Ended(End::Done { disproven: true });
        assert!(
            matches!(over, Over::Ended(end) if *end == done),
            "{case}: {over:?}\n{}",
            history()
        );
        let held = |event: &Event| matches!(event, Event::Held { .. });
        assert!(
            !self.record.events().iter().any(|(_, event)| held(event)),
            "{case}: held\n{}",
            history()
        );
        let state = self.org.state();
        let consumer = &state.app(super::world::NAME).unwrap().consumers[0];
        let new = self.watch.primary();
        assert_ne!(new, self.watch.old, "{case}: not rotated\n{}", history());
        for store in 0..self.watch.eyes.len() {
            let value = self.current(store).await;
            let names = FieldNames::default();
            let current = super::watch::pair(&value.credential(&names).unwrap());
            assert_eq!(current, new, "{case}: store {store}\n{}", history());
            assert_eq!(value.rotation(&names), Some(id(ROTATION)), "{case}");
            assert_eq!(value.object()["note"], "kept", "{case}");
            let pending = self.watch.at(store, &Place::Pending).await;
            assert!(
                pending.is_none(),
                "{case}: pending of store {store}\n{}",
                history()
            );
        }
        let accepted: Vec<_> = state
            .accepted
            .iter()
            .filter(|one| one.app == super::world::NAME)
            .collect();
        assert_eq!(accepted.len(), 1, "{case}: pairs accepted\n{}", history());
        assert_eq!(accepted[0].client_secret, new.1, "{case}");
        assert!(
            consumer.staged.is_none(),
            "{case}: the slot is not empty\n{}",
            history()
        );
        assert!(state.late.is_empty(), "{case}: something may still land");
        match self.shape.method {
            Method::Staged => assert_eq!(consumer.mints, mints, "{case}: mints\n{}", history()),
            // The old pair and what we chose, sent once.
            Method::Update => assert_eq!(
                (consumer.pairs.len() as u64, consumer.cutovers),
                (1 + mints, mints),
                "{case}\n{}",
                history()
            ),
        }
    }

    /// What was journaled, for a person who looks for what went wrong.
    pub fn history(&self) -> String {
        let probes = |event: &Event| matches!(event, Event::Probed { .. });
        let events = self.record.events();
        let mut lines = String::new();
        for (at, (time, event)) in events.iter().enumerate() {
            let next = events.get(at + 1).map(|(_, event)| event);
            if !probes(event) || !next.is_some_and(probes) {
                lines += &format!("{time} {}\n", serde_json::to_string(event).unwrap());
            }
        }
        lines
    }
}
