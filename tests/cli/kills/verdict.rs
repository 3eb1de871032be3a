//! What must hold right after each kill, and what must have come of it all.

use rekeyd::document::Document;
use rekeyd::port::Place;
use rekeyd::sandbox::{AppState, Snapshot};

use super::cast::{APPS, App, Method};
use super::person::Errands;
use super::reader::Seen;
use super::world::World;

type Pair = (String, String);

fn pair(value: &Document) -> Pair {
    let part = |name: &str| value.object()[name].as_str().unwrap().to_owned();
    (part("client_id"), part("client_secret"))
}

/// The pairs of the app that the token endpoint takes.
fn accepted(state: &Snapshot, app: &str) -> Vec<Pair> {
    let of_app = state.accepted.iter().filter(|one| one.app == app);
    of_app
        .map(|one| (one.client_id.clone(), one.client_secret.clone()))
        .collect()
}

impl World {
    /// Nobody writes now. What Salesforce has in force is where it can be found again, and readers have a pair that is
    /// accepted, or, without overlap, the old one while the new one waits.
    pub fn look(&self) {
        let state = self.org.state();
        for App { name, method, .. } in &APPS {
            let consumer = &state.app(name).unwrap().consumers[0];
            let of = |generation: u64| {
                let pair = consumer.pairs.iter().find(|pair| pair.generation == generation);
                pair.map(|pair| (pair.client_id.clone(), pair.client_secret.clone()))
            };
            let (first, primary) = (of(1), of(consumer.primary));
            let pending = self.read(name, Place::Pending).as_ref().map(pair);
            let current = self.read(name, Place::Current).as_ref().map(pair);
            // The primary secret of an External Client App can be read from Salesforce at any time.
            let waits = pending == primary || method.is_external();
            assert!(
                current == primary || waits,
                "{name}: the pair in force is nowhere\n{}",
                self.history()
            );
            let outage = !method.overlaps() && current == first && waits;
            let accepted = current.is_some_and(|current| accepted(&state, name).contains(&current));
            assert!(
                accepted || outage,
                "{name}: readers have a pair that is refused\n{}",
                self.history()
            );
        }
    }

    /// One pair is accepted, it is a new one, the store gives it, it was made once, and the history holds.
    pub fn check(&self, seen: &Seen, errands: &Errands) {
        let state = self.org.state();
        // A person is asked for what is stored once only, and about a deploy only where an answer was lost.
        let lost = self.choice.lives.len() + usize::from(self.choice.lost.is_some());
        assert!(
            errands.handed <= 1 && errands.unanswered <= lost as u64,
            "{errands:?}\n{}",
            self.history()
        );
        for app in &APPS {
            self.check_org(app, state.app(app.name).unwrap(), errands);
            let accepted = accepted(&state, app.name);
            let current = self.read(app.name, Place::Current).unwrap();
            assert_eq!(current.object()["note"], "kept", "{}", app.name);
            assert!(
                accepted == [pair(&current)],
                "{}: {} pairs accepted, or another one than readers have\n{}",
                app.name,
                accepted.len(),
                self.history()
            );
            assert!(
                self.read(app.name, Place::Pending).is_none(),
                "{}: pending is not empty\n{}",
                app.name,
                self.history()
            );
            self.check_readers(app, seen);
        }
        self.bench.run(&["history", "--verify"]).ends(0);
    }

    fn check_org(&self, app: &App, state: &AppState, errands: &Errands) {
        let consumer = &state.consumers[0];
        let made = (consumer.pairs.len(), consumer.mints, consumer.cutovers);
        let flag = |(name, text): &(String, String)| name == "shouldRotateConsumerSecret" && text == "true";
        let right = match app.method {
            Method::Staged if app.masked => {
                (1..=2 + errands.masked).contains(&consumer.mints) && consumer.cutovers == 1
            }
            Method::Staged => made == (2, 1, 1),
            Method::Regenerate => made == (2, 1, 1) && !state.component.iter().any(flag),
            // What we choose, or a person has made, is no mint of ours.
            Method::Update | Method::Assisted => (made.0, made.2) == (2, 1),
        };
        assert!(
            right && consumer.staged.is_none(),
            "{}: pairs, mints and cutovers {made:?}, or a flag or an entry left over\n{}",
            app.name,
            self.history()
        );
    }

    /// Without overlap there is one outage, which begins before the new pair is published and ends with it.
    fn check_readers(&self, app: &App, seen: &Seen) {
        let witness = seen.of(app.name);
        let outages = u64::from(!app.method.overlaps());
        assert!(
            witness.logins > 0
                && witness.read_errors == 0
                && witness.changes == 1
                && witness.outages <= outages
                && !witness.refused_at_end
                && !seen.refused_when_published(app.name),
            "{}: {witness:?}\n{}",
            app.name,
            self.history()
        );
    }
}
