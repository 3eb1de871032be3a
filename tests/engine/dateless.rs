//! An org whose answers bear no date: there is nothing to compare the machine's clock with, and nothing waits for it.

use std::sync::Arc;

use async_trait::async_trait;
use rekeyd::clock::Timestamp;
use rekeyd::engine::ledger::Ledgers;
use rekeyd::engine::supervisor::Managed;
use rekeyd::port::{Fault, OrgReport, OrgWatch};

use super::world::{DAY, HOUR, TICK, World, name};

struct Dateless(Arc<dyn OrgWatch>);

#[async_trait]
impl OrgWatch for Dateless {
    async fn time(&self) -> Result<Timestamp, Fault> {
        Err(Fault::Unusable("no date".into()))
    }

    async fn look(&self) -> Result<OrgReport, Fault> {
        let report = self.0.look().await?;
        Ok(OrgReport {
            server_time: None,
            ..report
        })
    }

    fn logins(&self) -> (u64, u64) {
        self.0.logins()
    }

    fn api(&self) -> Option<(u64, u64)> {
        self.0.api()
    }
}

#[tokio::test]
async fn an_org_that_shows_no_time_holds_nothing_up() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", "schedule = { every = \"90d\" }\ngrace = \"1d\"");
    let dateless = |_: &str, managed: &mut Managed| {
        let watch = managed.watch.take().unwrap();
        managed.watch = Some(Arc::new(Dateless(watch)));
    };
    let engine = world.start_with(&policy, dateless).await;
    engine.adopted().await;
    engine.pass(DAY * 91, HOUR * 6).await;
    let rotated = |ledgers: &Ledgers| ledgers.apps[&name(0)].last_success.is_some();
    engine.until("rotated", TICK, rotated).await;
    engine.stop().await;
}
