//! What is under way, and for which app: also of a task that panics it is known whose it was.

use std::collections::HashMap;
use std::future::Future;

use tokio::task::{Id, JoinError, JoinSet};

use super::Task;

/// Tasks by app.
#[derive(Default)]
pub(super) struct Tasks {
    set: JoinSet<Task>,
    apps: HashMap<Id, String>,
}

impl Tasks {
    /// Starts one.
    pub fn spawn(&mut self, app: &str, task: impl Future<Output = Task> + Send + 'static) {
        let id = self.set.spawn(task).id();
        self.apps.insert(id, app.to_owned());
    }

    /// Nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The next that ends; `None` where nothing is under way.
    pub async fn next(&mut self) -> Option<(String, Result<Task, JoinError>)> {
        let (id, done) = match self.set.join_next_with_id().await? {
            Ok((id, task)) => (id, Ok(task)),
            Err(fault) => (fault.id(), Err(fault)),
        };
        let app = self.apps.remove(&id).unwrap_or_default();
        Some((app, done))
    }
}
