//! An app's records as they come: the journal is looked at again and again, and the daemon, that writes them, asked
//! whether it is there when none comes. When it is enough is for the command to say.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::cli::client::{Client, Refusal};
use crate::cli::exit::Failure;
use crate::cli::line::Lines;
use crate::cli::output;
use crate::clock::{Clock, SystemClock};
use crate::port::journal::{Journal, Record, RecordQuery};
use crate::rotation::RotationId;

/// Between two looks at the journal.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// After how many looks without news the daemon is asked whether it is there.
const QUIET_LOOKS: u32 = 20;

/// The records of one app, from the first on.
pub(super) struct Tail {
    journal: Arc<dyn Journal>,
    client: Client,
    json: bool,
    query: RecordQuery,
    lines: Lines,
    quiet: u32,
    /// What is so although nobody is there to do it.
    goes_on: String,
}

impl Tail {
    /// Of what there is already, only that of one `rotation` where one is given.
    pub fn new(
        journal: Arc<dyn Journal>,
        client: Client,
        json: bool,
        app: &str,
        rotation: Option<RotationId>,
        goes_on: String,
    ) -> Tail {
        let query = RecordQuery {
            app: Some(app.to_owned()),
            rotation,
            ..RecordQuery::default()
        };
        Tail {
            journal,
            client,
            json,
            query,
            lines: Lines::default(),
            quiet: 0,
            goes_on,
        }
    }

    /// What was written since; waits for it.
    ///
    /// # Errors
    /// [`Failure`] (1) when the journal cannot be read, or no daemon is there that would write.
    pub async fn news(&mut self) -> Result<Vec<Record>, Failure> {
        loop {
            let records = self.journal.read(&self.query).await;
            let records = records.map_err(|fault| Failure::failed(fault.to_string()))?;
            if let Some(last) = records.last() {
                self.quiet = 0;
                self.query.after_seq = Some(last.seq);
                self.query.rotation = None;
                return Ok(records);
            }
            self.quiet += 1;
            if self.quiet >= QUIET_LOOKS {
                self.quiet = 0;
                self.is_there().await?;
            }
            SystemClock.sleep_until(SystemClock.now() + LOOK_EVERY).await;
        }
    }

    /// Writes one as a line.
    pub fn show(&mut self, record: &Record) {
        output::line(&match self.json {
            true => json!(record).to_string(),
            false => self.lines.line(record),
        });
    }

    async fn is_there(&self) -> Result<(), Failure> {
        match self.client.is_alive().await {
            Ok(()) | Err(Refusal::Refused(_) | Refusal::Held(_)) => Ok(()),
            Err(Refusal::Unreached { why, .. }) => Err(Failure::failed(format!("{why}; {}", self.goes_on))),
        }
    }
}
