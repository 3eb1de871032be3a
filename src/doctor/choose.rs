//! Which of the methods that the policy lists is used.

use serde::{Deserialize, Serialize};

use super::finding::{MethodVerdict, Standing};

/// A method, and why it and no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The policy's word for it.
    pub method: String,
    /// What was found about it.
    pub standing: Standing,
    /// Why, for a person.
    pub why: String,
}

/// The first listed method that is open; else the first that only a change can judge; else the first of all, which then
/// stops at its preflight and says why. `None` for an empty list.
pub fn choose(listed: &[String], verdicts: &[MethodVerdict]) -> Option<Choice> {
    let standing = |method: &String| {
        let verdict = verdicts.iter().find(|verdict| verdict.method == *method);
        verdict.map_or(Standing::Unknown, |verdict| verdict.standing)
    };
    let first = |wanted: Standing| listed.iter().find(|method| standing(method) == wanted);
    let (method, why) = match (first(Standing::Open), first(Standing::Unknown), listed.first()) {
        (Some(method), _, _) if Some(method) == listed.first() => (method, "the first listed, and open"),
        (Some(method), _, _) => (method, "the first listed that is open"),
        (None, Some(method), _) => (
            method,
            "none listed is known to be open, and of this one only a change can tell",
        ),
        (None, None, Some(method)) => (
            method,
            "every listed method is closed; this one says so at its preflight",
        ),
        (None, None, None) => return None,
    };
    Some(Choice {
        method: method.clone(),
        standing: standing(method),
        why: why.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(listed: &[&str], verdicts: &[(&str, Standing)]) -> Option<(String, Standing)> {
        let listed: Vec<String> = listed.iter().map(|word| (*word).to_owned()).collect();
        let verdicts: Vec<MethodVerdict> = verdicts
            .iter()
            .map(|(method, standing)| MethodVerdict {
                method: (*method).to_owned(),
                standing: *standing,
                why: String::new(),
                because: Vec::new(),
                remedies: Vec::new(),
            })
            .collect();
        choose(&listed, &verdicts).map(|choice| (choice.method, choice.standing))
    }

    #[test]
    fn open_goes_before_unknown_and_unknown_before_closed() {
        use Standing::{Closed, Open, Unknown};
        let is = |method: &str, standing| Some((method.to_owned(), standing));
        let listed = ["update", "assisted"];
        assert_eq!(
            chosen(&listed, &[("update", Open), ("assisted", Open)]),
            is("update", Open)
        );
        assert_eq!(
            chosen(&listed, &[("update", Unknown), ("assisted", Open)]),
            is("assisted", Open)
        );
        assert_eq!(
            chosen(&listed, &[("update", Closed), ("assisted", Unknown)]),
            is("assisted", Unknown)
        );
        assert_eq!(
            chosen(&listed, &[("update", Closed), ("assisted", Closed)]),
            is("update", Closed)
        );
        assert_eq!(chosen(&listed, &[]), is("update", Unknown));
        assert_eq!(chosen(&[], &[("update", Open)]), None);
    }
}
