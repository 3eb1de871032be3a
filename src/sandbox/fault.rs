//! Faults by rule: which call is met by which misfortune, counted from when the rule was laid.

use super::operation::OPERATIONS;
use serde::{Deserialize, Serialize};

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// An operation's name (see [`OPERATIONS`]), or the part before its dot, for all that begin with it.
    pub operation: String,
    /// Only calls about this app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The first matching call that is met, from 1.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many matching calls in a row are met, from there on; 0 for all.
    #[serde(default = "one")]
    pub count: u64,
    /// What happens to them.
    pub action: Action,
}

fn one() -> u64 {
    1
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// It waits before it is looked at (real time), and then goes on.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The connection is closed; nothing happened.
    DropBefore,
    /// It is applied, and the connection is closed without an answer.
    DropAfter,
    /// The connection is closed; it is applied when the org's clock has moved on.
    ApplyLate {
        /// Seconds of the org's clock.
        seconds: u64,
    },
    /// Another answer instead.
    Status {
        /// The HTTP status.
        code: u16,
        /// The body.
        #[serde(default)]
        body: String,
        /// `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// It is applied all the same.
        #[serde(default)]
        applied: bool,
    },
    /// An HTML page with status 200 instead of the answer.
    Html {
        /// It is applied all the same.
        #[serde(default)]
        applied: bool,
    },
    /// It is applied; the answer breaks off in the middle.
    Truncate,
    /// It is applied; half the answer comes at once, the other half later.
    SlowBody {
        /// Milliseconds between the halves.
        ms: u64,
    },
    /// A body of this many bytes instead of the answer; not applied.
    Huge {
        /// Its length.
        bytes: u64,
    },
    /// Every session ends before it is looked at.
    SessionExpired,
    /// It is refused because a limit was reached.
    LimitExceeded,
    /// It is sent elsewhere.
    Redirect {
        /// The new address.
        to: String,
    },
}

/// The rules that are laid, with what they have seen.
#[derive(Default)]
pub(super) struct Faults {
    rules: Vec<(Rule, u64)>,
}

impl Faults {
    /// Lays a rule.
    ///
    /// # Errors
    /// When its operation names nothing, or `nth` is zero.
    pub(super) fn add(&mut self, rule: Rule) -> Result<(), String> {
        if rule.nth == 0 {
            return Err("nth counts from 1".to_owned());
        }
        if !OPERATIONS.iter().any(|name| covers(&rule.operation, name)) {
            return Err(format!("no operation is called {}", rule.operation));
        }
        self.rules.push((rule, 0));
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules that can still act.
    pub(super) fn left(&self) -> Vec<Rule> {
        self.rules
            .iter()
            .filter(|(rule, seen)| !spent(rule, *seen))
            .map(|(rule, _)| rule.clone())
            .collect()
    }

    /// Counts a call, and says what meets it: all the delays, and the first other action.
    pub(super) fn meet(&mut self, operation: &str, app: Option<&str>) -> (u64, Option<Action>) {
        let mut wait = 0_u64;
        let mut action = None;
        for (rule, seen) in &mut self.rules {
            if !covers(&rule.operation, operation) || (rule.app.is_some() && rule.app.as_deref() != app) {
                continue;
            }
            *seen = seen.saturating_add(1);
            if *seen < rule.nth || spent(rule, seen.saturating_sub(1)) {
                continue;
            }
            if let Action::Delay { ms } = &rule.action {
                wait = wait.saturating_add(*ms);
            } else if action.is_none() {
                action = Some(rule.action.clone());
            }
        }
        (wait, action)
    }
}

/// True when `rule` names `operation` or its first part.
fn covers(rule: &str, operation: &str) -> bool {
    operation == rule
        || operation
            .strip_prefix(rule)
            .is_some_and(|rest| rest.starts_with('.'))
}

fn spent(rule: &Rule, seen: u64) -> bool {
    rule.count > 0 && seen >= rule.nth.saturating_sub(1).saturating_add(rule.count)
}
