//! A server on loopback that answers from a script, and the org and clock that tests use with it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use rekeyd::clock::{Clock, Timestamp};
use rekeyd::random::{NoEntropy, Random};
use rekeyd::salesforce::{
    JwtLogin, Org, OrgSettings, StagedSettings, StagedTarget, Timeouts, UpdateSettings, UpdateTarget,
};
use rekeyd::secret::{Credential, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// One answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// An ordinary one: status, body, further headers.
    Reply(u16, String, Vec<(&'static str, String)>),
    /// A connection that closes after the request was read.
    Drop,
    /// A promise of more bytes than come.
    Truncated(u16, String),
    /// Headers, and then one byte after the other, slower than the time-outs allow.
    Slow,
    /// Headers, and then a body without end.
    Endless,
    /// Nothing at all, while the connection stays.
    Silent,
}

pub fn json(status: u16, body: impl Into<String>) -> Answer {
    Answer::Reply(
        status,
        body.into(),
        vec![("Content-Type", "application/json".into())],
    )
}

pub fn soap(inner: impl AsRef<str>) -> Answer {
    soap_at(200, inner)
}

pub fn soap_at(status: u16, inner: impl AsRef<str>) -> Answer {
    let body = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://soap.sforce.com/2006/04/metadata" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{}</soapenv:Body></soapenv:Envelope>"#,
        inner.as_ref()
    );
    Answer::Reply(
        status,
        body,
        vec![("Content-Type", "text/xml;charset=utf-8".into())],
    )
}

pub fn soap_fault(code: &str, text: &str) -> Answer {
    soap_at(
        500,
        format!(
            "<soapenv:Fault><faultcode xmlns=\"\">sf:{code}</faultcode><faultstring \
             xmlns=\"\">{text}</faultstring></soapenv:Fault>"
        ),
    )
}

pub fn html(status: u16) -> Answer {
    let page = "<!DOCTYPE html><html><body>Down for maintenance</body></html>";
    Answer::Reply(status, page.into(), vec![("Content-Type", "text/html".into())])
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Seen {
    /// `POST /path` without the query, or `SOAP operation`.
    pub fn key(&self) -> String {
        let path = self.target.split('?').next().unwrap();
        if path.starts_with("/services/Soap/m/") {
            let body = self.body.split("<soapenv:Body><m:").nth(1).unwrap();
            return format!("SOAP {}", body.split('>').next().unwrap());
        }
        format!("{} {path}", self.method)
    }

    /// The fields of a form.
    pub fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect()
    }
}

type Rule = Box<dyn Fn(&Seen) -> Option<Answer> + Send>;

#[derive(Default)]
struct Script {
    rules: Vec<Rule>,
    seen: Vec<Seen>,
}

pub struct Server {
    pub url: String,
    script: Arc<Mutex<Script>>,
    arrived: Arc<Notify>,
    /// A rule waits for the client to give up.
    hasty: AtomicBool,
}

pub const TOKEN: &str = "00D000000000001!AQ.opaque.token";
pub const DATE: &str = "Sun, 01 Mar 2026 10:00:00 GMT";
pub const NOW: i64 = 1_772_359_200_000;

impl Server {
    /// A server that logs in, names its versions, and answers 404 to everything else.
    pub async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server {
            url: url.clone(),
            script: Arc::default(),
            arrived: Arc::new(Notify::new()),
            hasty: AtomicBool::new(false),
        };
        let (script, arrived) = (server.script.clone(), server.arrived.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone(), arrived.clone()));
            }
        });
        server.always("POST /services/oauth2/token", json(200, granted(&url, TOKEN)));
        server.always(
            "GET /services/data/",
            json(
                200,
                r#"[{"version":"64.0"},{"version":"65.0"},{"version":"66.0"},{"version":"67.0"}]"#,
            ),
        );
        server
    }

    /// From now on, unless a later rule answers.
    pub fn always(&self, key: &str, answer: Answer) {
        self.expect(&answer);
        let key = key.to_owned();
        self.rule(move |seen| (seen.key() == key).then(|| answer.clone()));
    }

    /// One answer after the other, then as before.
    pub fn once(&self, key: &str, answers: Vec<Answer>) {
        answers.iter().for_each(|answer| self.expect(answer));
        let key = key.to_owned();
        let answers = Mutex::new(answers.into_iter());
        self.rule(move |seen| {
            (seen.key() == key)
                .then(|| answers.lock().unwrap().next())
                .flatten()
        });
    }

    pub fn rule(&self, rule: impl Fn(&Seen) -> Option<Answer> + Send + 'static) {
        self.script.lock().unwrap().rules.push(Box::new(rule));
    }

    /// A client that is built later gives up sooner if it must give up at all.
    pub fn expect(&self, answer: &Answer) {
        if matches!(answer, Answer::Slow | Answer::Silent) {
            self.hasty.store(true, Ordering::SeqCst);
        }
    }

    pub fn seen(&self, key: &str) -> Vec<Seen> {
        let script = self.script.lock().unwrap();
        script
            .seen
            .iter()
            .filter(|seen| seen.key() == key)
            .cloned()
            .collect()
    }

    pub fn count(&self, key: &str) -> usize {
        self.seen(key).len()
    }

    pub fn logins(&self) -> usize {
        let bearer = |seen: &Seen| seen.body.contains("jwt-bearer");
        self.seen("POST /services/oauth2/token")
            .into_iter()
            .filter(bearer)
            .count()
    }

    pub fn all(&self) -> Vec<Seen> {
        self.script.lock().unwrap().seen.clone()
    }

    /// Waits for a request that nobody waits for.
    pub async fn until(&self, key: &str) {
        loop {
            let arrived = self.arrived.notified();
            if self.count(key) > 0 {
                return;
            }
            arrived.await;
        }
    }

    pub fn settings(&self) -> OrgSettings {
        let hasty = self.hasty.load(Ordering::SeqCst);
        let seconds = Duration::from_secs;
        OrgSettings {
            name: "test".into(),
            url: self.url.clone(),
            api_version: "66.0".into(),
            login: JwtLogin {
                client_id: "3MVG9own".into(),
                username: "rekeyd@acme.example".into(),
                key_pem: Secret::new(key_pem().to_owned()),
                audience: None,
            },
            timeouts: Timeouts {
                connect: seconds(10),
                read: seconds(if hasty { 1 } else { 10 }),
                total: seconds(if hasty { 2 } else { 20 }),
            },
        }
    }

    pub fn org(&self) -> (Arc<Org>, Arc<TestClock>) {
        self.org_with(self.settings())
    }

    pub fn org_with(&self, settings: OrgSettings) -> (Arc<Org>, Arc<TestClock>) {
        let clock = Arc::new(TestClock(AtomicI64::new(NOW)));
        let random = Arc::new(Counting(AtomicU8::new(0)));
        (Org::new(settings, clock.clone(), random).unwrap(), clock)
    }

    pub fn staged(&self) -> StagedTarget {
        StagedTarget::new(self.org().0, staged_settings()).unwrap()
    }

    pub fn update(&self) -> UpdateTarget {
        UpdateTarget::new(self.org().0, update_settings()).unwrap()
    }
}

pub fn staged_settings() -> StagedSettings {
    StagedSettings {
        name: "Billing_Sync".into(),
        consumer: None,
        client_credentials: false,
    }
}

pub fn update_settings() -> UpdateSettings {
    UpdateSettings {
        name: "Legacy_Loader".into(),
        certificate: None,
        client_credentials: false,
    }
}

pub fn granted(url: &str, token: &str) -> String {
    format!(
        r#"{{"access_token":"{token}","instance_url":"{url}","id":"https://login.salesforce.com/id/00D000000000001EAA/005000000000002AAA","token_type":"Bearer","issued_at":"1772359200000","signature":"x"}}"#
    )
}

pub fn pair(id: &str, secret: &str) -> Credential {
    Credential {
        client_id: id.into(),
        client_secret: Secret::new(secret.into()),
    }
}

/// Made when it is first needed, so that no private key lies in the repository.
pub fn key_pem() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        let size = rcgen::RsaKeySize::_2048;
        let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size).unwrap();
        key.serialize_pem()
    })
}

/// Moved by hand.
pub struct TestClock(pub AtomicI64);

impl TestClock {
    pub fn advance(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    async fn sleep_until(&self, _until: Timestamp) {
        panic!("the client does not wait");
    }
}

/// Counts upwards, so that a golden request is the same every time.
struct Counting(AtomicU8);

impl Random for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        for byte in buffer {
            *byte = self.0.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<Script>>, arrived: Arc<Notify>) -> Option<()> {
    let seen = read(&mut stream).await?;
    let answer = {
        let mut script = script.lock().unwrap();
        let answer = script.rules.iter().rev().find_map(|rule| rule(&seen));
        script.seen.push(seen);
        answer.unwrap_or_else(|| json(404, r#"[{"errorCode":"NOT_FOUND","message":"no such thing"}]"#))
    };
    arrived.notify_waiters();
    let head = |status: u16, length: usize, headers: &str| {
        format!(
            "HTTP/1.1 {status} X\r\nDate: {DATE}\r\nContent-Length: {length}\r\nSforce-Limit-Info: \
             api-usage=18/5000\r\nConnection: close\r\n{headers}\r\n"
        )
    };
    let text = match answer {
        Answer::Reply(status, body, headers) => {
            let headers: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let length = if status == 204 { 0 } else { body.len() };
            head(status, length, &headers) + &body
        }
        Answer::Drop => return None,
        Answer::Truncated(status, body) => head(status, body.len() + 100, "") + &body,
        Answer::Slow => {
            stream.write_all(head(200, 1000, "").as_bytes()).await.ok()?;
            hold(&mut stream).await;
            return None;
        }
        Answer::Endless => {
            stream.write_all(head(200, 1 << 40, "").as_bytes()).await.ok()?;
            let piece = vec![b' '; 1 << 16];
            while stream.write_all(&piece).await.is_ok() {}
            return None;
        }
        Answer::Silent => {
            hold(&mut stream).await;
            return None;
        }
    };
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

/// Until the client gives up.
async fn hold(stream: &mut TcpStream) {
    let mut rest = [0; 64];
    while matches!(stream.read(&mut rest).await, Ok(read) if read > 0) {}
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers
        .get("content-length")
        .map_or(0, |text| text.parse().unwrap());
    while bytes.len() < end + 4 + length {
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
    let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
    Some(Seen {
        method,
        target,
        headers,
        body,
    })
}
