//! Waits, with bounds, until a write is seen by reads: Secrets Manager answers may be older than the last write.

use std::future::Future;
use std::time::Duration;

use crate::clock::Clock;
use crate::port::Fault;

/// How long a write that was answered as a success may stay unseen.
pub(super) const WRITE: Duration = Duration::from_secs(20);

/// How long a new secret's replicas are waited for.
pub(super) const REPLICAS: Duration = Duration::from_secs(120);

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Looks until `look` says so, `bound` is over, or a look fails for a reason that does not pass by itself.
pub(super) async fn until<F>(clock: &dyn Clock, bound: Duration, look: impl Fn() -> F + Send) -> bool
where
    F: Future<Output = Result<bool, Fault>> + Send,
{
    let end = clock.now() + bound;
    let mut pause = FIRST;
    loop {
        match look().await {
            Ok(true) => return true,
            Ok(false) | Err(Fault::Unavailable(_) | Fault::Throttled { .. }) => {}
            Err(
                Fault::Unauthorized(_)
                | Fault::Forbidden(_)
                | Fault::SwitchedOff(_)
                | Fault::NotFound(_)
                | Fault::Unusable(_),
            ) => {
                return false;
            }
        }
        let now = clock.now();
        if now >= end {
            return false;
        }
        clock.sleep_until((now + pause).min(end)).await;
        pause = (pause * 2).min(LONGEST);
    }
}
