//! How people and programs reach the running daemon: HTTP, over a unix socket for the commands of this machine.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | every app in words |
//! | `POST /v1/apps/{app}/rotate` `{"reason", "ignore_window"}` | 202 with the rotation's id |
//! | `POST /v1/apps/{app}/hold` `{"why"}`, `/resume` `{"take_over"}`, `/abandon` | 200 |
//! | `POST /v1/apps/{app}/submit` `{"client_id", "client_secret"}` | 200 once it is adopted |
//!
//! Refusals are problem details (RFC 9457): 409 with the reason and the date, 404 for an app that the policy lacks.
//! The router knows nothing of sockets: whoever serves it puts a [`Caller`] in, so that the same router will serve
//! TCP with tokens. A body is bounded in time and size, read into memory that is wiped, and never quoted.
//!
//! Not here: what a command does (`engine`), and any adapter.

mod answer;
mod body;
mod router;
pub mod socket;
mod view;

use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};

pub use router::router;
pub use view::AppView;

use crate::clock::Clock;
use crate::engine::command::{Command, Reply};
use crate::engine::ledger::Ledgers;

/// What the router stands on.
#[derive(Clone)]
pub struct Service {
    /// Where commands go.
    pub commands: mpsc::Sender<(Command, oneshot::Sender<Reply>)>,
    /// What is known of each app.
    pub ledgers: Arc<Mutex<Ledgers>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Who asks, as the history will name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub String);
