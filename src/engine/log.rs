//! One log line per event of a rotation, with its id: what `run` tells the log of. The level follows who has to act.

use crate::engine::tell;
use crate::rotation::{Event, State};

/// Logs what was written. `stores` are those of the rotation, by name.
pub fn log(app: &str, stores: &[String], state: &State, events: &[Event]) {
    let id = state.id;
    for event in events {
        let text = tell::sentence(event, stores);
        match event {
            Event::Held { .. } | Event::Blocked { .. } => tracing::error!(app, rotation = %id, "{text}"),
            Event::Lost { .. }
            | Event::Declined { .. }
            | Event::Disputed { .. }
            | Event::Postponed { .. }
            | Event::ValueGone
            | Event::Undoing { .. }
            | Event::Aborting { .. }
            | Event::Recovered { .. }
            | Event::GivingUp { .. }
            | Event::GraceEnded { .. }
            | Event::Asked { .. }
            | Event::Reminded
            | Event::TurnedAway { .. }
            | Event::Neither { .. }
            | Event::OldUnknown => tracing::warn!(app, rotation = %id, "{text}"),
            Event::Deferred { .. } | Event::Intended { .. } => tracing::debug!(app, rotation = %id, "{text}"),
            Event::Baselined { .. }
            | Event::Chosen { .. }
            | Event::Queued { .. }
            | Event::Fetched { .. }
            | Event::Applied { .. }
            | Event::FoundApplied { .. }
            | Event::FoundAbsent { .. }
            | Event::Rebased { .. }
            | Event::Probed { .. }
            | Event::LateProof
            | Event::Rechecked { .. }
            | Event::Superseded { .. }
            | Event::Restarted
            | Event::Former { .. }
            | Event::Handed { .. }
            | Event::Rotated
            | Event::Resumed { .. }
            | Event::Ended { .. } => tracing::info!(app, rotation = %id, "{text}"),
        }
    }
}
