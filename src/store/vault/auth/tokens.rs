//! The token in force: made once, renewed ahead of its end, made again when it is dead.
//!
//! Logins are rare by construction. One runs at a time and the others wait for it; after a failure none is made until
//! a growing pause is over or what we log in with has changed, and who asks in between gets the same answer again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::json;
use tokio::sync::{Mutex, Notify};
use tokio::task::AbortHandle;

use super::credential::{self, Stamp};
use super::lease::{Due, Grant, Lease};
use super::login::{self, Granted, Unwrapped};
use crate::clock::{Clock, Timestamp};
use crate::port::Fault;
use crate::store::vault::settings::{Auth, Login, Method, Tls, TokenSource};
use crate::store::vault::wire::Wire;

/// First pause after a login that got no answer; doubles up to [`LONGEST`]. Also between two tries to renew.
const UNANSWERED: Duration = Duration::from_secs(2);

/// First pause after a login that was refused; doubles up to [`LONGEST`].
const REFUSED: Duration = Duration::from_secs(60);

/// No pause but a throttle's is longer.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// A token older than this that lacks a right is made anew once: its role may have been given other policies since.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// A token in use.
pub(in crate::store::vault) struct Token {
    pub(in crate::store::vault) header: HeaderValue,
    /// The server has taken it for something.
    proven: AtomicBool,
}

/// Makes tokens, and remembers the one in force.
pub(in crate::store::vault) struct Tokens {
    wire: Arc<Wire>,
    auth: Auth,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Tells the keeper that there is a new lease.
    leased: Arc<Notify>,
    me: Weak<Tokens>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    pause: Option<Pause>,
    failures: u32,
    unwrapped: Option<Unwrapped>,
    keeper: Option<Keeper>,
}

struct Current {
    token: Arc<Token>,
    made: Timestamp,
    /// `None` where the token may not ask about itself.
    lease: Option<Lease>,
    /// No try to renew before this.
    renew_from: Timestamp,
    stamps: Vec<Option<Stamp>>,
}

struct Pause {
    until: Timestamp,
    fault: Fault,
    stamps: Vec<Option<Stamp>>,
}

/// Ends with what it keeps.
struct Keeper(AbortHandle);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Token {
    /// Notes that the server has taken it.
    pub(in crate::store::vault) fn proven(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }
}

impl Tokens {
    pub(in crate::store::vault) fn new(wire: Arc<Wire>, auth: Auth, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new_cyclic(|me| Tokens {
            wire,
            auth,
            clock,
            state: Mutex::default(),
            leased: Arc::default(),
            me: me.clone(),
        })
    }

    /// The token there is, seen to, or a new one.
    pub(in crate::store::vault) async fn get(&self) -> Result<Arc<Token>, Fault> {
        let mut state = self.state.lock().await;
        if let (Auth::Token(_), Some(current)) = (&self.auth, &state.current)
            && current.stamps != self.stamps().await
        {
            state.current = None;
        }
        let Some(current) = &state.current else {
            return self.make(&mut state).await;
        };
        let (token, now) = (current.token.clone(), self.clock.now());
        match current
            .lease
            .as_ref()
            .map_or(Due::Nothing, |lease| lease.due(now))
        {
            Due::Nothing => Ok(token),
            Due::Renewal if now < current.renew_from => Ok(token),
            Due::Renewal => match self.renew(&mut state).await {
                true => Ok(token),
                false => Ok(self.another(&mut state).await.unwrap_or(token)),
            },
            Due::Another => Ok(self.another(&mut state).await.unwrap_or(token)),
            Due::Over => {
                state.current = None;
                self.make(&mut state).await
            }
        }
    }

    /// What to use after `used` was answered 403: another token, or `None` if it lives and lacks a right.
    pub(in crate::store::vault) async fn refused(
        &self,
        used: &Arc<Token>,
    ) -> Result<Option<Arc<Token>>, Fault> {
        let mut state = self.state.lock().await;
        match &state.current {
            Some(current) if !Arc::ptr_eq(&current.token, used) => return Ok(Some(current.token.clone())),
            None => return self.make(&mut state).await.map(Some),
            Some(_) => {}
        }
        match &self.auth {
            Auth::Token(_) => {
                // Read anew whatever it looks like: a file can change twice within the same tick.
                state.current = None;
                let now = self.make(&mut state).await?;
                if now.header != used.header {
                    return Ok(Some(now));
                }
                match state
                    .current
                    .as_ref()
                    .is_some_and(|current| current.lease.is_some())
                {
                    true => Ok(None),
                    false => Err(dead()),
                }
            }
            Auth::Login(_) => self.refused_login(&mut state, used).await,
        }
    }

    async fn refused_login(&self, state: &mut State, used: &Token) -> Result<Option<Arc<Token>>, Fault> {
        let alive = self.look_up(&used.header).await?.is_some();
        let now = self.clock.now();
        let fresh = (state.current.as_ref()).is_some_and(|current| now.since(current.made) < FRESH);
        if alive {
            return Ok(match fresh {
                true => None,
                false => self.another(state).await,
            });
        }
        state.current = None;
        if used.proven.load(Ordering::Relaxed) {
            return self.make(state).await.map(Some);
        }
        // More logins would not help.
        let fault = Fault::Unauthorized(
            "a token that was just made is refused: it lacks the right, and may not even ask about itself (`read` on \
             `auth/token/lookup-self`)"
                .into(),
        );
        self.pause(state, fault.clone()).await;
        Err(fault)
    }

    /// A new token, unless a pause forbids it.
    async fn make(&self, state: &mut State) -> Result<Arc<Token>, Fault> {
        if let Some(pause) = &state.pause {
            let now = self.clock.now();
            if now < pause.until && pause.stamps == self.stamps().await {
                let mut fault = pause.fault.clone();
                if let Fault::Throttled { wait, .. } = &mut fault {
                    *wait = pause.until.since(now);
                }
                return Err(fault);
            }
        }
        // Before what is read, so that a change in between is one.
        let (stamps, now) = (self.stamps().await, self.clock.now());
        let made = match &self.auth {
            Auth::Token(source) => self.given(source).await?,
            Auth::Login(login) => match self.log_in(login, &mut state.unwrapped).await {
                Ok(made) => made,
                Err(fault) => {
                    self.pause(state, fault.clone()).await;
                    return Err(fault);
                }
            },
        };
        let (header, grant) = made;
        let token = Arc::new(Token {
            header,
            proven: AtomicBool::new(false),
        });
        state.current = Some(Current {
            token: token.clone(),
            made: now,
            lease: grant.map(|grant| Lease::new(grant, now)),
            renew_from: now,
            stamps,
        });
        state.pause = None;
        state.failures = 0;
        self.keep(state);
        Ok(token)
    }

    /// A new token in place of one that still lives: not if nobody here makes any, or it fails.
    async fn another(&self, state: &mut State) -> Option<Arc<Token>> {
        match self.auth {
            Auth::Token(_) => None,
            Auth::Login(_) => self.make(state).await.ok(),
        }
    }

    async fn given(&self, source: &TokenSource) -> Result<(HeaderValue, Option<Grant>), Fault> {
        let header = match source {
            TokenSource::Value(token) => credential::header(token, "the token given")?,
            TokenSource::File(path) => {
                let token = credential::read("token", path).await?;
                credential::header(&token, &format!("the token in {}", path.display()))?
            }
        };
        let grant = self.look_up(&header).await?;
        Ok((header, grant))
    }

    async fn log_in(
        &self,
        login: &Login,
        unwrapped: &mut Option<Unwrapped>,
    ) -> Result<(HeaderValue, Option<Grant>), Fault> {
        let Granted { token, grant } = login::log_in(&self.wire, login, unwrapped).await?;
        tracing::info!(
            mount = login.mount,
            lease = grant.ttl,
            "logged in to the store's server"
        );
        Ok((credential::header(&token, "the token of the login")?, Some(grant)))
    }

    /// The lease of a token, asked by itself; `None` if it is dead or may not ask.
    async fn look_up(&self, token: &HeaderValue) -> Result<Option<Grant>, Fault> {
        let answer = self
            .wire
            .send(self.wire.requests().own_token()?, Some(token))
            .await?;
        if answer.status == 403 {
            return Ok(None);
        }
        match answer.fault("`read` on `auth/token/lookup-self`") {
            Some(fault) => Err(fault),
            None => match answer.data() {
                Some(grant) => Ok(Some(grant)),
                None => Err(Fault::Unusable(
                    "the answer about our token is not the server's".into(),
                )),
            },
        }
    }

    /// Asks for more time. `false` if that was refused for good.
    async fn renew(&self, state: &mut State) -> bool {
        let Some(current) = &mut state.current else {
            return false;
        };
        let now = self.clock.now();
        current.renew_from = now + UNANSWERED;
        let asked = async {
            let request = self.wire.requests().post("auth/token/renew-self", &json!({}))?;
            let answer = self.wire.send(request, Some(&current.token.header)).await?;
            match login::refused(&answer, || "the token is not renewed".into()) {
                Some(fault) => Err(fault),
                None => login::granted(&answer)
                    .ok_or_else(|| Fault::Unusable("the answer to a renewal is not the server's".into())),
            }
        };
        let (lease, refused) = match (asked.await, &current.lease) {
            (Ok(granted), Some(lease)) => (Some(lease.renewed(granted.grant, now)), false),
            (Err(Fault::Unauthorized(_)), Some(lease)) => (Some(lease.ending()), true),
            (Err(fault), _) => {
                tracing::warn!("the store's token could not be renewed: {fault}");
                return true;
            }
            (Ok(_), None) => return true,
        };
        current.lease = lease;
        !refused
    }

    async fn pause(&self, state: &mut State, fault: Fault) {
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
        tracing::warn!(pause = wait.as_secs(), "no login to the store's server: {fault}");
        state.failures = state.failures.saturating_add(1);
        state.pause = Some(Pause {
            until: self.clock.now() + wait,
            fault,
            stamps: self.stamps().await,
        });
    }

    /// What the files that we log in with look like.
    async fn stamps(&self) -> Vec<Option<Stamp>> {
        let files = match &self.auth {
            Auth::Token(TokenSource::Value(_)) => Vec::new(),
            Auth::Token(TokenSource::File(path)) => vec![path],
            Auth::Login(login) => match &login.method {
                Method::AppRole { secret_id_file, .. } => vec![secret_id_file],
                Method::Jwt { jwt_file, .. } => vec![jwt_file],
                Method::Certificate { .. } => self.wire.tls().files(),
            },
        };
        Tls::stamps(&files).await
    }

    /// Sees to it that the token is renewed also while nobody asks for it.
    fn keep(&self, state: &mut State) {
        self.leased.notify_one();
        if state.keeper.is_none() && state.wake(&self.auth).is_some() {
            let keeper = keeper(self.me.clone(), self.leased.clone(), self.clock.clone());
            state.keeper = Some(Keeper(tokio::spawn(keeper).abort_handle()));
        }
    }
}

impl State {
    /// When the token wants something next; `None` while it wants nothing, or nothing that we can give.
    fn wake(&self, auth: &Auth) -> Option<Timestamp> {
        let current = self.current.as_ref()?;
        let lease = current.lease.as_ref()?;
        let ours = matches!(auth, Auth::Login(_)) || lease.is_renewable();
        let pause = self.pause.as_ref().map(|pause| pause.until);
        let next = lease.next().filter(|_| ours)?.max(current.renew_from);
        Some(pause.map_or(next, |pause| pause.max(next)))
    }
}

async fn keeper(tokens: Weak<Tokens>, leased: Arc<Notify>, clock: Arc<dyn Clock>) {
    loop {
        let wake = match tokens.upgrade() {
            Some(tokens) => tokens.state.lock().await.wake(&tokens.auth),
            None => return,
        };
        let Some(wake) = wake else {
            leased.notified().await;
            continue;
        };
        tokio::select! {
            () = leased.notified() => {}
            () = clock.sleep_until(wake) => {
                if let Some(tokens) = tokens.upgrade() {
                    // A failure is logged where it happens, and told to whoever needs the token next.
                    let _token = tokens.get().await;
                }
            }
        }
    }
}

fn dead() -> Fault {
    Fault::Unauthorized(
        "the token is revoked, has expired, or may not even ask about itself (`read` on `auth/token/lookup-self`, \
         which policy `default` has)"
            .into(),
    )
}
