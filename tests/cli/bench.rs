//! A directory with everything that a policy names, and the binary run in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use rcgen::KeyPair;
use rekeyd::clock::Timestamp;
use rekeyd::engine::note::Note;
use rekeyd::journal::{Journal, SqliteJournal};
use rekeyd::random::SystemRandom;
use rekeyd::rotation::RotationId;
use tempfile::TempDir;

pub const LOGIN_ID: &str = "3MVG9loginlogin";
pub const USER: &str = "rekeyd@cli.example";

/// One for all tests: making it takes a while.
pub fn login_key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap())
}

pub struct Bench {
    pub directory: TempDir,
}

/// What a command did.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Bench {
    /// Everything in its place; the org is one that nobody serves.
    pub fn new() -> Bench {
        Self::at("http://127.0.0.1:9")
    }

    pub fn at(org: &str) -> Bench {
        let directory = TempDir::new().unwrap();
        let bench = Bench { directory };
        private(&bench.path("journal.key"), &[7; 32]);
        private(&bench.path("login.pem"), login_key().serialize_pem().as_bytes());
        rekeyd::store::file::identity::generate(&bench.path("store.key")).unwrap();
        let secrets = bench.path("secrets");
        fs::DirBuilder::new().mode(0o700).create(secrets).unwrap();
        bench.write("rekeyd.toml", &bench.policy(org));
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn policy(&self, org: &str) -> String {
        let at = self.directory.path().display();
        format!(
            r#"
[journal]
url = "sqlite:{at}/journal.db"
key_file = "{at}/journal.key"

[api]
socket = "{at}/rekeyd.sock"

[org.test]
url = "{org}"
api_version = "66.0"
propagation = "2s"
request_lifetime = "1s"
stable_tries = 1
stable_spacing = "1s"
stable_span = "0s"
[org.test.login.jwt]
client_id = "{LOGIN_ID}"
username = "{USER}"
key_file = "{at}/login.pem"

[store.local.file]
directory = "{at}/secrets"
identity_file = "{at}/store.key"

[app.billing]
org = "test"
stores = [{{ store = "local", path = "billing" }}]
schedule = {{ every = "90d", jitter = "30m" }}
max_age = "120d"
grace = "7d"
first = "after-interval"
[app.billing.external_client_app]
name = "Billing"
allow_key_change = true

[app.legacy]
org = "test"
stores = [{{ store = "local", path = "legacy" }}]
schedule = {{ cron = "0 3 1 * *", zone = "UTC" }}
first = "after-interval"
[app.legacy.connected_app]
name = "Legacy"
method = "update"
certificate = "none"
"#
        )
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rekeyd"));
        command.arg("--config").arg(self.path("rekeyd.toml")).args(args);
        command.env_remove("REKEYD_CONFIG").env_remove("REKEYD_LOG");
        for name in ["VAULT_ADDR", "VAULT_NAMESPACE", "VAULT_CACERT", "VAULT_TOKEN"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    pub fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses before it reads closes the pipe.
        let _closed = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::of(&child.wait_with_output().unwrap())
    }

    /// Appends notes to the journal behind the daemon's back, and closes it.
    pub fn journal(&self, notes: &[(&str, Option<RotationId>, Note)]) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let journal = self.open_journal().await;
            for (at, (app, rotation, note)) in notes.iter().enumerate() {
                let at = Timestamp(1_800_000_000_000 + i64::try_from(at).unwrap() * 1000);
                journal
                    .append(at, &[note.entry(app, *rotation).unwrap()])
                    .await
                    .unwrap();
            }
            journal.close().await.unwrap();
        });
    }

    pub async fn open_journal(&self) -> SqliteJournal {
        SqliteJournal::open(&self.path("journal.db"), &SystemRandom)
            .await
            .unwrap()
    }

    /// Every file below, with its size, time and mode.
    pub fn listing(&self) -> BTreeMap<PathBuf, (u64, i64, i64, u32)> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.directory.path().to_owned()];
        while let Some(path) = left.pop() {
            let seen = fs::symlink_metadata(&path).unwrap();
            if seen.is_dir() {
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            found.insert(path, (seen.size(), seen.mtime(), seen.mtime_nsec(), seen.mode()));
        }
        found
    }
}

impl Ran {
    pub fn of(output: &Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// The exit code, after showing everything where it is another.
    pub fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "\nout: {}\nerr: {}", self.out, self.err);
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {}", self.out))
    }
}

pub fn private(path: &Path, bytes: &[u8]) {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(bytes).unwrap();
}
