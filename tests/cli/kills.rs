//! The real binary, killed at random instants while it rotates; then left alone until it is done.
//!
//! Each seed is a world of its own: four apps of two kinds in one simulated org, some of whose answers are lost, one
//! daemon, kills drawn from the seed, and a consumer that reads the store and logs in from before the first rotation to
//! the end. `REKEYD_SEEDS=500` runs more of them; `REKEYD_SEEDS=17..18` one again.

use std::collections::BTreeMap;
use std::fs;
use std::io::sink;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use rekeyd::app;
use rekeyd::document::Document;
use rekeyd::policy::{Policy, SourceFile, compile, to_text};
use rekeyd::port::{Outcome, Place};
use rekeyd::rotation::RotationId;
use rekeyd::sandbox::consumer::{AppConfig, ConsumerConfig, Flow, ReaderConfig, Summary, run};
use rekeyd::sandbox::{
    ClockMode, ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, LoginSeed, RunningSandbox, Sandbox,
    Seed,
};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::bench::{Bench, LOGIN_ID, USER, login_key};
use crate::service::Service;

/// Those of every run.
const SEEDS: Range<u64> = 0..6;
/// A world is over after fewer looks than this, also on a machine that does much else.
const TURNS: usize = 1000;
/// A rotation takes about this long; kills fall into it.
const SPAN_MS: u64 = 3500;

/// Name, whether it is an External Client App, and switches of the org for it.
const APPS: [(&str, bool, &str); 4] = [
    ("plain", true, ""),
    ("masked", true, "staged_secret = \"masked\""),
    ("late", true, "staged_proves_before_cutover = false"),
    ("inplace", false, "in_place_secret = \"applies\""),
];

/// Numbers that follow from the seed alone (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

struct World {
    seed: u64,
    bench: Bench,
    org: RunningSandbox,
    /// A person was asked about a value that was masked and lost twice, and had another made.
    asked: bool,
}

/// What the seeds came to.
#[derive(Default)]
struct Total {
    worlds: usize,
    kills: u64,
    logins: u64,
    asked: usize,
    /// The longest outage that a reader saw, in round trips, by method.
    longest_trips: BTreeMap<&'static str, u64>,
}

fn seeds() -> Range<u64> {
    match std::env::var("REKEYD_SEEDS") {
        Err(_) => SEEDS,
        Ok(text) => match text.split_once("..") {
            Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
            None => 0..text.parse().unwrap(),
        },
    }
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
            let (kills, asked, seen) = runtime
                .block_on(world)
                .unwrap_or_else(|_| panic!("REKEYD_SEEDS={seed}..{}", seed + 1));
            total.worlds += 1;
            total.kills += kills;
            total.asked += usize::from(asked);
            total.logins += seen.iter().map(|app| app.logins).sum::<u64>();
            for (name, external, _) in APPS {
                let method = if external { "staged" } else { "update" };
                let of_app = seen.iter().filter(|app| app.app == name);
                let trips = of_app
                    .map(|app| app.longest_outage_round_trips)
                    .max()
                    .unwrap_or(0);
                let longest = total.longest_trips.entry(method).or_default();
                *longest = trips.max(*longest);
            }
        }
    }
    println!(
        "kills: {} seeds, {} kills of the real binary, {} rotations, {} logins by readers, {} times a person was asked since two \
         kills lost a masked value, nothing lost",
        total.worlds,
        total.kills,
        total.worlds * APPS.len(),
        total.logins,
        total.asked
    );
    for (method, trips) in total.longest_trips {
        println!("kills: longest outage, {method}: {trips} round trips");
    }
}

async fn lived(seed: u64) -> (u64, bool, Vec<Summary>) {
    let mut draw = Draw(seed);
    let mut world = World::new(seed, &mut draw).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let consumer = world.consumer();
    let reader = tokio::spawn(async move {
        let stop = async move {
            let _ended_either_way = stopped.await;
        };
        run(&consumer, sink(), stop).await.unwrap()
    });
    let kills = 1 + draw.below(3);
    let delays: Vec<u64> = (0..kills).map(|_| draw.below(SPAN_MS)).collect();
    let world = tokio::task::spawn_blocking(move || {
        for delay in delays {
            let service = Service::spawned(&world.bench);
            // The instant is what is drawn: there is no event to wait for.
            std::thread::sleep(Duration::from_millis(delay));
            service.kill();
        }
        world.finishes();
        world
    });
    let world = world.await.unwrap();
    drop(stop);
    let seen = reader.await.unwrap();
    world.check(&seen);
    world.org.shutdown().await.unwrap();
    (kills, world.asked, seen)
}

impl World {
    async fn new(number: u64, draw: &mut Draw) -> World {
        let mut seed = Seed {
            login: Some(LoginSeed {
                client_id: LOGIN_ID.into(),
                username: USER.into(),
                public_key: Some(login_key().public_key_pem()),
                ..LoginSeed::default()
            }),
            ..Seed::default()
        };
        seed.clock.mode = ClockMode::Real;
        for (name, external, switches) in APPS {
            let switches: toml::Table = toml::from_str(switches).unwrap();
            match external {
                true => seed.external_client_apps.push(ExternalClientAppSeed {
                    name: name.into(),
                    client_credentials_user: Some(USER.into()),
                    consumers: vec![ConsumerSeed::default()],
                    switches,
                    ..ExternalClientAppSeed::default()
                }),
                false => seed.connected_apps.push(ConnectedAppSeed {
                    name: name.into(),
                    client_credentials_user: Some(USER.into()),
                    switches,
                    ..ConnectedAppSeed::default()
                }),
            }
        }
        // Of every second world's writes to the org, one loses its answer: before it took, or after.
        if draw.below(2) == 0 {
            let operations = [
                "staged.post",
                "staged.patch",
                "staged.delete",
                "soap.updateMetadata",
            ];
            let operation = operations[usize::try_from(draw.below(4)).unwrap()];
            let kind = ["drop_before", "drop_after"][usize::try_from(draw.below(2)).unwrap()];
            let rule = json!({ "operation": operation, "action": { "kind": kind } });
            seed.faults.push(serde_json::from_value(rule).unwrap());
        }
        let org = Sandbox::start(&seed).await.unwrap();
        let bench = Bench::at(org.base_url());
        bench.write("rekeyd.toml", &policy(&bench, org.base_url()));
        let world = World {
            seed: number,
            bench,
            org,
            asked: false,
        };
        world.give().await;
        world
    }

    fn policy(&self) -> Policy {
        let name = "rekeyd.toml".to_owned();
        let text = fs::read_to_string(self.bench.path(&name)).unwrap();
        compile(&[SourceFile { name, text }]).unwrap_or_else(|faults| panic!("{}", to_text(&faults)))
    }

    /// The live pair of every app is in the store already, as a person put it there.
    async fn give(&self) {
        let policy = self.policy();
        let state = self.org.state();
        for (name, ..) in APPS {
            let pair = &state.app(name).unwrap().consumers[0].pairs[0];
            let mut fields = Map::new();
            fields.insert("client_id".into(), Value::String(pair.client_id.clone()));
            fields.insert("client_secret".into(), Value::String(pair.client_secret.clone()));
            fields.insert("note".into(), "kept".into());
            let Ok(seat) = app::open_store(&policy, name, None) else {
                panic!("{name}")
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

    fn consumer(&self) -> std::path::PathBuf {
        let apps = APPS.iter().map(|(name, ..)| AppConfig {
            name: (*name).to_owned(),
            reader: ReaderConfig::File {
                path: self.bench.path("secrets").join("apps").join(name).join("current"),
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

    /// Nobody kills it any more: every app becomes done.
    fn finishes(&mut self) {
        let mut service = Service::start(&self.bench);
        for _ in 0..TURNS {
            if APPS.iter().all(|(name, ..)| self.is_done(name)) {
                service.terminate();
                assert_eq!(service.end().0, 0);
                return;
            }
            self.has_a_masked_value_made_anew();
            service.listen(Duration::from_millis(500));
        }
        let history = self.bench.run(&["history"]);
        panic!("seed {}: not over\n{}\n{}", self.seed, service.log, history.out);
    }

    fn is_done(&self, name: &str) -> bool {
        let status = self.status(name);
        status["state"] == "resting" && status["last_rotated"].is_string()
    }

    fn status(&self, name: &str) -> Value {
        let ran = self.bench.run(&["status", name, "--json"]);
        // Between two states the daemon may be busy; the next look tells.
        serde_json::from_str(&ran.out).unwrap_or(Value::Null)
    }

    /// One kill is healed by a second mint. Two can lose that as well, and no third is made without a person.
    fn has_a_masked_value_made_anew(&mut self) {
        let status = self.status("masked");
        let state = status["state"].as_str().unwrap_or_default();
        if state.contains("the value was lost twice") {
            self.bench.run(&["abandon", "masked"]).ends(0);
            self.asked = true;
        }
        if self.asked && state == "resting" && status["last_rotated"].is_null() {
            self.bench.run(&["rotate", "masked"]).ends(0);
        }
    }

    /// One pair is accepted, it is a new one, the store gives it, it was made once, and the history holds.
    fn check(&self, seen: &[Summary]) {
        let policy = self.policy();
        let state = self.org.state();
        let runtime = tokio::runtime::Handle::current();
        let history = || {
            format!(
                "REKEYD_SEEDS={0}..{1}\n{2}",
                self.seed,
                self.seed + 1,
                self.bench.run(&["history"]).out
            )
        };
        for (name, external, switches) in APPS {
            let consumer = &state.app(name).unwrap().consumers[0];
            let accepted: Vec<_> = state.accepted.iter().filter(|one| one.app == name).collect();
            assert_eq!(accepted.len(), 1, "{name}: pairs accepted\n{}", history());
            assert!(
                consumer.staged.is_none(),
                "{name}: something is in the slot\n{}",
                history()
            );
            let most = match switches.contains("masked") {
                true => 2 + u64::from(self.asked),
                false => 1,
            };
            assert!(
                !external || (1..=most).contains(&consumer.mints),
                "{name}: {} mints\n{}",
                consumer.mints,
                history()
            );
            assert!(
                external || consumer.cutovers == 1,
                "{name}: {} changes\n{}",
                consumer.cutovers,
                history()
            );
            let Ok(seat) = app::open_store(&policy, name, None) else {
                panic!("{name}")
            };
            let read = |place: Place| {
                let store = seat.store.clone();
                tokio::task::block_in_place(|| {
                    runtime.block_on(async move { store.read(&place).await.unwrap().value })
                })
            };
            let current = read(Place::Current).unwrap();
            assert_eq!(
                current.object()["client_secret"],
                accepted[0].client_secret,
                "{name}\n{}",
                history()
            );
            assert_eq!(current.object()["note"], "kept", "{name}");
            assert!(
                read(Place::Pending).is_none(),
                "{name}: pending is not empty\n{}",
                history()
            );
            let witness = seen.iter().find(|app| app.app == name).unwrap();
            assert!(
                witness.logins > 0 && witness.read_errors == 0 && !witness.refused_at_end,
                "{name}: {witness:?}\n{}",
                history()
            );
            assert!(
                !external || witness.refusals == 0,
                "{name}: {witness:?}\n{}",
                history()
            );
        }
        self.bench.run(&["history", "--verify"]).ends(0);
    }
}

fn policy(bench: &Bench, org: &str) -> String {
    let written = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let (head, _) = written.split_once("[app.").unwrap();
    assert!(head.contains(org) && Path::new(&bench.path("secrets")).is_dir());
    // On a busy machine a request may take a second.
    let mut text = head.replace("propagation = \"2s\"", "propagation = \"3s\"");
    text = text.replace("request_lifetime = \"1s\"", "request_lifetime = \"4s\"");
    for (name, external, _) in APPS {
        let target = match external {
            true => format!(
                "grace = \"0s\"\n[app.{name}.external_client_app]\nname = \"{name}\"\nallow_key_change = true"
            ),
            false => format!(
                "[app.{name}.connected_app]\nname = \"{name}\"\nmethod = \"update\"\ncertificate = \"none\""
            ),
        };
        text += &format!(
            "[app.{name}]\norg = \"test\"\nstores = [{{ store = \"local\", path = \"{name}\" }}]\n\
             schedule = {{ every = \"90d\" }}\nfirst = \"now\"\ncool_down = \"0s\"\nclient_credentials = true\n{target}\n"
        );
    }
    text
}
