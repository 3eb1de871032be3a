//! The facts that the machine's words are made of: refusals, versions, verdicts. The ports speak in them too.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Why a request was refused, by who can do something about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// Somebody else wrote in between: the compare-and-set did not match.
    Conflict(String),
    /// A right or an org switch is missing; the text names it.
    Permission(String),
    /// The other side does not do this at all (a method that this org or API version does not offer).
    Unsupported(String),
    /// The request itself was judged wrong.
    Invalid(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Conflict(text) => write!(f, "somebody else wrote in between: {text}"),
            Refusal::Permission(text) => write!(f, "a permission or switch is missing: {text}"),
            Refusal::Unsupported(text) => write!(f, "not offered: {text}"),
            Refusal::Invalid(text) => write!(f, "judged wrong: {text}"),
        }
    }
}

/// Names one version of one stored value, in the store's own words (a Vault version number, an AWS version id,
/// a generation of the file store). Versions that hold nothing have a name too: a conditional write needs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionRef(pub String);

impl fmt::Display for VersionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the token endpoint made of one pair.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// The pair was accepted as a client.
    Accepted,
    /// The pair was definitely refused as a client.
    Refused,
    /// Anything else; never "bad secret".
    Inconclusive(String),
}

impl Verdict {
    /// What is inconclusive because a wrong secret is accepted too: no later answer of this probe would tell more.
    pub const TELLS_NOTHING: &str = "this probe does not tell the pair from a corrupted one";
}

/// A verdict and how it was reached, for the history.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProbeReport {
    /// What it means.
    pub verdict: Verdict,
    /// Which probe (`introspect`, `refresh_token`, `client_credentials`).
    pub probe: String,
    /// The host that was asked.
    pub host: String,
    /// The answer by class: `200 active=false`, `401`, `400 invalid_client`.
    pub answer: String,
    /// When it was answered.
    pub at: Timestamp,
}
