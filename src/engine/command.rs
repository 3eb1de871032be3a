//! What people ask of the engine, through the socket, a signal or HTTP.

use crate::rotation::RotationId;
use crate::secret::Credential;

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
    /// End the rotation under way, before its point of no return.
    Abandon {
        /// Which app.
        app: String,
        /// Who.
        by: String,
    },
    /// A person hands over the live pair of an unadopted app.
    Submit {
        /// Which app.
        app: String,
        /// The pair.
        pair: Credential,
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
    /// Not now; the text says why and until when.
    Refused(String),
    /// There is no such app.
    Unknown(String),
}
