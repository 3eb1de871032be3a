//! Whose clock is right: what the service goes by, or what the machine shows, when an org is asked. Pure.

use crate::clock::Timestamp;

/// How far two clocks may differ in what time passed: what a request and the whole seconds of a `Date` may take.
pub const AGREE_MS: i64 = 60_000;

/// Clocks that are farther apart show different times. Machines that follow a time server differ by less than a second.
const FAR_MS: i64 = 300_000;

/// What an org's word comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// What the service goes by.
    Ours,
    /// What the machine shows.
    Wall,
    /// Neither, by this answer.
    Unclear,
}

/// By how many milliseconds `by` is ahead of `of`.
pub fn ahead(of: Timestamp, by: Timestamp) -> i64 {
    by.0.saturating_sub(of.0)
}

/// Whether both may be the same moment by clocks that are right.
pub fn is_near(one: Timestamp, other: Timestamp) -> bool {
    ahead(one, other).unsigned_abs() <= FAR_MS.unsigned_abs()
}

/// Whether `at` cannot have been yet.
pub fn is_to_come(now: Timestamp, at: Timestamp) -> bool {
    ahead(now, at) > FAR_MS
}

/// The service goes by `ours`, the machine shows `wall`, an org `org`, which was `before` milliseconds ahead of ours when it
/// was asked last. Where it shows the time of one of the two, that one is right. Where it shows neither, or both, what
/// counts is how much time has passed for it: an org's clock may be wrong.
pub fn who_is_right(ours: Timestamp, wall: Timestamp, org: Timestamp, before: Option<i64>) -> Right {
    let before = before.unwrap_or(0);
    let passed = |clock| ahead(clock, org).saturating_sub(before).unsigned_abs() <= AGREE_MS.unsigned_abs();
    match (is_near(ours, org), is_near(wall, org)) {
        (true, false) => Right::Ours,
        (false, true) => Right::Wall,
        (true, true) | (false, false) => match (passed(ours), passed(wall)) {
            (true, false) => Right::Ours,
            (_, true) => Right::Wall,
            (false, false) => Right::Unclear,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;
    const DAY: i64 = 86_400_000;

    /// Ours is at `NOW`, wall and org so much ahead of it.
    fn right(wall: i64, org: i64, before: Option<i64>) -> Right {
        who_is_right(
            Timestamp(NOW),
            Timestamp(NOW + wall),
            Timestamp(NOW + org),
            before,
        )
    }

    #[test]
    fn the_one_that_shows_what_the_org_shows_is_right() {
        for before in [None, Some(0), Some(DAY), Some(-DAY)] {
            for wrong in [40 * DAY, -40 * DAY, 2 * FAR_MS, -2 * FAR_MS, i64::MAX, i64::MIN] {
                let wrong = wrong.saturating_sub(NOW);
                assert_eq!(right(wrong, 0, before), Right::Ours, "{wrong} {before:?}");
                assert_eq!(right(wrong, wrong, before), Right::Wall, "{wrong} {before:?}");
            }
        }
    }

    #[test]
    fn where_the_orgs_clock_is_wrong_its_pace_decides() {
        // It was five hours ahead before, and is so still: nothing has happened but that the wall was set.
        let five = DAY / 24 * 5;
        assert_eq!(right(DAY, five, Some(five)), Right::Ours);
        assert_eq!(right(DAY, five + DAY, Some(five)), Right::Wall);
        assert_eq!(right(DAY, five + DAY / 2, Some(five)), Right::Unclear);
        // A small jump: both are near.
        assert_eq!(right(100_000, 0, Some(0)), Right::Ours);
        assert_eq!(right(100_000, 100_000, Some(0)), Right::Wall);
        assert_eq!(right(DAY, five, None), Right::Unclear);
    }

    #[test]
    fn no_time_overflows() {
        for one in [i64::MIN, 0, i64::MAX] {
            for other in [i64::MIN, 0, i64::MAX] {
                for before in [None, Some(i64::MIN), Some(i64::MAX)] {
                    who_is_right(Timestamp(one), Timestamp(other), Timestamp(other), before);
                }
                assert_eq!(is_near(Timestamp(one), Timestamp(other)), one == other);
            }
        }
    }
}
