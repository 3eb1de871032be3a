//! A served router with an engine that answers as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rekeyd::api::{Bound, Doors, Limits, Service, Serving, metrics};
use rekeyd::clock::SystemClock;
use rekeyd::engine::board::{AppCard, Board};
use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::ledger::Ledgers;
use rekeyd::journal::SqliteJournal;
use rekeyd::policy::{ApiPolicy, ApiTls, ApiToken, AppPattern, MetricsAccess, Permission};
use rekeyd::port::journal::Journal;
use rekeyd::random::SystemRandom;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub type Asked = (Command, oneshot::Sender<Reply>);
pub type Script = fn(&Command) -> Reply;

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct House {
    pub service: Service,
    pub serving: Serving,
    pub address: SocketAddr,
    /// What the engine was asked, in order.
    pub heard: Arc<Mutex<Vec<String>>>,
    _home: TempDir,
    pub journal: Arc<dyn Journal>,
    /// Commands of an engine that hears nothing.
    _unheard: Option<mpsc::Receiver<Asked>>,
}

/// How a house differs from the usual one.
pub struct Plan {
    pub limits: Limits,
    pub policy: ApiPolicy,
    /// `None`: nobody hears the commands.
    pub script: Option<Script>,
    pub apps: Vec<String>,
    /// Instead of one on the disk.
    pub journal: Option<Arc<dyn Journal>>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            limits: Limits::default(),
            policy: policy(&[("all", &ALL, "*")]),
            script: Some(|_| Reply::Done("done".into())),
            apps: vec!["billing".into(), "payroll".into()],
            journal: None,
        }
    }
}

pub const ALL: [Permission; 4] = [
    Permission::Read,
    Permission::Rotate,
    Permission::Operate,
    Permission::BreakGlass,
];

/// A policy with these tokens; each token's text is `secret-of-NAME`.
pub fn policy(tokens: &[(&str, &[Permission], &str)]) -> ApiPolicy {
    let token = |(name, may, apps): &(&str, &[Permission], &str)| {
        let token = ApiToken {
            sha256: Sha256::digest(format!("secret-of-{name}")).into(),
            may: may.iter().copied().collect::<BTreeSet<_>>(),
            apps: vec![AppPattern((*apps).to_owned())],
        };
        ((*name).to_owned(), token)
    };
    ApiPolicy {
        listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        socket: None,
        tls: None,
        metrics: MetricsAccess::Token,
        tokens: tokens.iter().map(token).collect::<BTreeMap<_, _>>(),
    }
}

pub fn with_tls(files: ApiTls) -> ApiPolicy {
    ApiPolicy {
        tls: Some(files),
        ..Plan::default().policy
    }
}

impl House {
    pub async fn new() -> House {
        House::planned(Plan::default()).await
    }

    pub async fn planned(plan: Plan) -> House {
        let home = TempDir::new().unwrap();
        let file = home.path().join("journal.db");
        let journal: Arc<dyn Journal> = match plan.journal {
            Some(journal) => journal,
            None => Arc::new(SqliteJournal::open(&file, &SystemRandom).await.unwrap()),
        };
        let (commands, mut asked) = mpsc::channel::<Asked>(32);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut unheard = None;
        match plan.script {
            Some(script) => {
                let heard = heard.clone();
                tokio::spawn(async move {
                    while let Some((command, reply)) = asked.recv().await {
                        heard.lock().unwrap().push(format!("{command:?}"));
                        let _gone = reply.send(script(&command));
                    }
                });
            }
            None => unheard = Some(asked),
        }
        let board = Board::default();
        board.cards().apps = plan.apps.iter().map(|app| (app.clone(), card())).collect();
        let service = Service {
            commands,
            ledgers: Arc::new(Mutex::new(Ledgers::default())),
            board: Arc::new(board),
            journal: journal.clone(),
            clock: Arc::new(SystemClock),
            doors: Arc::new(Doors::new(&plan.policy)),
            outbox: metrics::no_outbox(),
            drain: CancellationToken::new(),
            limits: plan.limits,
        };
        let serving = Serving::start(Bound::bind(&plan.policy).await.unwrap(), &service);
        House {
            address: serving.address.unwrap(),
            service,
            serving,
            heard,
            _home: home,
            journal,
            _unheard: unheard,
        }
    }

    /// One request with the token of `by`; `None` for no token.
    pub async fn ask(&self, method: &str, path: &str, by: Option<&str>, body: &str) -> Answer {
        let token = by.map(|by| format!("authorization: Bearer secret-of-{by}\r\n"));
        let head = token.unwrap_or_default();
        let kind = match body.is_empty() {
            true => String::new(),
            false => format!(
                "content-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            ),
        };
        let text =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{head}{kind}connection: close\r\n\r\n{body}");
        self.send(text.as_bytes()).await
    }

    /// One request as it stands, and everything that comes back until the other side closes.
    pub async fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that has answered early may close before it has read all.
        let _closed = stream.write_all(bytes).await;
        Answer::read(&mut stream).await
    }
}

pub fn card() -> AppCard {
    AppCard {
        org: "prod".into(),
        kind: "external_client_app".into(),
        method: "staged".into(),
        stores: vec!["local".into()],
        timing: None,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Until the other side closes. Status 0: it closed without a word.
    pub async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> Answer {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
        // A reset after the answer is an end as well.
        let _reset = read.expect("neither an answer nor an end");
        Answer::of(&String::from_utf8(bytes).unwrap())
    }

    pub fn of(text: &str) -> Answer {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        Answer {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// A problem of this status, as RFC 9457 has it.
    pub fn is_problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(!problem["title"].as_str().unwrap().is_empty());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        problem
    }
}
