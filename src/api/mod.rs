//! How people and programs reach the running daemon: HTTP, over a unix socket for the commands of this machine, and
//! over TCP with tokens for everybody else.
//!
//! | request | right | answer |
//! |---|---|---|
//! | `POST /v1/apps/{app}/rotate` `{"reason", "ignore_window"}` | rotate | 202 with the rotation's address |
//! | `POST /v1/apps/{app}/revoke` `{"which", "confirm", "reason", "tokens"}` | break-glass | 200 with who is hit, or 202 |
//! | `POST /v1/apps/{app}/hold` `{"why"}`, `/resume` `{"take_over"}`, `/abandon`, `/adopt` | operate | 200 |
//! | `GET /v1/apps`, `/v1/apps/{app}`, `/v1/rotations/{id}` | read | where things stand, in words and for machines |
//! | `GET /metrics` | read, or none with `metrics = "open"` | the text format of Prometheus |
//! | `GET /healthz`, `/readyz`, `/v1/openapi.json` | none | |
//! | `POST /v1/apps/{app}/submit`, `GET /v1/status` | the socket | |
//!
//! The peer at the socket is root or the daemon's own user and has every right. A token has the rights that the
//! policy gives it, with the apps that its patterns cover: 401 without a known token, 403 without the right, whether
//! the app exists or not; lists leave out what a token may not see, and a rotation of such an app is 404.
//! Refusals are problem details (RFC 9457), except those of a request that is no HTTP or whose head is too large,
//! which get a bare status. Every wait has an end and every size a limit (`serve`).
//!
//! - `routes`: the table of all routes. `access`: who may. `body`, `answer`: what goes in and out.
//! - `commands`, `reads`, `health`: the handlers. `view`: an app, and a rotation, as readers see them.
//! - `metrics`: what is known, as Prometheus reads it. `openapi.json`: all of it for machines.
//! - `serve`: listeners, TLS, limits.
//!
//! Not here: what a command does (`engine`), and any adapter.

mod access;
mod answer;
mod body;
mod commands;
mod health;
pub mod metrics;
mod reads;
mod routes;
mod serve;
mod view;

use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use access::Doors;
pub use routes::{OPENAPI, documented, router};
pub use serve::{BindFault, Bound, Limits, Serving};
pub use view::{AppView, app_page};

use crate::clock::Clock;
use crate::engine::board::Board;
use crate::engine::command::{Command, Reply};
use crate::engine::ledger::Ledgers;
use crate::port::journal::Journal;

/// What the router stands on.
#[derive(Clone)]
pub struct Service {
    /// Where commands go.
    pub commands: mpsc::Sender<(Command, oneshot::Sender<Reply>)>,
    /// What is known of each app.
    pub ledgers: Arc<Mutex<Ledgers>>,
    /// What is known now.
    pub board: Arc<Board>,
    /// The record, for what a rotation did.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who may do what over TCP.
    pub doors: Arc<Doors>,
    /// How the outbox of the alerts stands.
    pub outbox: metrics::Outbox,
    /// Cancelled: the daemon is stopping, and takes no commands any more.
    pub drain: CancellationToken,
    /// Times and sizes.
    pub limits: Limits,
}
