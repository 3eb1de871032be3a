//! A network that fails on demand: a loopback proxy that knows where an HTTP/1.1 request ends.
//!
//! It serves one request per connection and notes each, so that a test can count what was really sent, and decides
//! by rules what becomes of a request and of its answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// Longer than any client waits for a whole answer.
const PATIENCE: Duration = Duration::from_secs(160);

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
    /// Nothing is ever answered; the server sees the request or not. The client's patience passes at once, by the
    /// runtime's clock.
    Silent {
        /// The server sees it.
        applied: bool,
    },
    /// The server answers; half of that arrives, and then the connection is reset.
    Reset,
    /// The server's answer, as text of no kind.
    Retyped,
    /// The server's answer, a part of it every forty seconds by the runtime's clock.
    Drip,
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
    /// After how many requests nobody listens any more.
    shut_after: Option<usize>,
    seen: Vec<Seen>,
    late: JoinSet<Vec<u8>>,
}

/// A running proxy. Ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    release: watch::Sender<bool>,
    door: Arc<Door>,
    _accepting: JoinSet<()>,
}

/// Told when nobody listens any more, and when somebody is to.
#[derive(Default)]
struct Door {
    shut: Notify,
    open: Notify,
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
        let door = Arc::new(Door::default());
        let kept = (Arc::clone(&state), Arc::clone(&door));
        accepting.spawn(accept(listener, server, kept, witness, released));
        Proxy {
            address,
            state,
            release,
            door,
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

    /// After so many requests connections are refused, until [`Proxy::open`]. Returns once it is so.
    pub async fn shut_after(&self, requests: usize) {
        self.state.lock().unwrap().shut_after = Some(requests);
        // Somebody is accepting; for the first connection that is decided anew.
        self.door.open.notify_one();
        self.door.shut.notified().await;
    }

    /// Somebody listens again.
    pub fn open(&self) {
        self.door.open.notify_one();
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
    mut listener: TcpListener,
    server: SocketAddr,
    (state, door): (Arc<Mutex<State>>, Arc<Door>),
    witness: Witness,
    released: watch::Receiver<bool>,
) {
    let mut serving = JoinSet::new();
    let mut accepted = 0;
    loop {
        if state.lock().unwrap().shut_after == Some(accepted) {
            state.lock().unwrap().shut_after = None;
            let address = listener.local_addr().unwrap();
            drop(listener);
            door.shut.notify_one();
            door.open.notified().await;
            listener = TcpListener::bind(address).await.unwrap();
        }
        let client = tokio::select! {
            accepted = listener.accept() => accepted,
            () = door.open.notified() => continue,
        };
        let Ok((client, _)) = client else { return };
        accepted += 1;
        let (state, witness) = (Arc::clone(&state), Arc::clone(&witness));
        serving.spawn(serve(client, server, state, witness, released.clone()));
        while serving.try_join_next().is_some() {}
    }
}

/// So much of the runtime's time is over at once: whoever waited for less gives up.
async fn passes(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

fn retyped(answer: &[u8]) -> Vec<u8> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let lines = head.lines().map(
        |line| match line.to_ascii_lowercase().starts_with("content-type:") {
            true => "content-type: application/octet-stream\r\n".to_owned(),
            false => format!("{line}\r\n"),
        },
    );
    let mut retyped = lines.collect::<String>().into_bytes();
    retyped.extend_from_slice(&answer[end + 2..]);
    retyped
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
        Some(Fate::Silent { applied }) => {
            if applied {
                forward(server, &bytes).await;
            }
            passes(PATIENCE).await;
            let _gone = client.read(&mut [0]).await;
        }
        Some(Fate::Reset) => {
            let answer = forward(server, &bytes).await;
            let _sent = client.write_all(&answer[..answer.len() / 2]).await;
            let _reset = client.set_zero_linger();
        }
        Some(Fate::Retyped) => {
            let answer = forward(server, &bytes).await;
            let _sent = client.write_all(&retyped(&answer)).await;
        }
        Some(Fate::Drip) => {
            let answer = forward(server, &bytes).await;
            for part in answer.chunks(answer.len() / 5 + 1) {
                if client.write_all(part).await.is_err() {
                    break;
                }
                passes(PATIENCE / 4).await;
            }
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
