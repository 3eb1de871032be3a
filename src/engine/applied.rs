//! Method `assisted`: has a person applied the new pair in Setup? Read off the token endpoint, and off the primary key
//! where that can be read.

use futures_util::future::join;

use crate::engine::cache::Cache;
use crate::engine::seat::Seat;
use crate::engine::values::{new_pair, old_pair};
use crate::port::{Fault, Verdict};
use crate::rotation::{Detail, Finding, State};

pub(super) async fn applied(seat: &Seat, cache: &Cache, state: &State) -> Result<Finding, Fault> {
    let (new, old) = (
        new_pair(seat, cache, state).await?,
        old_pair(seat, cache, state).await?,
    );
    let (Some(new), Some(old)) = (new, old) else {
        return Err(Fault::Unavailable(
            "a credential to judge is in nobody's hand".into(),
        ));
    };
    let (new, old) = join(seat.target.probe(&new), seat.target.probe(&old)).await;
    Ok(match (&new.verdict, &old.verdict) {
        (Verdict::Accepted, Verdict::Refused) => Finding::Taken(Detail::Nothing),
        (Verdict::Accepted, Verdict::Accepted | Verdict::Inconclusive(_)) => beside(seat, state).await?,
        (Verdict::Refused, Verdict::Accepted) => Finding::NotTaken,
        (Verdict::Refused, Verdict::Refused) => Finding::Unclear(format!(
            "{} from {} by {} for one, {} for the other",
            new.answer, new.host, new.probe, old.answer
        )),
        (Verdict::Inconclusive(why), _) | (Verdict::Refused, Verdict::Inconclusive(why)) => {
            return Err(Fault::Unavailable(why.clone()));
        }
    })
}

/// Both are accepted: an org may take a staged pair early, and may let the old one live on after Apply. Which one is
/// primary tells them apart; where nobody can see that, a pair that was refused when it was handed over has been applied,
/// and of one that was accepted then the person's word (`resume`) is taken: it works, whatever is primary.
async fn beside(seat: &Seat, state: &State) -> Result<Finding, Fault> {
    let primary = match seat.target.survey().await {
        Ok(survey) => survey.key.map(|key| seat.house.prints.key_print(&key)),
        Err(Fault::Forbidden(_) | Fault::SwitchedOff(_) | Fault::NotFound(_) | Fault::Unusable(_)) => None,
        Err(fault @ (Fault::Unavailable(_) | Fault::Throttled { .. } | Fault::Unauthorized(_))) => {
            return Err(fault);
        }
    };
    let told_apart = primary.filter(|_| state.new_key != state.old_key);
    let taken = match told_apart {
        Some(key) => Some(key) == state.new_key,
        None => !state.handed_early,
    };
    Ok(match taken {
        true => Finding::Taken(Detail::Nothing),
        false => Finding::NotTaken,
    })
}
