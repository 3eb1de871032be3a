//! Did an effect take? One read-only answer per kind of effect, from the place where its trace would be.

use futures_util::future::join;

use crate::engine::applied::applied;
use crate::engine::cache::Cache;
use crate::engine::seat::{Seat, clear_survey};
use crate::engine::survey::entry_facts;
use crate::engine::values::{new_pair, old_pair};
use crate::port::{Fault, Job, Place, ProbeReport, Verdict};
use crate::rotation::{Detail, Effect, Finding, State, ValueBy};
use crate::secret::Credential;

pub(super) async fn took(
    seat: &Seat,
    cache: &Cache,
    state: &State,
    effect: Effect,
) -> Result<Finding, Fault> {
    match effect {
        Effect::Mint => {
            let survey = clear_survey(seat).await?;
            let entry = survey
                .staged
                .as_ref()
                .map(|entry| entry_facts(seat, &survey, entry));
            Ok(entry.map_or(Finding::NotTaken, Finding::Entry))
        }
        Effect::Discard => {
            gone(seat, |id, key| {
                let orphan = state.orphan.as_deref().or(state.staged.as_deref());
                orphan == Some(id) || Some(key) == state.new_key
            })
            .await
        }
        Effect::Revoke => gone(seat, |_, key| Some(key) == state.old_key).await,
        Effect::Store(store) => stored(seat, state, store).await,
        Effect::Publish(store) => published(seat, state, store).await,
        Effect::Clear(store) | Effect::Quarantine(store) => ended(seat, state, store).await,
        Effect::Cutover if state.caps.mints_at_cutover => made(seat, cache, state).await,
        Effect::Reset => reset(seat, state).await,
        Effect::Cutover if state.caps.value_by == ValueBy::Person => applied(seat, cache, state).await,
        Effect::Cutover if state.caps.key_readable => {
            let survey = clear_survey(seat).await?;
            let primary = survey.key.as_deref().map(|key| seat.house.prints.key_print(key));
            Ok(match primary {
                Some(key) if Some(key) == state.new_key => Finding::Taken(Detail::Nothing),
                Some(key) if Some(key) == state.old_key => Finding::NotTaken,
                Some(_) => Finding::Foreign {
                    what: "Salesforce holds another primary consumer key".into(),
                    accepted: None,
                    base: None,
                },
                None => Finding::Unclear("the primary consumer key could not be read".into()),
            })
        }
        Effect::Cutover => {
            let (new, old) = (
                new_pair(seat, cache, state).await?,
                old_pair(seat, cache, state).await?,
            );
            Ok(side_by_side(seat, new, old).await)
        }
        Effect::Undo => {
            let (new, old) = (
                new_pair(seat, cache, state).await?,
                old_pair(seat, cache, state).await?,
            );
            Ok(side_by_side(seat, old, new).await)
        }
    }
}

/// How what was taken on under an id stands; `None` where there is no id, or nobody knows of it any more.
async fn job(seat: &Seat, state: &State) -> Result<Option<Finding>, Fault> {
    let Some(id) = &state.job else {
        return Ok(None);
    };
    Ok(match seat.target.job(id).await {
        Ok(Job::Running) => Some(Finding::Running),
        Ok(Job::Done) => Some(Finding::Taken(Detail::Nothing)),
        Ok(Job::Refused(why)) => Some(Finding::Refused(why)),
        Ok(Job::NotNow(fault)) => Some(Finding::NotNow(fault.to_string())),
        Err(Fault::NotFound(_)) => None,
        Err(fault) => return Err(fault),
    })
}

/// A cutover that makes the pair: what its id says, and whether Salesforce shows another secret than the old one.
async fn made(seat: &Seat, cache: &Cache, state: &State) -> Result<Finding, Fault> {
    let stands = job(seat, state).await?;
    match stands {
        None | Some(Finding::Taken(_)) => {}
        Some(
            finding @ (Finding::Running
            | Finding::Refused(_)
            | Finding::NotNow(_)
            | Finding::NotTaken
            | Finding::Moved(_)
            | Finding::Entry(_)
            | Finding::Foreign { .. }
            | Finding::Unclear(_)),
        ) => return Ok(finding),
    }
    let Some(live) = seat.target.live().await? else {
        return Err(Fault::Forbidden(
            "Salesforce does not show the secret that is in force".into(),
        ));
    };
    let prints = seat.prints(&live);
    let expected = state
        .new
        .is_none_or(|new| new == prints.pair || state.old == Some(prints.pair));
    if Some(prints.key) != state.old_key || !expected {
        return Ok(Finding::Foreign {
            what: "Salesforce holds another primary credential".into(),
            accepted: None,
            base: None,
        });
    }
    if Some(prints.pair) != state.old {
        cache.keep_new(live);
        return Ok(Finding::Taken(Detail::Made { pair: prints.pair }));
    }
    if let Some(done) = stands {
        return Ok(done);
    }
    // What Salesforce shows may be old; what the token endpoint takes decides.
    let report = seat.target.probe(&live).await;
    Ok(match &report.verdict {
        Verdict::Accepted => Finding::NotTaken,
        Verdict::Refused | Verdict::Inconclusive(_) => Finding::Unclear(format!(
            "Salesforce shows the old secret, and it is {}",
            class(&report)
        )),
    })
}

/// Whether anything is left set.
async fn reset(seat: &Seat, state: &State) -> Result<Finding, Fault> {
    if let Some(finding) = job(seat, state).await? {
        return Ok(finding);
    }
    Ok(match seat.target.is_set().await? {
        Some(false) => Finding::Taken(Detail::Nothing),
        // Where nobody can see it, it is done once more: that is harmless.
        Some(true) | None => Finding::NotTaken,
    })
}

/// The slot no longer holds the entry in question.
async fn gone(
    seat: &Seat,
    is_it: impl Fn(&str, crate::secret::Fingerprint) -> bool,
) -> Result<Finding, Fault> {
    let survey = clear_survey(seat).await?;
    let still = survey
        .staged
        .as_ref()
        .is_some_and(|entry| is_it(&entry.id, seat.house.prints.key_print(&entry.key)));
    Ok(if still {
        Finding::NotTaken
    } else {
        Finding::Taken(Detail::Nothing)
    })
}

/// `wanted` in force means taken, `other` in force means not; anything else tells nothing.
async fn side_by_side(seat: &Seat, wanted: Option<Credential>, other: Option<Credential>) -> Finding {
    let (Some(wanted), Some(other)) = (wanted, other) else {
        return Finding::Unclear("a credential to judge is in nobody's hand".into());
    };
    let ((wanted, control), other) = join(
        seat.target.probe_differentially(&wanted),
        seat.target.probe(&other),
    )
    .await;
    match (&wanted.verdict, &control.verdict, &other.verdict) {
        (Verdict::Accepted, Verdict::Refused, _) => Finding::Taken(Detail::Nothing),
        (Verdict::Refused, _, Verdict::Accepted) => Finding::NotTaken,
        (
            Verdict::Accepted | Verdict::Refused | Verdict::Inconclusive(_),
            Verdict::Accepted | Verdict::Refused | Verdict::Inconclusive(_),
            Verdict::Accepted | Verdict::Refused | Verdict::Inconclusive(_),
        ) => Finding::Unclear(format!(
            "{} for one, {} for the other",
            class(&wanted),
            class(&other)
        )),
    }
}

fn class(report: &ProbeReport) -> String {
    format!("{} from {} by {}", report.answer, report.host, report.probe)
}

async fn stored(seat: &Seat, state: &State, store: usize) -> Result<Finding, Fault> {
    let Some((at, lane)) = seat.stores.get(store).zip(state.lanes.get(store)) else {
        return Err(Fault::Unusable(format!("the app has no store {store}")));
    };
    let slot = at.store.read(&Place::Pending).await?;
    let Some(value) = &slot.value else {
        let moved = slot.base != lane.pending_base;
        return Ok(if moved {
            Finding::Moved(slot.base)
        } else {
            Finding::NotTaken
        });
    };
    let pair = seat.credential(store, Some(value)).map(|pair| seat.prints(&pair));
    let known = pair.filter(|pair| match state.new_key {
        Some(key) if state.caps.key_changes => pair.key == key,
        Some(_) | None => state.candidates.contains(&pair.pair),
    });
    Ok(match known {
        Some(pair) if value.rotation(&at.names) == Some(state.id) => Finding::Taken(Detail::Written {
            version: slot.base,
            pair: pair.pair,
            key: pair.key,
        }),
        // A value of this rotation that a second mint has made worthless, landed late.
        Some(_) | None if value.rotation(&at.names) == Some(state.id) && slot.base != lane.pending_base => {
            Finding::Moved(slot.base)
        }
        // Still what we were to write over: ours from before, or given to us.
        Some(_) | None if slot.base == lane.pending_base => Finding::NotTaken,
        Some(_) | None => Finding::Foreign {
            what: slot.base.0.clone(),
            accepted: None,
            base: Some(slot.base),
        },
    })
}

async fn published(seat: &Seat, state: &State, store: usize) -> Result<Finding, Fault> {
    let Some(lane) = state.lanes.get(store) else {
        return Err(Fault::Unusable(format!("the app has no store {store}")));
    };
    let slot = seat.read(store, &Place::Current).await?;
    let found = seat.credential(store, slot.value.as_ref());
    let prints = found.as_ref().map(|pair| seat.prints(pair));
    let same_base = slot.base == lane.current_base;
    match (found, prints) {
        (_, Some(pair)) if Some(pair.pair) == state.new => Ok(Finding::Taken(Detail::Written {
            version: slot.base,
            pair: pair.pair,
            key: pair.key,
        })),
        (_, Some(pair)) if Some(pair.pair) == state.old => Ok(if same_base {
            Finding::NotTaken
        } else {
            Finding::Moved(slot.base)
        }),
        (_, _) if same_base => Ok(Finding::NotTaken),
        (Some(theirs), _) => {
            let verdict = seat.target.probe(&theirs).await.verdict;
            let accepted = match verdict {
                Verdict::Accepted => true,
                Verdict::Refused => false,
                Verdict::Inconclusive(why) => return Err(Fault::Unavailable(why)),
            };
            let what = format!("store {} holds version {}", seat.store_name(store), slot.base);
            Ok(Finding::Foreign {
                what,
                accepted: Some(accepted),
                base: Some(slot.base),
            })
        }
        // Somebody emptied it: there is nothing of theirs to keep.
        (None, _) => Ok(Finding::Moved(slot.base)),
    }
}

async fn ended(seat: &Seat, state: &State, store: usize) -> Result<Finding, Fault> {
    let slot = seat.read(store, &Place::Pending).await?;
    let lane = state.lanes.get(store);
    let still =
        slot.value.is_some() && lane.is_some_and(|lane| lane.pending_version.as_ref() == Some(&slot.base));
    Ok(if still {
        Finding::NotTaken
    } else {
        Finding::Taken(Detail::Nothing)
    })
}
