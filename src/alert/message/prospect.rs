//! What a state of things means for the consumers of an app, and what rekeyd does about it next.

use super::words::moment;
use crate::clock::Timestamp;
use crate::engine::board::AppCard;
use crate::engine::health::{Health, is_outage, was_refused};
use crate::engine::ledger::AppLedger;
use crate::rotation::{Hold, Rest, State};
use crate::schedule::decide;

/// What it means for the apps that log in with the credential, now.
pub(super) fn consumers(ledger: &AppLedger) -> String {
    match &ledger.health {
        Some((_, Health::Refused { stores, .. })) => {
            return format!(
                "Whoever reads the credential from {} now CANNOT log in.",
                stores.join(", ")
            );
        }
        Some((_, Health::Disagree { .. })) => {
            return "Consumers of one store read another credential than those of another; some of them may not be \
                    able to log in."
                .into();
        }
        Some((_, Health::Unreadable { stores, .. })) => {
            return format!(
                "Whether consumers can read the credential from {} is not known: rekeyd cannot.",
                stores.join(", ")
            );
        }
        Some((_, Health::Foreign { .. })) => {
            return "What consumers read is accepted: they can log in.".into();
        }
        Some((_, Health::Fine)) | None => {}
    }
    if was_refused(ledger) {
        return "What consumers read was REFUSED when it was last asked about: they cannot log in until the pair in force \
                is in the stores."
            .into();
    }
    let Some(run) = ledger.running() else {
        return match ledger.adopted_at {
            Some(_) => {
                "The credential in the stores is the last one that was proven: consumers go on with it."
                    .into()
            }
            None => {
                "Nothing changed for consumers; whether what they read works is not known to rekeyd.".into()
            }
        };
    };
    let state = &run.state;
    match state.hold() {
        Some(Hold::CurrentRefused | Hold::NeitherAccepted { .. }) => {
            return "What consumers read is REFUSED: they cannot log in.".into();
        }
        Some(Hold::BrokenUndo { .. }) => {
            return "Consumers read the old credential, which Salesforce may not take any more: they may not be able \
                    to log in."
                .into();
        }
        Some(Hold::StillAccepted) => {
            return "Consumers have the new credential, which works; whoever knows the old one can still log in with \
                    it."
                .into();
        }
        Some(_) | None => {}
    }
    if is_outage(state) {
        return "OUTAGE: consumers read the old credential, which Salesforce may refuse from now on, until the new one \
                is published."
            .into();
    }
    if state.is_rotated() {
        return "Consumers have the new credential, which was proven.".into();
    }
    match state.caps.overlap && !state.cutover.is_open() {
        true => {
            "Consumers still read the old credential, which Salesforce goes on taking beside the new one."
                .into()
        }
        false => {
            "Nothing changed for consumers: they read the credential of before, which is still in force."
                .into()
        }
    }
}

/// What rekeyd does next for the app, and when.
pub(super) fn next(ledger: &AppLedger, card: Option<&AppCard>, now: Timestamp) -> String {
    if ledger.hold.is_some() {
        return "rekeyd does nothing for this app until a person resumes it.".into();
    }
    if let Some(run) = ledger.running() {
        return match &run.state.rest {
            Rest::Held { again: None, .. } => {
                "rekeyd does nothing for this app until a person decides.".into()
            }
            Rest::Held {
                again: Some(again), ..
            } => format!("rekeyd looks again by itself at {}.", moment(*again)),
            Rest::Running if state_asks(&run.state) => {
                "rekeyd waits for that person, looks whether it is done, and reminds.".into()
            }
            Rest::Running | Rest::Ended(_) => match run.state.not_before.filter(|until| *until > now) {
                Some(until) => format!("rekeyd tries again by itself at {}.", moment(until)),
                None => "rekeyd goes on with the rotation now.".into(),
            },
        };
    }
    if ledger.stopped_by().is_some() {
        return "rekeyd starts no rotation of this app until a person resumes it.".into();
    }
    if ledger.adopted_at.is_none() {
        return "rekeyd looks again by itself, and rotates nothing of it until then.".into();
    }
    let Some(timing) = card.and_then(|card| card.timing.as_ref()) else {
        return "The app has left the policy: rekeyd starts nothing new for it.".into();
    };
    let decision = decide(timing, &ledger.for_schedule(), now.to_utc());
    let when = match decision.next().map(Timestamp::from) {
        Some(next) if next > now => format!("rekeyd goes on by itself at {}", moment(next)),
        Some(_) => "rekeyd goes on by itself now".to_owned(),
        None => "rekeyd knows of no next time".to_owned(),
    };
    format!("{when}: {}.", decision.reason())
}

fn state_asks(state: &State) -> bool {
    state.asks() && state.asked.is_some()
}
