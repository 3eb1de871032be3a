//! A server on loopback that keeps what it is sent, and answers as it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is answered: a status, headers, a body.
type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

#[derive(Clone)]
struct Shared {
    requests: Arc<Mutex<Vec<Request>>>,
    answer: Arc<Mutex<Answer>>,
}

pub struct Recorder {
    pub address: SocketAddr,
    shared: Shared,
    task: tokio::task::JoinHandle<()>,
}

impl Recorder {
    pub async fn start() -> Recorder {
        let shared = Shared {
            requests: Arc::default(),
            answer: Arc::new(Mutex::new((200, Vec::new(), b"ok".to_vec()))),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(take).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Recorder {
            address,
            shared,
            task,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn answers(&self, status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) {
        *self.shared.answer.lock().unwrap() = (status, headers, body);
    }

    /// What came to paths that begin so.
    pub fn at(&self, path: &str) -> Vec<Request> {
        let requests = self.shared.requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| request.path.starts_with(path))
            .cloned()
            .collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    shared.requests.lock().unwrap().push(Request {
        method: method.to_string(),
        path: uri.path().to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: body.to_vec(),
    });
    let (status, headers, body) = shared.answer.lock().unwrap().clone();
    let mut answer = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in headers {
        answer.headers_mut().insert(name, value.parse().unwrap());
    }
    answer
}
