//! Sinks of alerts that take nothing, and say back whatever they were sent.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rekeyd::random::{Random, SystemRandom};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::search::Needle;

/// The servers, and the secrets by which they are spoken to: a name, and the text in its file.
pub struct Mirrors {
    http: SocketAddr,
    smtp: SocketAddr,
    pub secrets: Vec<(&'static str, String)>,
}

impl Mirrors {
    pub async fn start() -> Mirrors {
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let smtp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at_http, at_smtp) = (http.local_addr().unwrap(), smtp.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = http.accept().await {
                tokio::spawn(say_back(stream));
            }
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = smtp.accept().await {
                tokio::spawn(refuse_the_login(stream));
            }
        });
        let random = || {
            let mut bytes = [0; 32];
            SystemRandom.fill(&mut bytes).unwrap();
            STANDARD.encode(bytes).replace(['+', '/', '='], "x")
        };
        let secrets = vec![
            ("pagerduty.key", random()),
            ("alertmanager.token", random()),
            ("webhook.key", format!("whsec_{}", STANDARD.encode(random()))),
            ("slack.url", format!("http://{at_http}/slack/{}", random())),
            ("mail.password", random()),
        ];
        Mirrors {
            http: at_http,
            smtp: at_smtp,
            secrets,
        }
    }

    pub fn policy(&self, given: &str) -> String {
        let (http, smtp) = (self.http, self.smtp.port());
        format!(
            r#"
[alert.pages.pagerduty]
url = "http://{http}/refused"
routing_key_file = "{given}/pagerduty.key"
[alert.cluster.alertmanager]
url = "http://{http}"
token_file = "{given}/alertmanager.token"
[alert.hook.webhook]
url = "http://{http}/hook"
secret_file = "{given}/webhook.key"
[alert.channel.slack]
url_file = "{given}/slack.url"
[alert.mail.smtp]
host = "127.0.0.1"
port = {smtp}
tls = "none"
user = "rekeyd"
password_file = "{given}/mail.password"
from = "rekeyd@leaks.example"
to = ["on-call@leaks.example"]
"#
        )
    }

    /// What of them must be found nowhere.
    pub fn needles(&self) -> Vec<Needle> {
        let last = |text: &str| text.rsplit(['/', '_']).next().unwrap().to_owned();
        self.secrets
            .iter()
            .map(|(name, text)| Needle::new(format!("what is in {name}"), last(text)))
            .collect()
    }
}

/// Refuses what asks for it, and is away for everything else; with the whole request in its answer.
async fn say_back(mut stream: TcpStream) {
    let mut request = vec![0; 64 * 1024];
    let Ok(length) = stream.read(&mut request).await else {
        return;
    };
    request.truncate(length);
    let status = match request.starts_with(b"POST /refused") {
        true => "400 No",
        false => "503 Not now",
    };
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    let _gone = stream.write_all(&[head.as_bytes(), &request].concat()).await;
}

async fn refuse_the_login(stream: TcpStream) {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let mut answer = "220 mirror ESMTP\r\n".to_owned();
    loop {
        if writing.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        let Ok(Some(line)) = lines.next_line().await else {
            return;
        };
        answer = match line.get(..4) {
            Some("EHLO") => "250-mirror\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
            _ => format!("535 no: {line}\r\n"),
        };
    }
}
