//! The vocabulary of the answers: findings, and what they mean for each method.

use serde::{Deserialize, Serialize};

/// A method, by what it does. The policy's word for it is [`Way::word`]; a version of rekeyd need not know them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Connect REST staged credentials of an External Client App.
    Staged,
    /// A flag in the metadata of an External Client App.
    Regenerate,
    /// A Connected App's metadata, with another secret.
    Update,
    /// A person in Setup.
    Assisted,
}

impl Way {
    /// Every one.
    pub const ALL: [Way; 4] = [Way::Staged, Way::Regenerate, Way::Update, Way::Assisted];

    /// The word in the policy.
    pub fn word(self) -> &'static str {
        match self {
            Way::Staged => "staged",
            Way::Regenerate => "regenerate",
            Way::Update => "update",
            Way::Assisted => "assisted",
        }
    }

    /// The way of this word.
    pub fn of(word: &str) -> Option<Way> {
        Way::ALL.into_iter().find(|way| way.word() == word)
    }
}

/// What a finding means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// As it should be.
    Good,
    /// Worth knowing; closes nothing.
    Note,
    /// These methods cannot work as long as it is so.
    Closes(Vec<Way>),
    /// Whether these methods work cannot be told from here.
    Doubts(Vec<Way>),
}

impl Means {
    /// Its sign in a list for people.
    pub fn mark(&self) -> &'static str {
        match self {
            Means::Good => "ok",
            Means::Note => "note",
            Means::Closes(_) => "WRONG",
            Means::Doubts(_) => "?",
        }
    }
}

/// One thing that was found out. Holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its name for programs: `token-format`.
    pub code: String,
    /// What it means.
    pub means: Means,
    /// What was found.
    pub says: String,
    /// What a person does about it: a path in Setup, a permission, a key of the policy, a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(super) fn good(code: &str, says: impl Into<String>) -> Finding {
        Finding::of(code, Means::Good, says)
    }

    /// Worth knowing.
    pub(super) fn note(code: &str, says: impl Into<String>) -> Finding {
        Finding::of(code, Means::Note, says)
    }

    /// Closes these methods.
    pub(super) fn closes(code: &str, ways: &[Way], says: impl Into<String>) -> Finding {
        Finding::of(code, Means::Closes(ways.to_vec()), says)
    }

    /// Leaves these methods in doubt.
    pub(super) fn doubts(code: &str, ways: &[Way], says: impl Into<String>) -> Finding {
        Finding::of(code, Means::Doubts(ways.to_vec()), says)
    }

    fn of(code: &str, means: Means, says: impl Into<String>) -> Finding {
        Finding {
            code: code.to_owned(),
            means,
            says: says.into(),
            remedy: None,
        }
    }

    /// With what a person does about it.
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Finding {
        self.remedy = Some(remedy.into());
        self
    }
}

/// Whether a method works for an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing was found against it.
    Open,
    /// It cannot work as things are.
    Closed,
    /// Only a change could tell, or a probe went unanswered.
    Unknown,
}

impl Standing {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Open => "open",
            Standing::Closed => "closed",
            Standing::Unknown => "unknown",
        }
    }
}

/// What was found about one method for one app. Holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodVerdict {
    /// The policy's word for it.
    pub method: String,
    /// Whether it works.
    pub standing: Standing,
    /// Why.
    pub why: String,
    /// The findings that say so, by their codes; none for an open one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// What a person does to open it, or to find out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<String>,
}

impl MethodVerdict {
    /// The verdict on `way`, from every finding about it.
    pub(super) fn of(way: Way, findings: &[&Finding]) -> MethodVerdict {
        let about = |means: &Means, closing: bool| match means {
            Means::Closes(ways) => closing && ways.contains(&way),
            Means::Doubts(ways) => !closing && ways.contains(&way),
            Means::Good | Means::Note => false,
        };
        let pick = |closing: bool| -> Vec<&Finding> {
            let those = findings.iter().filter(|finding| about(&finding.means, closing));
            those.copied().collect()
        };
        let (against, open_questions) = (pick(true), pick(false));
        let (standing, those) = match (against.is_empty(), open_questions.is_empty()) {
            (false, _) => (Standing::Closed, against),
            (true, false) => (Standing::Unknown, open_questions),
            (true, true) => (Standing::Open, Vec::new()),
        };
        let said: Vec<&str> = those.iter().map(|finding| finding.says.as_str()).collect();
        MethodVerdict {
            method: way.word().to_owned(),
            standing,
            why: match said.is_empty() {
                true => "nothing was found against it".into(),
                false => said.join("; "),
            },
            because: those.iter().map(|finding| finding.code.clone()).collect(),
            remedies: those
                .iter()
                .filter_map(|finding| finding.remedy.clone())
                .collect(),
        }
    }
}
