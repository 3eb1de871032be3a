//! What the live check finds: is what consumers read *now* a credential that Salesforce accepts, everywhere the same,
//! and the one that the journal knows?

use serde::{Deserialize, Serialize};

use crate::engine::ledger::AppLedger;
use crate::port::ProbeReport;
use crate::rotation::{Hold, State};

/// The health of an app's current credential. Holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Health {
    /// Every store holds the known pair, and it is accepted.
    Fine,
    /// Consumers read a pair that Salesforce refuses: nothing that reads it now can log in.
    Refused {
        /// The stores that hold it.
        stores: Vec<String>,
        /// The last of the probes that said so.
        probe: ProbeReport,
    },
    /// The stores do not hold one pair: some consumers read another credential than others, or none.
    Disagree {
        /// Which holds what, by fingerprint, for a person.
        why: String,
    },
    /// One accepted pair everywhere, and not the one that was published last: a person rotated it elsewhere, or edited
    /// the stores.
    Foreign {
        /// Which, by fingerprint, for a person.
        why: String,
    },
    /// Nothing else is wrong, but what some stores hold cannot be read: whether their readers can log in is not known.
    Unreadable {
        /// Those stores.
        stores: Vec<String>,
        /// What each answered, for a person.
        why: String,
    },
}

/// Without overlap, from the moment that the cutover may have been applied until a store has published or it is taken
/// back, consumers read a credential that Salesforce may not take.
pub fn is_outage(state: &State) -> bool {
    let published = state.lanes.iter().all(|lane| lane.publish.is_done());
    !state.caps.overlap
        && !state.cutover.is_open()
        && !published
        && !state.undo.is_done()
        && state.end().is_none()
        // The old one was seen in force.
        && state.hold() != Some(&Hold::Unanswered)
}

/// The last rotation found neither its old nor its new credential accepted, and consumers still read the old one:
/// whether it goes on or was abandoned, nothing has put that right.
pub fn was_refused(ledger: &AppLedger) -> bool {
    ledger.run.as_ref().is_some_and(|run| {
        run.state.neither_since.is_some() && run.state.old.is_some() && run.state.old == ledger.current
    })
}
