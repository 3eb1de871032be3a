//! Sessions: what a bearer token stands for, and until when.

use super::ident::RecordId;
use super::switches::TokenFormat;
use super::time::{Moment, later, seconds};
use std::collections::BTreeMap;

/// Who makes a call.
#[derive(Clone)]
pub(super) struct Actor {
    pub(super) user: RecordId,
    pub(super) format: TokenFormat,
}

/// One session.
pub(super) struct Session {
    pub(super) actor: Actor,
    pub(super) username: String,
    pub(super) app: String,
    /// The client pair it was started with; JWT bearer uses none.
    pub(super) generation: Option<u64>,
    pub(super) client_id: String,
    pub(super) started: Moment,
    pub(super) last_used: Moment,
    pub(super) life_seconds: u64,
}

impl Session {
    pub(super) fn ends(&self) -> Moment {
        later(self.last_used, seconds(self.life_seconds))
    }
}

/// All sessions, by token.
#[derive(Default)]
pub(super) struct Sessions {
    open: BTreeMap<String, Session>,
}

impl Sessions {
    pub(super) fn start(&mut self, token: String, session: Session) {
        let now = session.started;
        // A long rehearsal logs in many times: what has ended is swept when the table has grown.
        if self.open.len().is_multiple_of(1024) {
            self.open.retain(|_, session| session.ends() > now);
        }
        self.open.insert(token, session);
    }

    /// The session of a token, if it lives at `at`.
    pub(super) fn find(&self, token: &str, at: Moment) -> Option<&Session> {
        self.open.get(token).filter(|session| at < session.ends())
    }

    /// Finds a session and lets it live on from `at`: its time-out slides (O §5).
    pub(super) fn touch(&mut self, token: &str, at: Moment) -> Option<Actor> {
        let session = self.open.get_mut(token).filter(|session| at < session.ends())?;
        session.last_used = session.last_used.max(at);
        Some(session.actor.clone())
    }

    pub(super) fn end(&mut self, token: &str) -> bool {
        self.open.remove(token).is_some()
    }

    pub(super) fn end_all(&mut self) {
        self.open.clear();
    }

    /// Ends the sessions that one pair of one app started.
    pub(super) fn end_of(&mut self, app: &str, generation: u64) {
        self.open
            .retain(|_, session| session.app != app || session.generation != Some(generation));
    }

    pub(super) fn count(&self, at: Moment) -> usize {
        self.open.values().filter(|session| at < session.ends()).count()
    }
}
