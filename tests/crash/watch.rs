//! What a reader of the stores gets, and whether anything is lost: asked at every change, of the stores and of the org's
//! own truth.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rekeyd::engine::seat::StoreSeat;
use rekeyd::port::Place;
use rekeyd::sandbox::RunningSandbox;
use rekeyd::secret::Credential;

use super::record::Record;

/// One who looks.
pub struct Watch {
    /// The stores, past every proxy.
    pub eyes: Vec<StoreSeat>,
    pub org: Arc<RunningSandbox>,
    /// The app's name in the org.
    pub app: &'static str,
    /// Old and new are both accepted for a while.
    pub overlap: bool,
    /// The primary pair can be read at the org, at any time.
    pub readable: bool,
    pub old: Pair,
    pub record: Arc<Record>,
    /// Somebody else is at it too: what they put in force is theirs to hand over.
    pub rival: AtomicBool,
}

/// A client id and its secret.
pub type Pair = (String, String);

pub fn pair(credential: &Credential) -> Pair {
    let secret = credential.client_secret.expose();
    (credential.client_id.clone(), secret.to_owned())
}

impl Watch {
    /// The pair in a place of a store.
    pub async fn at(&self, store: usize, place: &Place) -> Option<Pair> {
        let eye = &self.eyes[store];
        let slot = eye.store.read(place).await.unwrap();
        slot.value
            .map(|value| pair(&value.credential(&eye.names).unwrap()))
    }

    /// The pair that the org holds as primary.
    pub fn primary(&self) -> Pair {
        let state = self.org.state();
        let consumer = &state.app(self.app).unwrap().consumers[0];
        let pair = consumer
            .pairs
            .iter()
            .find(|pair| pair.generation == consumer.primary);
        let pair = pair.unwrap();
        (pair.client_id.clone(), pair.client_secret.clone())
    }

    /// The app had this pair once.
    fn was_primary(&self, pair: &Pair) -> bool {
        let state = self.org.state();
        let pairs = &state.app(self.app).unwrap().consumers[0].pairs;
        pairs
            .iter()
            .any(|one| one.client_id == pair.0 && one.client_secret == pair.1)
    }

    /// Looks at everything, and notes what is not as promised.
    pub async fn look(&self, when: &str) {
        let primary = self.primary();
        let (mut kept, mut adopted) = (false, false);
        for store in 0..self.eyes.len() {
            // In this order: stores are published in parallel, and a pair leaves pending only after it became current.
            let pending = self.at(store, &Place::Pending).await;
            let current = self.at(store, &Place::Current).await;
            kept |= current.as_ref() == Some(&primary) || pending.as_ref() == Some(&primary);
            let Some(current) = current else { continue };
            adopted = true;
            let accepted = self.org.accepts(&current.0, &current.1).is_some();
            // Without overlap a pair dies at its cutover, and readers have it until they are given the one that waits.
            let waits = self.readable || pending.as_ref() == Some(&primary);
            let outage = !self.overlap && waits && self.was_primary(&current);
            if !accepted && !outage {
                let whose = if current == self.old {
                    "the old pair"
                } else {
                    "another pair"
                };
                self.record.wrong(format!(
                    "{when}: readers of store {store} get {whose}, which is refused"
                ));
            }
        }
        if adopted && !kept && !self.readable && !self.rival.load(Ordering::SeqCst) {
            self.record
                .wrong(format!("{when}: the org's primary pair is in no store"));
        }
    }
}
