//! How long to wait after a failure, and how often to look at something that is on its way.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::rotation::{Effect, State};

/// After this many failures in a row somebody is told; it goes on by itself at [`LONGEST`].
pub const CAP: u32 = 12;

/// The longest distance between two attempts.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// The delay after the `attempts`-th failure in a row: 5 s doubling to an hour.
pub fn delay(attempts: u32) -> Duration {
    Duration::from_secs(5_u64.saturating_mul(1 << attempts.min(10))).min(LONGEST)
}

/// The delay before the next attempt of this rotation. While every second is the consumers' outage it stays short.
pub fn retry(state: &State) -> Duration {
    let brisk = Duration::from_secs(1).min(state.limits.stable_spacing);
    match state.may_pause() {
        true => delay(state.attempts),
        false if state.attempts < 60 => brisk,
        false => state.limits.stable_spacing,
    }
}

/// Until when a late write of `effect`, last sent at `sent`, may still land (design §4.4). Conditional writes to
/// a store need no such wait: whichever lands first, the other is refused.
pub fn late_until(state: &State, effect: Effect, sent: Timestamp) -> Timestamp {
    match effect {
        Effect::Mint | Effect::Discard | Effect::Cutover | Effect::Undo | Effect::Revoke => {
            sent + state.limits.request_lifetime + state.limits.propagation
        }
        // Sending it twice is harmless; waiting a while is only polite.
        Effect::Reset => sent + state.limits.propagation,
        Effect::Store(_) | Effect::Publish(_) | Effect::Clear(_) | Effect::Quarantine(_) => sent,
    }
}

/// Between two looks at the token endpoint or at something unknown. Without overlap, after the cutover every
/// second counts, so the first minute is looked at each second.
pub fn pace(state: &State, since: Timestamp, now: Timestamp) -> Duration {
    let urgent = !state.caps.overlap && !state.cutover.is_open() && !state.is_rotated();
    let brisk = Duration::from_secs(1).min(state.limits.stable_spacing);
    if urgent && now.since(since) < Duration::from_secs(60) {
        brisk
    } else {
        state.limits.stable_spacing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_an_hour_and_stay_there() {
        assert_eq!(delay(0), Duration::from_secs(5));
        assert_eq!(delay(3), Duration::from_secs(40));
        assert_eq!(delay(10), LONGEST);
        assert_eq!(delay(u32::MAX), LONGEST);
    }
}
