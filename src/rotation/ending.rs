//! How a rotation stops: the reasons to hold it, and the ways it ends.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::rotation::{Effect, Verdict};
use crate::secret::Fingerprint;

/// Why a person is needed. The texts are shown as they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "hold")]
pub enum Hold {
    /// The app is the one that we log in with.
    OwnLogin,
    /// Rights, switches or settings are missing.
    Obstacles {
        /// Each with its remedy.
        what: Vec<String>,
    },
    /// The stores do not hold one and the same current pair.
    StoresDisagree,
    /// The pair that consumers read is refused.
    CurrentRefused,
    /// The store's pair is not the one that Salesforce holds.
    CurrentDiffers,
    /// No probe can tell a right secret from a wrong one here.
    Inconclusive {
        /// What was answered.
        answer: String,
    },
    /// Somebody else's entry stands in the staged slot.
    ForeignSlot {
        /// Its id, for `--take-over`.
        id: String,
    },
    /// Somebody else's value stands in *pending*.
    ForeignPending {
        /// Which store.
        store: usize,
        /// Its version, for `--take-over`.
        version: String,
    },
    /// Somebody else changed *current*, or the primary pair, while we were at it.
    ForeignCurrent {
        /// What was found.
        what: String,
    },
    /// The org is known to take staged pairs early, and refuses this one.
    EarlyRefused,
    /// The new pair is in force and still refused after the propagation budget.
    NeverAccepted,
    /// Neither the old nor the new pair is accepted.
    NeitherAccepted {
        /// What was answered.
        answer: String,
    },
    /// The old pair is still accepted, and no call can end it.
    StillAccepted,
    /// The cutover could not be taken back.
    BrokenUndo {
        /// What was answered.
        answer: String,
    },
    /// The request that makes the new value was not answered and has left no trace. It is not sent again by
    /// itself, since it may still be waiting at Salesforce.
    Unanswered,
    /// A request is refused for good.
    Refused {
        /// Which.
        effect: Effect,
        /// Why.
        why: String,
    },
    /// Salesforce masks the secrets that it makes; the value was lost twice.
    Masked,
    /// Too many attempts; goes on by itself at the longest distance.
    Exhausted {
        /// The last reason.
        why: String,
    },
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::OwnLogin => f.write_str("this is the app that rekeyd itself logs in with"),
            Hold::Obstacles { what } => f.write_str(&what.join("; ")),
            Hold::StoresDisagree => f.write_str("the stores do not hold one and the same current credential"),
            Hold::CurrentRefused => {
                f.write_str("the credential that consumers read is refused by Salesforce")
            }
            Hold::CurrentDiffers => {
                f.write_str("the credential in the store is not the one that Salesforce holds as primary")
            }
            Hold::Inconclusive { answer } => {
                write!(f, "no probe tells a right secret from a wrong one here: {answer}")
            }
            Hold::ForeignSlot { id } => write!(f, "the staged slot holds entry {id}, which is not ours"),
            Hold::ForeignPending { store, version } => {
                write!(
                    f,
                    "store {store} holds a pending version {version} that is not ours"
                )
            }
            Hold::ForeignCurrent { what } => {
                write!(f, "somebody else changed the credential meanwhile: {what}")
            }
            Hold::EarlyRefused => {
                f.write_str("the staged credential is refused, though this org takes staged ones")
            }
            Hold::NeverAccepted => {
                f.write_str("the new credential is in force at Salesforce and still refused")
            }
            Hold::NeitherAccepted { answer } => {
                write!(f, "neither the old nor the new credential is accepted: {answer}")
            }
            Hold::StillAccepted => f.write_str("the old credential is still accepted"),
            Hold::BrokenUndo { answer } => write!(f, "the old credential could not be put back: {answer}"),
            Hold::Unanswered => f.write_str(
                "the request for a new secret was not answered, and the secret is still the old one; it is not sent \
                 again by itself, since it may still be waiting at Salesforce",
            ),
            Hold::Refused { effect, why } => write!(f, "{effect} is refused: {why}"),
            Hold::Masked => {
                f.write_str("Salesforce masks the secrets it makes, and the value was lost twice")
            }
            Hold::Exhausted { why } => write!(f, "too many attempts, the last one: {why}"),
        }
    }
}

/// What the token endpoint last made of a pair that is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stand {
    /// Accepted: whoever knows it can log in.
    Accepted,
    /// Refused that once, which proves no death.
    Refused,
    /// Not known.
    Unknown,
}

impl From<&Verdict> for Stand {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Accepted => Stand::Accepted,
            Verdict::Refused => Stand::Refused,
            Verdict::Inconclusive(_) => Stand::Unknown,
        }
    }
}

impl fmt::Display for Stand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stand::Accepted => "STILL ACCEPTED",
            Stand::Refused => "refused when last asked",
            Stand::Unknown => "in nobody's hand to ask about, or not judged",
        })
    }
}

/// How a rotation ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end")]
pub enum End {
    /// Rotated, the old pair retired.
    Done {
        /// The old pair was seen refused beside an accepted new one; otherwise its end is only reported.
        disproven: bool,
    },
    /// A person ended it before the point of no return.
    Abandoned {
        /// Who, and in what words.
        by: String,
    },
    /// This org answers success and changes nothing. The old pair is untouched.
    Ignored,
    /// This org refuses the cutover. The old pair is untouched.
    NotOffered {
        /// In its words, by class.
        why: String,
    },
    /// No store could publish in time; the old pair is in force again.
    Undone {
        /// What failed.
        why: String,
    },
    /// Rotated, and then ended by a person before the old pair was retired. Nothing is called dead.
    GivenUp {
        /// Who, and in what words.
        by: String,
        /// The proven pair that took the place of ours.
        adopting: Option<Fingerprint>,
        /// The old pair.
        old: Stand,
        /// The pair that this rotation had published.
        new: Stand,
    },
}

impl End {
    /// The app has the new credential in every store.
    pub fn is_rotated(&self) -> bool {
        match self {
            End::Done { .. } | End::GivenUp { .. } => true,
            End::Abandoned { .. } | End::Ignored | End::NotOffered { .. } | End::Undone { .. } => false,
        }
    }

    /// In one word, for machines.
    pub fn word(&self) -> &'static str {
        match self {
            End::Done { .. } => "rotated",
            End::Abandoned { .. } => "abandoned",
            End::Ignored => "ignored",
            End::NotOffered { .. } => "not-offered",
            End::Undone { .. } => "undone",
            End::GivenUp { .. } => "given-up",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Done { disproven: true } => f.write_str("rotated, and the old credential is proven dead"),
            End::Done { disproven: false } => f.write_str("rotated; the old credential is reported gone"),
            End::Abandoned { by } => write!(f, "abandoned by {by}; nothing changed for consumers"),
            End::Ignored => f.write_str(
                "the org answered success and changed nothing: an in-place change has no effect here; \
                 the old credential is untouched",
            ),
            End::NotOffered { why } => {
                write!(
                    f,
                    "the org does not offer this change ({why}); the old credential is untouched"
                )
            }
            End::Undone { why } => write!(f, "undone, the old credential is in force again: {why}"),
            End::GivenUp {
                by,
                adopting: Some(pair),
                old,
                new,
            } => write!(
                f,
                "superseded: rotated, and its retirement was given up because {by} adopted another credential, {}; \
                 the one that this rotation published is {new}, the one before it {old}",
                pair.short()
            ),
            End::GivenUp {
                by,
                adopting: None,
                old,
                new: _,
            } => write!(
                f,
                "rotated, and its retirement was given up by {by}; the old credential is {old}"
            ),
        }
    }
}
