//! What an answer means, by what the caller does next.
//!
//! An answer is first a [`Class`]; a read turns it into a [`Fault`], a write into an [`Outcome`]. The two differ
//! where it matters: what a read may simply ask again, a write may have done. Texts hold a status, a code of
//! Salesforce's and words of ours, never the free text of an answer, which may repeat what was sent.
//!
//! Not here: the token endpoint's answers about a login (`login`) or about a pair (`probe`).

mod code;
mod json;

use std::time::Duration;

pub(crate) use code::classify;
pub(crate) use json::{html, read};

use super::http::NoReply;
use crate::port::{Fault, Outcome, Refusal};

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The session is not known (any more). Definitely not applied.
    Expired,
    /// The session will never do for this call, a fresh one neither.
    Unfit(&'static str),
    /// Not applied, and may work later.
    Later(String),
    /// Failed in a way that a write may have survived.
    Perhaps {
        /// The status and code.
        text: String,
        /// How long the answer asks to wait.
        wait: Option<Duration>,
    },
    /// Throttled or out of quota. Not applied.
    Throttled {
        /// How long to stay away.
        wait: Duration,
        /// Which limit.
        text: String,
    },
    /// A permission of our user is missing.
    Permission(String),
    /// A switch of the org is off.
    Switch(String),
    /// Not offered to anybody here.
    Unsupported(String),
    /// The request was judged wrong.
    Invalid(String),
    /// The thing does not exist.
    Missing(String),
    /// Somebody else was there first.
    Conflict(String),
    /// It answers from another address. Not applied, not followed.
    Elsewhere(String),
    /// A page for people instead of an answer.
    Page(String),
    /// Said to be done, but not in words that can be understood.
    Garbled(String),
    /// Broke off, too slow or too long.
    Cut(String),
}

/// Which part of Salesforce was asked: names the remedy when something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    /// External Client Apps over Connect REST (salesforce-oauth-rest.md §1).
    Credentials,
    /// Connected Apps over the Metadata API (salesforce-metadata.md §7).
    Metadata,
}

impl Area {
    /// Who answered, for whoever reads only that something did not.
    fn name(self) -> &'static str {
        match self {
            Area::Credentials => "Salesforce's REST API for credentials",
            Area::Metadata => "Salesforce's Metadata API",
        }
    }

    /// What a person does when a permission is missing.
    pub(crate) fn permission(self) -> &'static str {
        match self {
            Area::Credentials => {
                "give rekeyd's user the permissions `External Client App Developer` and `View Client Secret` \
                 and API access"
            }
            Area::Metadata => {
                "give rekeyd's user `Modify Metadata Through Metadata API Functions` (or `Modify All Data`), \
                 `Customize Application` and `Manage Connected Apps` (on newer orgs `Create, edit, and delete \
                 External Client Apps`)"
            }
        }
    }

    /// What a person does when a switch is off.
    pub(crate) fn switch(self) -> &'static str {
        match self {
            Area::Credentials => {
                "turn on `Allow access to External Client App consumer secrets via REST API` in Setup, External \
                 Client App Settings, and see that rekeyd's user has `External Client App Developer` and `View \
                 Client Secret`"
            }
            Area::Metadata => "turn on API access and the Metadata API for this org",
        }
    }
}

impl Class {
    /// Connected Apps cannot be created.
    pub(crate) fn is_creation_blocked(&self) -> bool {
        matches!(self, Class::Unsupported(text) if text.contains(code::CREATION_BLOCKED))
    }

    /// In words.
    pub(crate) fn words(self) -> String {
        self.fault(Area::Metadata).to_string()
    }

    /// For a read.
    pub(crate) fn fault(self, area: Area) -> Fault {
        match self {
            Class::Expired => Fault::Unauthorized("a session that was just made is refused".into()),
            Class::Unfit(why) => Fault::Unauthorized(why.into()),
            Class::Perhaps {
                text,
                wait: Some(wait),
            }
            | Class::Throttled { wait, text } => Fault::Throttled {
                wait,
                text: format!("{}: {text}", area.name()),
            },
            Class::Later(text)
            | Class::Perhaps { text, wait: None }
            | Class::Conflict(text)
            | Class::Page(text)
            | Class::Cut(text) => Fault::Unavailable(format!("{}: {text}", area.name())),
            Class::Permission(text) => Fault::Forbidden(format!("{text}: {}", area.permission())),
            Class::Switch(text) => {
                let text = format!("{text}: {}", area.switch());
                match area {
                    Area::Credentials => Fault::SwitchedOff(text),
                    Area::Metadata => Fault::Forbidden(text),
                }
            }
            Class::Missing(text) => Fault::NotFound(text),
            Class::Unsupported(text)
            | Class::Invalid(text)
            | Class::Elsewhere(text)
            | Class::Garbled(text) => Fault::Unusable(text),
        }
    }

    /// For a write.
    pub(crate) fn outcome<T>(self, area: Area) -> Outcome<T> {
        match self {
            Class::Perhaps { text, .. } | Class::Page(text) | Class::Garbled(text) | Class::Cut(text) => {
                Outcome::Unknown(text)
            }
            Class::Permission(text) => {
                Outcome::Refused(Refusal::Permission(format!("{text}: {}", area.permission())))
            }
            Class::Switch(text) => {
                Outcome::Refused(Refusal::Permission(format!("{text}: {}", area.switch())))
            }
            Class::Unsupported(text) => Outcome::Refused(Refusal::Unsupported(text)),
            Class::Invalid(text) | Class::Missing(text) => Outcome::Refused(Refusal::Invalid(text)),
            Class::Conflict(text) => Outcome::Refused(Refusal::Conflict(text)),
            Class::Expired
            | Class::Unfit(_)
            | Class::Later(_)
            | Class::Throttled { .. }
            | Class::Elsewhere(_) => Outcome::NotNow(self.fault(area)),
        }
    }
}

/// Why there is no answer to classify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing was sent, or what was sent was refused for its session.
    Before(Fault),
    /// It may have arrived.
    Lost(&'static str),
}

impl From<NoReply> for Failure {
    fn from(why: NoReply) -> Self {
        match why {
            NoReply::NotSent(why) => Failure::Before(Fault::Unavailable(why.into())),
            NoReply::Lost(why) => Failure::Lost(why),
        }
    }
}

impl Failure {
    /// For a read.
    pub(crate) fn fault(self) -> Fault {
        match self {
            Failure::Before(fault) => fault,
            Failure::Lost(why) => Fault::Unavailable(why.into()),
        }
    }

    /// For a write.
    pub(crate) fn outcome<T>(self) -> Outcome<T> {
        match self {
            Failure::Before(fault) => Outcome::NotNow(fault),
            Failure::Lost(why) => Outcome::Unknown(why.into()),
        }
    }
}
