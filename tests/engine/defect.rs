//! A defect of rekeyd's own: a task that panics stops nothing but itself, and is begun anew from the journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rekeyd::document::Document;
use rekeyd::engine::seat::{Seat, StoreSeat};
use rekeyd::engine::supervisor::Managed;
use rekeyd::port::{Fault, Outcome, Place, Slot, Store, VersionRef};
use rekeyd::rotation::RotationId;

use super::world::{TICK, World, name};

/// Panics at the n-th write.
struct Faulty {
    store: Arc<dyn Store>,
    left: AtomicU32,
}

#[async_trait]
impl Store for Faulty {
    fn name(&self) -> &str {
        self.store.name()
    }

    async fn read(&self, place: &Place) -> Result<Slot, Fault> {
        self.store.read(place).await
    }

    async fn obstacles(&self, grace: Duration) -> Result<Vec<String>, Fault> {
        self.store.obstacles(grace).await
    }

    async fn put_pending(
        &self,
        base: &VersionRef,
        value: &Document,
        rotation: RotationId,
    ) -> Outcome<VersionRef> {
        let outcome = self.store.put_pending(base, value, rotation).await;
        assert!(self.left.fetch_sub(1, Ordering::SeqCst) != 1, "a defect");
        outcome
    }

    async fn publish(
        &self,
        base: &VersionRef,
        value: &Document,
        rotation: RotationId,
    ) -> Outcome<VersionRef> {
        self.store.publish(base, value, rotation).await
    }

    async fn clear_pending(&self, version: &VersionRef) -> Outcome<()> {
        self.store.clear_pending(version).await
    }

    async fn quarantine(&self, version: &VersionRef, rotation: RotationId) -> Outcome<()> {
        self.store.quarantine(version, rotation).await
    }
}

fn faulty(managed: &mut Managed) {
    let seat = managed.seat.clone();
    let stores = seat.stores.iter().map(|at| StoreSeat {
        store: Arc::new(Faulty {
            store: at.store.clone(),
            left: AtomicU32::new(1),
        }),
        names: at.names.clone(),
    });
    managed.seat = Arc::new(Seat {
        stores: stores.collect(),
        ..(*seat).clone()
    });
}

#[tokio::test]
async fn a_panic_after_a_write_is_a_crash_of_one_app() {
    let world = World::new(2).await;
    let due = "schedule = { every = \"90d\" }\nfirst = \"now\"\ngrace = \"0s\"";
    let policy = world.policy([0, 1], "", due);
    let break_one = |app: &str, managed: &mut Managed| {
        if app == name(0) {
            faulty(managed);
        }
    };
    let engine = world.start_with(&policy, break_one).await;
    let done = |app: usize| {
        move |ledgers: &rekeyd::engine::ledger::Ledgers| {
            ledgers
                .apps
                .get(&name(app))
                .is_some_and(|ledger| ledger.last_success.is_some())
        }
    };
    engine.until("the other rotated", TICK, done(1)).await;
    engine.until("rotated all the same", TICK, done(0)).await;
    assert_eq!(engine.started().await[&name(0)].len(), 1);
    assert_eq!(
        world.org.state().counters.get("staged.post"),
        Some(&2),
        "one mint each"
    );
    for store in ["one", "two"] {
        let held = world.held(&policy, 0, store).await;
        assert!(world.org.accepts(&held.0, &held.1).is_some());
    }
    engine.stop().await;
}
