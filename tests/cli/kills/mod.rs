//! The real binary, killed at random instants while it rotates; then left alone until it is done.
//!
//! Each seed is a world of its own: an app of each method, and three of `staged`, in one simulated org, some of whose answers
//! are lost; one daemon, kills drawn from the seed; a person who does what `rekeyd status` asks for, and does it again
//! where the daemon was gone; and a consumer that reads the store and logs in from before the first rotation to the end.
//! `REKEYD_SEEDS=500` runs more of them; `REKEYD_SEEDS=17..18` one again.
//!
//! What nobody is asked about must come out by itself. Asked for are, by design: the two steps in Setup (`assisted`);
//! a masked value that two kills have lost; a deploy that was to make a secret and may never have arrived (`regenerate`).

mod cast;
mod choice;
mod person;
mod reader;
mod verdict;
mod world;

use std::collections::BTreeMap;

use cast::APPS;
use choice::{Choice, seeds};
use person::Errands;
use reader::{Reader, Seen};
use world::World;

/// What the seeds came to.
#[derive(Default)]
struct Total {
    worlds: usize,
    kills: usize,
    logins: u64,
    errands: Errands,
    /// The longest outage that a reader saw, in round trips, by method.
    longest_trips: BTreeMap<&'static str, u64>,
}

#[test]
fn killed_at_random_instants_it_loses_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut total = Total::default();
    let all: Vec<u64> = seeds().collect();
    // A few at a time: they mostly wait.
    for some in all.chunks(6) {
        let worlds: Vec<_> = some.iter().map(|seed| runtime.spawn(lived(*seed))).collect();
        for (seed, world) in some.iter().zip(worlds) {
            let (kills, errands, seen) = runtime
                .block_on(world)
                .unwrap_or_else(|_| panic!("REKEYD_SEEDS={seed}..{}", seed + 1));
            total.add(kills, &errands, &seen);
        }
    }
    for line in total.lines() {
        println!("{line}");
    }
}

async fn lived(seed: u64) -> (usize, Errands, Seen) {
    let world = World::new(Choice::of(seed)).await;
    let reader = Reader::start(world.consumer()).await;
    let (world, errands) = tokio::task::spawn_blocking(move || {
        let errands = world.lives();
        (world, errands)
    })
    .await
    .unwrap();
    let seen = reader.end().await;
    world.check(&seen, &errands);
    world.org.shutdown().await.unwrap();
    (world.choice.lives.len(), errands, seen)
}

impl Total {
    fn add(&mut self, kills: usize, errands: &Errands, seen: &Seen) {
        self.worlds += 1;
        self.kills += kills;
        self.logins += seen.apps.iter().map(|app| app.logins).sum::<u64>();
        self.errands.handed += errands.handed;
        self.errands.failed += errands.failed;
        self.errands.masked += errands.masked;
        self.errands.unanswered += errands.unanswered;
        for app in &APPS {
            let longest = self.longest_trips.entry(app.method.word()).or_default();
            *longest = seen.of(app.name).longest_outage_round_trips.max(*longest);
        }
    }

    fn lines(self) -> Vec<String> {
        let Errands {
            handed,
            failed,
            masked,
            unanswered,
        } = self.errands;
        let counted = format!(
            "kills: {} seeds, {} kills of the real binary, {} rotations, {} logins by readers, {masked} times a person was asked \
             since two kills lost a masked value, nothing lost",
            self.worlds,
            self.kills,
            self.worlds * APPS.len(),
            self.logins,
        );
        let asked = format!(
            "kills: a person: {handed} pairs handed over, {failed} commands that failed and were given again where still needed, \
             {unanswered} deploys sent again at their word"
        );
        let longest = self.longest_trips.iter();
        let longest =
            longest.map(|(method, trips)| format!("kills: longest outage, {method}: {trips} round trips"));
        [counted, asked].into_iter().chain(longest).collect()
    }
}
