//! Performs the machine's read-only looks.

use futures_util::future::join;

use crate::engine::cache::Cache;
use crate::engine::seat::{Seat, unavailable};
use crate::engine::survey::{Depth, facts};
use crate::engine::took::took;
use crate::engine::values::{new_pair, old_pair};
use crate::port::Fault;
use crate::random::consumer_secret;
use crate::rotation::{Look, Observation, Probes, State, Subject};
use crate::secret::Credential;

pub(super) async fn look(seat: &Seat, cache: &Cache, state: &State, look: Look) -> Observation {
    let seen = match look {
        Look::Baseline => facts(seat, cache, state, Depth::Judged).await.map(surveyed),
        Look::Recheck => recheck(seat, cache, state).await,
        Look::Superseded => facts(seat, cache, state, Depth::Plain).await.map(surveyed),
        Look::Choose => choose(seat, cache, state).await,
        Look::Took(effect) => took(seat, cache, state, effect)
            .await
            .map(|finding| Observation::Found(effect, finding)),
        Look::Probe { subject, control } => probe(seat, cache, state, subject, control).await,
    };
    seen.unwrap_or_else(|fault| unavailable(seat, &fault))
}

fn surveyed(facts: crate::rotation::Facts) -> Observation {
    Observation::Surveyed(Box::new(facts))
}

/// Without overlap, whatever the next seconds need is brought to hand: both pairs and each store's value.
async fn recheck(seat: &Seat, cache: &Cache, state: &State) -> Result<Observation, Fault> {
    let facts = facts(seat, cache, state, Depth::Warm).await?;
    if !state.caps.overlap {
        new_pair(seat, cache, state).await?;
        old_pair(seat, cache, state).await?;
    }
    Ok(surveyed(facts))
}

/// A value of our own, under the client id that stays.
async fn choose(seat: &Seat, cache: &Cache, state: &State) -> Result<Observation, Fault> {
    let Some(old) = old_pair(seat, cache, state).await? else {
        return Err(Fault::Unavailable("the current credential is in no store".into()));
    };
    let client_secret =
        consumer_secret(seat.house.random.as_ref()).map_err(|fault| Fault::Unavailable(fault.to_string()))?;
    let pair = Credential {
        client_id: old.client_id,
        client_secret,
    };
    let print = seat.prints(&pair).pair;
    cache.keep_new(pair);
    Ok(Observation::Chosen(print))
}

async fn probe(
    seat: &Seat,
    cache: &Cache,
    state: &State,
    subject: Subject,
    control: bool,
) -> Result<Observation, Fault> {
    let pair = match subject {
        Subject::Early | Subject::New | Subject::Settle => new_pair(seat, cache, state).await?,
        Subject::Dead | Subject::Alive => old_pair(seat, cache, state).await?,
    };
    let Some(pair) = pair else {
        return Ok(Observation::Probed(
            subject,
            Probes {
                pair: None,
                beside: None,
            },
        ));
    };
    let (pair, beside) = match subject {
        Subject::Dead => {
            match new_pair(seat, cache, state).await? {
                Some(new) => {
                    let (old, new) = join(seat.target.probe(&pair), seat.target.probe(&new)).await;
                    (old, Some(new))
                }
                // Nothing is decided by it any more.
                None if state.is_given_up() => (seat.target.probe(&pair).await, None),
                None => return Err(Fault::Unavailable("no store returns the new credential".into())),
            }
        }
        Subject::Early | Subject::New | Subject::Settle | Subject::Alive if control => {
            let (pair, control) = seat.target.probe_differentially(&pair).await;
            (pair, Some(control))
        }
        Subject::Early | Subject::New | Subject::Settle | Subject::Alive => {
            (seat.target.probe(&pair).await, None)
        }
    };
    Ok(Observation::Probed(
        subject,
        Probes {
            pair: Some(pair),
            beside,
        },
    ))
}
