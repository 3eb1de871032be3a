//! SIGHUP: a new policy, all of it or none.
//!
//! It is read, checked and built like at a start, with every file that it names, before anything of it is in force. A
//! faulty one is said in the log, journaled and alerted, and the one before stays. What a running process cannot
//! change, its journal and where it listens, is refused too, rather than half applied.

use std::path::PathBuf;
use std::sync::PoisonError;

use tokio::sync::oneshot;

use crate::app;
use crate::cli::config;
use crate::daemon::Daemon;
use crate::engine::command::Control;
use crate::engine::service::ServiceNote;
use crate::policy::Policy;

/// Loads the policy of a running service anew.
pub struct Reloader {
    path: PathBuf,
    /// The policy in force.
    pub policy: Policy,
}

impl Reloader {
    /// For the policy at `path`, of which `policy` is in force.
    pub fn new(path: PathBuf, policy: Policy) -> Reloader {
        Reloader { path, policy }
    }

    /// Puts the policy as it is now in force, or says why not and keeps the one before. Whether it is in force.
    pub async fn reload(&mut self, daemon: &Daemon) -> bool {
        match self.load(daemon).await {
            Ok(policy) => {
                self.policy = policy;
                true
            }
            Err(why) => {
                let refused = Control::Note(ServiceNote::ReloadRefused { why });
                // An engine that has ended is told of by its end.
                let _ended = daemon.controls.send(refused).await;
                false
            }
        }
    }

    async fn load(&self, daemon: &Daemon) -> Result<Policy, String> {
        let policy = config::complete(&self.path).map_err(|faults| {
            let messages: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
            format!("{} (`rekeyd check` shows where)", messages.join("; "))
        })?;
        fixed(&self.policy, &policy)?;
        let ledgers = daemon
            .ledgers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let apps = app::build(&policy, &ledgers, &daemon.house).map_err(|failure| failure.text)?;
        let routes = app::alerts::routes(&policy, &daemon.house.clock).map_err(|failure| failure.text)?;
        let directory = app::alerts::directory(&apps);
        let (done, in_force) = oneshot::channel();
        let ended = |_| "the engine has ended".to_owned();
        let sent = daemon.controls.send(Control::Apps { apps, done }).await;
        sent.map_err(|_| ended(()))?;
        in_force.await.map_err(|_| ended(()))?;
        if let Err(fault) = daemon.alerts.apply(directory, routes).await {
            tracing::error!("the sinks of the new policy are not told yet: {fault}; reload once more");
        }
        Ok(policy)
    }
}

/// What stays as it was until a restart.
fn fixed(before: &Policy, after: &Policy) -> Result<(), String> {
    let place = |policy: &Policy| {
        let api = policy.api.as_ref();
        api.map(|api| (api.listen, api.socket.clone(), api.tls.clone()))
    };
    let changed = [
        ("[journal]", before.journal != after.journal),
        ("[api] listen, socket or tls", place(before) != place(after)),
    ];
    match changed.iter().find(|(_, changed)| *changed) {
        Some((what, _)) => Err(format!("{what} was changed: that takes a restart")),
        None => Ok(()),
    }
}
