//! A network that fails on demand: a loopback proxy that knows where an HTTP/1.1 request ends.
//!
//! It serves one request per connection and notes each, so that a test can count what was really sent, and decides
//! by rules what becomes of a request and of its answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What becomes of one request.
#[derive(Clone, Debug)]
pub enum Fate {
    /// The connection is cut; the server never sees the request.
    CutBefore,
    /// The server answers, and the connection is cut before a byte of that.
    CutAfter,
    /// The server answers, and only so many bytes of that arrive.
    Truncate(usize),
    /// The server answers, and nothing of that arrives, on a connection that stays open.
    Stall,
    /// The connection is cut, and the server sees the request only after [`Proxy::release`].
    Late,
    /// The server never sees the request; these bytes are the answer.
    Instead(Vec<u8>),
}

/// A request as it was sent.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `POST`
    pub method: String,
    /// With the query.
    pub path: String,
    /// All of it.
    pub body: Vec<u8>,
}

type Matcher = Box<dyn Fn(&Seen) -> bool + Send>;

/// Told of each request when it has come whole, before anything becomes of it.
pub type Witness = Arc<dyn Fn(&Seen) + Send + Sync>;

#[derive(Default)]
struct State {
    rules: Vec<(Matcher, Fate)>,
    seen: Vec<Seen>,
    late: JoinSet<Vec<u8>>,
}

/// A running proxy. Ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    release: watch::Sender<bool>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Listens on a free loopback port in front of `server`.
    pub async fn start(server: SocketAddr) -> Proxy {
        Proxy::witnessed(server, Arc::new(|_| {})).await
    }

    /// The same, with somebody who looks on.
    pub async fn witnessed(server: SocketAddr, witness: Witness) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let (release, released) = watch::channel(false);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, server, Arc::clone(&state), witness, released));
        Proxy {
            address,
            state,
            release,
            _accepting: accepting,
        }
    }

    /// Its origin.
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request that `matches` meets `fate`; earlier rules first.
    pub fn once(&self, fate: Fate, matches: impl Fn(&Seen) -> bool + Send + 'static) {
        self.state.lock().unwrap().rules.push((Box::new(matches), fate));
    }

    /// Lets through what [`Fate::Late`] has held back, now and from now on. Returns the server's answers to that.
    pub async fn release(&self) -> Vec<Vec<u8>> {
        self.release.send_replace(true);
        let late = std::mem::take(&mut self.state.lock().unwrap().late);
        late.join_all().await
    }

    /// All requests so far, in the order in which they came.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    state: Arc<Mutex<State>>,
    witness: Witness,
    released: watch::Receiver<bool>,
) {
    let mut serving = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (state, witness) = (Arc::clone(&state), Arc::clone(&witness));
        serving.spawn(serve(client, server, state, witness, released.clone()));
        while serving.try_join_next().is_some() {}
    }
}

/// A connection that fails of itself is the test's to notice, at its client.
async fn serve(
    mut client: TcpStream,
    server: SocketAddr,
    state: Arc<Mutex<State>>,
    witness: Witness,
    mut released: watch::Receiver<bool>,
) {
    let Some((bytes, seen)) = request(&mut client).await else {
        return;
    };
    witness(&seen);
    let fate = {
        let mut state = state.lock().unwrap();
        state.seen.push(seen.clone());
        let rule = state.rules.iter().position(|(matches, _)| matches(&seen));
        let fate = rule.map(|at| state.rules.remove(at).1);
        if matches!(fate, Some(Fate::Late)) {
            let bytes = bytes.clone();
            state.late.spawn(async move {
                let released = released.wait_for(|released| *released).await.is_ok();
                assert!(released, "the proxy ended while it held a request back");
                forward(server, &bytes).await
            });
        }
        fate
    };
    match fate {
        None => {
            let answer = forward(server, &bytes).await;
            let _sent = client.write_all(&answer).await;
        }
        Some(Fate::CutBefore | Fate::Late) => {}
        Some(Fate::CutAfter) => {
            forward(server, &bytes).await;
        }
        Some(Fate::Truncate(length)) => {
            let answer = forward(server, &bytes).await;
            let _sent = client.write_all(&answer[..length.min(answer.len())]).await;
        }
        Some(Fate::Stall) => {
            forward(server, &bytes).await;
            let _until_the_client_gives_up = client.read(&mut [0]).await;
        }
        Some(Fate::Instead(answer)) => {
            let _sent = client.write_all(&answer).await;
        }
    }
}

/// Reads one request, and asks in it that the connection end with the answer, so that the end of that is plain.
async fn request(client: &mut TcpStream) -> Option<(Vec<u8>, Seen)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let mut first = text.lines().next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let end = head + 4 + length.unwrap_or(0);
    while bytes.len() < end {
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = bytes[head + 4..end].to_vec();
    let kept = text.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or("");
        !name.eq_ignore_ascii_case("connection")
    });
    let mut sent: Vec<u8> = kept
        .flat_map(|line| [line.as_bytes(), b"\r\n"].concat())
        .collect();
    sent.extend_from_slice(b"connection: close\r\n\r\n");
    sent.extend_from_slice(&body);
    Some((sent, Seen { method, path, body }))
}

/// Sends and reads to the end of the connection.
async fn forward(server: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    if let Ok(mut stream) = TcpStream::connect(server).await
        && stream.write_all(bytes).await.is_ok()
    {
        let _whole = stream.read_to_end(&mut answer).await;
    }
    answer
}
