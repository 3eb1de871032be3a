//! The unix socket: for the daemon's own user and root, on this machine.
//!
//! Made with mode 0600 from the first moment, and the kernel's word on who is at the other end is asked besides. A
//! file that a dead daemon left is replaced; one that somebody answers at, or that is no socket, is left alone.

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use rustix::fs::Mode;
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio_util::sync::CancellationToken;

use super::{Caller, Service, router};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;

/// A socket that cannot be made.
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
}

/// A socket that listens. Its file goes when this is dropped.
pub struct Bound {
    listener: UnixListener,
    _file: File,
}

struct File {
    path: PathBuf,
    inode: u64,
}

impl Drop for File {
    fn drop(&mut self) {
        // Only ours: a later daemon may have put its own there.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Makes the socket. Its directory must be there.
///
/// # Errors
/// [`BindFault`], before anything was changed.
pub async fn bind(path: &Path) -> Result<Bound, BindFault> {
    let system = |fault| BindFault::System {
        path: path.to_owned(),
        fault,
    };
    if is_stale(path).await? {
        fs::remove_file(path).map_err(system)?;
    }
    let socket = UnixSocket::new_stream().map_err(system)?;
    // Before it has a name, so that there is no moment at which others could connect.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(|fault| system(fault.into()))?;
    socket.bind(path).map_err(system)?;
    let listener = socket.listen(BACKLOG).map_err(system)?;
    let inode = fs::symlink_metadata(path).map_err(system)?.ino();
    let path = path.to_owned();
    Ok(Bound {
        listener,
        _file: File { path, inode },
    })
}

/// Whether a dead daemon's socket stands there.
async fn is_stale(path: &Path) -> Result<bool, BindFault> {
    let system = |fault| BindFault::System {
        path: path.to_owned(),
        fault,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(system(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(BindFault::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(BindFault::InUse(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Err(error) => Err(system(error)),
    }
}

/// Serves until drained: what was begun is answered, nothing new is accepted.
pub fn serve(
    bound: Bound,
    service: Service,
    drain: CancellationToken,
) -> impl Future<Output = io::Result<()>> + Send + 'static {
    let router = router(service).layer(middleware::from_fn(name_the_caller));
    async move {
        let Bound { listener, _file } = bound;
        let peers = Peers {
            listener,
            own: rustix::process::geteuid().as_raw(),
        };
        axum::serve(peers, router.into_make_service_with_connect_info::<Peer>())
            .with_graceful_shutdown(async move { drain.cancelled().await })
            .await
    }
}

async fn name_the_caller(ConnectInfo(peer): ConnectInfo<Peer>, mut request: Request, next: Next) -> Response {
    request
        .extensions_mut()
        .insert(Caller(format!("uid {}", peer.uid)));
    next.run(request).await
}

/// Who is at the other end, by the kernel's word.
#[derive(Clone, Copy, Debug)]
struct Peer {
    uid: u32,
}

struct Peers {
    listener: UnixListener,
    own: u32,
}

impl Listener for Peers {
    type Io = UnixStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (UnixStream, Peer) {
        loop {
            // Retries what the process can run out of, such as file descriptors.
            let (stream, _) = Listener::accept(&mut self.listener).await;
            match stream.peer_cred().map(|peer| peer.uid()) {
                Ok(uid) if uid == self.own || uid == 0 => return (stream, Peer { uid }),
                Ok(uid) => tracing::warn!(uid, "another user at the socket was turned away"),
                Err(fault) => tracing::warn!("somebody unknown at the socket was turned away: {fault}"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer { uid: self.own })
    }
}

impl Connected<IncomingStream<'_, Peers>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Peers>) -> Self {
        *stream.remote_addr()
    }
}
