//! Counting what one app goes through.

use super::reader::Value;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

/// What one app went through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The app.
    pub app: String,
    /// Credentials that were read.
    pub reads: u64,
    /// How often another pair was read than before.
    pub changes: u64,
    /// Logins that the org answered.
    pub logins: u64,
    /// Of these, refused.
    pub refusals: u64,
    /// Logins that got no answer which says anything about the credential.
    pub unanswered: u64,
    /// Reads that failed, and what the last one failed of.
    pub read_errors: u64,
    /// See `read_errors`.
    pub last_read_error: Option<String>,
    /// Reads that found nothing before the first value.
    pub waited_for_value: u64,
    /// Outages: one or more refusals in a row.
    pub outages: u64,
    /// The longest, from the first refusal's answer to the next acceptance's, in milliseconds.
    pub longest_outage_ms: u64,
    /// The most refusals in a row.
    pub longest_outage_round_trips: u64,
    /// The last answer was a refusal.
    pub refused_at_end: bool,
}

/// Counts for one app.
pub(super) struct Tally {
    summary: Summary,
    /// Digest of the last pair: enough to see a change.
    last: Option<[u8; 32]>,
    outage: Option<Outage>,
    /// The last read failed.
    unreadable: bool,
}

struct Outage {
    since_ms: u64,
    refusals: u64,
}

impl Tally {
    pub(super) fn new(app: String) -> Self {
        Self {
            summary: Summary {
                app,
                ..Summary::default()
            },
            last: None,
            outage: None,
            unreadable: false,
        }
    }

    /// A credential was read; a line when it is another than before.
    pub(super) fn read(&mut self, value: &Value, at_ms: u64) -> Option<Json> {
        self.summary.reads += 1;
        self.unreadable = false;
        let digest = digest(value);
        let first = self.last.is_none();
        if self.last.replace(digest) == Some(digest) {
            return None;
        }
        if !first {
            self.summary.changes += 1;
        }
        Some(json!({
            "event": "changed",
            "app": self.summary.app,
            "at_ms": at_ms,
            "client": client_digest(&value.client_id),
            "rotation_id": value.rotation_id,
        }))
    }

    pub(super) fn accepted(&mut self, at_ms: u64) -> Option<Json> {
        self.summary.logins += 1;
        let outage = self.outage.take()?;
        let length = self.close(&outage, at_ms);
        Some(json!({
            "event": "accepted_again",
            "app": self.summary.app,
            "at_ms": at_ms,
            "outage_ms": length,
            "round_trips": outage.refusals,
        }))
    }

    pub(super) fn refused(&mut self, why: &str, at_ms: u64) -> Option<Json> {
        self.summary.logins += 1;
        self.summary.refusals += 1;
        if let Some(outage) = &mut self.outage {
            outage.refusals += 1;
            return None;
        }
        self.outage = Some(Outage {
            since_ms: at_ms,
            refusals: 1,
        });
        Some(json!({ "event": "refused", "app": self.summary.app, "at_ms": at_ms, "error": why }))
    }

    pub(super) fn unanswered(&mut self) -> Option<Json> {
        self.summary.unanswered += 1;
        None
    }

    /// There is no value: nothing to count until the first one, a failure afterwards.
    pub(super) fn absent(&mut self, at_ms: u64) -> Option<Json> {
        if self.last.is_some() {
            return self.unread("the value is gone", at_ms);
        }
        self.summary.waited_for_value += 1;
        None
    }

    /// A read failed; a line when the one before had not.
    pub(super) fn unread(&mut self, why: &'static str, at_ms: u64) -> Option<Json> {
        self.summary.read_errors += 1;
        self.summary.last_read_error = Some(why.to_owned());
        let line = json!({ "event": "unreadable", "app": self.summary.app, "at_ms": at_ms, "why": why });
        (!std::mem::replace(&mut self.unreadable, true)).then_some(line)
    }

    pub(super) fn summary(mut self, at_ms: u64) -> Summary {
        if let Some(outage) = self.outage.take() {
            self.summary.refused_at_end = true;
            self.close(&outage, at_ms);
        }
        self.summary
    }

    fn close(&mut self, outage: &Outage, at_ms: u64) -> u64 {
        let length = at_ms.saturating_sub(outage.since_ms);
        self.summary.outages += 1;
        self.summary.longest_outage_ms = self.summary.longest_outage_ms.max(length);
        let trips = self.summary.longest_outage_round_trips.max(outage.refusals);
        self.summary.longest_outage_round_trips = trips;
        length
    }
}

fn digest(value: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(value.client_id.len().to_le_bytes());
    hash.update(&value.client_id);
    hash.update(&value.client_secret);
    hash.finalize().into()
}

/// A short digest of the client id, so that a change of the id can be seen.
fn client_digest(client_id: &str) -> String {
    Sha256::digest(client_id)
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
