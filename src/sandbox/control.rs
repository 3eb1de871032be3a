//! The control endpoints under `/__sandbox/`: what a test or a rehearsal moves and asks, and no client has.

use super::fault::Rule;
use super::person::Act;
use super::time::iso;
use super::wire::{Call, Reply};
use super::world::World;
use chrono::TimeDelta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The path under which control endpoints live.
pub(super) const PREFIX: &str = "/__sandbox/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    #[serde(default)]
    advance_seconds: i64,
    #[serde(default)]
    advance_ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lay {
    #[serde(default)]
    clear: bool,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    #[serde(default)]
    app: Option<String>,
    set: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    client_id: String,
    client_secret: String,
}

/// Answers a control call.
pub(super) fn serve(world: &mut World, call: &Call) -> Reply {
    let path = call.path.strip_prefix(PREFIX).unwrap_or_default();
    let outcome = match (call.method.as_str(), path) {
        ("GET", "state") => {
            world.settle();
            serde_json::to_value(world.snapshot()).map_err(|error| error.to_string())
        }
        ("GET", "clock") => Ok(json!({ "now": iso(world.now()) })),
        ("POST", "clock") => read(call).map(|by: Advance| {
            let seconds = TimeDelta::try_seconds(by.advance_seconds).unwrap_or_default();
            world.advance(seconds + TimeDelta::milliseconds(by.advance_ms));
            json!({ "now": iso(world.now()) })
        }),
        ("POST", "faults") => read(call)
            .and_then(|lay: Lay| world.lay(lay.clear, lay.rules))
            .map(|()| json!({})),
        ("POST", "switches") => read(call)
            .and_then(|set: Set| world.switch(set.app.as_deref(), &set.set))
            .map(|()| json!({ "switches": world.switches })),
        ("POST", "accepts") => read(call).map(|pair: Pair| {
            let generation = world.accepts(&pair.client_id, &pair.client_secret);
            json!({ "accepted": generation.is_some(), "generation": generation })
        }),
        ("POST", "admin") => read(call).and_then(|act: Act| world.act(act)).map(|()| json!({})),
        ("POST", path) => match path.strip_prefix("admin/") {
            Some(act) => named_act(call, act)
                .and_then(|act| world.act(act))
                .map(|()| json!({})),
            None => return Reply::json(404, &json!({ "error": "no such control endpoint" })),
        },
        _ => return Reply::json(404, &json!({ "error": "no such control endpoint" })),
    };
    match outcome {
        Ok(body) => Reply::json(200, &body),
        Err(error) => Reply::json(400, &json!({ "error": error })),
    }
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| error.to_string())
}

/// `POST admin/rotate {…}` is the act `rotate`.
fn named_act(call: &Call, act: &str) -> Result<Act, String> {
    let mut body: Map<String, Value> = if call.body.is_empty() {
        Map::new()
    } else {
        read(call)?
    };
    body.insert("act".to_owned(), json!(act));
    serde_json::from_value(Value::Object(body)).map_err(|error| error.to_string())
}

impl World {
    /// Moves the clock, and applies what was waiting for it.
    pub(super) fn advance(&mut self, by: TimeDelta) {
        self.clock.advance(by);
        self.settle();
    }

    /// Lays fault rules, after clearing the old ones if asked.
    pub(super) fn lay(&mut self, clear: bool, rules: Vec<Rule>) -> Result<(), String> {
        if clear {
            self.faults.clear();
        }
        rules.into_iter().try_for_each(|rule| self.faults.add(rule))
    }

    /// Sets switches by name, for the org or for one app.
    pub(super) fn switch(&mut self, app: Option<&str>, set: &Map<String, Value>) -> Result<(), String> {
        self.settle();
        match app {
            None => {
                let switches = self.switches.with(set)?;
                self.set_switches(switches)
            }
            Some(name) => {
                let whole = self.switches.clone();
                let app = self.app_named(name, None).ok_or("no such app")?;
                let mut overrides = app.overrides.clone();
                overrides.extend(set.clone());
                app.switches = whole.with(&overrides)?;
                app.overrides = overrides;
                Ok(())
            }
        }
    }

    /// The truth about a pair: the generation that is accepted now, spreading aside and without counting.
    pub(super) fn accepts(&mut self, key: &str, secret: &str) -> Option<u64> {
        self.settle();
        let at = self.now();
        let consumer = self.app_of_key(key)?.consumer_of(key)?;
        // A pair that was put back is there twice.
        let alive = consumer.credentials.iter().filter(|pair| pair.alive(at));
        let mut fitting = alive.filter(|pair| pair.key == key && pair.secret == secret);
        fitting.next().map(|pair| pair.generation)
    }
}
