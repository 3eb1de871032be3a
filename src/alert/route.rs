//! A sink, and what it is told. Pure but for the sink itself.

use std::sync::Arc;

use super::sink::Sink;
use crate::port::outbox::{Action, Letter, Severity};

/// One sink of the policy.
#[derive(Clone)]
pub struct Route {
    /// Its name in the policy.
    pub name: String,
    /// Its kind: a sink that keeps its name and becomes another starts anew.
    pub kind: &'static str,
    /// Nothing less severe opens an incident there.
    pub least: Severity,
    /// Whether it is told of an app; all are told of what is about no app.
    pub apps: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// The sink.
    pub sink: Arc<dyn Sink>,
}

impl Route {
    /// Its name in the outbox.
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// Whether a letter opens an incident there.
    pub fn opens(&self, letter: &Letter) -> bool {
        let app = letter.app.as_deref().is_none_or(|app| (self.apps)(app));
        app && letter.severity >= self.least
    }

    /// Whether a letter is sent there. What was opened is followed to its end, also as it gets better.
    pub fn is_sent(&self, letter: &Letter, before: Option<&Letter>) -> bool {
        match letter.action {
            Action::Trigger | Action::Update => before.is_some() || self.opens(letter),
            Action::Resolve => before.is_some(),
        }
    }
}
