//! OpenBao as one runs it for earnest: TLS, raft storage, an audit log, sealed after each start.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::{Certificate, Identity, Method};
use serde_json::json;
use tokio::sync::Mutex;

use super::openbao::{OpenBao, client, free_port, spawn};
use super::pki::Pki;

/// The only name in the servers' certificates, beside `localhost`.
pub const NAME: &str = "vault.test";

/// The server that tests of this binary share while any of them runs.
static SHARED: Mutex<Weak<Raft>> = Mutex::const_new(Weak::new());

/// A running node, and what unseals it.
pub struct Raft {
    pub bao: Arc<OpenBao>,
    pub pki: Arc<Pki>,
    key: String,
}

impl Raft {
    /// The shared server; tests keep apart by their paths.
    pub async fn shared() -> Arc<Raft> {
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(Raft::start("").await);
        *shared = Arc::downgrade(&started);
        started
    }

    /// The first node of a cluster, with an authority of its own and KV version 2 at `secret`. `listener` goes into the
    /// listener's block, where `AUTHORITY` stands for the authority's file.
    pub async fn start(listener: &str) -> Raft {
        let pki = Arc::new(Pki::new("authority"));
        let mut bao = node(&pki, listener, None);
        bao.answers(&[501]).await;
        let wish = json!({ "secret_shares": 1, "secret_threshold": 1 });
        let (status, made) = bao.root(Method::PUT, "sys/init", Some(wish)).await;
        assert_eq!(status, 200, "{made}");
        bao.root = made["root_token"].as_str().unwrap().to_owned();
        let raft = Raft {
            bao: Arc::new(bao),
            pki,
            key: made["keys"][0].as_str().unwrap().to_owned(),
        };
        raft.unseal().await;
        raft.bao.answers(&[200]).await;
        let kv = json!({ "type": "kv", "options": { "version": "2" } });
        let mounted = raft.bao.root(Method::POST, "sys/mounts/secret", Some(kv)).await;
        assert_eq!(mounted.0, 204, "{mounted:?}");
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        // The mount is converted in the background.
        while raft.bao.root(Method::GET, "secret/config", None).await.0 != 200 {
            tick.tick().await;
        }
        raft
    }

    /// Another node of the same cluster, which stands by.
    pub async fn join(&self) -> Raft {
        let mut bao = node(&self.pki, "", Some(&self.bao));
        bao.root = self.bao.root.clone();
        let raft = Raft {
            bao: Arc::new(bao),
            pki: self.pki.clone(),
            key: self.key.clone(),
        };
        raft.bao.answers(&[501, 503]).await;
        // It joins by itself, and can be unsealed only then.
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..600 {
            tick.tick().await;
            let wish = json!({ "key": raft.key });
            let (status, _) = raft.bao.root(Method::PUT, "sys/unseal", Some(wish)).await;
            if status == 200 && raft.bao.health().await == 429 {
                return raft;
            }
        }
        panic!("the node did not join: {}", raft.bao.log());
    }

    /// As a power cut and a start do. It comes back sealed.
    pub async fn restart(&self) {
        self.bao.kill();
        *self.bao.child.lock().unwrap() = spawn(self.bao.home(), &config(self.bao.home()));
        self.bao.answers(&[503]).await;
    }

    pub async fn unseal(&self) {
        let wish = json!({ "key": self.key });
        let (status, said) = self.bao.root(Method::PUT, "sys/unseal", Some(wish)).await;
        assert_eq!(status, 200, "{said}");
    }

    /// All that its audit log has.
    pub fn audit(&self) -> String {
        std::fs::read_to_string(self.bao.home().join("audit.log")).unwrap()
    }
}

fn config(home: &Path) -> Vec<String> {
    vec![format!("-config={}", home.join("config.hcl").display())]
}

fn node(pki: &Pki, listener: &str, leader: Option<&OpenBao>) -> OpenBao {
    let home = tempfile::tempdir().unwrap();
    let (port, cluster) = (free_port(), free_port());
    let server = pki.server(&[NAME, "localhost"]);
    let at = home.path().display();
    let authority = pki.ca_file().display().to_string();
    let (certificate, key) = (server.certificate.display(), server.key.display());
    std::fs::create_dir(home.path().join("data")).unwrap();
    let join = leader.map_or(String::new(), |leader| {
        let address = leader.address();
        format!(
            r#"retry_join {{
                leader_api_addr = "{address}"
                leader_ca_cert_file = "{authority}"
                leader_tls_servername = "{NAME}"
            }}"#
        )
    });
    let listener = listener.replace("AUTHORITY", &authority);
    let text = format!(
        r#"
        storage "raft" {{
            path = "{at}/data"
            node_id = "node-{port}"
            performance_multiplier = 1
            {join}
        }}
        listener "tcp" {{
            address = "127.0.0.1:{port}"
            cluster_address = "127.0.0.1:{cluster}"
            tls_cert_file = "{certificate}"
            tls_key_file = "{key}"
            {listener}
        }}
        audit "file" "to-file" {{
            options = {{ file_path = "{at}/audit.log" }}
        }}
        api_addr = "https://localhost:{port}"
        cluster_addr = "https://127.0.0.1:{cluster}"
        disable_mlock = true
        "#
    );
    std::fs::write(home.path().join("config.hcl"), text).unwrap();
    let ca = Certificate::from_pem(pki.ca().as_bytes()).unwrap();
    let ours = pki.client("test");
    let identity = [
        std::fs::read(ours.certificate).unwrap(),
        std::fs::read(ours.key).unwrap(),
    ]
    .concat();
    let http = client()
        .tls_certs_only([ca])
        .identity(Identity::from_pem(&identity).unwrap());
    OpenBao {
        child: std::sync::Mutex::new(spawn(home.path(), &config(home.path()))),
        port,
        scheme: "https",
        http: http.build().unwrap(),
        root: String::new(),
        home,
    }
}
