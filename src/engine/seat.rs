//! One app with everything that a rotation of it touches, built by the composition root.

use std::sync::Arc;

use crate::clock::{Clock, Timestamp};
use crate::document::{Document, FieldNames, Stamp};
use crate::engine::identity::Identities;
use crate::port::journal::Journal;
use crate::port::{Fault, Place, Slot, Store, Survey, Target};
use crate::random::Random;
use crate::rotation::{Observation, PairFacts, RotationId};
use crate::secret::{Credential, FingerprintKey};

/// A store, and the names under which this app's consumers find the fields there.
#[derive(Clone)]
pub struct StoreSeat {
    /// The adapter, bound to this app's path.
    pub store: Arc<dyn Store>,
    /// Field names in the stored value.
    pub names: FieldNames,
}

/// What the daemon has once.
#[derive(Clone)]
pub struct House {
    /// The durable record.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The installation's key for fingerprints.
    pub prints: FingerprintKey,
    /// Who each app is at Salesforce.
    pub identities: Arc<Identities>,
}

/// One app, ready to be rotated by one method.
#[derive(Clone)]
pub struct Seat {
    /// The app's name in the policy.
    pub app: String,
    /// The org's name in the policy.
    pub org: String,
    /// Where consumers ask for a token.
    pub token_url: String,
    /// The org's origin.
    pub base_uri: String,
    /// The method's name.
    pub method: String,
    /// The app in Salesforce.
    pub target: Arc<dyn Target>,
    /// In the order in which they are written.
    pub stores: Vec<StoreSeat>,
    /// The policy has rekeyd turn on the org's switch for consumer secrets over REST while a rotation by this method
    /// needs it.
    pub opens_switch: bool,
    /// What the daemon has once.
    pub house: House,
}

impl Seat {
    /// Now.
    pub fn now(&self) -> Timestamp {
        self.house.clock.now()
    }

    /// The prints of a pair.
    pub fn prints(&self, pair: &Credential) -> PairFacts {
        let key = &self.house.prints;
        PairFacts {
            pair: key.fingerprint(pair),
            key: key.key_print(&pair.client_id),
        }
    }

    /// The stamp of a value that is written now.
    pub fn stamp(&self, rotation: RotationId) -> Stamp {
        Stamp {
            rotation,
            at: self.now(),
            org: self.org.clone(),
            token_url: self.token_url.clone(),
            base_uri: self.base_uri.clone(),
            record: self.target.record(),
        }
    }

    /// Reads one place of one store.
    ///
    /// # Errors
    /// What the store says; [`Fault::Unusable`] for a store that the app does not have.
    pub async fn read(&self, store: usize, place: &Place) -> Result<Slot, Fault> {
        match self.stores.get(store) {
            Some(seat) => seat.store.read(place).await,
            None => Err(Fault::Unusable(format!("the app has no store {store}"))),
        }
    }

    /// The pair in a stored value; a value without one counts as none.
    pub fn credential(&self, store: usize, value: Option<&Document>) -> Option<Credential> {
        let names = &self.stores.get(store)?.names;
        value?.credential(names).ok()
    }

    /// The name of a store for messages.
    pub fn store_name(&self, store: usize) -> &str {
        self.stores.get(store).map_or("?", |seat| seat.store.name())
    }
}

/// A survey whose answers can be relied on: with something in the way, an empty slot may only be one that is not shown.
pub(super) async fn clear_survey(seat: &Seat) -> Result<Survey, Fault> {
    let survey = seat.target.survey().await?;
    match survey.obstacles.is_empty() {
        true => Ok(survey),
        false => {
            not_closed(seat, &survey)?;
            Err(Fault::Forbidden(survey.obstacles.join("; ")))
        }
    }
}

/// With the window open, a switch that is off is one that is not in force yet: it passes by itself.
///
/// # Errors
/// [`Fault::SwitchedOff`] then.
pub(super) fn not_closed(seat: &Seat, survey: &Survey) -> Result<(), Fault> {
    match seat.opens_switch && survey.switched_off {
        true => Err(Fault::SwitchedOff(survey.obstacles.join("; "))),
        false => Ok(()),
    }
}

/// What a failed look tells the machine.
pub(super) fn unavailable(seat: &Seat, fault: &Fault) -> Observation {
    let (until, person) = match fault {
        Fault::Unavailable(_) => (None, false),
        Fault::Throttled { wait, .. } => (Some(seat.now() + *wait), false),
        Fault::SwitchedOff(_) => (None, !seat.opens_switch),
        Fault::Unauthorized(_) | Fault::Forbidden(_) | Fault::NotFound(_) | Fault::Unusable(_) => {
            (None, true)
        }
    };
    Observation::Unavailable {
        why: fault.to_string(),
        until,
        person,
    }
}
