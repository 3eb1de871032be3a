//! The HTTP side: reads a request whole, lets the org meet it, and carries out what a fault does to the answer.

use super::control;
use super::cut::Cut;
use super::fault::Action;
use super::operation::Operation;
use super::time::{http_date, pause};
use super::wire::{Call, Reply};
use super::world::{Met, World};
use super::{rest, soap};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use futures_util::stream;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const LARGEST_BODY: usize = 16 << 20;
const HTML: &str = "<!DOCTYPE html><html><head><title>We are down for maintenance</title></head>\
    <body><h1>Sorry to interrupt</h1></body></html>";

/// The org, shared by all connections. Every call holds it alone, and never across a wait.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(super) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is sent.
enum Sent {
    Whole(Reply),
    /// Half of it, and then the connection breaks.
    Half(Reply),
    /// Half of it, a wait, and the rest.
    Slow(Reply, Duration),
    /// So many bytes.
    Huge(u64),
}

/// Serves one request.
pub(super) async fn handle(
    State(shared): State<Shared>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return response(&shared, Reply::empty(413));
    };
    let call = Call {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    if call.path.starts_with(control::PREFIX) {
        let reply = control::serve(&mut shared.lock(), &call);
        return response(&shared, reply);
    }
    let met = shared.lock().meet(&call);
    if met.wait_ms > 0 {
        pause(Duration::from_millis(met.wait_ms)).await;
    }
    let sent = meet(&mut shared.lock(), met, call, &cut);
    send(&shared, sent)
}

/// Applies a call as its fault lets it, and says what is sent.
fn meet(world: &mut World, met: Met, call: Call, cut: &Cut) -> Sent {
    let Met {
        operation, action, ..
    } = met;
    let Some(action) = action else {
        return Sent::Whole(world.answer(&operation, &call));
    };
    let mut apply = |wanted: bool| {
        if wanted {
            drop(world.answer(&operation, &call));
        }
    };
    match action {
        // Delays were waited for already.
        Action::Delay { .. } => Sent::Whole(world.answer(&operation, &call)),
        Action::DropBefore => {
            cut.now();
            Sent::Whole(Reply::empty(503))
        }
        Action::DropAfter => {
            apply(true);
            cut.now();
            Sent::Whole(Reply::empty(503))
        }
        Action::ApplyLate { seconds } => {
            world.postpone(operation, call, seconds);
            cut.now();
            Sent::Whole(Reply::empty(503))
        }
        Action::Status {
            code,
            body,
            retry_after,
            applied,
        } => {
            apply(applied);
            let reply = Reply::text(code, "application/json;charset=UTF-8", body);
            Sent::Whole(match retry_after {
                Some(seconds) => reply.with("Retry-After", seconds.to_string()),
                None => reply,
            })
        }
        Action::Html { applied } => {
            apply(applied);
            Sent::Whole(Reply::text(200, "text/html;charset=UTF-8", HTML))
        }
        Action::Truncate => Sent::Half(world.answer(&operation, &call)),
        Action::SlowBody { ms } => Sent::Slow(world.answer(&operation, &call), Duration::from_millis(ms)),
        Action::Huge { bytes } => Sent::Huge(bytes),
        Action::SessionExpired => {
            world.sessions.end_all();
            Sent::Whole(world.answer(&operation, &call))
        }
        Action::LimitExceeded => Sent::Whole(limit(world, &operation)),
        Action::Redirect { to } => Sent::Whole(Reply::empty(302).with("Location", to)),
    }
}

/// A limit, in the words of the endpoint that meets it.
fn limit(world: &World, operation: &Operation) -> Reply {
    if operation.is_soap() {
        soap::fault("sf:REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    } else if operation.is_oauth() {
        Reply::oauth(400, "rate_limit_exceeded", "number of logins exceeded")
    } else {
        rest::limit_exceeded().with("Sforce-Limit-Info", world.limit_info())
    }
}

fn send(shared: &Shared, sent: Sent) -> Response {
    match sent {
        Sent::Whole(reply) => response(shared, reply),
        Sent::Half(reply) => {
            let length = reply.body.len();
            let half = Bytes::copy_from_slice(reply.body.get(..length / 2).unwrap_or_default());
            let broken = stream::unfold(Some(half), |half| async move {
                match half {
                    Some(half) => Some((Ok(half), None)),
                    None => {
                        // Lets the first half leave before the connection breaks.
                        pause(Duration::from_millis(1)).await;
                        Some((Err(io::Error::other("cut by a fault rule")), None))
                    }
                }
            });
            sized(
                response(
                    shared,
                    Reply {
                        body: Vec::new(),
                        ..reply
                    },
                ),
                length,
                Body::from_stream(broken),
            )
        }
        Sent::Slow(reply, wait) => {
            let length = reply.body.len();
            let (first, rest) = reply.body.split_at(length / 2);
            let halves = [Bytes::copy_from_slice(first), Bytes::copy_from_slice(rest)].into_iter();
            let slow = stream::unfold((halves, false), move |(mut halves, waited)| async move {
                let half = halves.next()?;
                if waited {
                    pause(wait).await;
                }
                Some((Ok::<Bytes, Infallible>(half), (halves, true)))
            });
            sized(
                response(
                    shared,
                    Reply {
                        body: Vec::new(),
                        ..reply
                    },
                ),
                length,
                Body::from_stream(slow),
            )
        }
        Sent::Huge(bytes) => {
            const CHUNK: u64 = 64 << 10;
            let chunk = Bytes::from(vec![b' '; 64 << 10]);
            let body = stream::unfold(bytes, move |left| {
                let chunk = chunk.clone();
                async move { (left > 0).then(|| (Ok::<Bytes, Infallible>(chunk), left.saturating_sub(CHUNK))) }
            });
            let mut response = response(shared, Reply::text(200, "application/json;charset=UTF-8", ""));
            *response.body_mut() = Body::from_stream(body);
            response
        }
    }
}

/// The response with another body, whose length is announced whatever comes.
fn sized(mut response: Response, length: usize, body: Body) -> Response {
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    *response.body_mut() = body;
    response
}

/// A reply on the wire, dated by the org's clock.
fn response(shared: &Shared, reply: Reply) -> Response {
    let mut builder = Response::builder()
        .status(reply.status)
        .header("Content-Type", reply.content_type)
        .header("Date", http_date(shared.lock().now()));
    for (name, value) in &reply.headers {
        builder = builder.header(*name, value);
    }
    builder
        .body(Body::from(reply.body))
        .unwrap_or_else(|_| Response::new(Body::empty()))
}
