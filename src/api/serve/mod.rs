//! Listeners: where requests come in, and how long and how much each may be.
//!
//! | limit | default | what happens |
//! |---|---|---|
//! | connections at once | 512, or half the files that the process may open | the next one waits to be accepted; those that are served are then closed after their answer |
//! | of them one client's | a quarter; all of them for a client of this machine | closed, without an answer |
//! | TLS handshake | 10 s | closed |
//! | head of a request, and idle time before it | 10 s | closed |
//! | size of a head | 16 KiB, 64 fields | 431 without a body, closed: such a head is read by no handler |
//! | body | 10 s, 64 KiB | 408, 413 |
//! | answer of the engine | 60 s | 504 |
//! | taking an answer | 30 s | closed |
//!
//! Both listeners go on while the daemon drains, so that it can be asked how it does; commands are refused then. They
//! end after it: what was begun is answered, within 5 s.
//!
//! - `connection`: one connection. `patience`: a stream whose reader has to read. `quota`:
//!   how many connections a client may have. `socket`, `network`: what listens.
//!   `tls`: certificates, read again when they change.

mod connection;
mod limits;
mod network;
mod patience;
mod quota;
mod socket;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use limits::Limits;

use super::Service;
use super::routes::router;
use crate::policy::ApiPolicy;
use connection::Connections;
use tls::{Tls, TlsFault};

/// A listener that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BindFault {
    /// Somebody answers there. Stop: it is another rekeyd.
    #[error("somebody answers at {} already: is another rekeyd running?", .0.display())]
    InUse(PathBuf),
    /// Something else stands there. A person must look.
    #[error("{} is there and is not a socket: move it away, or change [api] socket", .0.display())]
    NotASocket(PathBuf),
    /// The system refuses.
    #[error("the socket {} cannot be made: {fault}", path.display())]
    System {
        /// Where.
        path: PathBuf,
        /// Why.
        fault: io::Error,
    },
    /// The system refuses the address.
    #[error("rekeyd cannot listen at {address} ([api] listen): {fault}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        fault: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("[api.tls]: {0}")]
    Tls(#[from] TlsFault),
}

/// What listens, before anybody is answered: who connects waits. Nobody else can take the place meanwhile.
pub struct Bound {
    socket: Option<socket::Bound>,
    network: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
}

impl Bound {
    /// Binds what the policy names.
    ///
    /// # Errors
    /// [`BindFault`]; nothing is bound then.
    pub async fn bind(policy: &ApiPolicy) -> Result<Bound, BindFault> {
        let socket = match &policy.socket {
            Some(path) => Some(socket::bind(path).await?),
            None => None,
        };
        let network = match policy.listen {
            Some(address) => Some(network::bind(address).await?),
            None => None,
        };
        let tls = match &policy.tls {
            Some(files) => Some(Arc::new(Tls::load(files.clone())?)),
            None => None,
        };
        Ok(Bound { socket, network, tls })
    }
}

/// The listeners of a running service. Their sockets are gone once this is stopped or dropped.
pub struct Serving {
    /// The address in force, where there is one: a port 0 has become one of the system's choice.
    pub address: Option<SocketAddr>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Answers whoever has come, and whoever comes.
    pub fn start(bound: Bound, service: &Service) -> Serving {
        let Bound { socket, network, tls } = bound;
        let stop = CancellationToken::new();
        let connections = Connections::new(router(service.clone()), service.limits, stop.clone());
        let mut serving = Serving {
            address: None,
            stop,
            tasks: Vec::new(),
        };
        if let Some(bound) = socket {
            let apart = connections.apart();
            serving.tasks.push(tokio::spawn(socket::serve(bound, apart)));
        }
        if let Some(listener) = network {
            serving.address = listener.local_addr().ok();
            if let Some(address) = serving.address {
                tracing::info!(%address, tls = tls.is_some(), "HTTP is served");
            }
            serving
                .tasks
                .push(tokio::spawn(network::serve(listener, tls, connections)));
        }
        serving
    }

    /// Answers what was begun, and closes everything.
    pub async fn stop(self) {
        self.stop.cancel();
        self.gone().await;
    }

    /// Closes everything, whatever was begun.
    pub async fn abort(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.gone().await;
    }

    async fn gone(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            // A listener that failed is gone, as it should be.
            let _failed = task.await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.cancel();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
