//! A journal record as a line of text.

use std::collections::BTreeMap;

use chrono::SecondsFormat;

use crate::engine::note::Note;
use crate::engine::service::ServiceNote;
use crate::engine::tell;
use crate::port::journal::Record;
use crate::rotation::{Event, RotationId};

/// Turns records into lines, in the order in which they are given; remembers which rotation has which stores.
#[derive(Default)]
pub struct Lines {
    stores: BTreeMap<RotationId, Vec<String>>,
    /// What each rotation last said that it waits for.
    waits: BTreeMap<RotationId, String>,
}

impl Lines {
    /// Time, app, the first digits of the rotation, and what happened.
    pub fn line(&mut self, record: &Record) -> String {
        let at = record.at.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true);
        let app = record.entry.app.as_deref().unwrap_or("-");
        let short = record.entry.rotation.map_or_else(|| "-".repeat(8), short);
        format!("{at}  {app}  {short}  {}", self.text(record))
    }

    /// It waits, once more, for the same as before. Such lines are left out for people: a rotation that waits for a person
    /// looks again every few minutes, for days.
    pub fn is_repeated(&mut self, record: &Record) -> bool {
        let (Some(id), Ok(Note::Step { step })) = (record.entry.rotation, Note::read(record)) else {
            return false;
        };
        if let Event::Deferred {
            why, failed: false, ..
        } = step
        {
            return self.waits.insert(id, why.clone()) == Some(why);
        }
        self.waits.remove(&id);
        false
    }

    fn text(&mut self, record: &Record) -> String {
        if let Ok(Some(note)) = ServiceNote::read(record) {
            return tell::service_sentence(&note);
        }
        let Ok(note) = Note::read(record) else {
            return format!(
                "(a record of kind {} that this version does not know)",
                record.entry.kind
            );
        };
        if let (Note::Started { stores, .. }, Some(rotation)) = (&note, record.entry.rotation) {
            self.stores.insert(rotation, stores.clone());
        }
        let stores = record.entry.rotation.and_then(|id| self.stores.get(&id));
        tell::note_sentence(&note, stores.map(Vec::as_slice).unwrap_or_default())
    }
}

/// The first eight digits of a rotation's id.
pub fn short(rotation: RotationId) -> String {
    rotation.to_string().chars().take(8).collect()
}
