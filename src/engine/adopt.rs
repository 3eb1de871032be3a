//! First contact: before any method starts, *current* in all stores is one pair that Salesforce accepts.
//!
//! An empty store gets the proven live pair, from another store, from Salesforce where it can be read, or from a
//! person (`submit`). Nothing is minted here. Where a lost journal left a rotation under way, its traces in the
//! stores are gathered, so that it can go on.

use crate::document::Document;
use crate::engine::identity::same_as_another;
use crate::engine::ledger::AppLedger;
use crate::engine::note::Note;
use crate::engine::seat::Seat;
use crate::port::{Fault, Outcome, Place, ProbeReport, Slot, Survey, Verdict};
use crate::rotation::{Event, PairFacts, RotationId, ValueBy};
use crate::secret::{Credential, Fingerprint};

/// What first contact came to.
pub(super) enum Contact {
    /// Sound. The note says how it was proven; the rotations are those that the stores know and the journal did not.
    Adopted(Note, Vec<RotationId>),
    /// A rotation was under way when the journal was lost; it goes on under its own id.
    Recovered(RotationId, Event, Vec<RotationId>),
    /// Not yet; the text says why and what a person can do.
    NotYet(String),
    /// A store knows a rotation that this journal, which is not new, does not: an old backup.
    JournalBehind(RotationId),
}

/// What a person brings to a contact.
pub(super) enum Brought {
    /// Nothing: rekeyd looks by itself, and goes by what the stores hold.
    Nothing,
    /// The live pair.
    Pair(Credential),
    /// The word that whatever is accepted now, in a store or as Salesforce shows it, is right; and whose word it is.
    Consent(String),
}

/// What stands in one store.
struct Standing {
    current: Slot,
    pending: Slot,
    pair: Option<Credential>,
    waiting: Option<(RotationId, Credential)>,
}

/// Makes first contact for an app of which the journal says what `ledger` does.
pub(super) async fn contact(
    seat: &Seat,
    ledger: &AppLedger,
    brought: Brought,
    id: RotationId,
) -> Result<Contact, Fault> {
    let standings = standings(seat).await?;
    let unknown = unknown(seat, &standings, ledger);
    if let Some(id) = unknown.first().filter(|_| !ledger.is_new()) {
        return Ok(Contact::JournalBehind(*id));
    }
    let survey = seat.target.survey().await?;
    if survey.own_login {
        return Ok(Contact::NotYet(
            "this is the app that rekeyd itself logs in with".into(),
        ));
    }
    if let Some(why) = same_as_another(seat, &survey).await {
        return Ok(Contact::NotYet(why));
    }
    if let Some((id, event)) = recover(seat, &survey, &standings) {
        return Ok(Contact::Recovered(id, event, unknown));
    }
    let Proven {
        pair, from, proof, ..
    } = match choose(seat, &standings, &survey, &brought).await {
        Ok(proven) => proven,
        Err(why) => return Ok(Contact::NotYet(why)),
    };
    // At a person's word another proven pair takes the place of the one that we knew there, accepted or not.
    let gives_way = match brought {
        Brought::Nothing => None,
        Brought::Pair(_) | Brought::Consent(_) => ledger.current,
    };
    if let Some(why) = spread(seat, &standings, &pair, gives_way, id).await? {
        return Ok(Contact::NotYet(why));
    }
    let since = standings.iter().enumerate().find_map(|(store, standing)| {
        let held = standing.pair.as_ref().map(|held| seat.prints(held)) == Some(seat.prints(&pair));
        let names = &seat.stores.get(store)?.names;
        let value = standing.current.value.as_ref().filter(|_| held)?;
        // What a first contact wrote, this one's predecessor perhaps, is stamped with the time of that.
        let ours = value
            .rotation(names)
            .is_some_and(|id| ledger.contacts.contains(&id));
        value.rotated_at(names).filter(|_| !ours)
    });
    let note = Note::Adopted {
        pair: seat.prints(&pair).pair,
        since,
        found: from,
        proof,
    };
    Ok(Contact::Adopted(note, unknown))
}

/// A pair that may be adopted, and how that was seen.
pub(super) struct Proven {
    /// The pair.
    pub pair: Credential,
    /// Where it was found.
    from: String,
    /// It is accepted.
    pub proof: ProbeReport,
    /// Its control is refused.
    pub control: ProbeReport,
}

/// What a contact with this would adopt; the text says why it would not. Read-only.
pub(super) async fn successor(seat: &Seat, brought: &Brought) -> Result<Result<Proven, String>, Fault> {
    let standings = standings(seat).await?;
    let survey = seat.target.survey().await?;
    Ok(choose(seat, &standings, &survey, brought).await)
}

async fn choose(
    seat: &Seat,
    standings: &[Standing],
    survey: &Survey,
    brought: &Brought,
) -> Result<Proven, String> {
    let (candidates, mut refusals) = candidates(seat, standings, survey, brought);
    for (pair, from) in candidates {
        match proven(seat, &pair).await {
            Ok((proof, control)) => {
                return Ok(Proven {
                    pair,
                    from,
                    proof,
                    control,
                });
            }
            Err(why) => refusals.push(format!("the credential {from} {why}")),
        }
    }
    Err(match survey.obstacles.is_empty() {
        _ if !refusals.is_empty() => refusals.join("; "),
        _ if survey.switched_off && seat.opens_switch => format!(
            "no store holds a credential, and Salesforce does not show it while the org's switch for consumer secrets \
             over REST is off, which rekeyd turns on for rotations alone: hand it over once with `rekeyd submit {}`",
            seat.app
        ),
        true => format!(
            "no store holds a credential, and Salesforce does not show it: hand it over once with `rekeyd submit {}`",
            seat.app
        ),
        false => survey.obstacles.join("; "),
    })
}

/// Rotations that the stores' values name and the journal does not know.
fn unknown(seat: &Seat, standings: &[Standing], ledger: &AppLedger) -> Vec<RotationId> {
    let named = standings.iter().zip(&seat.stores).flat_map(|(standing, at)| {
        let current = standing.current.value.as_ref();
        let current = current.and_then(|value| value.rotation(&at.names));
        current
            .into_iter()
            .chain(standing.waiting.as_ref().map(|(id, _)| *id))
    });
    named.filter(|id| !ledger.rotations.contains(id)).collect()
}

async fn standings(seat: &Seat) -> Result<Vec<Standing>, Fault> {
    let mut standings = Vec::with_capacity(seat.stores.len());
    for (store, at) in seat.stores.iter().enumerate() {
        let current = at.store.read(&Place::Current).await?;
        let pending = at.store.read(&Place::Pending).await?;
        let pair = seat.credential(store, current.value.as_ref());
        if current.value.is_some() && pair.is_none() && !is_empty(current.value.as_ref()) {
            let text = format!(
                "store {} holds a value without a client id and secret under the configured names",
                at.store.name()
            );
            return Err(Fault::Unusable(text));
        }
        let id = pending.value.as_ref().and_then(|value| value.rotation(&at.names));
        let waiting = id.zip(seat.credential(store, pending.value.as_ref()));
        standings.push(Standing {
            current,
            pending,
            pair,
            waiting,
        });
    }
    Ok(standings)
}

fn is_empty(value: Option<&Document>) -> bool {
    value.is_none_or(|value| value.object().is_empty())
}

/// A pending pair that is not the current one, and that Salesforce still has: its rotation was under way.
fn recover(seat: &Seat, survey: &Survey, standings: &[Standing]) -> Option<(RotationId, Event)> {
    let (id, new) = standings.iter().find_map(|standing| standing.waiting.as_ref())?;
    let new_prints = seat.prints(new);
    let old = standings.iter().filter_map(|standing| standing.pair.as_ref());
    let old = old
        .map(|pair| seat.prints(pair))
        .find(|pair| *pair != new_prints)?;
    let caps = seat.target.capabilities();
    let entry = survey.staged.as_ref().filter(|entry| entry.key == new.client_id);
    let primary = survey.key.as_ref() == Some(&new.client_id);
    // Where a person is to apply it, the token endpoint says whether they have.
    let theirs = caps.value_by == ValueBy::Person;
    if caps.key_changes && entry.is_none() && !primary && !theirs {
        return None;
    }
    let holds = |standing: &Standing| {
        let pair = standing
            .waiting
            .as_ref()
            .filter(|(other, _)| other == id)
            .map(|(_, pair)| seat.prints(pair));
        pair == Some(new_prints)
    };
    let PairFacts { pair, key } = old;
    Some((
        *id,
        Event::Recovered {
            old: pair,
            old_key: key,
            new: new_prints.pair,
            new_key: new_prints.key,
            current: standings
                .iter()
                .map(|standing| standing.current.base.clone())
                .collect(),
            pending: standings
                .iter()
                .map(|standing| (standing.pending.base.clone(), holds(standing)))
                .collect(),
            staged: entry.map(|entry| entry.id.clone()),
        },
    ))
}

/// The pairs to prove, the likeliest first, and where each was found; and what was passed over. Only a person's consent
/// lets one that Salesforce shows take the place of one that a store holds. A former pair may still be accepted beside
/// the one in force: what a person brings must be the one in force, where Salesforce shows which that is.
fn candidates(
    seat: &Seat,
    standings: &[Standing],
    survey: &Survey,
    brought: &Brought,
) -> (Vec<(Credential, String)>, Vec<String>) {
    let stored = standings.iter().enumerate().filter_map(|(store, standing)| {
        let pair = standing.pair.clone()?;
        Some((pair, format!("in store {}", seat.store_name(store))))
    });
    let live = survey
        .live
        .clone()
        .map(|pair| (pair, "read from Salesforce".to_owned()));
    let found = match brought {
        Brought::Pair(pair) => vec![(pair.clone(), "handed over".into())],
        Brought::Nothing => return (stored.chain(live).take(1).collect(), Vec::new()),
        Brought::Consent(by) => {
            let mut seen: Vec<PairFacts> = Vec::new();
            let mut fresh = |pair: &Credential| {
                let prints = seat.prints(pair);
                let new = !seen.contains(&prints);
                seen.push(prints);
                new
            };
            stored
                .chain(live)
                .filter(|(pair, _)| fresh(pair))
                .map(|(pair, from)| (pair, format!("{from}, taken as it is at the word of {by},")))
                .collect()
        }
    };
    let in_force = |pair: &Credential| survey.key.as_ref().is_none_or(|key| *key == pair.client_id);
    let (found, passed): (Vec<_>, Vec<_>) = found.into_iter().partition(|(pair, _)| in_force(pair));
    let passed = passed.into_iter().map(|(_, from)| {
        format!("the credential {from} is not the one that Salesforce holds as primary: hand that one over with `rekeyd submit {}`", seat.app)
    });
    (found, passed.collect())
}

async fn proven(seat: &Seat, pair: &Credential) -> Result<(ProbeReport, ProbeReport), String> {
    let (report, control) = seat.target.probe_differentially(pair).await;
    match (&report.verdict, &control.verdict) {
        (Verdict::Accepted, Verdict::Refused) => Ok((report, control)),
        (Verdict::Refused, _) => Err(format!(
            "is refused by Salesforce: hand over the right one with `rekeyd submit {}`",
            seat.app
        )),
        (Verdict::Accepted, Verdict::Accepted) => {
            Err("cannot be judged: a wrong secret is accepted too".into())
        }
        (Verdict::Accepted | Verdict::Inconclusive(_), Verdict::Inconclusive(why))
        | (Verdict::Inconclusive(why), Verdict::Accepted | Verdict::Refused) => {
            Err(format!("cannot be judged now: {why}"))
        }
    }
}

/// Gives the proven pair to each store that has none. A store that holds another one is not overwritten unless that
/// one is refused, or the one that gives way. The text says what is in the way.
async fn spread(
    seat: &Seat,
    standings: &[Standing],
    pair: &Credential,
    gives_way: Option<Fingerprint>,
    id: RotationId,
) -> Result<Option<String>, Fault> {
    let prints = seat.prints(pair);
    for (store, standing) in standings.iter().enumerate() {
        let Some(at) = seat.stores.get(store) else {
            continue;
        };
        match &standing.pair {
            Some(theirs) if seat.prints(theirs) == prints => continue,
            Some(former) if Some(seat.prints(former).pair) == gives_way => {}
            Some(theirs) => match seat.target.probe(theirs).await.verdict {
                Verdict::Refused => {}
                Verdict::Accepted | Verdict::Inconclusive(_) => {
                    return Ok(Some(format!(
                        "the stores disagree: {} holds another credential",
                        at.store.name()
                    )));
                }
            },
            None => {}
        }
        let base = standing.current.value.clone().unwrap_or_else(Document::empty);
        let value = base.with(&at.names, pair, &seat.stamp(id));
        // One intent for each request that the store takes.
        loop {
            let note = Note::Adopting {
                store: at.store.name().to_owned(),
                pair: prints.pair,
            };
            let entry = note
                .entry(&seat.app, Some(id))
                .map_err(|fault| Fault::Unusable(fault.to_string()))?;
            let written = seat.house.journal.append(seat.now(), &[entry]).await;
            written.map_err(|fault| Fault::Unavailable(fault.to_string()))?;
            match at.store.publish(&standing.current.base, &value, id).await {
                Outcome::Partly(_) => {}
                Outcome::Done(_) => break,
                Outcome::Refused(why) => return Ok(Some(format!("store {}: {why}", at.store.name()))),
                Outcome::NotNow(fault) => return Err(fault),
                // The next contact reads what is there: either the same pair, or nothing.
                Outcome::Unknown(why) => return Err(Fault::Unavailable(why)),
            }
        }
    }
    Ok(None)
}
