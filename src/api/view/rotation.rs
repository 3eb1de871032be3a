//! One rotation: what the journal says of it, from its beginning to now.

use serde::Serialize;

use super::moment;
use crate::clock::Timestamp;
use crate::engine::ledger::AppLedger;
use crate::engine::note::Note;
use crate::engine::tell::{self, AppKind};
use crate::port::journal::Record;
use crate::rotation::{End, RotationId};

/// One rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RotationPage {
    rotation: RotationId,
    /// The app that it is of.
    pub app: String,
    method: String,
    stores: Vec<String>,
    reason: String,
    by: String,
    started_at: String,
    state: String,
    held: bool,
    remedy: Option<String>,
    rotated_at: Option<String>,
    ended_at: Option<String>,
    outcome: Option<&'static str>,
    events: Vec<Line>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line {
    at: String,
    what: String,
}

/// From the records of one rotation; `None` where they are of none, such as those of a first contact.
pub fn rotation_page(id: RotationId, records: &[Record], now: Timestamp) -> Option<RotationPage> {
    let app = records.first()?.entry.app.clone()?;
    let mut ledger = AppLedger::default();
    let mut events = Vec::with_capacity(records.len());
    for record in records {
        let Ok(note) = Note::read(record) else { continue };
        ledger.add(record.at, Some(id), &note);
        let stores = ledger.run.as_ref().map(|run| run.stores.as_slice());
        events.push(Line {
            at: moment(record.at),
            what: tell::note_sentence(&note, stores.unwrap_or_default()),
        });
    }
    let run = ledger.run?;
    let (end, kind) = (run.state.end(), AppKind::of(&run.policy));
    Some(RotationPage {
        rotation: id,
        method: run.method,
        reason: run.reason,
        by: run.by,
        started_at: moment(run.started_at),
        state: tell::state_words(&run.state, &run.stores, now),
        held: run.state.hold().is_some(),
        remedy: run
            .state
            .hold()
            .map(|hold| tell::in_setup(tell::remedy(hold, &app, run.state.is_rotated()), kind)),
        rotated_at: run.state.rotated_at.map(moment),
        ended_at: end.map(|_| moment(run.last_at)),
        outcome: end.map(End::word),
        stores: run.stores,
        app,
        events,
    })
}
