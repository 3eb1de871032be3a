//! What people ask of the engine, through the socket, a signal or HTTP.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::oneshot;

use crate::clock::Timestamp;
use crate::engine::emergency::Leaked;
use crate::engine::radius::Radius;
use crate::engine::service::ServiceNote;
use crate::engine::supervisor::Managed;
use crate::rotation::RotationId;
use crate::secret::{Credential, Fingerprint};

/// One request about one app.
#[derive(Debug)]
pub enum Command {
    /// Rotate now.
    Rotate {
        /// Which app.
        app: String,
        /// Why, for the history.
        reason: String,
        /// Who.
        by: String,
        /// Also outside the window.
        ignore_window: bool,
        /// The same key again is the same rotation, and starts no other.
        key: Option<String>,
    },
    /// Start nothing, and stop at the next boundary.
    Hold {
        /// Which app.
        app: String,
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// Go on.
    Resume {
        /// Which app.
        app: String,
        /// Who.
        by: String,
        /// A foreign entry or version to take over.
        take_over: Option<String>,
    },
    /// End the rotation under way, before its point of no return; or, once it is rotated, without the retirement.
    Abandon {
        /// Which app.
        app: String,
        /// Who.
        by: String,
    },
    /// A credential leaked: it is ended, once what that comes to is confirmed.
    Revoke {
        /// Which app.
        app: String,
        /// Which credential.
        leaked: Leaked,
        /// The token of what the person was told. None: they are told, and nothing is changed.
        confirm: Option<String>,
        /// Why, for the history.
        reason: String,
        /// The app's live tokens too.
        tokens: bool,
        /// Who.
        by: String,
    },
    /// A person says that what is accepted now is right: a hand edit, or a rotation done in Setup.
    Adopt {
        /// Which app.
        app: String,
        /// Who.
        by: String,
    },
    /// A person hands over the live pair: of an unadopted app, or one that was made in Setup.
    Submit {
        /// Which app.
        app: String,
        /// The pair.
        pair: Credential,
        /// Who.
        by: String,
    },
}

impl Command {
    /// The app it is about.
    pub fn app(&self) -> &str {
        match self {
            Command::Rotate { app, .. }
            | Command::Hold { app, .. }
            | Command::Resume { app, .. }
            | Command::Abandon { app, .. }
            | Command::Revoke { app, .. }
            | Command::Adopt { app, .. }
            | Command::Submit { app, .. } => app,
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A rotation has begun.
    Started(RotationId),
    /// As asked.
    Done(String),
    /// What revoking a credential comes to. Nothing was changed.
    Radius(Box<Radius>),
    /// A leaked credential is being ended.
    Revoking {
        /// What was set in motion.
        text: String,
        /// The rotation under way.
        rotation: Option<RotationId>,
        /// The leaked credential.
        pair: Fingerprint,
        /// It goes on only once a person has settled something.
        held: bool,
    },
    /// Not now.
    Refused {
        /// Why, for a person.
        why: String,
        /// Until when, where that is known.
        until: Option<Timestamp>,
    },
    /// Not now: a person's word is waited for first.
    Held {
        /// Why, for a person.
        why: String,
        /// What that person can do, with the commands.
        remedy: String,
        /// The rotation that is held, if it is one.
        rotation: Option<RotationId>,
    },
    /// Not now: this rotation has not ended.
    UnderWay {
        /// Where it stands, for a person.
        why: String,
        /// Which one.
        rotation: RotationId,
        /// When it goes on or ends, where that is known.
        until: Option<Timestamp>,
    },
    /// Rotated, or tried, only just now.
    CoolingDown {
        /// When it may be asked for again.
        until: Timestamp,
    },
    /// There is no such app.
    Unknown(String),
}

impl Reply {
    /// A refusal without a date.
    pub fn refused(why: impl Into<String>) -> Reply {
        Reply::Refused {
            why: why.into(),
            until: None,
        }
    }
}

/// What is asked of the engine as a whole.
pub enum Control {
    /// A new policy: these are the apps from here on. Rotations under way end under the policy they began with.
    Apps {
        /// By name.
        apps: BTreeMap<String, Managed>,
        /// Answered once they are in force.
        done: oneshot::Sender<()>,
    },
    /// Rotate now (SIGUSR1): these apps, or those that are due although their last attempt failed a moment ago.
    Wake(Option<BTreeSet<String>>),
    /// Something that happened to the service, to be journaled.
    Note(ServiceNote),
}
