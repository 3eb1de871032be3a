//! One seed's world: an org with every app, a directory, a daemon that comes and goes, and a person.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rekeyd::app;
use rekeyd::document::Document;
use rekeyd::policy::{Policy, SourceFile, compile, to_text};
use rekeyd::port::{Outcome, Place};
use rekeyd::rotation::RotationId;
use rekeyd::sandbox::consumer::{AppConfig, ConsumerConfig, Flow, ReaderConfig};
use rekeyd::sandbox::{RunningSandbox, Sandbox};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use super::cast::{self, APPS};
use super::choice::Choice;
use super::person::{Errands, Person};
use crate::bench::Bench;
use crate::service::Service;

pub struct World {
    pub choice: Choice,
    pub bench: Bench,
    pub org: RunningSandbox,
    policy: Policy,
}

/// Lets whoever waits for something go home, also when this thread panics.
struct GivesUp<'a>(&'a AtomicBool);

impl Drop for GivesUp<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl World {
    pub async fn new(choice: Choice) -> World {
        let org = Sandbox::start(&cast::org(&choice)).await.unwrap();
        let bench = Bench::at(org.base_url());
        let (name, text) = ("rekeyd.toml".to_owned(), cast::policy(&bench, org.base_url()));
        bench.write(&name, &text);
        let policy = compile(&[SourceFile { name, text }]);
        let world = World {
            choice,
            bench,
            org,
            policy: policy.unwrap_or_else(|faults| panic!("{}", to_text(&faults))),
        };
        world.give().await;
        world
    }

    /// The live pair of every app is in the store already, as a person put it there.
    async fn give(&self) {
        for app in &APPS {
            let (id, secret) = self.newest(app.name);
            let mut fields = Map::new();
            fields.insert("client_id".into(), Value::String(id));
            fields.insert("client_secret".into(), Value::String(secret));
            fields.insert("note".into(), "kept".into());
            let Ok(seat) = app::open_store(&self.policy, app.name, None) else {
                panic!("{}", app.name)
            };
            let slot = seat.store.read(&Place::Current).await.unwrap();
            let id = RotationId::from(uuid::Uuid::from_u128(1));
            let given = seat
                .store
                .publish(&slot.base, &Document::from_object(fields), id)
                .await;
            assert!(matches!(given, Outcome::Done(_)), "{given:?}");
        }
    }

    /// What the consumer is told to read.
    pub fn consumer(&self) -> std::path::PathBuf {
        let apps = APPS.iter().map(|app| AppConfig {
            name: app.name.to_owned(),
            reader: ReaderConfig::File {
                path: self
                    .bench
                    .path("secrets")
                    .join("apps")
                    .join(app.name)
                    .join("current"),
                identity_file: self.bench.path("store.key"),
            },
            flow: Flow::ClientCredentials,
            token_url: Some(format!("{}/services/oauth2/token", self.org.base_url())),
            introspect_url: None,
        });
        let config = ConsumerConfig {
            apps: apps.collect(),
            interval_ms: 25,
        };
        let path = self.bench.path("consumer.json");
        fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
        path
    }

    /// Kills, each of them looked at, and then nobody kills it any more: every app becomes done.
    pub fn lives(&self) -> Errands {
        let (calm, given_up) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let person = scope.spawn(|| Person::new(self, &calm).works(&given_up));
            let _gives_up = GivesUp(&given_up);
            for life in &self.choice.lives {
                let service = match life.once_it_runs {
                    true => Service::start(&self.bench),
                    false => Service::spawned(&self.bench),
                };
                // The instant is what is drawn: there is no event to wait for.
                std::thread::sleep(Duration::from_millis(life.after));
                service.kill();
                self.look();
            }
            let mut service = Service::start(&self.bench);
            calm.store(true, Ordering::SeqCst);
            while !person.is_finished() {
                service.listen(Duration::from_millis(500));
            }
            let errands = person.join().unwrap_or_else(|_| panic!("{}", service.log));
            service.terminate();
            assert_eq!(service.end().0, 0);
            errands
        })
    }

    /// What a place of the app's store holds.
    pub fn read(&self, app: &str, place: Place) -> Option<Document> {
        let Ok(seat) = app::open_store(&self.policy, app, None) else {
            panic!("{app}")
        };
        let read = async move { seat.store.read(&place).await.unwrap().value };
        tokio::task::block_in_place(|| Handle::current().block_on(read))
    }

    /// The pair of the app that was made last.
    pub fn newest(&self, app: &str) -> (String, String) {
        let state = self.org.state();
        let pairs = &state.app(app).unwrap().consumers[0].pairs;
        let newest = pairs.iter().max_by_key(|pair| pair.generation).unwrap();
        (newest.client_id.clone(), newest.client_secret.clone())
    }

    /// What a person who looks into a failure needs first.
    pub fn history(&self) -> String {
        let seed = self.choice.seed;
        let history = self.bench.run(&["history"]).out;
        format!("REKEYD_SEEDS={seed}..{}: {:?}\n{history}", seed + 1, self.choice)
    }
}
