//! The independent consumer: what it counts when nothing goes wrong, and when something does.

use crate::support::*;
use rekeyd::sandbox::consumer::{AppConfig, ConsumerConfig, Flow, ReaderConfig, Summary, run};
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use tokio::sync::{mpsc, oneshot};

/// Sends what is printed, line by line, to the test.
struct Lines(mpsc::UnboundedSender<Value>, Vec<u8>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.1);
                drop(self.0.send(serde_json::from_slice(&line).unwrap()));
            } else {
                self.1.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes a new generation, and lets `current` point to it in one step.
fn publish(directory: &Path, identity: &age::x25519::Identity, number: u32, id: &str, secret: &str) {
    let document = json!({
        "client_id": id,
        "client_secret": secret,
        "org": "prod",
        "rotation_id": format!("rotation-{number}"),
    });
    let sealed = age::encrypt(&identity.to_public(), document.to_string().as_bytes()).unwrap();
    std::fs::write(directory.join(format!("generation-{number}")), sealed).unwrap();
    let fresh = directory.join("current.new");
    symlink(format!("generation-{number}"), &fresh).unwrap();
    std::fs::rename(fresh, directory.join("current")).unwrap();
}

struct Watched {
    lines: mpsc::UnboundedReceiver<Value>,
    printed: Vec<Value>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Vec<Summary>>,
}

impl Watched {
    fn start(org: &Org, directory: &Path, identity: &age::x25519::Identity, flow: Flow) -> Self {
        use age::secrecy::ExposeSecret as _;
        let identity_file = directory.join("identity");
        let text = format!("# made by a test\n{}\n", identity.to_string().expose_secret());
        std::fs::write(&identity_file, text).unwrap();
        let path = directory.join("current");
        Self::start_reading(org, directory, ReaderConfig::File { path, identity_file }, flow)
    }

    fn start_reading(org: &Org, directory: &Path, reader: ReaderConfig, flow: Flow) -> Self {
        let app = AppConfig {
            name: "app".to_owned(),
            reader,
            flow,
            token_url: Some(org.url("/services/oauth2/token")),
            introspect_url: Some(org.url("/services/oauth2/introspect")),
        };
        let config = ConsumerConfig {
            apps: vec![app],
            interval_ms: 1,
        };
        let file = directory.join("consumer.json");
        std::fs::write(&file, serde_json::to_vec(&config).unwrap()).unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async {
                stopped.await.unwrap();
            };
            run(&file, Lines(sender, Vec::new()), stopped).await.unwrap()
        });
        Self {
            lines,
            printed: Vec::new(),
            stop,
            task,
        }
    }

    async fn until(&mut self, event: &str) -> Value {
        loop {
            let line = self.lines.recv().await.unwrap();
            self.printed.push(line.clone());
            if line["event"] == event {
                return line;
            }
        }
    }

    async fn end(self) -> (Summary, String) {
        self.stop.send(()).unwrap();
        let summary = self.task.await.unwrap().remove(0);
        (summary, format!("{:?}", self.printed))
    }
}

/// Waits until the consumer has logged in `more` times more.
async fn logins(org: &Org, more: u64) {
    let count = || {
        let state = org.running.state();
        state.calls("token.client_credentials") + state.calls("introspect")
    };
    let start = count();
    while count() < start + more {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_rotation_with_overlap_is_not_felt() {
    let org = Org::standard().await;
    let (directory, identity) = (tempfile::tempdir().unwrap(), age::x25519::Identity::generate());
    publish(directory.path(), &identity, 1, BILLING_KEY, BILLING_SECRET);
    let mut watched = Watched::start(&org, directory.path(), &identity, Flow::ClientCredentials);
    watched.until("changed").await;
    let staged = org.stage("Billing").await;
    let rotated = org.rotate("Billing", staged["id"].as_str().unwrap()).await.json();
    logins(&org, 3).await;
    let (id, secret) = (
        staged["key"].as_str().unwrap(),
        staged["secret"].as_str().unwrap(),
    );
    publish(directory.path(), &identity, 2, id, secret);
    assert_eq!(watched.until("changed").await["rotation_id"], "rotation-2");
    logins(&org, 3).await;
    let old = format!(
        "{}/staged/{}",
        org.consumer_path("Billing"),
        rotated["id"].as_str().unwrap()
    );
    assert_eq!(org.delete(&old).await.status, 204);
    logins(&org, 3).await;
    let (summary, printed) = watched.end().await;
    assert_eq!(
        (summary.refusals, summary.read_errors, summary.unanswered),
        (0, 0, 0)
    );
    assert_eq!((summary.changes, summary.longest_outage_round_trips), (1, 0));
    assert!(summary.logins >= 9 && summary.reads >= summary.logins);
    for secret in [BILLING_SECRET, BILLING_KEY, secret, id] {
        assert!(!printed.contains(secret), "neither id nor secret is printed");
    }
}

#[tokio::test]
async fn an_outage_is_counted_in_round_trips_and_never_hidden() {
    let org = Org::with("in_place_secret", json!("applies")).await;
    let (directory, identity) = (tempfile::tempdir().unwrap(), age::x25519::Identity::generate());
    publish(directory.path(), &identity, 1, LEGACY_KEY, LEGACY_SECRET);
    let mut watched = Watched::start(&org, directory.path(), &identity, Flow::Introspect);
    watched.until("changed").await;
    let new = "NewSecret00000000000000000000000000000000000000000000000000000001";
    org.set_secret(new).await;
    assert_eq!(watched.until("refused").await["error"], "invalid_client");
    logins(&org, 2).await;
    publish(directory.path(), &identity, 2, LEGACY_KEY, new);
    let over = watched.until("accepted_again").await;
    assert!(over["round_trips"].as_u64().unwrap() >= 2, "{over}");
    let (summary, _) = watched.end().await;
    assert_eq!((summary.outages, summary.refused_at_end), (1, false));
    assert_eq!(summary.longest_outage_round_trips, summary.refusals);
    assert_eq!(over["outage_ms"], summary.longest_outage_ms);
}

#[tokio::test]
async fn a_value_that_is_missing_or_spoilt_is_told_apart() {
    let org = Org::standard().await;
    let (directory, identity) = (tempfile::tempdir().unwrap(), age::x25519::Identity::generate());
    let mut watched = Watched::start(&org, directory.path(), &identity, Flow::ClientCredentials);
    publish(directory.path(), &identity, 1, BILLING_KEY, "wrong");
    watched.until("changed").await;
    watched.until("refused").await;
    let stranger = age::x25519::Identity::generate();
    publish(directory.path(), &stranger, 2, BILLING_KEY, BILLING_SECRET);
    assert_eq!(
        watched.until("unreadable").await["why"],
        "the file cannot be decrypted"
    );
    publish(directory.path(), &identity, 3, BILLING_KEY, "wrong again");
    watched.until("changed").await;
    logins(&org, 2).await;
    std::fs::remove_file(directory.path().join("current")).unwrap();
    assert_eq!(watched.until("unreadable").await["why"], "the value is gone");
    let (summary, _) = watched.end().await;
    assert!(summary.read_errors >= 2);
    assert!(summary.refused_at_end && summary.refusals >= 3);
    assert_eq!(summary.refusals, summary.logins);
    assert_eq!(
        (summary.outages, summary.longest_outage_round_trips),
        (1, summary.refusals)
    );
}

#[tokio::test]
async fn a_value_is_read_from_a_real_vault() {
    let org = Org::standard().await;
    let bao = crate::openbao::OpenBao::shared().await;
    let directory = tempfile::tempdir().unwrap();
    let put = async |secret: &str, number: u32| {
        let id = format!("rotation-{number}");
        let data = json!({ "client_id": BILLING_KEY, "client_secret": secret, "rotation_id": id });
        let path = "secret/data/apps/billing";
        let (status, _) = bao
            .root(reqwest::Method::POST, path, Some(json!({ "data": data })))
            .await;
        assert_eq!(status, 200);
    };
    let policy = r#"path "secret/data/apps/billing" { capabilities = ["read"] }"#;
    let token_file = directory.path().join("token");
    std::fs::write(&token_file, format!("{}\n", bao.token(policy, false).await)).unwrap();
    let reader = ReaderConfig::Vault {
        address: bao.address(),
        token_file,
        mount: "secret".to_owned(),
        path: "apps/billing".to_owned(),
    };
    put(BILLING_SECRET, 1).await;
    let mut watched = Watched::start_reading(&org, directory.path(), reader, Flow::ClientCredentials);
    assert_eq!(watched.until("changed").await["rotation_id"], "rotation-1");
    logins(&org, 2).await;
    put("wrong", 2).await;
    assert_eq!(watched.until("changed").await["rotation_id"], "rotation-2");
    assert_eq!(watched.until("refused").await["error"], "invalid_client");
    let (status, _) = bao
        .root(reqwest::Method::DELETE, "secret/metadata/apps/billing", None)
        .await;
    assert_eq!(status, 204);
    assert_eq!(watched.until("unreadable").await["why"], "the value is gone");
    let (summary, _) = watched.end().await;
    assert_eq!((summary.changes, summary.waited_for_value), (1, 0));
    assert!(summary.logins > summary.refusals);
}
