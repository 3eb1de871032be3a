//! Signals, and what they mean.
//!
//! | signal | meaning |
//! |---|---|
//! | SIGHUP | read the policy anew; a faulty one keeps the one in force |
//! | SIGUSR1 | rotate now what `[signal]` names |
//! | SIGTERM, SIGINT | the first drains to a journal boundary, the second aborts |
//!
//! A drain waits for answers that are on their way and starts no cutover; without overlap it goes on from the
//! cutover to publish or undo. An abort leaves an unknown outcome, which the next start probes.

pub mod notify;
mod reload;

use tokio::signal::unix::{self, SignalKind, signal};

use crate::cli::exit::Failure;

pub use reload::Reloader;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Read the policy anew.
    Reload,
    /// Rotate now.
    Rotate,
    /// Drain, or abort if that was asked for before.
    Stop,
}

/// The signals of the service.
pub struct Signals {
    term: unix::Signal,
    interrupt: unix::Signal,
    hangup: unix::Signal,
    user: unix::Signal,
}

impl Signals {
    /// Takes the signals over. From here on none of them ends the process by itself.
    ///
    /// # Errors
    /// [`Failure`] (1) when the system refuses.
    pub fn take() -> Result<Signals, Failure> {
        let refused = |fault: std::io::Error| Failure::failed(format!("signals: {}", fault.kind()));
        Ok(Signals {
            term: signal(SignalKind::terminate()).map_err(refused)?,
            interrupt: signal(SignalKind::interrupt()).map_err(refused)?,
            hangup: signal(SignalKind::hangup()).map_err(refused)?,
            user: signal(SignalKind::user_defined1()).map_err(refused)?,
        })
    }

    /// The next one. Several of one kind that come at once count as one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.term.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.user.recv() => Asked::Rotate,
        }
    }
}
