//! One secret, strictly as AWS's API reference has it (named per rule).

use serde_json::{Map, Value, json};

/// An error's name and text.
pub type Refused = (&'static str, String);

pub const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Quotas of Secrets Manager: labels of a version, bytes of a value, versions of a secret.
const MOST_LABELS: usize = 20;
const MOST_BYTES: usize = 65_536;
const MOST_VERSIONS: usize = 100;

#[derive(Clone)]
pub struct Version {
    pub id: String,
    pub value: String,
    pub labels: Vec<String>,
}

#[derive(Clone, Default)]
pub struct Secret {
    /// In the order of their making.
    pub versions: Vec<Version>,
    /// What describes it besides: `RotationEnabled`, `OwningService`, `DeletedDate` and so on.
    pub described: Map<String, Value>,
}

fn parameter(text: impl Into<String>) -> Refused {
    ("InvalidParameterException", text.into())
}

fn not_found() -> Refused {
    (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.".into(),
    )
}

impl Secret {
    fn holder(&self, label: &str) -> Option<usize> {
        self.versions
            .iter()
            .position(|version| version.labels.iter().any(|held| held == label))
    }

    fn at(&self, id: &str) -> Option<usize> {
        self.versions.iter().position(|version| version.id == id)
    }

    fn unlabel(&mut self, label: &str) {
        for version in &mut self.versions {
            version.labels.retain(|held| held != label);
        }
    }

    /// "Each staging label can be attached to only one version at a time"; "Whenever you move AWSCURRENT, Secrets
    /// Manager automatically moves the label AWSPREVIOUS to the version that AWSCURRENT was removed from"
    /// (UpdateSecretVersionStage, PutSecretValue).
    fn give(&mut self, label: &str, to: usize) {
        let loser = self.holder(label);
        self.unlabel(label);
        self.versions[to].labels.push(label.to_owned());
        if let Some(loser) = loser
            && label == CURRENT
            && loser != to
        {
            self.unlabel(PREVIOUS);
            self.versions[loser].labels.push(PREVIOUS.into());
        }
    }

    /// "If a secret is scheduled for deletion, then its details, including the encrypted secret value, is not
    /// accessible" (DescribeSecret).
    pub fn accessible(&self) -> Result<(), Refused> {
        match self.described.contains_key("DeletedDate") {
            true => Err((
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.".into(),
            )),
            false => Ok(()),
        }
    }

    /// "This operation is idempotent. If you call this operation with a ClientRequestToken that matches an existing
    /// version's VersionId, and you specify the same secret data, the operation succeeds but does nothing. However, if
    /// the secret data is different, then the operation fails" (PutSecretValue).
    pub fn put(&mut self, token: &str, value: &str, labels: Vec<String>) -> Result<usize, Refused> {
        if !(32..=64).contains(&token.len()) {
            return Err(parameter(
                "ClientRequestToken must be between 32 and 64 characters long.",
            ));
        }
        if value.len() > MOST_BYTES {
            return Err(parameter("SecretString is too long."));
        }
        if labels.is_empty() || labels.len() > MOST_LABELS {
            return Err(("LimitExceededException", "Too many staging labels.".into()));
        }
        if let Some(at) = self.at(token) {
            return match self.versions[at].value == value {
                true => Ok(at),
                false => Err((
                    "ResourceExistsException",
                    "You can't use ClientRequestToken because that value is already in use.".into(),
                )),
            };
        }
        let first = self.versions.is_empty();
        self.prune()?;
        self.versions.push(Version {
            id: token.to_owned(),
            value: value.to_owned(),
            labels: Vec::new(),
        });
        let at = self.versions.len() - 1;
        for label in labels {
            self.give(&label, at);
        }
        // "If this operation creates the first version for the secret, then Secrets Manager automatically attaches
        // the staging label AWSCURRENT to it."
        if first {
            self.give(CURRENT, at);
        }
        Ok(at)
    }

    /// "Secrets Manager keeps 100 of the most recent versions"; a version without labels "is considered to be
    /// 'deprecated' and can be deleted". Its day of respite for new versions is not granted here.
    fn prune(&mut self) -> Result<(), Refused> {
        while self.versions.len() >= MOST_VERSIONS {
            let deprecated = self.versions.iter().position(|version| version.labels.is_empty());
            let Some(at) = deprecated else {
                return Err(("LimitExceededException", "Too many secret versions.".into()));
            };
            self.versions.remove(at);
        }
        Ok(())
    }

    /// "If the staging label you are trying to attach to one version is already attached to a different version, then
    /// you must include this parameter [RemoveFromVersionId]. If the label is attached and you either do not specify
    /// this parameter, or the version ID does not match, then the operation fails" (UpdateSecretVersionStage).
    pub fn update_stage(&mut self, label: &str, to: Option<&str>, from: Option<&str>) -> Result<(), Refused> {
        for id in [to, from].into_iter().flatten() {
            self.at(id).ok_or_else(not_found)?;
        }
        let holder = self.holder(label).map(|at| self.versions[at].id.clone());
        match (to, from) {
            (None, None) => Err(parameter("MoveToVersionId or RemoveFromVersionId is needed.")),
            (None, Some(_)) if label == CURRENT => Err(parameter("You can't remove AWSCURRENT.")),
            (None, Some(from)) if holder.as_deref() == Some(from) => {
                self.unlabel(label);
                Ok(())
            }
            (Some(to), from) if from.is_none() && holder.as_deref().is_none_or(|holder| holder == to) => {
                let at = self.at(to).ok_or_else(not_found)?;
                if self.versions[at].labels.len() >= MOST_LABELS {
                    return Err(("LimitExceededException", "Too many staging labels.".into()));
                }
                self.give(label, at);
                Ok(())
            }
            (Some(to), Some(from)) if holder.as_deref() == Some(from) => {
                let at = self.at(to).ok_or_else(not_found)?;
                self.give(label, at);
                Ok(())
            }
            (_, _) => Err(parameter(format!(
                "The staging label {label} is currently attached to version {holder:?}, so you must explicitly \
                 reference that version in RemoveFromVersionId."
            ))),
        }
    }

    /// GetSecretValue.
    pub fn get(&self, name: &str, id: Option<&str>, label: Option<&str>) -> Result<Value, Refused> {
        let wanted = match (id, label) {
            (Some(id), None) => self.at(id),
            (None, label) => self.holder(label.unwrap_or(CURRENT)),
            (Some(id), Some(label)) => self.at(id).filter(|at| self.holder(label) == Some(*at)),
        };
        let version = &self.versions[wanted.ok_or_else(not_found)?];
        Ok(json!({
            "ARN": arn(name), "Name": name, "VersionId": version.id, "SecretString": version.value,
            "VersionStages": version.labels, "CreatedDate": 1.0,
        }))
    }

    /// DescribeSecret: "A list of the versions of the secret that have staging labels attached."
    pub fn describe(&self, name: &str) -> Value {
        let labelled = self
            .versions
            .iter()
            .filter(|version| !version.labels.is_empty())
            .map(|version| (version.id.clone(), json!(version.labels)));
        let mut answer = self.described.clone();
        answer.insert("ARN".into(), arn(name).into());
        answer.insert("Name".into(), name.into());
        let labelled: Map<String, Value> = labelled.collect();
        // "Secrets Manager only returns fields that have a value in the response."
        if !labelled.is_empty() {
            answer.insert("VersionIdsToStages".into(), labelled.into());
        }
        answer.into()
    }
}

pub fn arn(name: &str) -> String {
    format!(
        "arn:aws:secretsmanager:{}:123456789012:secret:{name}-AbCdEf",
        super::REGION
    )
}
