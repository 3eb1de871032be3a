//! Gathers the facts that a baseline, a recheck and a revocation check rest on. Judges nothing.

use futures_util::future::{join_all, try_join};

use crate::engine::cache::Cache;
use crate::engine::identity::same_as_another;
use crate::engine::seat::{Seat, not_closed};
use crate::port::{Fault, Place, StagedEntry, Survey};
use crate::rotation::{Entry, Facts, PairFacts, Probes, State, StoreFacts, ValueBy};

/// Which facts are wanted beyond what the stores and Salesforce hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The current pair is judged too.
    Judged,
    /// Permissions are asked again, and the values are kept at hand.
    Warm,
    /// Nothing more.
    Plain,
}

pub(super) async fn facts(seat: &Seat, cache: &Cache, state: &State, depth: Depth) -> Result<Facts, Fault> {
    let stores = join_all((0..seat.stores.len()).map(|store| store_facts(seat, cache, state, store, depth)));
    let stores = async { stores.await.into_iter().collect::<Result<Vec<_>, Fault>>() };
    let (survey, stores) = try_join(seat.target.survey(), stores).await?;
    not_closed(seat, &survey)?;
    let mut obstacles = survey.obstacles.clone();
    obstacles.extend(same_as_another(seat, &survey).await);
    obstacles.extend(stores.iter().flat_map(|(_, obstacles)| obstacles.clone()));
    let current = match depth {
        Depth::Judged => judge_current(seat, cache).await,
        Depth::Warm | Depth::Plain => None,
    };
    Ok(Facts {
        stores: stores.into_iter().map(|(facts, _)| facts).collect(),
        primary_key: survey.key.as_deref().map(|key| seat.house.prints.key_print(key)),
        live: survey.live.as_ref().map(|pair| seat.prints(pair).pair),
        slot: (state.caps.value_by == ValueBy::Salesforce).then(|| {
            survey
                .staged
                .as_ref()
                .map(|entry| entry_facts(seat, &survey, entry))
        }),
        current,
        own_login: survey.own_login
            || cache
                .old_pair()
                .is_some_and(|pair| seat.target.is_own_login(&pair.client_id)),
        obstacles,
        modified: survey.modified.clone(),
        server_time: survey.server_time,
    })
}

/// A staged entry by prints.
pub(super) fn entry_facts(seat: &Seat, survey: &Survey, entry: &StagedEntry) -> Entry {
    Entry {
        id: entry.id.clone(),
        key: seat.house.prints.key_print(&entry.key),
        by_us: entry.created_by.is_some() && entry.created_by == survey.our_user,
        created: entry.created_at,
        retired: entry.state == "rotated",
        expires: entry.expires_at,
    }
}

async fn store_facts(
    seat: &Seat,
    cache: &Cache,
    state: &State,
    store: usize,
    depth: Depth,
) -> Result<(StoreFacts, Vec<String>), Fault> {
    let Some(at) = seat.stores.get(store) else {
        return Err(Fault::Unusable(format!("the app has no store {store}")));
    };
    let (current, pending) = try_join(at.store.read(&Place::Current), at.store.read(&Place::Pending)).await?;
    let mut obstacles = match depth {
        Depth::Judged | Depth::Warm => at.store.obstacles(state.limits.grace).await?,
        Depth::Plain => Vec::new(),
    };
    obstacles
        .iter_mut()
        .for_each(|text| *text = format!("store {}: {text}", at.store.name()));
    let rotation = |value: &Option<crate::document::Document>| {
        value.as_ref().and_then(|value| value.rotation(&at.names))
    };
    let current_rotation = rotation(&current.value);
    let current_pair = seat.credential(store, current.value.as_ref());
    let pending_pair = seat.credential(store, pending.value.as_ref());
    // A leftover of the very rotation that published what is current now is ours as well.
    let leftover =
        pending_pair.is_some() && rotation(&pending.value).is_some_and(|id| Some(id) == current_rotation);
    let ours = leftover || rotation(&pending.value) == Some(state.id);
    let unreadable = PairFacts {
        pair: crate::secret::Fingerprint([0; 16]),
        key: crate::secret::Fingerprint([0; 16]),
    };
    let facts = StoreFacts {
        current_base: current.base.clone(),
        current: current_pair.as_ref().map(|pair| seat.prints(pair)),
        pending_base: pending.base.clone(),
        // A value without a credential is somebody's all the same.
        pending: pending.value.as_ref().map(|_| match &pending_pair {
            Some(pair) => (seat.prints(pair), ours),
            None => (unreadable, false),
        }),
    };
    if depth != Depth::Plain {
        if let Some(document) = current.value {
            cache.keep_document(store, current.base, document);
        }
        if let Some(pair) = current_pair.filter(|_| store == 0) {
            cache.keep_old(pair);
        }
    }
    Ok((facts, obstacles))
}

/// Judges what the first store's readers get, which the store facts have just put at hand.
async fn judge_current(seat: &Seat, cache: &Cache) -> Option<Probes> {
    let pair = cache.old_pair()?;
    let (pair, beside) = seat.target.probe_differentially(&pair).await;
    Some(Probes {
        pair: Some(pair),
        beside: Some(beside),
    })
}
