//! How a command finds the running daemon and its journal, also where the policy on disk is refused.
//!
//! A typo on disk does not stop a daemon, so it must not stop whoever has to hold an app, or to see what happened. Of
//! a refused policy only `[api] socket`, `[journal] url` and the apps' names are read, and the person is told. Not here:
//! commands that decide by the policy (`run`, `check`, `plan`, `secret`, `status --compare`); they refuse it whole.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::client::Client;
use crate::cli::exit::Failure;
use crate::cli::{Context, USUAL_POLICY, config, output};
use crate::engine::tell::AppKind;
use crate::policy::{Outline, Policy};

/// Where the shipped unit and the shipped policy have them.
const USUAL_SOCKET: &str = "/run/rekeyd/rekeyd.sock";
const USUAL_JOURNAL: &str = "/var/lib/rekeyd/journal.db";

/// What could be found.
pub(super) struct Reach {
    /// The policy on disk; `None` if it is refused.
    pub policy: Option<Policy>,
    /// The apps that it names, refused or not.
    pub apps: BTreeSet<String>,
    /// The policy, for messages.
    path: PathBuf,
    socket: Option<PathBuf>,
    database: Option<PathBuf>,
}

impl Reach {
    /// Reads what can be read, and says on standard error where that is not all.
    pub fn find(context: &Context) -> Reach {
        let path = context.config.clone();
        let (policy, outline) = match config::read(&path) {
            Ok(policy) => {
                let outline = outline(&policy);
                (Some(policy), outline)
            }
            Err(_) => {
                output::complain(&format!(
                    "warning: the policy on disk is refused (`rekeyd check --config {}` says why); a running daemon \
                     goes on with the one before",
                    path.display()
                ));
                (None, config::outline(&path))
            }
        };
        // Another policy is another daemon's: the usual places are only the usual policy's.
        let usual = policy.is_none() && path == Path::new(USUAL_POLICY);
        let or_usual = |found: Option<PathBuf>, place: &str| found.or_else(|| usual.then(|| place.into()));
        Reach {
            policy,
            apps: outline.apps,
            path,
            socket: context
                .socket
                .clone()
                .or_else(|| or_usual(outline.socket, USUAL_SOCKET)),
            database: or_usual(outline.database, USUAL_JOURNAL),
        }
    }

    /// The daemon. Connects to nothing yet.
    ///
    /// # Errors
    /// [`Failure`]: 1 where the policy has no socket, 78 where it is refused and shows none.
    pub fn client(&self) -> Result<Client, Failure> {
        match (&self.socket, &self.policy) {
            (Some(socket), _) => Client::at(socket.clone()),
            (None, Some(_)) => Err(Failure::failed(
                "the policy has no [api] socket, so no command reaches the daemon: add \
                 `socket = \"/run/rekeyd/rekeyd.sock\"` to [api] and restart it",
            )),
            (None, None) => Err(Failure::config(format!(
                "no [api] socket can be read from {}: name the daemon's with --socket or REKEYD_SOCKET",
                self.path.display()
            ))),
        }
    }

    /// What an app is at Salesforce, where the policy says it.
    pub fn kind(&self, app: &str) -> Option<AppKind> {
        let app = self.policy.as_ref()?.apps.get(app)?;
        AppKind::named(app.target.kind())
    }

    /// The journal's file.
    ///
    /// # Errors
    /// [`Failure`] (78) where the policy is refused and does not show it.
    pub fn database(&self) -> Result<&Path, Failure> {
        self.database.as_deref().ok_or_else(|| {
            Failure::config(format!(
                "no [journal] url can be read from {}: put that line right",
                self.path.display()
            ))
        })
    }
}

fn outline(policy: &Policy) -> Outline {
    Outline {
        socket: policy.api.as_ref().and_then(|api| api.socket.clone()),
        database: Some(policy.journal.database.clone()),
        apps: policy.apps.keys().cloned().collect(),
    }
}
