//! What a sink does when the other side does not do as it should, and what it says of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rekeyd::alert::sink::alertmanager::Alertmanager;
use rekeyd::alert::sink::pagerduty::PagerDuty;
use rekeyd::alert::sink::slack::Slack;
use rekeyd::alert::sink::smtp::{Protection, Smtp, SmtpSettings};
use rekeyd::alert::sink::{Http, Sink, Trouble};
use rekeyd::alert::trial;
use rekeyd::clock::SystemClock;
use rekeyd::port::outbox::{Action, Letter, Severity, Text};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::forms::{http, secret};
use crate::notes::START;
use crate::recorder::Recorder;
use crate::servers::{Mail, USER};

const CANARY: &str = "CANARY-of-a-sink";

pub fn letter() -> Letter {
    Letter {
        id: "0b9d".into(),
        at: START,
        action: Action::Trigger,
        incident: "rekeyd/billing/held".into(),
        kind: "held".into(),
        severity: Severity::Error,
        case: "masked".into(),
        count: 1,
        since: START,
        app: Some("billing".into()),
        org: Some("prod".into()),
        rotation: None,
        text: Text {
            headline: "App billing (org prod) is held — and waits".into(),
            happened: "Salesforce masks the secret.".into(),
            consumers: "Nothing changed for consumers.".into(),
            next: "rekeyd does nothing.".into(),
            command: "`rekeyd resume billing`".into(),
        },
    }
}

/// Shown nowhere, in whatever way it is shown.
fn quiet(trouble: &Trouble) {
    let said = format!("{trouble} {trouble:?}");
    for secret in ["CANARY", "127.0.0.1", "http", "localhost"] {
        assert!(!said.contains(secret), "{said}");
    }
}

fn slack(url: &str) -> Slack {
    Slack::new(http(), &secret(&format!("{url}/{CANARY}"))).unwrap()
}

#[tokio::test]
async fn an_answer_is_judged_by_its_status() {
    let recorder = Recorder::start().await;
    let url = || recorder.url("/x").parse().unwrap();
    let sinks: [Box<dyn Sink>; 3] = [
        Box::new(PagerDuty::new(http(), url(), secret(CANARY))),
        Box::new(slack(&recorder.url(""))),
        Box::new(Alertmanager::new(http(), url(), Some(&secret(CANARY)), Arc::new(SystemClock)).unwrap()),
    ];
    let body = || CANARY.as_bytes().to_vec();
    let wait = |seconds: u64| Some(Duration::from_secs(seconds));
    for (status, header, wanted) in [
        (200, None, Ok(())),
        (202, None, Ok(())),
        (400, None, Err(None)),
        (401, None, Err(None)),
        (404, None, Err(None)),
        (410, Some("120"), Err(None)),
        (408, None, Err(Some(None))),
        (429, Some("120"), Err(Some(wait(120)))),
        (429, Some("99999999"), Err(Some(wait(3600)))),
        (429, Some("Wed, 21 Oct 2026 07:28:00 GMT"), Err(Some(None))),
        (500, None, Err(Some(None))),
        (503, Some("7"), Err(Some(wait(7)))),
        (302, None, Err(Some(None))),
    ] {
        let mut headers = vec![("location", recorder.url("/elsewhere"))];
        headers.extend(header.map(|text| ("retry-after", text.to_owned())));
        recorder.answers(status, headers, body());
        for sink in &sinks {
            let sent = sink.send(&letter(), None).await;
            match (&sent, wanted) {
                (Ok(()), Ok(())) => {}
                (Err(Trouble::Refused { .. }), Err(None)) => {}
                (Err(Trouble::Later { wait: asked, .. }), Err(Some(wanted))) => assert_eq!(*asked, wanted),
                _ => panic!("{status} {header:?}: {sent:?}"),
            }
            if let Err(trouble) = sent {
                assert!(trouble.to_string().contains(&status.to_string()));
                quiet(&trouble);
            }
        }
    }
    assert!(recorder.at("/elsewhere").is_empty(), "a redirect was followed");
    let asked = recorder.at("/x/api/v2/alerts");
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {CANARY}"));
}

/// A server that takes a request and does what it wants with the connection.
async fn odd(answer: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 16 * 1024];
            let _read = stream.read(&mut buffer).await;
            let _written = stream.write_all(answer).await;
        }
    });
    url
}

#[tokio::test]
async fn what_is_no_answer_is_tried_again_later() {
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let urls = [
        closed,
        odd(b"").await,
        odd(b"HTTP/1.1 200").await,
        odd(b"220 mail.example ESMTP CANARY\r\n").await,
    ];
    for url in urls {
        let sent = slack(&url).send(&letter(), None).await.unwrap_err();
        assert!(
            matches!(sent, Trouble::Later { wait: None, .. }),
            "{url}: {sent:?}"
        );
        quiet(&sent);
    }
    // What follows a good status does not matter, however much it is.
    let long = odd(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nok").await;
    slack(&long).send(&letter(), None).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_no_secret_place_is_refused() {
    for url in [
        "http://hooks.example/CANARY",
        "ftp://hooks.example/CANARY",
        "CANARY",
        "",
        "http://127.0.0.1.example/CANARY",
    ] {
        let refused = Slack::new(http(), &secret(url)).err().unwrap();
        assert!(!format!("{refused} {refused:?}").contains("CANARY"));
    }
    assert!(Http::new(Some(b"no certificate")).is_err());
    let broken = b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";
    assert!(Http::new(Some(broken)).is_err());
}

/// A certificate authority of its own, and what it signed for `localhost`.
struct Paper {
    directory: TempDir,
    ca: Vec<u8>,
}

impl Paper {
    fn new() -> Paper {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("cert.pem"), leaf.pem()).unwrap();
        std::fs::write(directory.path().join("key.pem"), leaf_key.serialize_pem()).unwrap();
        Paper {
            directory,
            ca: ca.into_bytes(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn server(&self, mode: &str) -> Mail {
        Mail::start(mode, &self.path("cert.pem"), &self.path("key.pem"), CANARY)
    }

    fn sink(&self, mail: &Mail, protection: Protection, change: impl FnOnce(&mut SmtpSettings)) -> Smtp {
        let mut settings = SmtpSettings {
            host: "localhost".into(),
            port: mail.port,
            protection,
            ca: Some(self.ca.clone()),
            login: Some((USER.into(), secret(CANARY))),
            from: "rekeyd@acme.example".into(),
            to: vec!["on-call@acme.example".into(), "team@acme.example".into()],
        };
        change(&mut settings);
        Smtp::new(settings, Arc::new(SystemClock)).unwrap()
    }
}

#[tokio::test]
async fn a_real_mail_server_by_starttls_and_login() {
    let paper = Paper::new();
    for (mode, protection) in [
        ("starttls", Protection::Starttls),
        ("implicit", Protection::Implicit),
    ] {
        let server = paper.server(mode);
        let sink = paper.sink(&server, protection, |_| {});
        sink.send(&letter(), None).await.unwrap();
        let mut over = letter();
        over.action = Action::Resolve;
        over.id = "0b9e".into();
        sink.send(&over, Some(&letter())).await.unwrap();
        let mails = server.taken();
        assert_eq!(mails.len(), 2, "{mails:?}");
        for mail in &mails {
            assert_eq!(mail["tls"], true);
            assert_eq!(mail["authenticated"], true);
            assert_eq!(mail["from"], "rekeyd@acme.example");
            assert_eq!(
                mail["to"],
                serde_json::json!(["on-call@acme.example", "team@acme.example"])
            );
        }
        let text = mails[0]["text"].as_str().unwrap();
        let unfolded = text.replace("=\r\n", "").replace("\r\n ", " ");
        for part in [
            "Message-ID: <0b9d@acme.example>",
            "References: <rekeyd.billing.held@acme.example>",
            "To: on-call@acme.example, team@acme.example",
            "what happened: Salesforce masks the secret.",
            "`rekeyd resume billing`",
        ] {
            assert!(unfolded.contains(part), "no {part:?} in {text}");
        }
        assert!(!text.contains("CANARY"), "{text}");
    }
}

#[tokio::test]
async fn a_mail_server_that_is_not_as_it_should_be_gets_nothing() {
    let paper = Paper::new();
    // Without STARTTLS nothing is sent, and above all no password.
    let server = paper.server("plain");
    let sink = paper.sink(&server, Protection::Starttls, |_| {});
    let trouble = sink.send(&letter(), None).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Later { .. }), "{trouble:?}");
    quiet(&trouble);
    assert!(server.taken().is_empty());

    let server = paper.server("starttls");
    // A certificate that nobody vouches for, and one of another host.
    let stranger = paper.sink(&server, Protection::Starttls, |settings| settings.ca = None);
    let wrong_password = paper.sink(&server, Protection::Starttls, |settings| {
        settings.login = Some((USER.into(), secret("CANARY, but another")));
    });
    let no_login = paper.sink(&server, Protection::Starttls, |settings| settings.login = None);
    let in_the_clear = paper.sink(&server, Protection::None, |settings| settings.login = None);
    for (name, sink, is_refused) in [
        ("stranger", stranger, false),
        ("wrong password", wrong_password, true),
        ("no login", no_login, true),
        ("in the clear", in_the_clear, true),
    ] {
        let trouble = sink.send(&letter(), None).await.unwrap_err();
        assert_eq!(
            matches!(trouble, Trouble::Refused { .. }),
            is_refused,
            "{name}: {trouble:?}"
        );
        quiet(&trouble);
    }
    assert!(server.taken().is_empty());
}

/// On this machine in the clear, and the test of a sink: opened and closed.
#[tokio::test]
async fn a_trial_opens_an_incident_and_closes_it() {
    let paper = Paper::new();
    let server = paper.server("plain");
    let sink = paper.sink(&server, Protection::None, |settings| settings.login = None);
    trial::test(&sink, "77", START).await.unwrap();
    let mails = server.taken();
    assert_eq!(mails.len(), 2);
    assert!(
        mails[0]["text"]
            .as_str()
            .unwrap()
            .contains("[WARNING] This is a test")
    );
    assert!(mails[1]["text"].as_str().unwrap().contains("[RESOLVED]"));

    let recorder = Recorder::start().await;
    let sink = PagerDuty::new(http(), recorder.url("/pd").parse().unwrap(), secret(CANARY));
    trial::test(&sink, "78", START).await.unwrap();
    let events = recorder.at("/pd");
    let of = |at: usize, key: &str| events[at].json()[key].clone();
    assert_eq!(
        (of(0, "event_action"), of(1, "event_action")),
        ("trigger".into(), "resolve".into())
    );
    assert_eq!(of(0, "dedup_key"), of(1, "dedup_key"));
    recorder.answers(403, Vec::new(), Vec::new());
    quiet(&trial::test(&sink, "79", START).await.unwrap_err());
}
