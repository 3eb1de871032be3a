//! A pair that a person hands over to a rotation that asks for it, and the word that they wait for: only a pair that every
//! store keeps may be applied.

use tokio::sync::oneshot;

use crate::engine::command::Reply;
use crate::engine::tell::{self, AppKind};
use crate::rotation::{Ask, Event, Probes, State, Verdict};
use crate::secret::Credential;

/// A pair that a person hands over, judged, and who waits to hear what becomes of it.
#[derive(Debug)]
pub struct Handed {
    /// Who.
    pub by: String,
    /// The pair.
    pub pair: Credential,
    /// How it was judged, with its control.
    pub new: Probes,
    /// How the current one was judged beside it.
    pub old: Verdict,
    /// What the app is at Salesforce, to name the place in Setup.
    pub kind: Option<AppKind>,
    /// Answered once every store keeps it, or it is turned away.
    pub reply: oneshot::Sender<Reply>,
}

/// Who has handed one over and waits to hear what becomes of it.
pub(super) struct Waiting {
    /// Where the answer goes.
    pub reply: oneshot::Sender<Reply>,
    /// What the app is at Salesforce.
    pub kind: Option<AppKind>,
}

impl Waiting {
    /// Answers, if these events settle it; otherwise it goes on waiting.
    pub fn told(self, state: &State, app: &str, events: &[Event]) -> Option<Waiting> {
        let mut away = None;
        let mut stopped = None;
        for event in events {
            if let Event::TurnedAway { why, .. } = event {
                away = Some(why.clone());
            } else if let Event::Deferred { why, .. } = event {
                stopped = Some(why.clone());
            } else if let Event::Held { reason, .. } = event {
                stopped = Some(reason.to_string());
            }
        }
        let apply = state.asked.is_some_and(|asked| asked.what == Ask::Apply);
        let answer = match (away, stopped) {
            (Some(why), _) => Reply::refused(format!("turned away, and nothing is changed: {why}")),
            (None, _) if apply && state.asks() => {
                let next = tell::request(state, app, self.kind).unwrap_or_default();
                let untried = match state.handed_early {
                    true => "",
                    false => {
                        ", and not tried yet: this org takes it only once it is applied, so see that both values are whole \
                         (a wrong one locks consumers out at Apply; `rekeyd abandon` takes it back)"
                    }
                };
                Reply::Done(format!("stored as pending in every store{untried}. Next, {next}"))
            }
            (None, _) if !state.asks() => Reply::Done(
                "stored; it is in force at Salesforce already, and is proven and published now".into(),
            ),
            (None, Some(why)) => Reply::refused(format!(
                "taken, and NOT stored everywhere yet, so do not apply it and keep it: {why}; `rekeyd status {app}` says when \
                 it is"
            )),
            (None, None) => return Some(self),
        };
        // Whoever asked may have gone; the journal has it.
        let _gone = self.reply.send(answer);
        None
    }
}
