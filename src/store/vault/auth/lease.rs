//! How long a token is good for, and what to do about it when. Pure.

use std::time::Duration;

use serde::Deserialize;

use crate::clock::Timestamp;

/// Whole seconds are told, so a lease that is as long as before can seem to be this much shorter.
const ROUNDING: Duration = Duration::from_secs(1);

/// A lease as a login, a renewal or a look-up tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Grant {
    /// In seconds; 0 is for ever.
    #[serde(alias = "lease_duration")]
    pub(super) ttl: u64,
    #[serde(default)]
    pub(super) renewable: bool,
}

/// The lease of the token in force. All times are by the clock that is gone by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// What was granted first, to see a renewal that gives less.
    whole: Duration,
    renewable: bool,
    /// `None` is for ever.
    times: Option<Times>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    /// Two thirds of the way.
    act: Timestamp,
    end: Timestamp,
}

/// What to do about a token before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Ask for more time.
    Renewal,
    /// It cannot be renewed: make another.
    Another,
    /// It is over.
    Over,
}

impl Lease {
    /// Of a token asked for at `asked`, so that it never seems to live longer than it does.
    pub(super) fn new(grant: Grant, asked: Timestamp) -> Lease {
        let whole = Duration::from_secs(grant.ttl);
        Lease {
            whole,
            renewable: grant.renewable,
            times: Times::of(whole, asked),
        }
    }

    /// After a renewal asked for at `asked`. One that gives less than the first grant means that the token's longest
    /// life is near, and that the next step is another token.
    pub(super) fn renewed(&self, grant: Grant, asked: Timestamp) -> Lease {
        let given = Duration::from_secs(grant.ttl);
        Lease {
            whole: self.whole,
            renewable: grant.renewable && given + ROUNDING >= self.whole,
            times: Times::of(given, asked),
        }
    }

    /// After a renewal that was refused.
    pub(super) fn ending(&self) -> Lease {
        Lease {
            renewable: false,
            ..self.clone()
        }
    }

    pub(super) fn is_renewable(&self) -> bool {
        self.renewable
    }

    pub(super) fn due(&self, now: Timestamp) -> Due {
        match self.times {
            None => Due::Nothing,
            Some(times) if now >= times.end => Due::Over,
            Some(times) if now >= times.act && self.renewable => Due::Renewal,
            Some(times) if now >= times.act => Due::Another,
            Some(_) => Due::Nothing,
        }
    }

    /// When something is due next, if ever.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.times.map(|times| times.act)
    }
}

impl Times {
    fn of(whole: Duration, from: Timestamp) -> Option<Times> {
        (!whole.is_zero()).then(|| Times {
            act: from + whole / 3 * 2,
            end: from + whole,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000);

    fn grant(ttl: u64, renewable: bool) -> Grant {
        Grant { ttl, renewable }
    }

    fn after(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    #[test]
    fn two_thirds_of_the_way_it_is_renewed() {
        let lease = Lease::new(grant(3600, true), START);
        assert_eq!(lease.next(), Some(after(2400)));
        for (seconds, due) in [
            (0, Due::Nothing),
            (2399, Due::Nothing),
            (2400, Due::Renewal),
            (3599, Due::Renewal),
            (3600, Due::Over),
        ] {
            assert_eq!(lease.due(after(seconds)), due, "{seconds}");
        }
        let renewed = lease.renewed(grant(3600, true), after(2400));
        assert_eq!(renewed.due(after(4799)), Due::Nothing);
        assert_eq!(renewed.due(after(4800)), Due::Renewal);
    }

    #[test]
    fn what_cannot_be_renewed_is_replaced_at_that_time() {
        let batch = Lease::new(grant(3600, false), START);
        assert_eq!(batch.due(after(2400)), Due::Another);
        // The longest life is near: what is left is less than what was granted first.
        let capped = Lease::new(grant(3600, true), START).renewed(grant(600, true), after(2400));
        assert_eq!(capped.due(after(2799)), Due::Nothing);
        assert_eq!(capped.due(after(2800)), Due::Another);
        assert_eq!(capped.due(after(3000)), Due::Over);
    }

    #[test]
    fn for_ever_is_for_ever() {
        let root = Lease::new(grant(0, false), START);
        assert_eq!((root.next(), root.due(Timestamp(i64::MAX))), (None, Due::Nothing));
    }
}
