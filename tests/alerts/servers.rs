//! Programs that nobody here wrote: an Alertmanager and a mail server, on loopback.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

pub fn tools(path: &str) -> PathBuf {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools").join(path);
    assert!(
        found.exists(),
        "{} is not there: run tests/tools/install",
        found.display()
    );
    found
}

/// A real Alertmanager, which notifies PagerDuty and Slack where it is told that they are.
pub struct Alertmanager {
    child: Child,
    pub url: String,
    client: reqwest::Client,
    _home: TempDir,
}

impl Alertmanager {
    pub async fn start(pagerduty: &str, slack: &str) -> Alertmanager {
        let home = TempDir::new().unwrap();
        let config = format!(
            "route:\n  receiver: all\n  group_by: [incident]\n  group_wait: 0s\n  group_interval: 1s\n  repeat_interval: 1h\n\
             receivers:\n- name: all\n  pagerduty_configs:\n  - routing_key: key-of-alertmanager\n    url: {pagerduty}\n    \
             send_resolved: true\n  slack_configs:\n  - api_url: {slack}\n    channel: '#alerts'\n    send_resolved: true\n"
        );
        std::fs::write(home.path().join("am.yml"), config).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        // Debian's looks for its templates below /usr/share and nowhere else: it is shown the ones that were unpacked, in
        // a view of the file system of its own.
        let child = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c"])
            .arg("mount --bind \"$0\" /usr/share && exec \"$@\"")
            .arg(tools("deb/usr/share"))
            .arg(tools("deb/usr/bin/prometheus-alertmanager"))
            .current_dir(home.path())
            .args([
                "--config.file=am.yml",
                "--storage.path=data",
                "--cluster.listen-address=",
            ])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Alertmanager {
            child,
            url: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            _home: home,
        };
        let ready = async {
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            loop {
                tick.tick().await;
                let asked = started
                    .client
                    .get(format!("{}/-/ready", started.url))
                    .send()
                    .await;
                if asked.is_ok_and(|answer| answer.status() == 200) {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ready)
            .await
            .expect("no Alertmanager");
        started
    }

    /// The alerts that are firing, by its own API.
    pub async fn firing(&self) -> Vec<Value> {
        let answer = self
            .client
            .get(format!("{}/api/v2/alerts", self.url))
            .send()
            .await
            .unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// What its own command line says of them.
    pub fn amtool(&self) -> String {
        let mut command = Command::new(tools("deb/usr/bin/amtool"));
        command.args(["alert", "query", "-o", "simple", "--alertmanager.url", &self.url]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A real mail server.
pub struct Mail {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub port: u16,
}

pub const USER: &str = "rekeyd";

impl Mail {
    pub fn start(mode: &str, certificate: &Path, key: &Path, password: &str) -> Mail {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/mail_server.py");
        let mut child = Command::new(tools("smtp/bin/python"))
            .arg(script)
            .arg(mode)
            .args([certificate, key])
            .args([USER, password])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().expect("no mail server").unwrap().parse().unwrap();
        Mail { child, lines, port }
    }

    /// Every mail that it took, once it has ended.
    pub fn taken(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        let lines = self.lines.by_ref().map(|line| line.unwrap());
        lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
