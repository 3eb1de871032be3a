//! Who asks, and whether they may.
//!
//! Tokens are known by their SHA-256 only. What is presented is digested and compared with all of them in constant
//! time, and no token is answered like a wrong one.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::answer::Problem;
use crate::clock::Timestamp;
use crate::policy::{ApiPolicy, AppPattern, MetricsAccess, Permission};

/// Between two lines of the log about unknown tokens, in milliseconds: who guesses does not fill the disk.
const QUIET: i64 = 1000;

/// Where a request came in. Whoever serves the router puts it into each.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entrance {
    /// The unix socket; the kernel says who.
    Socket {
        /// The user.
        uid: u32,
    },
    /// TCP.
    Network(SocketAddr),
}

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing.
    Open,
    /// To read, unless metrics are open to all.
    Metrics,
    /// A right.
    May(Permission),
    /// To come through the socket. Over TCP there is nothing.
    Socket,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// As the history names them: `uid 0`, `token on-call`.
    pub name: String,
    grant: Option<Arc<Grant>>,
}

#[derive(Debug)]
struct Grant {
    may: BTreeSet<Permission>,
    apps: Vec<AppPattern>,
}

impl Caller {
    /// Whether this app is one of theirs.
    pub fn sees(&self, app: &str) -> bool {
        match &self.grant {
            Some(grant) => grant.apps.iter().any(|pattern| pattern.matches(app)),
            None => true,
        }
    }

    /// Whether every app is.
    fn sees_all(&self) -> bool {
        let every = AppPattern::all();
        self.grant
            .as_ref()
            .is_none_or(|grant| grant.apps.contains(&every))
    }
}

struct Rules {
    tokens: Vec<(String, [u8; 32], Arc<Grant>)>,
    metrics: MetricsAccess,
}

/// Who may come in over TCP; replaced when the policy is.
pub struct Doors {
    rules: ArcSwap<Rules>,
    told: AtomicI64,
}

impl Doors {
    /// As the policy says.
    pub fn new(policy: &ApiPolicy) -> Doors {
        Doors {
            rules: ArcSwap::from_pointee(rules(policy)),
            told: AtomicI64::new(0),
        }
    }

    /// From the next request on.
    pub fn replace(&self, policy: &ApiPolicy) {
        self.rules.store(Arc::new(rules(policy)));
    }

    /// The bearer, if known.
    fn bearer(&self, headers: &HeaderMap) -> Option<Caller> {
        let presented = bearer_token(headers)?;
        let digest: [u8; 32] = Sha256::digest(presented).into();
        let rules = self.rules.load();
        let mut place = 0_u64;
        for (index, (_, known, _)) in (1_u64..).zip(&rules.tokens) {
            place.conditional_assign(&index, known.ct_eq(&digest));
        }
        let index = usize::try_from(place).ok()?.checked_sub(1)?;
        let (name, _, grant) = rules.tokens.get(index)?;
        Some(Caller {
            name: format!("token {name}"),
            grant: Some(grant.clone()),
        })
    }

    /// Lets a request in or says why not. `app` is the one that its path names.
    pub(super) fn admit(
        &self,
        entrance: Entrance,
        headers: &HeaderMap,
        access: Access,
        app: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Caller>, Problem> {
        let peer = match entrance {
            Entrance::Socket { uid } => {
                let name = format!("uid {uid}");
                return Ok(Some(Caller { name, grant: None }));
            }
            Entrance::Network(peer) => peer,
        };
        let right = match access {
            Access::Open => return Ok(None),
            Access::Socket => return Err(Problem::new(StatusCode::NOT_FOUND, "there is nothing here")),
            Access::Metrics => match self.rules.load().metrics {
                MetricsAccess::Open => return Ok(None),
                MetricsAccess::Token => Permission::Read,
            },
            Access::May(right) => right,
        };
        let Some(caller) = self.bearer(headers) else {
            if now.0.saturating_sub(self.told.load(Ordering::Relaxed)) >= QUIET {
                self.told.store(now.0, Ordering::Relaxed);
                tracing::warn!(%peer, "a request without a known token was refused");
            }
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "this needs `Authorization: Bearer`, and a token that the policy knows",
            ));
        };
        let has = caller
            .grant
            .as_ref()
            .is_none_or(|grant| grant.may.contains(&right));
        let problem = match app {
            _ if !has => format!("{} may not {}", caller.name, word(right)),
            // They speak of every app, and cannot be cut down to some without being wrong in sum.
            None if access == Access::Metrics && !caller.sees_all() => {
                format!("{} is for some apps, and metrics are of all", caller.name)
            }
            Some(app) if !caller.sees(app) => format!("{} may do nothing with this app", caller.name),
            Some(_) | None => return Ok(Some(caller)),
        };
        tracing::warn!(%peer, "refused: {problem}");
        Err(Problem::new(StatusCode::FORBIDDEN, problem))
    }
}

fn rules(policy: &ApiPolicy) -> Rules {
    let token = |(name, token): (&String, &crate::policy::ApiToken)| {
        let grant = Grant {
            may: token.may.clone(),
            apps: token.apps.clone(),
        };
        (name.clone(), token.sha256, Arc::new(grant))
    };
    Rules {
        tokens: policy.tokens.iter().map(token).collect(),
        metrics: policy.metrics,
    }
}

/// Exactly one `Authorization`, of the scheme Bearer.
fn bearer_token(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

fn word(right: Permission) -> &'static str {
    match right {
        Permission::Read => "read",
        Permission::Rotate => "rotate",
        Permission::Operate => "operate",
        Permission::BreakGlass => "break glass",
    }
}
