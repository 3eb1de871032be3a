//! A whole installation in a directory of its own: what it is given lies in `given`, what rekeyd writes in `written`.

use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rekeyd::random::{Random, SystemRandom};
use rekeyd::sandbox::{
    ClockMode, ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, LoginSeed, RunningSandbox, Sandbox,
    Seed,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::search::{Needle, files_below};
use super::sinks::Mirrors;
use super::trouble::{App, Kind};
use crate::support::aws;
use crate::support::aws::stub::Stub;
use crate::support::openbao::OpenBao;
use crate::support::proxy::Proxy;

const USER: &str = "rekeyd@leaks.example";
const LOGIN: &str = "3MVG9leaksAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Install {
    root: TempDir,
    pub org: RunningSandbox,
    pub proxy: Proxy,
    pub bao: Arc<OpenBao>,
    pub cloud: Stub,
    /// What requests to the cloud are signed with, and the token of the session.
    cloud_secrets: [String; 2],
    sinks: Mirrors,
    pub token: String,
    key: Vec<u8>,
    login: Vec<u8>,
    identity: age::x25519::Identity,
    /// What commands printed.
    printed: Mutex<Vec<(String, Vec<u8>)>>,
}

/// What a command came to.
pub struct Done {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Install {
    pub async fn new(apps: &[App]) -> Install {
        let root = tempfile::tempdir().unwrap();
        for directory in ["given", "written", "written/secrets"] {
            let made = std::fs::DirBuilder::new()
                .mode(0o700)
                .create(root.path().join(directory));
            made.unwrap();
        }
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let login = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec();
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
        let mut key = vec![0; 32];
        SystemRandom.fill(&mut key).unwrap();
        let org = Sandbox::start(&seed(apps, pem("PUBLIC KEY", public.as_ref())))
            .await
            .unwrap();
        let bao = OpenBao::shared().await;
        let everything =
            r#"path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }"#;
        let token = bao.token(everything, true).await;
        let identity_file = root.path().join("given/store.key");
        rekeyd::app::generate_identity(&identity_file).unwrap();
        let lines = std::fs::read_to_string(identity_file).unwrap();
        let install = Install {
            proxy: Proxy::start(bao.socket()).await,
            identity: lines.lines().find_map(|line| line.parse().ok()).unwrap(),
            root,
            org,
            bao,
            cloud: Stub::start().await,
            cloud_secrets: [random_text(), random_text()],
            sinks: Mirrors::start().await,
            token,
            key,
            login,
            printed: Mutex::default(),
        };
        let policy = install.policy_text(apps);
        let [key, session] = &install.cloud_secrets;
        let cloud = format!(
            "[default]\naws_access_key_id = {}\naws_secret_access_key = {key}\naws_session_token = {session}\n",
            aws::KEY
        );
        for (name, bytes) in [
            ("aws-credentials", cloud.as_bytes()),
            ("login.pem", pem("PRIVATE KEY", &install.login).as_bytes()),
            ("journal.key", &install.key),
            ("vault.token", install.token.as_bytes()),
            ("rekeyd.toml", policy.as_bytes()),
        ] {
            install.give(name, bytes);
        }
        for (name, text) in &install.sinks.secrets {
            install.give(name, text.as_bytes());
        }
        install
    }

    /// Writes a file that the installation is given.
    pub fn give(&self, name: &str, bytes: &[u8]) -> PathBuf {
        use std::io::Write;
        let path = self.root.path().join("given").join(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&path).unwrap().write_all(bytes).unwrap();
        path
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn written(&self) -> PathBuf {
        self.root.path().join("written")
    }

    pub fn given(&self) -> PathBuf {
        self.root.path().join("given")
    }

    /// One app's directory in the file store.
    pub fn stored(&self, app: &str) -> PathBuf {
        self.written().join("secrets/apps/leaks").join(app)
    }

    pub fn encrypt(&self, plain: &str) -> Vec<u8> {
        age::encrypt(&self.identity.to_public(), plain.as_bytes()).unwrap()
    }

    fn decrypt(&self, file: &Path) -> Option<serde_json::Value> {
        let bytes = std::fs::read(file).ok()?;
        serde_json::from_slice(&age::decrypt(&self.identity, &bytes).ok()?).ok()
    }

    /// The secret that a file of the store holds.
    pub fn secret_in(&self, file: &Path) -> Option<String> {
        Some(self.decrypt(file)?.get("client_secret")?.as_str()?.to_owned())
    }

    fn policy_text(&self, apps: &[App]) -> String {
        let (given, written) = (self.given(), self.written());
        let (given, written) = (given.display(), written.display());
        let mut text = format!(
            r#"
[journal]
url = "sqlite:{written}/journal.db"
key_file = "{given}/journal.key"
[api]
socket = "{written}/sock"
[org.demo]
url = "{}"
api_version = "66.0"
concurrency = 40
propagation = "2s"
request_lifetime = "2s"
stable_tries = 2
stable_spacing = "1s"
stable_span = "1s"
[org.demo.login.jwt]
client_id = "{LOGIN}"
username = "{USER}"
key_file = "{given}/login.pem"
[store.local.file]
directory = "{written}/secrets"
identity_file = "{given}/store.key"
[store.corp.vault]
address = "{}"
mount = "secret"
[store.corp.vault.auth.token]
file = "{given}/vault.token"
[store.cloud.aws]
region = "{}"
endpoint_url = "{}"
create = true
credentials_file = "{given}/aws-credentials"
"#,
            self.org.base_url(),
            self.proxy.address(),
            aws::REGION,
            self.cloud.address()
        );
        text.push_str(&self.sinks.policy(&given.to_string()));
        for app in apps {
            let target = match app.kind {
                Kind::External => "grace = \"0s\"\nexternal_client_app = { allow_key_change = true,",
                Kind::Overlapping => "grace = \"7d\"\nexternal_client_app = { allow_key_change = true,",
                Kind::Regenerated => {
                    "external_client_app = { method = \"regenerate\", certificate = \"none\","
                }
                Kind::Connected => "connected_app = { method = \"update\", certificate = \"none\",",
                Kind::ByHand => "connected_app = { method = \"assisted\", allow_key_change = true,",
            };
            let place = if app.store == "cloud" { "name" } else { "path" };
            text.push_str(&format!(
                "[app.{0}]\norg = \"demo\"\nstores = [{{ store = \"{1}\", {place} = \"{2}\" }}]\n\
                 schedule = {{ every = \"90d\" }}\nfirst = \"after-interval\"\ncool_down = \"0s\"\nclient_credentials = true\n\
                 {target} name = \"{3}\" }}\n",
                app.name,
                app.store,
                self.path(app),
                app.name.replace('-', "_"),
            ));
        }
        text
    }

    /// Its path in its store; OpenBao is shared by the tests of this binary.
    pub fn path(&self, app: &App) -> String {
        match app.store {
            "corp" => format!(
                "leaks-{}/{}",
                self.org.base_url().rsplit(':').next().unwrap(),
                app.name
            ),
            _ => format!("leaks/{}", app.name),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rekeyd"));
        command
            .args(arguments)
            .env_clear()
            .env("REKEYD_CONFIG", self.given().join("rekeyd.toml"))
            .env("REKEYD_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .kill_on_drop(true);
        command
    }

    /// Starts the service, with what it prints in `written`.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let file = |name| std::fs::File::create(self.written().join(name)).unwrap();
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::null())
            .stdout(file("run.out"))
            .stderr(file("run.err"));
        command.spawn().unwrap()
    }

    /// Runs a command to its end, or for as long as somebody would wait; what it printed is kept for the search.
    pub async fn run(&self, arguments: &[&str], input: &[u8], patience: Duration) -> Option<Done> {
        let done = self.run_unseen(arguments, input, patience).await;
        if let Some(done) = &done {
            self.keep(&format!("stdout of {arguments:?}"), done.out.as_bytes());
            self.keep(&format!("stderr of {arguments:?}"), done.err.as_bytes());
        }
        done
    }

    /// The same, of a command whose output is to hold a secret.
    pub async fn run_unseen(&self, arguments: &[&str], input: &[u8], patience: Duration) -> Option<Done> {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // A command that wants no input may have ended before it is given some.
        let _unread = pipe.write_all(input).await;
        drop(pipe);
        let out = tokio::time::timeout(patience, child.wait_with_output())
            .await
            .ok()?
            .unwrap();
        Some(Done {
            status: out.status,
            out: String::from_utf8(out.stdout).unwrap(),
            err: String::from_utf8(out.stderr).unwrap(),
        })
    }

    /// A command that ends soon.
    pub async fn ask(&self, arguments: &[&str], input: &[u8]) -> Done {
        let done = self.run(arguments, input, PATIENCE).await;
        done.unwrap_or_else(|| panic!("{arguments:?} did not end"))
    }

    /// Sends bytes to the socket, and returns all that comes back.
    pub async fn send(&self, label: &str, request: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.written().join("sock")).await.unwrap();
        // It may have been answered before it was complete.
        let _cut = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _cut = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .unwrap();
        self.keep(&format!("answer to {label}"), &answer);
        String::from_utf8(answer).unwrap()
    }

    /// One whole request to the socket.
    pub async fn post(&self, label: &str, path: &str, head: &str, body: &str) -> String {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(label, request.as_bytes()).await
    }

    fn keep(&self, place: &str, bytes: &[u8]) {
        self.printed
            .lock()
            .unwrap()
            .push((place.to_owned(), bytes.to_vec()));
    }

    /// Files of what was printed so far, for the search.
    pub fn printed(&self, into: &Path) -> Vec<PathBuf> {
        let printed = self.printed.lock().unwrap();
        let file = |(at, (place, bytes)): (usize, &(String, Vec<u8>))| {
            let name: String = place
                .chars()
                .map(|c| if c.is_alphanumeric() { c } else { '_' })
                .collect();
            let path = into.join(format!("{at} {}", name.chars().take(120).collect::<String>()));
            std::fs::write(&path, bytes).unwrap();
            path
        };
        printed.iter().enumerate().map(file).collect()
    }

    /// Every secret that there is: of Salesforce, of the store, and what rekeyd was given.
    pub fn needles(&self) -> Vec<Needle> {
        let state = self.org.state();
        let mut needles = vec![
            Needle::new("the login key", &self.login[40..]),
            Needle::new("the journal's key", self.key.as_slice()),
            Needle::new("the token of OpenBao", self.token.as_bytes()),
            Needle {
                whole: true,
                ..Needle::new(
                    "an access token of Salesforce",
                    format!("{}!", &state.org_id[..15]),
                )
            },
        ];
        {
            use age::secrecy::ExposeSecret;
            let text = self.identity.to_string();
            let key = text.expose_secret().strip_prefix("AGE-SECRET-KEY-1").unwrap();
            needles.push(Needle::new("the store's identity", key));
            needles.push(Needle::new("the store's identity", key.to_lowercase()));
        }
        needles.extend(self.sinks.needles());
        let of_cloud = ["the cloud's secret key", "the cloud's session token"];
        let of_cloud = of_cloud.into_iter().zip(&self.cloud_secrets);
        needles.extend(of_cloud.map(|(name, text)| Needle::new(name, text.as_bytes())));
        for header in [r#"{"alg":"RS256""#, r#"{"typ":"JWT""#] {
            needles.push(Needle {
                whole: true,
                ..Needle::new("a login assertion", STANDARD.encode(header)[..16].to_owned())
            });
        }
        for app in &state.apps {
            for pair in app.consumers.iter().flat_map(|consumer| &consumer.pairs) {
                if pair.client_id != LOGIN {
                    let name = format!("secret {} of {}", pair.generation, app.name);
                    needles.push(Needle::new(name, pair.client_secret.as_bytes()));
                    let name = format!("key {} of {}", pair.generation, app.name);
                    needles.push(Needle::new(name, pair.client_id.as_bytes()));
                }
            }
        }
        let known: Vec<Vec<u8>> = needles.iter().map(|needle| needle.bytes.clone()).collect();
        for file in files_below(&self.written().join("secrets")) {
            if let Some(secret) = self
                .secret_in(&file)
                .filter(|secret| !known.contains(&secret.clone().into()))
            {
                needles.push(Needle::new(format!("the secret in {}", file.display()), secret));
            }
        }
        needles
    }
}

fn random_text() -> String {
    let mut bytes = [0; 30];
    SystemRandom.fill(&mut bytes).unwrap();
    STANDARD.encode(bytes)
}

fn seed(apps: &[App], public_key: String) -> Seed {
    let mut seed = Seed {
        login: Some(LoginSeed {
            name: None,
            client_id: LOGIN.into(),
            username: USER.into(),
            public_key: Some(public_key),
            public_key_file: None,
        }),
        ..Seed::default()
    };
    seed.clock.mode = ClockMode::Real;
    for app in apps {
        let switches = toml::from_str(app.switches).unwrap();
        let (name, secret, run_as) = (
            app.name.replace('-', "_"),
            app.secret.clone(),
            Some(USER.to_owned()),
        );
        match app.kind.is_external() {
            true => seed.external_client_apps.push(ExternalClientAppSeed {
                name,
                client_credentials_user: run_as,
                consumers: vec![ConsumerSeed {
                    secret,
                    ..ConsumerSeed::default()
                }],
                switches,
                ..ExternalClientAppSeed::default()
            }),
            false => seed.connected_apps.push(ConnectedAppSeed {
                name,
                client_credentials_user: run_as,
                consumer_secret: secret,
                switches,
                ..ConnectedAppSeed::default()
            }),
        }
    }
    seed
}

pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

impl Drop for Install {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.written().join("run.err")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            println!("{}", lines[lines.len().saturating_sub(3000)..].join("\n"));
        }
    }
}
