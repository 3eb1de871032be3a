//! What is known now and need not survive a restart: the last live checks, the orgs as they last answered, the
//! heartbeat. Written by the supervisor; read by the metrics and the API. Nothing is decided by it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::schedule::Timing;

/// One app as it is managed.
#[derive(Clone, Debug)]
pub struct AppCard {
    /// The org's name.
    pub org: String,
    /// `external_client_app` or `connected_app`.
    pub kind: String,
    /// The method's name.
    pub method: String,
    /// The stores' names, in order.
    pub stores: Vec<String>,
    /// When it is due. `None`: it has left the policy.
    pub timing: Option<Timing>,
}

/// One app's current credential in one store, as the live check last saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCheck {
    /// When.
    pub at: Timestamp,
    /// Whether it is accepted; `None` where nobody could tell.
    pub accepted: Option<bool>,
    /// Whether the store answered.
    pub store_up: bool,
}

/// One org as it last answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrgCard {
    /// When it was last asked.
    pub at: Option<Timestamp>,
    /// Whether it answered our own login.
    pub up: bool,
    /// Requests used and allowed in 24 hours (`Sforce-Limit-Info`).
    pub api: Option<(u64, u64)>,
    /// Logins that were accepted, and that were not, since the start.
    pub logins: (u64, u64),
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Cards {
    /// The apps.
    pub apps: BTreeMap<String, AppCard>,
    /// The orgs.
    pub orgs: BTreeMap<String, OrgCard>,
    /// The live checks, by app and store.
    pub live: BTreeMap<(String, String), LiveCheck>,
    /// When the supervisor last looked at what is due.
    pub heartbeat: Option<Timestamp>,
    /// It is stopping.
    pub draining: bool,
}

/// The board.
#[derive(Debug, Default)]
pub struct Board(Mutex<Cards>);

impl Board {
    /// For a look or a change; not to be held for long.
    pub fn cards(&self) -> MutexGuard<'_, Cards> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
