//! How long and how much. A policy does not set them: they are wide for honest clients.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};

/// Times and sizes of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, per listener.
    pub connections: usize,
    /// Of them, how many one client may have.
    pub per_client: usize,
    /// How many a client of this machine may have.
    pub per_local_client: usize,
    /// How long a TLS handshake may take.
    pub handshake_within: Duration,
    /// How long the head of a request may take, and how long a connection may be idle before it.
    pub head_within: Duration,
    /// How large a head may be, in bytes; not below 8 KiB.
    pub head_bytes: usize,
    /// How many fields it may have.
    pub head_fields: usize,
    /// How long the body may take.
    pub body_within: Duration,
    /// How long the engine may take to answer a command. It may be looking at the app just then.
    pub answer_within: Duration,
    /// How long a client may take to take an answer.
    pub taken_within: Duration,
    /// How long what was begun may take when everything is closed.
    pub last_words: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: connections(),
            per_client: connections().div_ceil(4),
            per_local_client: usize::MAX,
            handshake_within: Duration::from_secs(10),
            head_within: Duration::from_secs(10),
            head_bytes: 16 * 1024,
            head_fields: 64,
            body_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(60),
            taken_within: Duration::from_secs(30),
            last_words: Duration::from_secs(5),
        }
    }
}

/// A crowd of clients must leave enough files for the journal, the stores and the orgs.
fn connections() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / 2).map_or(512, |half| half.clamp(8, 512))
}
