//! What was intended, what was really sent, and when: kept across all processes of one case.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rekeyd::clock::{Clock, Timestamp};
use rekeyd::engine::note::Note;
use rekeyd::port::journal::Entry;
use rekeyd::rotation::{Effect, Event, Limits};

use crate::support::aws;
use crate::support::aws::stub::is_read;
use crate::support::clock::TestClock;
use crate::support::proxy::Seen;

/// Where a mutation is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A mutating call of a port.
    Port,
    /// A mutating HTTP request, as the proxy saw it.
    Wire,
}

/// The record of one case.
pub struct Record {
    clock: Arc<TestClock>,
    limits: Limits,
    /// Pending and current path of each store that is spoken to over HTTP, by the store's place.
    paths: Vec<Option<(String, String)>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: Vec<(Timestamp, Event)>,
    intents: BTreeMap<Effect, usize>,
    open: BTreeMap<Effect, Vec<Level>>,
    sent: BTreeMap<Effect, Timestamp>,
    lost: BTreeMap<Effect, Timestamp>,
    requests: BTreeMap<(Level, Effect), usize>,
    adopting: usize,
    spare: usize,
    wrong: Vec<String>,
}

impl Record {
    pub fn new(clock: Arc<TestClock>, limits: Limits, paths: Vec<Option<(String, String)>>) -> Arc<Record> {
        Arc::new(Record {
            clock,
            limits,
            paths,
            state: Mutex::default(),
        })
    }

    /// Says that something is not as promised.
    pub fn wrong(&self, what: String) {
        let now = self.clock.now();
        self.state.lock().unwrap().wrong.push(format!("{now}: {what}"));
    }

    /// The org will refuse one request for its session, before it looks at it: that one is sent again with another
    /// session, on the same intent.
    #[allow(dead_code, reason = "only the fault tests have one")]
    pub fn expect_a_dead_session(&self) {
        self.state.lock().unwrap().spare += 1;
    }

    /// All that was not as promised.
    pub fn faults(&self) -> Vec<String> {
        self.state.lock().unwrap().wrong.clone()
    }

    /// Everything that was journaled about the rotation.
    pub fn events(&self) -> Vec<(Timestamp, Event)> {
        self.state.lock().unwrap().events.clone()
    }

    /// The journal is gone: what was intended is nobody's memory any more.
    pub fn forget(&self) {
        let mut state = self.state.lock().unwrap();
        state.open.clear();
        state.lost.clear();
    }

    /// How many mutating requests or calls there were.
    pub fn sent(&self, level: Level) -> usize {
        let state = self.state.lock().unwrap();
        let of_level = state.requests.iter().filter(|((at, _), _)| *at == level);
        of_level.map(|(_, count)| count).sum()
    }

    /// How many intents of an effect were journaled.
    pub fn intended(&self, effect: Effect) -> usize {
        self.state
            .lock()
            .unwrap()
            .intents
            .get(&effect)
            .copied()
            .unwrap_or(0)
    }

    /// Takes in what is durable now.
    pub fn appended(&self, entries: &[Entry]) {
        for entry in entries {
            match serde_json::from_value::<Note>(entry.body.clone()).unwrap() {
                Note::Step { step } => self.event(step),
                Note::Adopting { .. } => self.state.lock().unwrap().adopting += 2,
                _ => {}
            }
        }
    }

    fn event(&self, event: Event) {
        let now = self.clock.now();
        let mut guard = self.state.lock().unwrap();
        let state = &mut *guard;
        match &event {
            Event::Intended { effect } => {
                *state.intents.entry(*effect).or_default() += 1;
                state.open.insert(*effect, vec![Level::Port, Level::Wire]);
                state.sent.insert(*effect, now);
            }
            Event::Lost { effect, .. } => {
                state.open.remove(effect);
                if lands_late(*effect) {
                    state
                        .lost
                        .insert(*effect, state.sent.get(effect).copied().unwrap_or(now));
                }
            }
            Event::Applied { effect, .. }
            | Event::Queued { effect, .. }
            | Event::Declined { effect, .. }
            | Event::Postponed { effect, .. } => {
                state.open.remove(effect);
            }
            Event::FoundApplied { effect, .. } => {
                state.open.remove(effect);
                state.lost.remove(effect);
            }
            Event::FoundAbsent { effect } => {
                if let Some(sent) = state.lost.remove(effect)
                    && now < sent + self.lateness()
                {
                    state.wrong.push(format!(
                        "{now}: {effect} was called absent although it was sent at {sent}"
                    ));
                }
            }
            _ => {}
        }
        state.events.push((now, event));
    }

    /// How long after it was sent a request may still come to be seen.
    fn lateness(&self) -> Duration {
        self.limits.request_lifetime + self.limits.propagation
    }

    /// A mutation of one of these effects happens: it needs an intent of its own, and nothing may be unsettled.
    pub fn mutation(&self, level: Level, effects: &[Effect], what: &str) {
        let now = self.clock.now();
        let mut guard = self.state.lock().unwrap();
        let state = &mut *guard;
        for (effect, sent) in &state.lost {
            if now < *sent + self.lateness() {
                let text = format!("{now}: {what}, while {effect} of {sent} may still land");
                state.wrong.push(text);
            }
        }
        let fitting = effects.iter().find_map(|effect| {
            let levels = state.open.get_mut(effect)?;
            let at = levels.iter().position(|open| *open == level)?;
            levels.remove(at);
            Some(*effect)
        });
        match fitting {
            Some(effect) => *state.requests.entry((level, effect)).or_default() += 1,
            // First contact has an intent of another kind.
            None if state.adopting > 0
                && effects.iter().any(|effect| matches!(effect, Effect::Publish(_))) =>
            {
                state.adopting -= 1;
                *state.requests.entry((level, effects[0])).or_default() += 1;
            }
            None if level == Level::Wire && state.spare > 0 => state.spare -= 1,
            None => state
                .wrong
                .push(format!("{now}: {what} ({level:?}) without an intent of its own")),
        }
    }

    /// What a request to the org is.
    pub fn to_org(&self, seen: &Seen) {
        let staged = seen.path.contains("/staged");
        let effects: &[Effect] = match seen.method.as_str() {
            "POST" if staged => &[Effect::Mint],
            "PATCH" => &[Effect::Cutover],
            // Live tokens belong to no rotation.
            "DELETE" if seen.path.ends_with("/tokens") => return,
            "DELETE" => &[Effect::Discard, Effect::Revoke],
            "POST" if contains(&seen.body, b"<updateMetadata") => &[Effect::Cutover, Effect::Undo],
            // Only the deploy that makes a secret needs to ignore warnings.
            "POST" if contains(&seen.body, b"<m:deploy>") => {
                match contains(&seen.body, b"<m:ignoreWarnings>true<") {
                    true => &[Effect::Cutover],
                    false => &[Effect::Reset],
                }
            }
            "GET" => return,
            // Logins, probes and SOAP reads.
            "POST" => return,
            other => return self.wrong(format!("the org was sent {other} {}", seen.path)),
        };
        self.mutation(Level::Wire, effects, &format!("{} {}", seen.method, seen.path));
    }

    /// What a request to AWS Secrets Manager is, for the store of this place.
    pub fn to_cloud(&self, store: usize, seen: &Seen) {
        let action = aws::action(&seen.body);
        if is_read(action) {
            return;
        }
        let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
        let effects: &[Effect] = match body["VersionStage"].as_str() {
            None => &[Effect::Store(store), Effect::Publish(store)],
            Some("AWSCURRENT") => &[Effect::Publish(store)],
            Some("AWSPENDING") => &[
                Effect::Store(store),
                Effect::Clear(store),
                Effect::Quarantine(store),
            ],
            Some(_) => &[Effect::Clear(store), Effect::Quarantine(store)],
        };
        self.mutation(Level::Wire, effects, action);
    }

    /// What a request to the store server is.
    pub fn to_store(&self, seen: &Seen) {
        // What is asked about rights, and tokens: no effect of a rotation.
        if seen.method == "GET" || seen.path.contains("/sys/") || seen.path.contains("/auth/") {
            return;
        }
        let of = |path: &str, verb: &str| seen.path == format!("/v1/secret/{verb}/{path}");
        for (store, paths) in self.paths.iter().enumerate() {
            let Some((pending, current)) = paths else { continue };
            let effects: &[Effect] = if of(current, "data") {
                &[Effect::Publish(store)]
            } else if of(pending, "data") {
                &[Effect::Store(store), Effect::Quarantine(store)]
            } else if of(pending, "destroy") {
                &[Effect::Clear(store)]
            } else {
                continue;
            };
            return self.mutation(Level::Wire, effects, &format!("{} {}", seen.method, seen.path));
        }
        self.wrong(format!("the store was sent {} {}", seen.method, seen.path));
    }
}

/// Requests to Salesforce have nothing that would stop a late one.
fn lands_late(effect: Effect) -> bool {
    match effect {
        Effect::Mint | Effect::Discard | Effect::Cutover | Effect::Undo | Effect::Revoke => true,
        // A second reset changes nothing, and neither does a late one.
        Effect::Reset => false,
        Effect::Store(_) | Effect::Publish(_) | Effect::Clear(_) | Effect::Quarantine(_) => false,
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
