//! The sinks: one file each. A sink turns a letter into its own form, sends it once, and says what became of it.
//!
//! Bounded in time and size, without redirects. What a sink says of a failure names no address and no secret, since
//! an address can be one. Not here: when a letter is sent, and how often (`delivery`).

pub mod alertmanager;
mod http;
pub mod pagerduty;
pub mod signature;
pub mod slack;
pub mod smtp;
pub mod webhook;

use std::time::Duration;

use async_trait::async_trait;

use crate::port::outbox::Letter;

pub use http::{Http, Unusable};

/// Longest that one attempt may take.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Why a letter was not taken. The texts are for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Not now; the same may be taken later.
    #[error("{why}")]
    Later {
        /// Why.
        why: String,
        /// How long it asks to be left alone.
        wait: Option<Duration>,
    },
    /// Never, in this form or with this key.
    #[error("{why}")]
    Refused {
        /// Why.
        why: String,
    },
}

impl Trouble {
    /// Without a wish when to come back.
    pub fn later(why: impl Into<String>) -> Trouble {
        Trouble::Later {
            why: why.into(),
            wait: None,
        }
    }
}

/// Somebody who is told.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Sends a letter once. `before` is what it was last told of the same incident, if that is open there.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn send(&self, letter: &Letter, before: Option<&Letter>) -> Result<(), Trouble>;

    /// How often it has to be told again of what is open, where it forgets.
    fn forgets_after(&self) -> Option<Duration> {
        None
    }

    /// Tells it again of what is open.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn remind(&self, _open: &[Letter]) -> Result<(), Trouble> {
        Ok(())
    }
}
