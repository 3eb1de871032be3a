//! The real binary with an HTTP address, and a simulated org.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use rcgen::KeyPair;
use rekeyd::sandbox::{
    ClockMode, ConsumerSeed, ExternalClientAppSeed, LoginSeed, RunningSandbox, Sandbox, Seed,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::house::PATIENCE;

const LOGIN: &str = "3MVG9loginlogin";
const USER: &str = "rekeyd@http.example";

/// One for all tests: making it takes a while.
fn login_key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap())
}

/// What a case is about.
pub struct Cast {
    /// How many apps, `app-0` and so on.
    pub apps: usize,
    pub grace: &'static str,
    /// More of `[api]`.
    pub api: &'static str,
}

/// Files, an org, and a daemon while it runs.
pub struct Real {
    pub home: TempDir,
    pub org: RunningSandbox,
    pub http: reqwest::Client,
    daemon: Option<Daemon>,
}

struct Daemon {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    address: SocketAddr,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // For a test that failed; after its end there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Real {
    /// Everything in its place, and the daemon started; every app is adopted.
    pub async fn start(cast: &Cast) -> Real {
        let mut seed = Seed {
            login: Some(LoginSeed {
                client_id: LOGIN.into(),
                username: USER.into(),
                public_key: Some(login_key().public_key_pem()),
                ..LoginSeed::default()
            }),
            ..Seed::default()
        };
        seed.clock.mode = ClockMode::Real;
        seed.external_client_apps = (0..cast.apps)
            .map(|number| ExternalClientAppSeed {
                name: format!("App_{number}"),
                consumers: vec![ConsumerSeed::default()],
                ..ExternalClientAppSeed::default()
            })
            .collect();
        let org = Sandbox::start(&seed).await.unwrap();
        let home = TempDir::new().unwrap();
        files(home.path());
        fs::write(
            home.path().join("rekeyd.toml"),
            policy(home.path(), org.base_url(), cast),
        )
        .unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE * 2)
            .build();
        let mut real = Real {
            home,
            org,
            http: http.unwrap(),
            daemon: None,
        };
        real.run().await;
        real.lines_with(cast.apps, &["adopted app="]).await;
        real
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rekeyd"));
        command.arg("--config").arg(self.path("rekeyd.toml")).args(args);
        command.env_remove("REKEYD_CONFIG").env_remove("REKEYD_LOG");
        command.stdin(Stdio::null());
        command
    }

    /// Starts the daemon, and waits until it listens.
    pub async fn run(&mut self) {
        let mut command = self.command(&["run"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (said, lines) = mpsc::unbounded_channel();
        let log = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        self.daemon = Some(Daemon {
            child,
            lines,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        });
        let line = self.lines_with(1, &["HTTP is served"]).await.remove(0);
        let address = line.split("address=").nth(1).unwrap();
        let address = address.split_whitespace().next().unwrap().parse().unwrap();
        self.daemon.as_mut().unwrap().address = address;
        self.lines_with(1, &["rekeyd is running"]).await;
    }

    /// Reads the log until so many lines had all of these in them, and gives those.
    pub async fn lines_with(&mut self, count: usize, wanted: &[&str]) -> Vec<String> {
        let daemon = self.daemon.as_mut().unwrap();
        let (mut found, mut all) = (Vec::new(), String::new());
        while found.len() < count {
            let line = tokio::time::timeout(PATIENCE * 3, daemon.lines.recv()).await;
            let Ok(Some(line)) = line else {
                panic!("{} of {count} lines with {wanted:?} in:\n{all}", found.len());
            };
            all.push_str(&line);
            all.push('\n');
            if wanted.iter().all(|part| line.contains(part)) {
                found.push(line);
            }
        }
        found
    }

    pub fn address(&self) -> SocketAddr {
        self.daemon.as_ref().unwrap().address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let request = self.http.get(self.url(path)).bearer_auth("secret-of-all");
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn rotate(&self, app: &str, key: Option<&str>) -> (u16, Value) {
        let url = self.url(&format!("/v1/apps/{app}/rotate"));
        let mut request = self.http.post(url).bearer_auth("secret-of-all");
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        let child = &self.daemon.as_ref().unwrap().child;
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// Asks the daemon to drain, and waits for its end.
    pub async fn stop(&mut self) {
        self.signal(Signal::TERM);
        self.end().await;
    }

    /// Waits for its end.
    pub async fn end(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        let mut log = String::new();
        while let Some(line) = daemon.lines.recv().await {
            log.push_str(&line);
            log.push('\n');
        }
        let code = daemon.child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{log}");
    }

    /// The daemon dies without a word.
    pub fn kill(&mut self) {
        self.daemon = None;
    }
}

fn private(path: &Path, bytes: &[u8]) {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(bytes).unwrap();
}

fn files(home: &Path) {
    private(&home.join("journal.key"), &[7; 32]);
    private(&home.join("login.pem"), login_key().serialize_pem().as_bytes());
    rekeyd::store::file::identity::generate(&home.join("store.key")).unwrap();
    fs::DirBuilder::new()
        .mode(0o700)
        .create(home.join("secrets"))
        .unwrap();
}

fn policy(home: &Path, org: &str, cast: &Cast) -> String {
    let at = home.display();
    let digest = digest("secret-of-all");
    let mut text = format!(
        r#"
[journal]
url = "sqlite:{at}/journal.db"
key_file = "{at}/journal.key"

[api]
listen = "127.0.0.1:0"
socket = "{at}/rekeyd.sock"
{}
[api.token.all]
sha256 = "{digest}"
may = ["read", "rotate", "operate"]

[org.test]
url = "{org}"
api_version = "66.0"
concurrency = 16
propagation = "2s"
request_lifetime = "1s"
stable_tries = 1
stable_spacing = "1s"
stable_span = "0s"
[org.test.login.jwt]
client_id = "{LOGIN}"
username = "{USER}"
key_file = "{at}/login.pem"

[store.local.file]
directory = "{at}/secrets"
identity_file = "{at}/store.key"
"#,
        cast.api
    );
    for number in 0..cast.apps {
        text.push_str(&format!(
            r#"
[app.app-{number}]
org = "test"
stores = [{{ store = "local", path = "app-{number}" }}]
schedule = {{ every = "90d" }}
max_age = "120d"
grace = "{}"
first = "after-interval"
[app.app-{number}.external_client_app]
name = "App_{number}"
allow_key_change = true
"#,
            cast.grace
        ));
    }
    text
}

/// As the policy writes a token.
pub fn digest(token: &str) -> String {
    let bytes = Sha256::digest(token);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
