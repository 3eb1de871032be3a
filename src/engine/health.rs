//! What the live check finds: is what consumers read *now* a credential that Salesforce accepts, everywhere the same,
//! and the one that the journal knows?

use serde::{Deserialize, Serialize};

use crate::port::ProbeReport;

/// The health of an app's current credential. Holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Health {
    /// Every store that answered holds the known pair, and it is accepted.
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
}
