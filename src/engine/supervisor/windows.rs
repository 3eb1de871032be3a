//! The windows of the orgs (`crate::engine::window`): one for each, closed when nobody needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::Supervisor;
use crate::engine::window::Window;

/// The windows, and the tasks that close them: nobody leaves before those are done.
#[derive(Default)]
pub(super) struct Windows {
    all: BTreeMap<String, Arc<Window>>,
    closing: JoinSet<String>,
    busy: Vec<String>,
}

impl Supervisor {
    /// Every org of the policy has one, whether or not the policy lets it be opened: what an earlier policy opened is
    /// still to be closed. A window that is there stays, with whoever is inside.
    pub(super) fn take_windows(&mut self) {
        for managed in self.apps.values() {
            let Some(switch) = managed.switch.clone() else {
                continue;
            };
            let org = &managed.seat.org;
            let late = managed.limits.request_lifetime + managed.limits.propagation;
            match self.windows.all.get(org) {
                Some(window) => window.reach(switch, late),
                None => {
                    let (house, ledgers) = (self.house.clone(), self.ledgers.clone());
                    let window = Window::new(org.clone(), house, ledgers, switch, late);
                    self.windows.all.insert(org.clone(), Arc::new(window));
                }
            }
        }
    }

    /// The window that a lane of this seat's org comes in by, if the policy lets it.
    pub(super) fn window(&self, org: &str, opens: bool) -> Option<Arc<Window>> {
        self.windows.all.get(org).filter(|_| opens).cloned()
    }

    /// Begins to close what nobody needs.
    pub(super) fn close_windows(&mut self) {
        while let Some(done) = self.windows.closing.try_join_next() {
            match done {
                Ok(org) => self.windows.busy.retain(|one| *one != org),
                // A defect of ours. What is owed stands in the journal, and is tried again.
                Err(fault) => {
                    tracing::error!("closing a window failed: {fault}");
                    self.windows.busy.clear();
                }
            }
        }
        let now = self.house.clock.now();
        for (org, window) in &self.windows.all {
            if self.windows.busy.contains(org) || !window.is_to_be_closed(now) {
                continue;
            }
            let (org, window) = (org.clone(), window.clone());
            self.windows.busy.push(org.clone());
            self.windows.closing.spawn(async move {
                window.close().await;
                org
            });
        }
    }

    /// At the end, when no lane is left: each is closed now, or left to the next start.
    pub(super) async fn close_windows_at_the_end(&mut self) {
        while self.windows.closing.join_next().await.is_some() {}
        for (org, window) in &self.windows.all {
            if window.known().is_owed() {
                window.close().await;
            }
            if window.known().is_owed() {
                tracing::warn!(
                    org,
                    "consumer secrets over REST stay on while rekeyd is stopped: it turned them on, and could not turn \
                     them off or still needs them"
                );
            }
        }
    }
}
