//! Signals: the first SIGTERM or SIGINT drains to a journal boundary, the second aborts.
//!
//! A drain waits for answers that are on their way and starts no cutover; without overlap it goes on from the
//! cutover to publish or undo. An abort leaves an unknown outcome, which the next start probes.

pub mod notify;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::exit::Failure;

/// The signals that end the process.
pub struct Signals {
    term: Signal,
    interrupt: Signal,
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
        })
    }

    /// The next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Drains at the first signal, and returns at the second.
    pub async fn drain_then_abort(mut self, drain: CancellationToken) {
        self.next().await;
        tracing::info!("draining: stopping each rotation at its next boundary");
        notify::stopping("draining");
        drain.cancel();
        self.next().await;
    }
}
