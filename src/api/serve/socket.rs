//! The unix socket: for the daemon's own user and root, on this machine.
//!
//! Made with mode 0600 from the first moment, and the kernel's word on who is at the other end is asked besides. A
//! file that a dead daemon left is replaced; one that somebody answers at, or that is no socket, is left alone.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use tokio::net::{UnixListener, UnixSocket, UnixStream};

use super::BindFault;
use super::connection::Connections;
use crate::api::access::Entrance;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;

/// A socket that listens. Its file goes when this is dropped.
pub(super) struct Bound {
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
pub(super) async fn bind(path: &Path) -> Result<Bound, BindFault> {
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

/// Serves until everything ends.
pub(super) async fn serve(bound: Bound, connections: Connections) {
    let Bound { listener, _file } = bound;
    let own = rustix::process::geteuid().as_raw();
    while let Some(place) = connections.place().await {
        let (stream, _) = match connections.accepted(listener.accept()).await {
            Some(Ok(accepted)) => accepted,
            Some(Err(_)) => continue,
            None => break,
        };
        match stream.peer_cred().map(|peer| peer.uid()) {
            Ok(uid) if uid == own || uid == 0 => {
                connections.serve(place, Entrance::Socket { uid }, async move { Some(stream) });
            }
            Ok(uid) => tracing::warn!(uid, "another user at the socket was turned away"),
            Err(fault) => tracing::warn!("somebody unknown at the socket was turned away: {fault}"),
        }
    }
    drop((listener, _file));
    connections.ended().await;
}
