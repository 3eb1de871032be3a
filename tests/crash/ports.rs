//! The real adapters with what a test needs around them: the fuse, the record, the watch, and time that stands still.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use rekeyd::clock::Timestamp;
use rekeyd::document::{Document, RecordIds};
use rekeyd::engine::seat::{House, Seat, StoreSeat};
use rekeyd::port::journal::{
    Entry, Head, Journal, JournalFault, Record as Row, RecordQuery, Verified, VerifyFault,
};
use rekeyd::port::{
    Cutover, Fault, Job, Minted, Outcome, Place, ProbeReport, Slot, Store, Survey, Target, VersionRef,
};
use rekeyd::rotation::{Capabilities, Effect, RotationId, Tri};
use rekeyd::secret::Credential;

use super::fuse::Fuse;
use super::record::{Level, Record};
use super::watch::Watch;
use crate::support::clock::TestClock;

/// What stands around every port of one process.
#[derive(Clone)]
pub struct Around {
    pub fuse: Arc<Fuse>,
    pub clock: Arc<TestClock>,
    pub record: Arc<Record>,
    pub watch: Arc<Watch>,
    /// Said before a mutating call: an answer instead of it.
    pub refuse: Option<Arc<dyn Fn(Effect) -> Option<Fault> + Send + Sync>>,
    /// Done before a mutating call, by somebody else.
    pub before: Option<Arc<dyn Fn(Effect) -> BoxFuture<'static, ()> + Send + Sync>>,
    /// Done before a mutating call, while time goes on: by its number in the process.
    pub meanwhile: Option<Arc<dyn Fn(usize) -> BoxFuture<'static, ()> + Send + Sync>>,
    /// Done after a mutating call, before its answer is heard.
    pub after: Option<Arc<dyn Fn(Effect) + Send + Sync>>,
}

impl Around {
    async fn read<T>(&self, call: impl Future<Output = T>) -> T {
        self.fuse.alive().await;
        let _busy = self.clock.busy();
        let answer = call.await;
        self.fuse.alive().await;
        answer
    }

    async fn change<T>(&self, effects: &[Effect], call: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        self.fuse.alive().await;
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile(self.fuse.counts().0.len()).await;
        }
        let _busy = self.clock.busy();
        let number = self.fuse.before_call(effects[0]).await;
        if let Some(before) = &self.before {
            before(effects[0]).await;
        }
        let what = format!("call {number} {:?}", effects[0]);
        self.record.mutation(Level::Port, effects, &what);
        if let Some(fault) = self.refuse.as_ref().and_then(|refuse| refuse(effects[0])) {
            return Outcome::NotNow(fault);
        }
        let outcome = call.await;
        self.watch.look(&what).await;
        if let Some(after) = &self.after {
            after(effects[0]);
        }
        self.fuse.after_call(number).await;
        outcome
    }

    /// The house with the journal of one process.
    pub fn house(&self, house: &House) -> House {
        House {
            journal: Arc::new(WatchedJournal(house.journal.clone(), self.clone())),
            ..house.clone()
        }
    }

    /// A seat whose ports are watched.
    pub fn seat(&self, seat: &Seat) -> Seat {
        let stores = seat.stores.iter().enumerate().map(|(at, store)| StoreSeat {
            store: Arc::new(WatchedStore(at, store.store.clone(), self.clone())),
            names: store.names.clone(),
        });
        Seat {
            target: Arc::new(WatchedTarget(seat.target.clone(), self.clone())),
            stores: stores.collect(),
            house: self.house(&seat.house),
            ..seat.clone()
        }
    }
}

struct WatchedTarget(Arc<dyn Target>, Around);

#[async_trait]
impl Target for WatchedTarget {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn record(&self) -> Option<RecordIds> {
        self.0.record()
    }

    async fn survey(&self) -> Result<Survey, Fault> {
        self.1.read(self.0.survey()).await
    }

    async fn mint(&self) -> Outcome<Minted> {
        self.1.change(&[Effect::Mint], self.0.mint()).await
    }

    async fn staged_value(&self, id: &str) -> Result<Option<Credential>, Fault> {
        self.1.read(self.0.staged_value(id)).await
    }

    async fn cutover(&self, order: &Cutover) -> Outcome<()> {
        self.1.change(&[Effect::Cutover], self.0.cutover(order)).await
    }

    async fn regenerate(&self, key: &str, modified: Option<&str>) -> Outcome<String> {
        let call = self.0.regenerate(key, modified);
        self.1.change(&[Effect::Cutover], call).await
    }

    async fn reset(&self) -> Outcome<String> {
        self.1.change(&[Effect::Reset], self.0.reset()).await
    }

    async fn is_set(&self) -> Result<Option<bool>, Fault> {
        self.1.read(self.0.is_set()).await
    }

    async fn job(&self, id: &str) -> Result<Job, Fault> {
        self.1.read(self.0.job(id)).await
    }

    async fn live(&self) -> Result<Option<Credential>, Fault> {
        self.1.read(self.0.live()).await
    }

    async fn undo(&self, old: &Credential) -> Outcome<()> {
        self.1.change(&[Effect::Undo], self.0.undo(old)).await
    }

    async fn delete_staged(&self, id: &str) -> Outcome<()> {
        let effects = [Effect::Revoke, Effect::Discard];
        self.1.change(&effects, self.0.delete_staged(id)).await
    }

    async fn revoke_tokens(&self) -> Outcome<String> {
        // No effect of a rotation, and safe to repeat.
        let _busy = self.1.clock.busy();
        self.0.revoke_tokens().await
    }

    async fn probe(&self, pair: &Credential) -> ProbeReport {
        self.1.read(self.0.probe(pair)).await
    }

    async fn probe_differentially(&self, pair: &Credential) -> (ProbeReport, ProbeReport) {
        self.1.read(self.0.probe_differentially(pair)).await
    }

    fn remember_proves_early(&self, known: Tri) {
        self.0.remember_proves_early(known);
    }
}

struct WatchedStore(usize, Arc<dyn Store>, Around);

#[async_trait]
impl Store for WatchedStore {
    fn name(&self) -> &str {
        self.1.name()
    }

    async fn read(&self, place: &Place) -> Result<Slot, Fault> {
        self.2.read(self.1.read(place)).await
    }

    async fn obstacles(&self, grace: Duration) -> Result<Vec<String>, Fault> {
        self.2.read(self.1.obstacles(grace)).await
    }

    async fn put_pending(
        &self,
        base: &VersionRef,
        value: &Document,
        rotation: RotationId,
    ) -> Outcome<VersionRef> {
        let call = self.1.put_pending(base, value, rotation);
        self.2.change(&[Effect::Store(self.0)], call).await
    }

    async fn publish(
        &self,
        base: &VersionRef,
        value: &Document,
        rotation: RotationId,
    ) -> Outcome<VersionRef> {
        let call = self.1.publish(base, value, rotation);
        self.2.change(&[Effect::Publish(self.0)], call).await
    }

    async fn clear_pending(&self, version: &VersionRef) -> Outcome<()> {
        let call = self.1.clear_pending(version);
        self.2.change(&[Effect::Clear(self.0)], call).await
    }

    async fn quarantine(&self, version: &VersionRef, rotation: RotationId) -> Outcome<()> {
        let call = self.1.quarantine(version, rotation);
        self.2.change(&[Effect::Quarantine(self.0)], call).await
    }
}

struct WatchedJournal(Arc<dyn Journal>, Around);

#[async_trait]
impl Journal for WatchedJournal {
    async fn append(&self, at: Timestamp, entries: &[Entry]) -> Result<Head, JournalFault> {
        let Around {
            fuse, clock, record, ..
        } = &self.1;
        let _busy = clock.busy();
        fuse.before_append().await;
        let head = self.0.append(at, entries).await;
        fuse.alive().await;
        if head.is_ok() {
            record.appended(entries);
            let kind = |entry: &Entry| entry.body["step"]["event"].to_string();
            fuse.after_append(entries.iter().map(kind).collect()).await;
        }
        head
    }

    async fn read(&self, query: &RecordQuery) -> Result<Vec<Row>, JournalFault> {
        self.1.read(self.0.read(query)).await
    }

    async fn head(&self) -> Result<Head, JournalFault> {
        self.1.read(self.0.head()).await
    }

    async fn is_empty(&self) -> Result<bool, JournalFault> {
        self.1.read(self.0.is_empty()).await
    }

    async fn verify(&self, expected: Option<Head>) -> Result<Verified, VerifyFault> {
        self.1.read(self.0.verify(expected)).await
    }

    async fn remember(&self, name: &str, value: &serde_json::Value) -> Result<(), JournalFault> {
        self.1.read(self.0.remember(name, value)).await
    }

    async fn recall(&self, name: &str) -> Result<Option<serde_json::Value>, JournalFault> {
        self.1.read(self.0.recall(name)).await
    }
}
