//! A real OpenBao server on a free loopback port, with a home of its own: in development mode here, as one runs it for
//! earnest in `raft`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Method};
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use tempfile::TempDir;
use tokio::sync::Mutex;

/// The token that may do everything.
pub const ROOT: &str = "root-of-a-test";

/// The server that tests of this binary share while any of them runs.
static SHARED: Mutex<Weak<OpenBao>> = Mutex::const_new(Weak::new());

/// A running server. Killed when dropped, and also if this process dies without dropping it.
pub struct OpenBao {
    pub(super) child: std::sync::Mutex<Child>,
    pub(super) port: u16,
    pub(super) scheme: &'static str,
    pub(super) http: Client,
    pub root: String,
    pub(super) home: TempDir,
}

impl OpenBao {
    /// The shared server; tests keep apart by their paths.
    pub async fn shared() -> Arc<OpenBao> {
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(OpenBao::start().await);
        *shared = Arc::downgrade(&started);
        started
    }

    /// A server of one's own, to seal or reconfigure.
    pub async fn start() -> OpenBao {
        let home = tempfile::tempdir().unwrap();
        let port = free_port();
        let args = [
            "-dev".to_owned(),
            "-dev-no-store-token".to_owned(),
            format!("-dev-root-token-id={ROOT}"),
            format!("-dev-listen-address=127.0.0.1:{port}"),
        ];
        let bao = OpenBao {
            child: std::sync::Mutex::new(spawn(home.path(), &args)),
            port,
            scheme: "http",
            http: client().build().unwrap(),
            root: ROOT.to_owned(),
            home,
        };
        let ready = tokio::time::timeout(Duration::from_secs(60), bao.ready());
        ready.await.expect("OpenBao did not become ready in a minute");
        bao
    }

    async fn ready(&self) {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            let ended = self.child.lock().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "OpenBao ended early: {ended:?}");
            let health = self.http.get(self.url("sys/health")).send().await;
            // Healthy is not enough: the key-value mount is made a little later.
            if health.is_ok_and(|answer| answer.status() == 200)
                && self.root(Method::GET, "secret/config", None).await.0 == 200
            {
                return;
            }
        }
    }

    /// Its origin.
    pub fn address(&self) -> String {
        let host = if self.scheme == "https" {
            "localhost"
        } else {
            "127.0.0.1"
        };
        format!("{}://{host}:{}", self.scheme, self.port)
    }

    /// Where it listens.
    pub fn socket(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Its files.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.address())
    }

    /// One request as somebody: status and JSON body.
    pub async fn call(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self
            .http
            .request(method, self.url(path))
            .header("X-Vault-Token", token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// One request as root.
    pub async fn root(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.call(&self.root, method, path, body).await
    }

    /// The answer to a POST as root, wrapped for a minute.
    pub async fn wrapped(&self, path: &str) -> Value {
        let request = self.http.post(self.url(path)).header("X-Vault-Token", &self.root);
        let request = request
            .header("X-Vault-Wrap-TTL", "60s")
            .json(&json!({ "canary": 1 }));
        request.send().await.unwrap().json().await.unwrap()
    }

    /// A token that may do what `policy` (HCL) says; `default_policy` adds what every token may do with itself.
    pub async fn token(&self, policy: &str, default_policy: bool) -> String {
        let name = format!("p{}", uuid::Uuid::from_u128(fresh()).simple());
        let path = format!("sys/policies/acl/{name}");
        let (status, _) = self
            .root(Method::POST, &path, Some(json!({ "policy": policy })))
            .await;
        assert!(status < 300, "the policy was answered {status}");
        let wish = json!({ "policies": [name], "no_default_policy": !default_policy, "no_parent": true });
        let (status, made) = self.root(Method::POST, "auth/token/create", Some(wish)).await;
        assert!(status < 300, "the token was answered {status}");
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }
}

impl OpenBao {
    /// As a power cut does.
    pub(super) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        if let Some(group) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
            let _gone_already = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _reaped = child.wait();
    }

    /// Waits until its health is one of these.
    pub async fn answers(&self, wanted: &[u16]) {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..1500 {
            tick.tick().await;
            if wanted.contains(&self.health().await) {
                return;
            }
        }
        panic!("no {wanted:?} from the server in half a minute: {}", self.log());
    }

    /// What `sys/health` answers; 0 for nothing.
    pub async fn health(&self) -> u16 {
        let sent = self.http.get(self.url("sys/health")).send().await;
        sent.map_or(0, |answer| answer.status().as_u16())
    }

    /// What it says of itself.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The server runs below a shell that waits for its own input to end: that is when this process ends, however.
pub(super) fn spawn(home: &Path, args: &[String]) -> Child {
    let mut log = std::fs::File::options();
    let log = log.create(true).append(true).open(home.join("log")).unwrap();
    Command::new("sh")
        .args(["-c", r#""$@" </dev/null & read -r _; kill -KILL $!"#, "sh"])
        .arg(executable())
        .arg("server")
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap()
}

/// What the tests themselves ask with.
pub(super) fn client() -> ClientBuilder {
    Client::builder()
        .no_proxy()
        // Each test has a runtime of its own, and a kept connection would end with that.
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(10))
}

fn executable() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/vault/bin/bao");
    assert!(
        path.is_file(),
        "{} is missing: `tests/run` installs it",
        path.display()
    );
    path
}

/// Free a moment ago. Nothing else on the machine is told about it.
pub(super) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A number that no other call in this process got.
pub fn fresh() -> u128 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).into()
}
