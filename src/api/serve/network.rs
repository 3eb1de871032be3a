//! The TCP listener: for everybody with a token.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use super::BindFault;
use super::connection::Connections;
use super::quota::Quota;
use super::tls::Tls;
use crate::api::access::Entrance;

pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, BindFault> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|fault| BindFault::Address { address, fault })
}

/// Serves until everything ends.
pub(super) async fn serve(listener: TcpListener, tls: Option<Arc<Tls>>, connections: Connections) {
    let quota = Quota::new(&connections.limits);
    while let Some(place) = connections.place().await {
        let (stream, peer) = match connections.accepted(listener.accept()).await {
            Some(Ok(accepted)) => accepted,
            Some(Err(_)) => continue,
            None => break,
        };
        let Some(seat) = quota.take(peer.ip()) else {
            tracing::debug!(client = %peer.ip(), "a client has as many connections as it may: one more was closed");
            continue;
        };
        let place = (place, seat);
        // Answers are short, and somebody waits for each.
        stream.set_nodelay(true).ok();
        let entrance = Entrance::Network(peer);
        match &tls {
            None => connections.serve(place, entrance, async move { Some(stream) }),
            Some(tls) => connections.serve(place, entrance, shake_hands(tls.clone(), stream)),
        }
    }
    drop(listener);
    connections.ended().await;
}

async fn shake_hands(tls: Arc<Tls>, stream: TcpStream) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    match tls.acceptor().accept(stream).await {
        Ok(stream) => Some(stream),
        Err(fault) => {
            tracing::debug!("a TLS handshake failed: {fault}");
            None
        }
    }
}
