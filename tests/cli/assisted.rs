//! A rotation by a person in Setup, from the alert to the proof: the real binary, a channel that is told, and a transcript of
//! all that its users see.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use insta::assert_snapshot;
use rekeyd::sandbox::{Act, ClockMode, ConnectedAppSeed, LoginSeed, RunningSandbox, Sandbox, Seed};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::bench::{Bench, LOGIN_ID, Ran, USER, login_key, private};
use crate::service::Service;

const OLD: (&str, &str) = ("3MVG9old", "CANARYold0123456789");
const PATIENCE: Duration = Duration::from_secs(40);

struct Scene {
    org: RunningSandbox,
    runtime: Runtime,
    bench: Bench,
    told: Receiver<String>,
    transcript: String,
}

/// A channel of Slack, as far as a sender sees it. What it was told comes out.
fn channel_of_slack() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let (said, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            if length == 0 || reader.read_exact(&mut body).is_err() {
                continue;
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            // Whoever asked may have gone.
            reader.get_mut().write_all(answer.as_bytes()).ok();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let mut texts = Vec::new();
            strings(&body, &mut texts);
            if said.send(texts.join("\n")).is_err() {
                return;
            }
        }
    });
    (address, told)
}

/// What is said in a message, without its form.
fn strings(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("text" | "title", Value::String(text)) => texts.push(text.clone()),
                    ("fallback" | "fields", _) => {}
                    (_, value) => strings(value, texts),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|value| strings(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn scene() -> Scene {
    let mut seed = Seed {
        login: Some(LoginSeed {
            client_id: LOGIN_ID.into(),
            username: USER.into(),
            public_key: Some(login_key().public_key_pem()),
            ..LoginSeed::default()
        }),
        connected_apps: vec![ConnectedAppSeed {
            name: "Legacy".into(),
            consumer_key: Some(OLD.0.into()),
            consumer_secret: Some(OLD.1.into()),
            ..ConnectedAppSeed::default()
        }],
        ..Seed::default()
    };
    seed.clock.mode = ClockMode::Real;
    let set = [("staged_proves_before_cutover".to_owned(), false.into())];
    seed.switches = seed.switches.with(&set.into_iter().collect()).unwrap();
    let runtime = Runtime::new().unwrap();
    let org = runtime.block_on(Sandbox::start(&seed)).unwrap();
    let bench = Bench::at(org.base_url());
    let (address, told) = channel_of_slack();
    private(&bench.path("slack"), address.as_bytes());
    let text = std::fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let (head, _) = text.split_once("[app.billing]").unwrap();
    let more = format!(
        r#"
[alert.channel.slack]
url_file = "{}"

[app.legacy]
org = "test"
stores = [{{ store = "local", path = "legacy" }}]
schedule = {{ every = "90d" }}
first = "after-interval"
[app.legacy.connected_app]
name = "Legacy"
method = "assisted"
allow_key_change = true
"#,
        bench.path("slack").display()
    );
    bench.write("rekeyd.toml", &format!("{head}{more}"));
    Scene {
        org,
        runtime,
        bench,
        told,
        transcript: String::new(),
    }
}

impl Scene {
    fn say(&mut self, title: &str, words: &str) {
        writeln!(self.transcript, "== {title}\n{}\n", steady(words.trim_end())).unwrap();
    }

    /// Runs it and keeps what it said.
    fn run(&mut self, args: &[&str], input: &str, code: i32) {
        let ran = self.ran(args, input).ends(code);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(!said.contains("CANARY"), "{said}");
        self.say(&format!("rekeyd {} (exit {code})", args.join(" ")), &said);
    }

    fn ran(&self, args: &[&str], input: &str) -> Ran {
        match input.is_empty() {
            true => self.bench.run(args),
            false => self.bench.run_with_input(args, input),
        }
    }

    /// What the channel is told of this.
    fn hear(&mut self, wanted: &str) {
        loop {
            let said = self.told.recv_timeout(PATIENCE).unwrap();
            if said.contains(wanted) {
                return self.say("the channel is told", &said);
            }
        }
    }

    fn newest(&self) -> (String, String) {
        let state = self.org.state();
        let consumer = &state.app("Legacy").unwrap().consumers[0];
        let newest = consumer.pairs.iter().max_by_key(|pair| pair.generation).unwrap();
        (newest.client_id.clone(), newest.client_secret.clone())
    }
}

/// Times, ids and prints differ from run to run.
fn steady(text: &str) -> String {
    let is_id = |word: &str| word.len() == 36 && word.split('-').count() == 5;
    let hex =
        |word: &str| word.chars().all(|c| c.is_ascii_hexdigit()) && word.chars().any(|c| c.is_ascii_digit());
    let mut lines = Vec::new();
    // Whether the first contact or the person was first, and how often it was looked at, is chance.
    let chance = [
        "not adopted yet",
        "is not applied in Setup yet",
        // A look of two requests, with Apply between them.
        "neither the old nor the new credential is accepted",
    ];
    for line in text
        .lines()
        .filter(|line| !chance.iter().any(|said| line.contains(said)))
    {
        let words = line.split(' ').map(|word| {
            let bare = word.trim_matches(|c| ";,`.:()".contains(c));
            let to = match bare {
                _ if bare.ends_with('Z') && bare.contains('T') && bare.len() >= 20 => "MOMENT",
                _ if is_id(bare) => "ID",
                _ if matches!(bare.len(), 8 | 12 | 16 | 32) && hex(bare) => "PRINT",
                _ if bare.starts_with("127.0.0.1:") => "HOST",
                _ => return word.to_owned(),
            };
            word.replace(bare, to)
        });
        lines.push(words.collect::<Vec<_>>().join(" "));
    }
    let text = lines.join("\n");
    let lasted = ["lasted 1s", "lasted 2s", "lasted 3s"];
    lasted
        .iter()
        .fold(text, |text, said| text.replace(said, "lasted 0s"))
}

/// The database and what SQLite keeps beside it.
fn is_of_the_journal(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.is_file() && name.starts_with("journal.") && name != "journal.key"
}

#[test]
fn from_the_alert_to_the_proof() {
    let mut scene = scene();
    let legacy = |pair: &(String, String)| format!("{}\n{}\n", pair.0, pair.1);
    let mut service = Service::start(&scene.bench);
    let handed_over = scene.ran(&["submit", "legacy"], &legacy(&(OLD.0.into(), OLD.1.into())));
    handed_over.ends(0);
    // It may have been told already that nobody had handed it over.
    scene.run(&["rotate", "legacy", "--reason", "a theft of tokens"], "", 3);
    scene.hear("needs a person in Setup");
    scene.run(&["status", "legacy"], "", 3);

    let act = |app: String, by| Act::Stage { app, by };
    scene.org.act(act("Legacy".into(), None)).unwrap();
    let new = scene.newest();
    scene.run(&["submit", "legacy"], &legacy(&(OLD.0.into(), OLD.1.into())), 1);
    scene.run(&["submit", "legacy"], &legacy(&new), 0);
    scene.hear("apply the staged consumer details");

    // Before Apply, since it may be seen before anybody can say so.
    scene.run(&["resume", "legacy"], "", 0);
    let (app, by) = ("Legacy".to_owned(), None);
    scene.org.act(Act::Promote { app, by }).unwrap();
    service.wait_for(&["ended: rotated, and the old credential is proven dead"]);
    scene.hear("Over: ");
    scene.run(&["history", "legacy"], "", 0);
    assert!(scene.org.accepts(&new.0, &new.1).is_some());
    assert!(scene.org.accepts(OLD.0, OLD.1).is_none());
    let ran = scene.ran(&["secret", "legacy"], "");
    assert!(ran.out.contains(&new.1), "{}", ran.err);
    service.terminate();
    let (code, log) = service.end();
    assert_eq!(code, 0, "{log}");
    let journal: Vec<_> = scene
        .bench
        .listing()
        .into_keys()
        .filter(|path| is_of_the_journal(path))
        .collect();
    assert!(!journal.is_empty());
    for path in journal {
        let bytes = std::fs::read(&path).unwrap();
        for secret in [OLD.1, new.1.as_str()] {
            let held = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!held, "{} holds a secret", path.display());
        }
    }
    assert!(!log.contains(&new.1), "the log has a secret");
    assert!(!scene.transcript.contains(&new.1));
    assert_snapshot!("assisted_from_alert_to_proof", scene.transcript);
    scene.runtime.block_on(scene.org.shutdown()).unwrap();
}
