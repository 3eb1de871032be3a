//! An org with a few External Client Apps, file stores, a journal, and the engine over them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rcgen::KeyPair;
use rekeyd::app;
use rekeyd::clock::{Clock, Timestamp};
use rekeyd::document::Document;
use rekeyd::engine::board::Board;
use rekeyd::engine::command::{Command, Control, Reply};
use rekeyd::engine::ledger::{AppLedger, Ledgers};
use rekeyd::engine::note::Note;
use rekeyd::engine::seat::House;
use rekeyd::engine::supervisor::{Managed, Supervisor};
use rekeyd::journal::SqliteJournal;
use rekeyd::policy::{Policy, SourceFile, compile, to_text};
use rekeyd::port::journal::{Journal, RecordQuery};
use rekeyd::port::{Outcome, Place};
use rekeyd::random::SystemRandom;
use rekeyd::rotation::{Event, RotationId, State};
use rekeyd::sandbox::{
    ConsumerSeed, ExternalClientAppSeed, LoginSeed, RunningSandbox, Sandbox, Seed, UserSeed,
};
use rekeyd::secret::FingerprintKey;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::hand_clock::HandClock;

/// How often the engine looks at what is due.
pub const TICK: Duration = Duration::from_secs(1);

pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// In the machine's own time: longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

const LOGIN: &str = "3MVG9engineengine";
const USER: &str = "rekeyd@engine.example";

/// One RSA key for all: making it is slow.
fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap())
}

pub struct World {
    pub org: Arc<RunningSandbox>,
    pub clock: Arc<HandClock>,
    home: TempDir,
}

/// A running engine.
pub struct Engine<'a> {
    pub world: &'a World,
    pub board: Arc<Board>,
    pub ledgers: Arc<Mutex<Ledgers>>,
    pub house: House,
    commands: mpsc::Sender<(Command, oneshot::Sender<Reply>)>,
    controls: mpsc::Sender<Control>,
    drain: CancellationToken,
    task: JoinHandle<()>,
}

/// Name and key of the n-th app.
pub fn name(app: usize) -> String {
    format!("app-{app}")
}

pub fn pair(app: usize) -> (String, String) {
    (format!("3MVG9engineapp{app}"), format!("secret0of0app{app}"))
}

impl World {
    pub async fn new(apps: usize) -> World {
        World::seeded(apps, |_| ()).await
    }

    /// The same, in an org that differs.
    pub async fn seeded(apps: usize, change: impl FnOnce(&mut Seed)) -> World {
        let mut seed = Seed {
            random: Some("engine".into()),
            users: vec![UserSeed {
                username: USER.into(),
                permissions: None,
            }],
            login: Some(LoginSeed {
                client_id: LOGIN.into(),
                username: USER.into(),
                public_key: Some(key().public_key_pem()),
                ..LoginSeed::default()
            }),
            ..Seed::default()
        };
        for app in 0..apps {
            let (key, secret) = pair(app);
            seed.external_client_apps.push(ExternalClientAppSeed {
                name: format!("App{app}"),
                consumers: vec![ConsumerSeed {
                    name: None,
                    key: Some(key),
                    secret: Some(secret),
                }],
                ..ExternalClientAppSeed::default()
            });
        }
        change(&mut seed);
        let org = Arc::new(Sandbox::start(&seed).await.unwrap());
        let clock = HandClock::new(org.clone());
        let home = tempfile::tempdir().unwrap();
        private(&home.path().join("login.pem"), key().serialize_pem().as_bytes());
        private(&home.path().join("journal.key"), &[7; 32]);
        for store in ["one", "two"] {
            app::generate_identity(&home.path().join(format!("{store}.key")))
                .ok()
                .unwrap();
            let directory = home.path().join(store);
            fs::DirBuilder::new().mode(0o700).create(directory).unwrap();
        }
        World { org, clock, home }
    }

    /// A policy with these apps; `org` and `app` are more keys of the org and of each app.
    pub fn policy(&self, apps: impl IntoIterator<Item = usize>, org: &str, app: &str) -> Policy {
        let mut text = String::new();
        for number in apps {
            let name = name(number);
            text += &format!(
                r#"
[app.{name}]
org = "prod"
stores = [{{ store = "one", path = "{name}" }}, {{ store = "two", path = "{name}" }}]
{app}
[app.{name}.external_client_app]
name = "App{number}"
allow_key_change = true
"#
            );
        }
        self.policy_of(org, &text)
    }

    /// A policy with these tables of apps.
    pub fn policy_of(&self, org: &str, apps: &str) -> Policy {
        let (home, url) = (self.home.path().display(), self.org.base_url());
        let text = format!(
            r#"
[journal]
url = "sqlite:{home}/journal.db"
key_file = "{home}/journal.key"
[org.prod]
url = "{url}"
stable_tries = 1
stable_span = "0s"
{org}
[org.prod.login.jwt]
client_id = "{LOGIN}"
username = "{USER}"
key_file = "{home}/login.pem"
[store.one.file]
directory = "{home}/one"
identity_file = "{home}/one.key"
[store.two.file]
directory = "{home}/two"
identity_file = "{home}/two.key"
{apps}
"#
        );
        let file = SourceFile {
            name: "engine.toml".into(),
            text,
        };
        compile(&[file]).unwrap_or_else(|faults| panic!("{}", to_text(&faults)))
    }

    /// The journal is gone.
    pub fn lose_journal(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let path = self.home.path().join(format!("journal.db{suffix}"));
            match fs::remove_file(path) {
                Ok(()) => {}
                Err(fault) => assert_eq!(fault.kind(), std::io::ErrorKind::NotFound),
            }
        }
    }

    /// Starts the engine.
    pub async fn start(&self, policy: &Policy) -> Engine<'_> {
        self.start_with(policy, |_, _| ()).await
    }

    /// The same, with something changed about its apps.
    pub async fn start_with(&self, policy: &Policy, change: impl Fn(&str, &mut Managed)) -> Engine<'_> {
        self.start_in(policy, |journal| journal, change).await
    }

    /// The same over another journal.
    pub async fn start_in(
        &self,
        policy: &Policy,
        wrap: impl FnOnce(Arc<dyn Journal>) -> Arc<dyn Journal>,
        change: impl Fn(&str, &mut Managed),
    ) -> Engine<'_> {
        let path = self.home.path().join("journal.db");
        let journal = SqliteJournal::open(&path, &SystemRandom);
        let house = House {
            journal: wrap(Arc::new(journal.await.unwrap())),
            clock: self.clock.clone(),
            random: Arc::new(SystemRandom),
            prints: FingerprintKey::new(vec![7; 32]).unwrap(),
            identities: Arc::default(),
        };
        let records = house.journal.read(&RecordQuery::default()).await.unwrap();
        let ledgers = Ledgers::read(&records).unwrap();
        let mut apps = app::build(policy, &ledgers, &house).ok().unwrap();
        apps.iter_mut().for_each(|(app, managed)| change(app, managed));
        let told = Arc::new(|_: &str, _: &[String], _: &State, _: &[Event]| {});
        let drain = CancellationToken::new();
        let supervisor = Supervisor::new(house.clone(), apps, TICK, told, drain.clone())
            .await
            .unwrap();
        let (board, ledgers) = (supervisor.board(), supervisor.ledgers());
        let (commands, asked) = mpsc::channel(8);
        let (controls, controlled) = mpsc::channel(8);
        let task = tokio::spawn(async move { supervisor.run(asked, controlled).await.unwrap() });
        Engine {
            world: self,
            board,
            ledgers,
            house,
            commands,
            controls,
            drain,
            task,
        }
    }

    /// What consumers read.
    pub async fn held(&self, policy: &Policy, app: usize, store: &str) -> (String, String) {
        self.read(policy, &name(app), store).await
    }

    /// The same by the app's name.
    pub async fn read(&self, policy: &Policy, app: &str, store: &str) -> (String, String) {
        let seat = app::open_store(policy, app, Some(store)).ok().unwrap();
        let slot = seat.store.read(&Place::Current).await.unwrap();
        let pair = slot.value.unwrap().credential(&seat.names).ok().unwrap();
        (pair.client_id, pair.client_secret.expose().to_owned())
    }

    /// Writes other fields into *current* of one app in one store, as a person would.
    pub async fn edit(&self, policy: &Policy, app: usize, store: &str, pair: &(String, String)) {
        self.give(policy, &name(app), store, pair).await;
    }

    /// Where a file store keeps what consumers of an app read.
    pub fn file(&self, app: usize, store: &str) -> PathBuf {
        let link = self
            .home
            .path()
            .join(store)
            .join("apps")
            .join(name(app))
            .join("current");
        fs::canonicalize(link).unwrap()
    }

    /// The same by the app's name.
    pub async fn give(&self, policy: &Policy, app: &str, store: &str, pair: &(String, String)) {
        let seat = app::open_store(policy, app, Some(store)).ok().unwrap();
        let slot = seat.store.read(&Place::Current).await.unwrap();
        let mut fields = slot.value.map(|value| value.object().clone()).unwrap_or_default();
        fields.insert("client_id".into(), pair.0.clone().into());
        fields.insert("client_secret".into(), pair.1.clone().into());
        let id = RotationId::from(uuid::Uuid::from_u128(1));
        let outcome = seat
            .store
            .publish(&slot.base, &Document::from_object(fields), id)
            .await;
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }
}

impl Engine<'_> {
    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    pub async fn ask(&self, command: Command) -> Reply {
        let (reply, answer) = oneshot::channel();
        self.commands.send((command, reply)).await.ok().unwrap();
        answer.await.unwrap()
    }

    pub async fn control(&self, control: Control) {
        self.controls.send(control).await.ok().unwrap();
    }

    pub fn ledger(&self, app: usize) -> AppLedger {
        self.ledgers
            .lock()
            .unwrap()
            .apps
            .get(&name(app))
            .cloned()
            .unwrap_or_default()
    }

    /// How many rotations each app was given.
    pub async fn started(&self) -> BTreeMap<String, Vec<Timestamp>> {
        let mut started: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
        for record in self.house.journal.read(&RecordQuery::default()).await.unwrap() {
            if record.entry.kind == "started" {
                started
                    .entry(record.entry.app.unwrap())
                    .or_default()
                    .push(record.at);
            }
        }
        started
    }

    /// What was journaled about one app, or (with `None`) about no app, by the short name of each note.
    pub async fn notes(&self, app: usize) -> Vec<Note> {
        let query = RecordQuery {
            app: Some(name(app)),
            ..RecordQuery::default()
        };
        let records = self.house.journal.read(&query).await.unwrap();
        records.iter().map(|record| Note::read(record).unwrap()).collect()
    }

    /// Lets everything that needs no more time come to its end, and time pass in steps, until `is_so`.
    pub async fn until(&self, what: &str, step: Duration, is_so: impl Fn(&Ledgers) -> bool) {
        let wait = async {
            loop {
                // Enough turns for an exchange with a store and an org; then the engine may be waiting for time.
                for _ in 0..200 {
                    tokio::task::yield_now().await;
                    if is_so(&self.ledgers.lock().unwrap()) {
                        return;
                    }
                }
                self.world.clock.advance(step);
                self.beat().await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("never {what}: {:#?}", self.ledgers.lock().unwrap());
        }
    }

    /// Time passes in steps; each is long enough for the engine to look at what is due.
    pub async fn pass(&self, time: Duration, step: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            self.world.clock.advance(step);
            self.beat().await;
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// The engine has looked at what is due since the clock was moved last.
    async fn beat(&self) {
        let now = self.now();
        let beaten = async {
            loop {
                for _ in 0..1000 {
                    let last = self.board.cards().heartbeat;
                    if last.is_some_and(|last| last >= now) || self.task.is_finished() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
                // It was at work when the clock was moved, and went to sleep after that.
                self.world.clock.advance(TICK);
            }
        };
        tokio::time::timeout(PATIENCE, beaten).await.unwrap();
    }

    pub async fn adopted(&self) {
        let all = |ledgers: &Ledgers| {
            !ledgers.apps.is_empty() && ledgers.apps.values().all(|ledger| ledger.adopted_at.is_some())
        };
        self.until("adopted", TICK, all).await;
    }

    /// The same for one that may stand where it stops only after a while.
    pub async fn stop_in_time(self) {
        self.drain.cancel();
        while !self.task.is_finished() {
            self.world.clock.advance(TICK);
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        }
        self.task.await.unwrap();
    }

    /// Dies at once, with all that it was at.
    pub async fn die(self) {
        self.task.abort();
        let _aborted = self.task.await;
    }

    pub async fn stop(self) {
        self.drain.cancel();
        self.task.await.unwrap();
    }
}

fn private(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(bytes).unwrap();
}
