//! The person whom some rotations need. They see what `rekeyd status` shows and what Setup shows, type what it says, and
//! where a command fails because the daemon was killed, they look again and do it again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rekeyd::sandbox::Act;
use serde_json::Value;

use super::cast::{APPS, BY_HAND, FLAGGED, MASKED};
use super::world::World;
use crate::bench::Ran;

/// A world is over after fewer looks than this, also on a machine that does much else.
const LOOKS: usize = 600;
/// Between two looks. What they look at, a journal, tells nobody that it has changed.
const PAUSE: Duration = Duration::from_millis(250);

/// What a person was needed for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errands {
    /// New pairs that the daemon took.
    pub handed: u64,
    /// Commands that failed, and were given again if they were still needed.
    pub failed: u64,
    /// Two kills lost a masked value, and a third was made at a person's word.
    pub masked: u64,
    /// A deploy was not answered and is not at Salesforce: it is sent again at a person's word.
    pub unanswered: u64,
}

pub struct Person<'a> {
    world: &'a World,
    /// Nobody kills it any more.
    calm: &'a AtomicBool,
    /// The pair that they had made and have noted down.
    hand: Option<(String, String)>,
    applied: bool,
    told: bool,
    pub errands: Errands,
}

impl<'a> Person<'a> {
    pub fn new(world: &'a World, calm: &'a AtomicBool) -> Self {
        Person {
            world,
            calm,
            hand: None,
            applied: false,
            told: false,
            errands: Errands::default(),
        }
    }

    /// Until every app is rotated, or nobody waits for that any more.
    pub fn works(mut self, given_up: &AtomicBool) -> Errands {
        for _ in 0..LOOKS {
            let ran = self.world.bench.run(&["status", "--json"]);
            // Before the first process there is no journal, and between two states the daemon may be busy.
            let shown: Value = serde_json::from_str(&ran.out).unwrap_or(Value::Null);
            if APPS.iter().all(|app| is_done(of(&shown, app.name))) || given_up.load(Ordering::SeqCst) {
                return self.errands;
            }
            self.rotates_by_hand(words(&shown, BY_HAND));
            self.asks_for_a_secret_once_more(words(&shown, FLAGGED));
            if self.calm.load(Ordering::SeqCst) {
                self.has_a_masked_value_made_anew(&shown);
            }
            std::thread::sleep(PAUSE);
        }
        panic!("not over\n{}", self.world.history());
    }

    fn rotates_by_hand(&mut self, words: &str) {
        let app = || BY_HAND.to_owned();
        if words.starts_with("waiting for a person's new credential") {
            if self.hand.is_none() {
                let (app, by) = (app(), None);
                self.world.org.act(Act::Stage { app, by }).unwrap();
                self.hand = Some(self.world.newest(BY_HAND));
            }
            let (id, secret) = self.hand.clone().unwrap();
            let pair = format!("{id}\n{secret}\n");
            let ran = self.world.bench.run_with_input(&["submit", BY_HAND], &pair);
            self.errands.handed += u64::from(self.notes(&ran));
        } else if words.starts_with("waiting for a person to apply") {
            if !self.applied {
                let (app, by) = (app(), None);
                self.world.org.act(Act::Promote { app, by }).unwrap();
                self.applied = true;
            }
            if !self.told {
                let ran = self.world.bench.run(&["resume", BY_HAND]);
                self.told = self.notes(&ran);
            }
        }
    }

    /// As `status` says: only if Setup shows no deployment that is still under way.
    fn asks_for_a_secret_once_more(&mut self, words: &str) {
        let deploys = self.world.org.state().deploys;
        let over = |status: &str| matches!(status, "Succeeded" | "Failed");
        if words.contains("was not answered") && deploys.iter().all(|deploy| over(&deploy.status)) {
            let ran = self.world.bench.run(&["resume", FLAGGED]);
            self.errands.unanswered += u64::from(self.notes(&ran));
        }
    }

    /// One kill is healed by a second mint. Two can lose that as well, and no third is made without a person.
    fn has_a_masked_value_made_anew(&mut self, shown: &Value) {
        let words = words(shown, MASKED);
        if words.contains("the value was lost twice") {
            self.world.bench.run(&["abandon", MASKED]).ends(0);
            self.errands.masked += 1;
        } else if self.errands.masked > 0 && words == "resting" && !is_done(of(shown, MASKED)) {
            self.world.bench.run(&["rotate", MASKED]).ends(0);
        }
    }

    /// Whether it was done.
    fn notes(&mut self, ran: &Ran) -> bool {
        self.errands.failed += u64::from(ran.code != 0);
        ran.code == 0
    }
}

fn of<'a>(shown: &'a Value, app: &str) -> &'a Value {
    let apps = shown["apps"].as_array().map(Vec::as_slice).unwrap_or_default();
    apps.iter().find(|one| one["app"] == app).unwrap_or(&Value::Null)
}

fn words<'a>(shown: &'a Value, app: &str) -> &'a str {
    of(shown, app)["state"].as_str().unwrap_or_default()
}

fn is_done(app: &Value) -> bool {
    app["state"] == "resting" && app["last_rotated"].is_string()
}
