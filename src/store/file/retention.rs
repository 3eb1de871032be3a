//! Which generations are kept.

use std::collections::BTreeSet;

/// How many of the newest generations stay readable by number, whatever else is kept. A rotation writes two, and
/// the old one is needed until its grace has ended.
pub const RETAINED: usize = 20;

/// The generations to remove: neither among the newest [`RETAINED`] nor referred to by a link.
pub(super) fn superfluous(existing: &BTreeSet<u64>, referred: &BTreeSet<u64>) -> Vec<u64> {
    let old = existing.iter().rev().skip(RETAINED);
    old.filter(|number| !referred.contains(number)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_link_names_and_what_is_recent_stays() {
        let existing: BTreeSet<u64> = (1..=30).collect();
        let referred = BTreeSet::from([3, 30]);
        assert_eq!(superfluous(&existing, &referred), [10, 9, 8, 7, 6, 5, 4, 2, 1]);
        assert!(superfluous(&(1..=20).collect(), &BTreeSet::new()).is_empty());
    }
}
