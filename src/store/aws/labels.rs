//! A secret without its value: who holds which label, and what else DescribeSecret tells. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::rotation::RotationId;

/// What readers get.
pub(super) const CURRENT: &str = "AWSCURRENT";
/// What was current before; AWS moves it.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
/// What waits to become current.
pub(super) const PENDING: &str = "AWSPENDING";

const PRIVATE: &str = "rekeyd-";
const ASIDE: &str = "rekeyd-aside-";

/// The label under which a rotation puts its values.
pub(super) fn private(rotation: RotationId) -> String {
    format!("{PRIVATE}{rotation}")
}

/// The label of a value that was set aside.
pub(super) fn aside(rotation: RotationId) -> String {
    format!("{ASIDE}{rotation}")
}

/// One secret as described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Described {
    /// Labels by version, for versions that have any.
    pub(super) labels: BTreeMap<String, BTreeSet<String>>,
    pub(super) rotation_enabled: bool,
    pub(super) owning_service: Option<String>,
    pub(super) scheduled_for_deletion: bool,
    pub(super) primary_region: Option<String>,
    /// Region and status (`InSync`, `InProgress`, `Failed`).
    pub(super) replicas: Vec<(String, String)>,
}

impl Described {
    /// The version that holds a label.
    pub(super) fn holder(&self, label: &str) -> Option<&str> {
        let mut holders = self.labels.iter().filter(|(_, labels)| labels.contains(label));
        holders.next().map(|(version, _)| version.as_str())
    }

    pub(super) fn has(&self, version: &str, label: &str) -> bool {
        self.labels
            .get(version)
            .is_some_and(|labels| labels.contains(label))
    }

    /// The labels of a version that are ours.
    pub(super) fn ours(&self, version: &str) -> impl Iterator<Item = &str> {
        let labels = self.labels.get(version).into_iter().flatten();
        labels.map(String::as_str).filter(|label| is_ours(label))
    }

    /// Was this version set aside?
    pub(super) fn is_aside(&self, version: &str) -> bool {
        self.ours(version).any(|label| label.starts_with(ASIDE))
    }

    /// The version that waits. One that is or was current waits no more, whatever its labels.
    pub(super) fn waiting(&self) -> Option<&str> {
        self.holder(PENDING)
            .filter(|holder| !self.has(holder, CURRENT) && !self.has(holder, PREVIOUS))
    }
}

/// Labels that keep a value for us: what has one of them, or waits, is not over.
pub(super) fn is_kept<'a>(labels: impl IntoIterator<Item = &'a String>) -> bool {
    labels.into_iter().any(|label| is_ours(label) || label == PENDING)
}

fn is_ours(label: &str) -> bool {
    label.starts_with(PRIVATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(versions: &[(&str, &[&str])]) -> Described {
        let labels = versions.iter().map(|(version, labels)| {
            let labels = labels.iter().map(|label| (*label).to_owned());
            ((*version).to_owned(), labels.collect())
        });
        Described {
            labels: labels.collect(),
            ..Described::default()
        }
    }

    #[test]
    fn what_is_or_was_current_does_not_wait() {
        for (labels, waits) in [
            (&[PENDING] as &[&str], true),
            (&[PENDING, "rekeyd-x"], true),
            (&[PENDING, CURRENT], false),
            (&[PENDING, PREVIOUS], false),
        ] {
            let seen = described(&[("v", labels), ("w", &["other"])]);
            assert_eq!(seen.waiting(), waits.then_some("v"), "{labels:?}");
            assert_eq!(seen.holder(PENDING), Some("v"));
        }
    }

    #[test]
    fn our_labels_are_told_from_others() {
        let id = RotationId::from(uuid::Uuid::from_u128(1));
        let ours = [private(id), aside(id)];
        let seen = described(&[("v", &[&ours[0], &ours[1], "theirs"]), ("w", &[&ours[0]])]);
        assert_eq!(seen.ours("v").count(), 2);
        assert!(seen.is_aside("v") && !seen.is_aside("w"));
        assert!(is_kept([&ours[0]]) && !is_kept([&"theirs".to_owned(), &CURRENT.to_owned()]));
    }
}
