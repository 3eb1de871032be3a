//! The session that all apps of an org share: made once, reused, made again when it has expired.
//!
//! Logins are rare by construction. One runs at a time and the others wait for it; after a failure none is made
//! until a growing pause is over, and who asks in between gets the same answer again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use url::Url;

use super::http::Http;
use super::login::{Assertion, Login, Session};
use crate::clock::{Clock, Timestamp};
use crate::port::Fault;

/// First pause after a login that got no answer; doubles up to [`LONGEST`].
const UNANSWERED: Duration = Duration::from_secs(2);

/// First pause after a login that was refused; doubles up to [`LONGEST`].
const REFUSED: Duration = Duration::from_secs(60);

/// No pause but a throttle's is longer.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Logs in, and remembers.
pub(crate) struct Sessions {
    assertion: Assertion,
    home: Url,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    granted: AtomicU64,
    failed: AtomicU64,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Session>>,
    audience: Option<String>,
    since: Option<Timestamp>,
    pause: Option<Pause>,
    failures: u32,
}

struct Pause {
    until: Timestamp,
    fault: Fault,
}

impl Sessions {
    pub(crate) fn new(assertion: Assertion, home: Url, clock: Arc<dyn Clock>) -> Self {
        Sessions {
            assertion,
            home,
            clock,
            state: Mutex::default(),
            granted: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// The consumer key of our own login app.
    pub(crate) fn client_id(&self) -> &str {
        self.assertion.client_id()
    }

    /// The session there is, or a new one.
    pub(crate) async fn get(&self, http: &Http) -> Result<Arc<Session>, Fault> {
        let mut state = self.state.lock().await;
        match &state.current {
            Some(session) => Ok(session.clone()),
            None => self.log_in(http, &mut state).await,
        }
    }

    /// A session other than `expired`: the one that somebody else made meanwhile, or a new one.
    pub(crate) async fn after(&self, http: &Http, expired: &Arc<Session>) -> Result<Arc<Session>, Fault> {
        let mut state = self.state.lock().await;
        match &state.current {
            Some(session) if !Arc::ptr_eq(session, expired) => Ok(session.clone()),
            Some(_) | None => {
                state.current = None;
                self.log_in(http, &mut state).await
            }
        }
    }

    /// Makes a new session if the one there is is older than `age`. The old one stays in use if that fails, and the
    /// failure is told.
    pub(crate) async fn renew(&self, http: &Http, age: Duration) -> Result<(), Fault> {
        let mut state = self.state.lock().await;
        let old = state
            .since
            .is_none_or(|since| self.clock.now().since(since) >= age);
        match old {
            true => self.log_in(http, &mut state).await.map(drop),
            false => Ok(()),
        }
    }

    /// Logins that were granted, and that were not.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (
            self.granted.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
    }

    /// A session that was made for this call was refused as well: more logins would not help.
    pub(crate) async fn distrust(&self, refused: &Arc<Session>) -> Fault {
        let mut state = self.state.lock().await;
        let fault = Fault::Unauthorized("a session that was just made is refused".into());
        if state
            .current
            .as_ref()
            .is_some_and(|session| Arc::ptr_eq(session, refused))
        {
            state.current = None;
            self.pause(&mut state, fault.clone());
        }
        fault
    }

    async fn log_in(&self, http: &Http, state: &mut State) -> Result<Arc<Session>, Fault> {
        let now = self.clock.now();
        if let Some(pause) = &state.pause
            && now < pause.until
        {
            let mut fault = pause.fault.clone();
            if let Fault::Throttled { wait, .. } = &mut fault {
                *wait = pause.until.since(now);
            }
            return Err(fault);
        }
        let audiences = match &state.audience {
            Some(winner) => vec![winner.clone()],
            None => self.assertion.audiences(&self.home),
        };
        for audience in audiences {
            let now = self.clock.now();
            match self.assertion.log_in(http, &self.home, &audience, now).await {
                Login::Granted(session) => {
                    let session = Arc::new(session);
                    state.current = Some(session.clone());
                    state.since = Some(now);
                    self.granted.fetch_add(1, Ordering::Relaxed);
                    state.audience = Some(audience);
                    state.pause = None;
                    state.failures = 0;
                    return Ok(session);
                }
                Login::Audience => {}
                Login::Failed(fault) => {
                    self.pause(state, fault.clone());
                    return Err(fault);
                }
            }
        }
        // The winner can be outlived: a copied or moved org is asked about all of them again.
        state.audience = None;
        let fault = Fault::Unauthorized("no audience is accepted for the login".into());
        self.pause(state, fault.clone());
        Err(fault)
    }

    fn pause(&self, state: &mut State, fault: Fault) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let grown = |first: Duration| {
            let doubled = first.saturating_mul(2_u32.saturating_pow(state.failures));
            doubled.min(LONGEST)
        };
        let wait = match &fault {
            Fault::Throttled { wait, .. } => *wait,
            Fault::Unavailable(_) => grown(UNANSWERED),
            Fault::Unauthorized(_)
            | Fault::Forbidden(_)
            | Fault::SwitchedOff(_)
            | Fault::NotFound(_)
            | Fault::Unusable(_) => grown(REFUSED),
        };
        state.failures = state.failures.saturating_add(1);
        state.pause = Some(Pause {
            until: self.clock.now() + wait,
            fault,
        });
    }
}
