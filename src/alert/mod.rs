//! Tells people when something is wrong, and when it is right again.
//!
//! ```text
//! journal record ─▶ recorder ─▶ incident (what is open) ─▶ compare ─▶ letters ┐ one transaction
//!                                                        message (in words) ──┘ with the record
//! outbox ─▶ delivery (one task per sink) ─▶ sink/* ─▶ PagerDuty, Alertmanager, webhook, Slack, mail
//! ```
//!
//! An incident is a condition, read off the ledgers, not a message: it is open exactly as long as it is so, under one
//! key. What is to be said of it is written in the transaction of the record that changed it, and delivered at least
//! once, in order, whenever the sink takes it. Nothing here ever delays a rotation.
//!
//! - `incident`, `compare`, `message`, `render`: pure. - `recorder`: the journal that the engine is given.
//! - `delivery`, `route`, `stats`: who is sent what, when, and how far it has come. - `sink/`: one file each.
//!
//! Not here: when something is overdue or refused (`engine` finds out and journals it), where letters are kept
//! (`journal`), and secrets but those of the sinks.

pub mod compare;
pub mod delivery;
pub mod incident;
pub mod message;
pub mod recorder;
pub mod render;
pub mod route;
pub mod sink;
pub mod stats;
pub mod trial;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::port::journal::{Journal, JournalFault};
use crate::port::outbox::Outbox;
use crate::random::Random;

use delivery::Delivery;
use incident::Directory;
use recorder::Recorder;
use route::Route;
use stats::Stats;

/// The alerts of a running service.
pub struct Alerts {
    recorder: Arc<Recorder>,
    delivery: Delivery,
    clock: Arc<dyn Clock>,
}

impl Alerts {
    /// Over a journal. Nothing is compared or sent before [`Alerts::apply`].
    ///
    /// # Errors
    /// As [`Recorder::new`].
    pub async fn begin(
        outbox: Arc<dyn Outbox>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Alerts, JournalFault> {
        let posted = watch::Sender::new(());
        let delivery = Delivery::new(outbox.clone(), clock.clone(), posted.subscribe());
        let recorder = Arc::new(Recorder::new(outbox, random, posted).await?);
        Ok(Alerts {
            recorder,
            delivery,
            clock,
        })
    }

    /// What the engine journals by.
    pub fn journal(&self) -> Arc<dyn Journal> {
        self.recorder.clone()
    }

    /// These apps are managed and these sinks are told, from here on: at the start and after each reload.
    ///
    /// # Errors
    /// [`JournalFault`]; then as much of it is in force as was written, and the next call goes on.
    pub async fn apply(&self, apps: Directory, routes: Vec<Route>) -> Result<(), JournalFault> {
        self.recorder.manage(apps, self.clock.now()).await?;
        self.delivery.replace(routes).await
    }

    /// How far each sink has come, for the metrics.
    pub fn stats(&self) -> Arc<Stats> {
        self.delivery.stats()
    }

    /// Ends the delivery: what can be sent now still is, for `patience` at most. The rest is sent after the next start.
    pub async fn finish(&self, patience: Duration) {
        self.delivery.finish(patience).await;
    }
}
