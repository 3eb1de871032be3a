//! The two servers of other hands, as real processes on free loopback ports.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::json;
use std::os::unix::process::CommandExt;
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::{call, http};

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Moto,
    Ministack,
}

static MOTO: Mutex<Weak<Emulator>> = Mutex::const_new(Weak::new());
static MINISTACK: Mutex<Weak<Emulator>> = Mutex::const_new(Weak::new());

/// A running server. Killed when dropped, and also if this process dies without dropping it.
pub struct Emulator {
    pub kind: Kind,
    child: Child,
    port: u16,
    _home: TempDir,
}

impl Emulator {
    /// The server that tests of this binary share while any of them runs; they keep apart by names.
    pub async fn shared(kind: Kind) -> Arc<Emulator> {
        let place = match kind {
            Kind::Moto => &MOTO,
            Kind::Ministack => &MINISTACK,
        };
        let mut shared = place.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(Emulator::start(kind).await);
        *shared = Arc::downgrade(&started);
        started
    }

    /// A server of one's own.
    pub async fn start(kind: Kind) -> Emulator {
        let home = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut emulator = Emulator {
            kind,
            child: spawn(kind, home.path(), port),
            port,
            _home: home,
        };
        let ready = tokio::time::timeout(Duration::from_secs(90), emulator.ready());
        ready.await.expect("the server did not become ready");
        emulator
    }

    async fn ready(&mut self) {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended early: {ended:?}");
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .is_ok()
            {
                let (status, _) = call(&http(), &self.address(), "ListSecrets", &json!({})).await;
                if status == 200 {
                    return;
                }
            }
        }
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(group) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _gone_already = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _reaped = self.child.wait();
    }
}

/// The server runs below a shell that waits for its own input to end: that is when this process ends, however.
fn spawn(kind: Kind, home: &Path, port: u16) -> Child {
    let (folder, program) = match kind {
        Kind::Moto => ("moto", "moto_server"),
        Kind::Ministack => ("ministack", "ministack"),
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!(".tools/{folder}/bin/{program}"));
    assert!(
        path.is_file(),
        "{} is missing: `tests/run` installs it",
        path.display()
    );
    let log = std::fs::File::create(home.join("log")).unwrap();
    let port = port.to_string();
    let mut command = Command::new("sh");
    command
        .args(["-c", r#""$@" </dev/null & read -r _; kill -KILL $!"#, "sh"])
        .arg(path)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        // Of ministack; its default is every interface.
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", &port);
    if kind == Kind::Moto {
        command.args(["-H", "127.0.0.1", "-p", &port]);
    }
    command
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap()
}
