//! A test of the sinks, past the outbox: an incident that opens and closes at once.

use super::sink::{Sink, TIMEOUT, Trouble};
use crate::clock::Timestamp;
use crate::port::outbox::{Action, Letter, Severity, Text};

/// Opens a test incident at a sink and closes it.
///
/// # Errors
/// [`Trouble`] of the first of the two that was not taken.
pub async fn test(sink: &dyn Sink, id: &str, now: Timestamp) -> Result<(), Trouble> {
    let opened = letter(id, Action::Trigger, now);
    send(sink, &opened, None).await?;
    send(sink, &letter(id, Action::Resolve, now), Some(&opened)).await
}

/// Within the time that a sink has.
///
/// # Errors
/// [`Trouble`].
pub async fn send(sink: &dyn Sink, letter: &Letter, before: Option<&Letter>) -> Result<(), Trouble> {
    let sent = tokio::time::timeout(TIMEOUT, sink.send(letter, before)).await;
    sent.unwrap_or_else(|_| Err(Trouble::later("no answer in time")))
}

/// Both are of one incident, which is no other's.
fn letter(id: &str, action: Action, now: Timestamp) -> Letter {
    let headline = match action {
        Action::Trigger | Action::Update => "This is a test of rekeyd's alerts",
        Action::Resolve => "Over: this was a test of rekeyd's alerts",
    };
    Letter {
        id: match action {
            Action::Trigger | Action::Update => id.to_owned(),
            Action::Resolve => format!("{id}-over"),
        },
        at: now,
        action,
        incident: format!("rekeyd/service:/test-{id}"),
        kind: "test".into(),
        severity: Severity::Warning,
        case: String::new(),
        count: 1,
        since: now,
        app: None,
        org: None,
        rotation: None,
        text: Text {
            headline: headline.into(),
            happened: "Somebody ran `rekeyd alert test`. Nothing is wrong.".into(),
            consumers: "Nothing changes for consumers.".into(),
            next: "rekeyd closes this incident at once.".into(),
            command: String::new(),
        },
    }
}
