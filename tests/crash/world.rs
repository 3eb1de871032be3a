//! One app in one simulated org, with its stores, a journal's place, and a proxy before each server.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use rcgen::KeyPair;
use rekeyd::app;
use rekeyd::document::Document;
use rekeyd::engine::seat::StoreSeat;
use rekeyd::policy::{Policy, SourceFile, compile, to_text};
use rekeyd::port::{Outcome, Place};
use rekeyd::rotation::{Limits, RotationId};
use rekeyd::sandbox::{
    ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, LoginSeed, RunningSandbox, Sandbox, Seed, UserSeed,
};
use rekeyd::secret::{Credential, Fingerprint, FingerprintKey, Secret};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::record::Record;
use super::watch::{Pair, Watch};
use crate::support::aws;
use crate::support::aws::stub::Stub;
use crate::support::clock::TestClock;
use crate::support::openbao::{OpenBao, ROOT, fresh};
use crate::support::proxy::{Proxy, Witness};

const LOGIN: &str = "3MVG9login";
const USER: &str = "rekeyd@acme.example";
const RUN_AS: &str = "robot@acme.example";
/// The app's name in the policy.
pub const APP: &str = "billing";
/// The app's name in the org.
pub const NAME: &str = "Billing";
const KEY: &str = "3MVG9billing";
/// A pair of another app: accepted, and nobody's here.
pub const OTHER: (&str, &str) = (
    "3MVG9other",
    "othersecret00000000000000000000000000000000000000000000000000001",
);
const SECRET: &str = "billingsecret000000000000000000000000000000000000000000000000001";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Staged,
    Update,
    Regenerate,
    Assisted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    File,
    Bao,
    Aws,
}

/// The org shows a staged secret once.
pub const MASKED: (&str, &str) = ("staged_secret", "\"masked\"");

/// The org ends the old pair as soon as the new one is promoted, against its documents.
pub const NO_OVERLAP: (&str, &str) = ("old_dies_at_cutover", "true");

/// The org takes a new pair only once it is in force.
pub const LATE_PROOF: (&str, &str) = ("staged_proves_before_cutover", "false");

/// What a case is about.
#[derive(Clone, Debug)]
pub struct Shape {
    pub method: Method,
    pub stores: &'static [Kind],
    /// Switches of the org.
    pub switches: &'static [(&'static str, &'static str)],
    /// The grace.
    pub grace: &'static str,
    /// When an app of unknown age is due.
    pub first: &'static str,
    /// Between two looks at something that is on its way. Longer than the default, which is for the sake of the machine
    /// that tests: the budgets are the default ones.
    pub spacing: &'static str,
    /// The stores hold the live pair already.
    pub given: bool,
}

impl Shape {
    pub const fn new(method: Method, stores: &'static [Kind]) -> Shape {
        Shape {
            method,
            stores,
            switches: &[],
            grace: "0s",
            first: "after-interval",
            spacing: "60s",
            given: true,
        }
    }

    pub const fn with(self, switches: &'static [(&'static str, &'static str)]) -> Shape {
        Shape { switches, ..self }
    }

    /// In a few words.
    pub fn name(&self) -> String {
        let stores: Vec<String> = self.stores.iter().map(|kind| format!("{kind:?}")).collect();
        let switches = self
            .switches
            .iter()
            .map(|(name, value)| format!(" {name}={value}"));
        format!(
            "{:?} {}{}",
            self.method,
            stores.join("+"),
            switches.collect::<String>()
        )
    }
}

/// Everything outside the process.
pub struct World {
    pub shape: Shape,
    pub org: Arc<RunningSandbox>,
    pub clock: Arc<TestClock>,
    pub record: Arc<Record>,
    pub watch: Arc<Watch>,
    pub policy: Policy,
    #[allow(dead_code, reason = "only the fault tests have faults of a network there")]
    pub org_proxy: Proxy,
    pub bao_proxy: Proxy,
    pub bao: Arc<OpenBao>,
    /// Ends with the world.
    _cloud: Stub,
    pub cloud_proxy: Proxy,
    pub journal: PathBuf,
    /// Of its values, in each store.
    pub path: String,
    pub home: TempDir,
}

/// One RSA key for all: making it is slow.
fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap())
}

impl World {
    pub async fn new(shape: Shape) -> World {
        let bao = OpenBao::shared().await;
        let home = tempfile::tempdir().unwrap();
        let org = Arc::new(Sandbox::start(&seed(&shape)).await.unwrap());
        let clock = TestClock::new(org.clone());
        let path = format!("crash/{}", fresh());
        let paths = shape.stores.iter().map(|kind| match kind {
            Kind::File | Kind::Aws => None,
            Kind::Bao => Some((format!("rekeyd-pending/{path}"), path.clone())),
        });
        let record = Record::new(clock.clone(), Limits::default(), paths.collect());
        let witness = record.clone();
        let org_socket = org.base_url().trim_start_matches("http://").parse().unwrap();
        let org_proxy = Proxy::witnessed(org_socket, Arc::new(move |seen| witness.to_org(seen))).await;
        let witness = record.clone();
        let bao_proxy = Proxy::witnessed(bao.socket(), Arc::new(move |seen| witness.to_store(seen))).await;
        let cloud = Stub::start().await;
        let witness = record.clone();
        let place = shape
            .stores
            .iter()
            .position(|kind| *kind == Kind::Aws)
            .unwrap_or(0);
        let looks_on: Witness = Arc::new(move |seen| witness.to_cloud(place, seen));
        let cloud_proxy = Proxy::witnessed(cloud.socket(), looks_on).await;
        // A client must not follow the org to another address than the one it was given.
        let mut set = Map::new();
        set.insert("instance_url".into(), Value::String(org_proxy.address()));
        org.switch(None, &set).unwrap();

        files(home.path());
        let text = |servers| policy(&shape, home.path(), &path, servers);
        let (through, past) = (
            [org_proxy.address(), bao_proxy.address(), cloud_proxy.address()],
            [org.base_url().to_owned(), bao.address(), cloud.address()],
        );
        let policy = compiled(text([&through[0], &through[1], "token", &through[2]]));
        let direct = compiled(text([&past[0], &past[1], "root", &past[2]]));
        let stores = shape.stores.iter().map(|kind| store_name(*kind));
        let eyes: Vec<StoreSeat> = stores
            .map(|name| app::open_store(&direct, APP, Some(name)).ok().unwrap())
            .collect();
        let watch = Arc::new(Watch {
            eyes,
            org: org.clone(),
            app: NAME,
            overlap: shape.method == Method::Staged && !shape.switches.contains(&NO_OVERLAP),
            readable: shape.method == Method::Regenerate,
            old: (KEY.to_owned(), SECRET.to_owned()),
            record: record.clone(),
            rival: AtomicBool::new(false),
        });
        let world = World {
            journal: home.path().join("journal.db"),
            path: path.clone(),
            shape,
            org,
            clock,
            record,
            watch,
            policy,
            org_proxy,
            bao_proxy,
            bao,
            _cloud: cloud,
            cloud_proxy,
            home,
        };
        if world.shape.given {
            for store in 0..world.watch.eyes.len() {
                world.give(store).await;
            }
        }
        world
    }

    /// Puts the live pair, and a key of somebody else's, into a store, as a person would.
    async fn give(&self, store: usize) {
        self.write(store, &[("note", "kept")], &self.watch.old).await;
    }

    /// What somebody else writes to *current*: these keys and this pair, and what else is there.
    pub async fn write(&self, store: usize, keys: &[(&str, &str)], pair: &Pair) {
        let eye = &self.watch.eyes[store];
        let slot = eye.store.read(&Place::Current).await.unwrap();
        let mut fields = slot.value.map(|value| value.object().clone()).unwrap_or_default();
        let theirs = [("client_id", pair.0.as_str()), ("client_secret", pair.1.as_str())];
        for (key, text) in keys.iter().chain(&theirs) {
            fields.insert((*key).to_owned(), Value::String((*text).to_owned()));
        }
        let value = Document::from_object(fields);
        let outcome = loop {
            match eye.store.publish(&slot.base, &value, id(1)).await {
                Outcome::Partly(_) => {}
                outcome => break outcome,
            }
        };
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }

    /// The proxy in front of the store that is spoken to over HTTP.
    pub fn store_proxy(&self) -> &Proxy {
        match self.shape.stores.contains(&Kind::Aws) {
            true => &self.cloud_proxy,
            false => &self.bao_proxy,
        }
    }

    /// The print of a pair, by the key of the journal.
    pub fn print(&self, pair: &Pair) -> Fingerprint {
        let key = FingerprintKey::new(vec![7; 32]).unwrap();
        let pair = Credential {
            client_id: pair.0.clone(),
            client_secret: Secret::new(pair.1.clone()),
        };
        key.fingerprint(&pair)
    }

    /// The whole value in *current*.
    pub async fn current(&self, store: usize) -> Document {
        let slot = self.watch.eyes[store].store.read(&Place::Current).await.unwrap();
        slot.value.unwrap()
    }
}

pub fn id(number: u128) -> RotationId {
    RotationId::from(uuid::Uuid::from_u128(number))
}

fn store_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "local",
        Kind::Bao => "corp",
        Kind::Aws => "cloud",
    }
}

fn compiled(text: String) -> Policy {
    let name = "crash.toml".to_owned();
    compile(&[SourceFile { name, text }]).unwrap_or_else(|faults| panic!("{}", to_text(&faults)))
}

fn write(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(bytes).unwrap();
}

fn files(home: &Path) {
    write(&home.join("login.pem"), key().serialize_pem().as_bytes());
    write(&home.join("journal.key"), &[7; 32]);
    write(&home.join("token"), ROOT.as_bytes());
    write(&home.join("root"), ROOT.as_bytes());
    aws::credentials(home, aws::KEY);
    fs::DirBuilder::new()
        .mode(0o700)
        .create(home.join("secrets"))
        .unwrap();
    app::generate_identity(&home.join("store.key")).ok().unwrap();
}

fn policy(shape: &Shape, home: &Path, path: &str, [org, bao, token, cloud]: [&str; 4]) -> String {
    let home = home.display();
    let stores: Vec<String> = shape
        .stores
        .iter()
        .map(|kind| {
            let word = if *kind == Kind::Aws { "name" } else { "path" };
            format!(r#"{{ store = "{}", {word} = "{path}" }}"#, store_name(*kind))
        })
        .collect();
    let (stores, first, spacing) = (stores.join(", "), shape.first, shape.spacing);
    let target = match shape.method {
        Method::Staged => format!(
            "grace = \"{}\"\n[app.{APP}.external_client_app]\nname = \"{NAME}\"\nallow_key_change = true",
            shape.grace
        ),
        Method::Regenerate => format!(
            "[app.{APP}.external_client_app]\nname = \"{NAME}\"\nmethod = \"regenerate\"\ncertificate = \"none\""
        ),
        Method::Assisted => format!(
            "[app.{APP}.connected_app]\nname = \"{NAME}\"\nmethod = \"assisted\"\nallow_key_change = true"
        ),
        Method::Update => format!(
            "[app.{APP}.connected_app]\nname = \"{NAME}\"\nmethod = \"update\"\ncertificate = \"none\""
        ),
    };
    let mut servers = String::new();
    if shape.stores.contains(&Kind::File) {
        servers += &format!(
            "[store.local.file]\ndirectory = \"{home}/secrets\"\nidentity_file = \"{home}/store.key\"\n"
        );
    }
    if shape.stores.contains(&Kind::Bao) {
        servers += &format!(
            "[store.corp.vault]\naddress = \"{bao}\"\nmount = \"secret\"\n\
             [store.corp.vault.auth.token]\nfile = \"{home}/{token}\"\n"
        );
    }
    if shape.stores.contains(&Kind::Aws) {
        servers += &format!(
            "[store.cloud.aws]\nregion = \"{}\"\nendpoint_url = \"{cloud}\"\ncreate = true\n\
             credentials_file = \"{home}/aws-credentials\"\n",
            aws::REGION
        );
    }
    format!(
        r#"
[journal]
url = "sqlite:{home}/journal.db"
key_file = "{home}/journal.key"

[org.prod]
url = "{org}"
api_version = "66.0"
stable_spacing = "{spacing}"
live_check = "0s"
catch_up_spacing = "0s"
[org.prod.login.jwt]
client_id = "{LOGIN}"
username = "{USER}"
key_file = "{home}/login.pem"

{servers}
[app.{APP}]
org = "prod"
stores = [{stores}]
schedule = {{ every = "90d" }}
first = "{first}"
client_credentials = true
{target}
"#
    )
}

fn seed(shape: &Shape) -> Seed {
    let user = |name: &str| UserSeed {
        username: name.to_owned(),
        permissions: None,
    };
    let mut seed = Seed {
        random: Some("crash".to_owned()),
        users: vec![user(USER), user(RUN_AS)],
        login: Some(LoginSeed {
            client_id: LOGIN.to_owned(),
            username: USER.to_owned(),
            public_key: Some(key().public_key_pem()),
            ..LoginSeed::default()
        }),
        ..Seed::default()
    };
    match shape.method {
        Method::Staged | Method::Regenerate => seed.external_client_apps.push(ExternalClientAppSeed {
            name: NAME.to_owned(),
            client_credentials_user: Some(RUN_AS.to_owned()),
            consumers: vec![ConsumerSeed {
                name: None,
                key: Some(KEY.to_owned()),
                secret: Some(SECRET.to_owned()),
            }],
            ..ExternalClientAppSeed::default()
        }),
        Method::Update | Method::Assisted => seed.connected_apps.push(ConnectedAppSeed {
            name: NAME.to_owned(),
            consumer_key: Some(KEY.to_owned()),
            consumer_secret: Some(SECRET.to_owned()),
            client_credentials_user: Some(RUN_AS.to_owned()),
            scopes: vec!["Api".to_owned()],
            ..ConnectedAppSeed::default()
        }),
    }
    seed.external_client_apps.push(ExternalClientAppSeed {
        name: "Other".to_owned(),
        consumers: vec![ConsumerSeed {
            name: None,
            key: Some(OTHER.0.to_owned()),
            secret: Some(OTHER.1.to_owned()),
        }],
        ..ExternalClientAppSeed::default()
    });
    let mut set = Map::new();
    if shape.method == Method::Update {
        set.insert("in_place_secret".into(), "applies".into());
    }
    for (name, value) in shape.switches {
        set.insert((*name).into(), serde_json::from_str(value).unwrap());
    }
    seed.switches = seed.switches.with(&set).unwrap();
    seed
}
