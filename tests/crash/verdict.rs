//! How a case must have ended.

use rekeyd::document::FieldNames;
use rekeyd::engine::lane::LaneEnd;
use rekeyd::journal::{Journal, SqliteJournal};
use rekeyd::port::Place;
use rekeyd::rotation::{Ask, End, Event, Hold};

use super::life::Over;
use super::record::Level;
use super::watch::{self, Pair};
use super::world::{MASKED, Method, NAME, World};

impl World {
    /// Nothing that was noted is against a promise, and the history holds.
    pub async fn sound(&self, case: &str) {
        let faults = self.record.faults();
        assert!(faults.is_empty(), "{case}: {faults:#?}\n{}", self.history());
        let journal = SqliteJournal::open_read_only(&self.journal).await.unwrap();
        journal.verify(None).await.unwrap();
        // The org is lenient with clients that depart from the WSDL, as Salesforce is; this one never does.
        let departures = self.org.state().departures;
        assert!(departures.is_empty(), "{case}: {departures:?}");
        // The journal of the file store stays at the port; the rest must have been seen twice.
        assert!(
            self.record.sent(Level::Wire) <= self.record.sent(Level::Port),
            "{case}"
        );
    }

    /// It ended so, by itself.
    pub fn ended(&self, case: &str, over: &Over, end: &End) {
        let wanted = LaneEnd::Ended(end.clone());
        let history = self.history();
        assert!(
            matches!(over, Over::Ended(end) if *end == wanted),
            "{case}: {over:?}\n{history}"
        );
        let held = |event: &Event| matches!(event, Event::Held { .. });
        let asked = self.record.events().iter().any(|(_, event)| held(event));
        assert!(!asked, "{case}: held\n{history}");
    }

    /// Rotated everywhere, the old pair dead, nothing left over, and nobody had to be asked.
    pub async fn rotated(&self, case: &str, over: &Over) {
        self.ended(case, over, &End::Done { disproven: true });
        self.new_is_everywhere(case).await;
    }

    /// One pair is accepted, it is a new one, every store gives it to its readers, and nothing is left over.
    pub async fn new_is_everywhere(&self, case: &str) {
        self.sound(case).await;
        let history = self.history();
        let state = self.org.state();
        let consumer = &state.app(NAME).unwrap().consumers[0];
        let new = self.watch.primary();
        assert_ne!(new, self.watch.old, "{case}: not rotated\n{history}");
        self.stores_hold(case, &new).await;
        let accepted: Vec<_> = state.accepted.iter().filter(|one| one.app == NAME).collect();
        assert_eq!(accepted.len(), 1, "{case}: pairs accepted\n{history}");
        assert_eq!(accepted[0].client_secret, new.1, "{case}");
        assert!(
            consumer.staged.is_none(),
            "{case}: the slot is not empty\n{history}"
        );
        assert!(state.late.is_empty(), "{case}: something may still land");
        let masked = self.shape.switches.contains(&MASKED);
        let gone = |event: &Event| matches!(event, Event::ValueGone);
        let again = self
            .record
            .events()
            .iter()
            .filter(|(_, event)| gone(event))
            .count();
        // A value that we chose and nobody has kept is no mint: another takes its place.
        let ours = matches!(self.shape.method, Method::Update | Method::Assisted);
        assert!(ours || masked || again == 0, "{case}: minted again\n{history}");
        assert!(ours || again <= 1, "{case}: minted more than twice\n{history}");
        match self.shape.method {
            Method::Staged => assert_eq!(consumer.mints, 1 + again as u64, "{case}: mints\n{history}"),
            // The old pair and what we chose, or a person had made, put in force once.
            Method::Update | Method::Assisted => {
                let made = (consumer.pairs.len(), consumer.cutovers);
                assert_eq!(made, (2, 1), "{case}\n{history}");
            }
            // The same with one that Salesforce made, and no flag that would make another.
            Method::Regenerate => {
                let made = (consumer.pairs.len(), consumer.mints, consumer.cutovers);
                assert_eq!(made, (2, 1, 1), "{case}\n{history}");
                self.flag_is_reset(case);
            }
        }
    }

    /// Method `assisted`: each thing was asked for once, and what was brought was taken at once.
    pub fn asked_once(&self, case: &str) {
        let events = self.record.events();
        let asked = |what: Ask| {
            let fits = |event: &Event| matches!(event, Event::Asked { what: of, .. } if *of == what);
            events.iter().filter(|(_, event)| fits(event)).count()
        };
        let count = |of: fn(&Event) -> bool| events.iter().filter(|(_, event)| of(event)).count();
        let seen = [
            asked(Ask::Pair),
            asked(Ask::Apply),
            count(|event| matches!(event, Event::Handed { .. })),
            count(|event| matches!(event, Event::TurnedAway { .. } | Event::Reminded)),
        ];
        assert_eq!(
            seen,
            [1, 1, 1, 0],
            "{case}: asked, or answered, again\n{}",
            self.history()
        );
    }

    /// No deploy of the app's settings as they are makes another secret.
    pub fn flag_is_reset(&self, case: &str) {
        let state = self.org.state();
        let flag = |(name, text): &(String, String)| name == "shouldRotateConsumerSecret" && text == "true";
        let set = state.app(NAME).unwrap().component.iter().any(flag);
        assert!(!set, "{case}: the flag is still set\n{}", self.history());
    }

    /// It is held because the one request that is not repeated was not answered, and it was not applied.
    pub fn is_unanswered(&self, case: &str, over: &Over) {
        let history = self.history();
        assert!(matches!(over, Over::Busy), "{case}: {over:?}\n{history}");
        let events = self.record.events();
        let held = events.iter().rev().find_map(|(_, event)| match event {
            Event::Held { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        assert_eq!(held, Some(Hold::Unanswered), "{case}\n{history}");
        let state = self.org.state();
        assert_eq!(
            state.app(NAME).unwrap().consumers[0].mints,
            0,
            "{case}\n{history}"
        );
        assert_eq!(self.watch.primary(), self.watch.old, "{case}\n{history}");
    }

    /// Every store gives the org's primary pair, and nothing else is accepted.
    pub async fn is_new(&self, case: &str) {
        self.sound(case).await;
        let new = self.watch.primary();
        for store in 0..self.watch.eyes.len() {
            let current = self.watch.at(store, &Place::Current).await.unwrap();
            assert_eq!(current, new, "{case}\n{}", self.history());
            assert_eq!(self.watch.at(store, &Place::Pending).await, None, "{case}");
        }
        let state = self.org.state();
        let accepted = state.accepted.iter().filter(|one| one.app == NAME);
        assert_eq!(accepted.count(), 1, "{case}\n{}", self.history());
    }

    /// The old pair is in force and with its readers, and what was sent is set aside.
    pub async fn old_is_untouched(&self, case: &str) {
        self.sound(case).await;
        let history = self.history();
        assert_eq!(self.watch.primary(), self.watch.old, "{case}\n{history}");
        self.stores_hold(case, &self.watch.old).await;
        let state = self.org.state();
        let accepted: Vec<_> = state.accepted.iter().filter(|one| one.app == NAME).collect();
        assert_eq!(accepted.len(), 1, "{case}: pairs accepted\n{history}");
        assert!(state.late.is_empty(), "{case}: something may still land");
    }

    async fn stores_hold(&self, case: &str, pair: &Pair) {
        let history = self.history();
        for store in 0..self.watch.eyes.len() {
            let value = self.current(store).await;
            let names = FieldNames::default();
            let current = watch::pair(&value.credential(&names).unwrap());
            assert_eq!(current, *pair, "{case}: store {store}\n{history}");
            assert_eq!(value.object()["note"], "kept", "{case}");
            let pending = self.watch.at(store, &Place::Pending).await;
            assert!(pending.is_none(), "{case}: pending of store {store}\n{history}");
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
