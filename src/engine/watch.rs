//! Two looks outside any rotation: is the journal behind the stores, and has a value that was set aside come alive?

use std::time::Duration;

use crate::clock::Timestamp;
use crate::engine::ledger::{AppLedger, SetAside};
use crate::engine::seat::Seat;
use crate::port::{Fault, Place, Verdict, VersionRef};
use crate::rotation::{Effect, RotationId};

/// How long a value that was set aside is probed again (design §4.8).
const PROBED_FOR: Duration = Duration::from_secs(30 * 86_400);

/// A rotation of which a store has what the journal does not know of: the journal is an old one (design §4.9). Also one
/// that is under way there, where nobody was to write this yet: going on with it would make a second credential. Stores
/// that do not answer are passed over, but one has to.
pub(super) async fn behind(seat: &Seat, ledger: &AppLedger) -> Result<Option<RotationId>, Fault> {
    let mut fault = None;
    let mut answered = false;
    let written = |id: RotationId, place: &Place, store: &str| {
        let Some(run) = ledger.running().filter(|run| run.state.id == id) else {
            return ledger.rotations.contains(&id);
        };
        // A store that joined the policy since is none of the rotation's.
        run.stores.iter().position(|name| name == store).is_none_or(|at| {
            run.intended.contains(&match place {
                Place::Current | Place::Version(_) => Effect::Publish(at),
                Place::Pending | Place::PendingVersion(_) => Effect::Store(at),
            })
        })
    };
    for at in &seat.stores {
        for place in [Place::Current, Place::Pending] {
            match at.store.read(&place).await {
                Ok(slot) => {
                    answered = true;
                    let id = slot.value.as_ref().and_then(|value| value.rotation(&at.names));
                    if let Some(id) = id.filter(|id| !written(*id, &place, at.store.name())) {
                        return Ok(Some(id));
                    }
                }
                Err(other) => fault = Some(other),
            }
        }
    }
    match fault {
        Some(fault) if !answered => Err(fault),
        Some(_) | None => Ok(None),
    }
}

/// When a value that was set aside is to be probed next: after an hour, doubling to a day; never after 30 days, nor
/// once a later rotation is proven.
pub(super) fn next_probe(ledger: &AppLedger, aside: &SetAside) -> Option<Timestamp> {
    let superseded = ledger.last_success.is_some_and(|success| success > aside.since);
    let distance = Duration::from_secs(3600 << aside.probes.min(5)).min(Duration::from_secs(86_400));
    let next = aside.last_probe.unwrap_or(aside.since) + distance;
    (!superseded && !aside.alive && next <= aside.since + PROBED_FOR).then_some(next)
}

/// Is it accepted now? `None`: nobody can tell, or its value has gone.
pub(super) async fn is_alive(seat: &Seat, store: &str, version: &VersionRef) -> Option<bool> {
    let (index, at) = seat
        .stores
        .iter()
        .enumerate()
        .find(|(_, at)| at.store.name() == store)?;
    let slot = at
        .store
        .read(&Place::PendingVersion(version.clone()))
        .await
        .ok()?;
    let pair = seat.credential(index, slot.value.as_ref())?;
    match seat.target.probe(&pair).await.verdict {
        Verdict::Accepted => Some(true),
        Verdict::Refused => Some(false),
        Verdict::Inconclusive(_) => None,
    }
}
