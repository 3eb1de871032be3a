//! One connection, and how many there may be.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::patience::Patient;
use crate::api::access::Entrance;

/// How long to rest when the system gives no connection, such as when there are too many open files.
const REST: Duration = Duration::from_millis(500);

/// The connections of one listener.
pub(super) struct Connections {
    router: Router,
    /// Times and sizes.
    pub limits: Limits,
    /// Cancelled: nothing more is accepted.
    pub stop: CancellationToken,
    room: Arc<Semaphore>,
    open: TaskTracker,
}

impl Connections {
    pub fn new(router: Router, limits: Limits, stop: CancellationToken) -> Connections {
        Connections {
            router,
            limits,
            stop,
            room: Arc::new(Semaphore::new(limits.connections)),
            open: TaskTracker::new(),
        }
    }

    /// For another listener: a crowd at one does not keep people from the other.
    pub fn apart(&self) -> Connections {
        Connections::new(self.router.clone(), self.limits, self.stop.clone())
    }

    /// A place for one more, as soon as there is one; `None` when everything ends.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            () = self.stop.cancelled() => None,
            place = self.room.clone().acquire_owned() => place.ok(),
        }
    }

    /// What `accept` gave, unless everything ends. After a fault of the system it rests a while.
    pub async fn accepted<T>(&self, accept: impl Future<Output = io::Result<T>>) -> Option<io::Result<T>> {
        let accepted = tokio::select! {
            () = self.stop.cancelled() => return None,
            accepted = accept => accepted,
        };
        if let Err(fault) = &accepted
            && !is_of_the_other_side(fault)
        {
            tracing::error!("no connection can be accepted: {fault}");
            // Ends early when everything ends.
            let _stopped = tokio::time::timeout(REST, self.stop.cancelled()).await;
        }
        Some(accepted)
    }

    /// Serves one connection beside the others, and keeps `place` so long. `stream` gives it, such as after a handshake.
    pub fn serve<P, S, F>(&self, place: P, entrance: Entrance, stream: F)
    where
        P: Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<S>> + Send + 'static,
    {
        let room = self.room.clone();
        let close_in_a_crowd = move |request: Request, next: Next| {
            let room = room.clone();
            async move { make_room(&room, next.run(request).await) }
        };
        let router = self
            .router
            .clone()
            .layer(Extension(entrance))
            .layer(middleware::from_fn(close_in_a_crowd));
        let (limits, stop) = (self.limits, self.stop.clone());
        self.open.spawn(async move {
            let opened = tokio::select! {
                () = stop.cancelled() => None,
                opened = tokio::time::timeout(limits.handshake_within, stream) => opened.ok().flatten(),
            };
            if let Some(stream) = opened {
                talk(stream, router, limits, stop).await;
            }
            drop(place);
        });
    }

    /// Until what was begun is answered.
    pub async fn ended(self) {
        self.open.close();
        self.open.wait().await;
    }
}

/// Whoever waits to be accepted gets the place of whoever was answered.
fn make_room(room: &Semaphore, mut response: Response) -> Response {
    if room.available_permits() == 0 {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn talk<S>(stream: S, router: Router, limits: Limits, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.head_fields);
    let stream = TokioIo::new(Patient::new(stream, limits.taken_within));
    let talk = builder.serve_connection(stream, TowerToHyperService::new(router));
    tokio::pin!(talk);
    let ended = tokio::select! {
        ended = talk.as_mut() => ended,
        () = stop.cancelled() => {
            talk.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits.last_words, talk).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(fault) = ended {
        tracing::debug!("a connection broke off: {fault}");
    }
}

/// Gone before it was accepted: nothing is wrong here.
fn is_of_the_other_side(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
