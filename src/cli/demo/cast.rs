//! The apps of the demo: both kinds, the orgs that the public record leaves open, two lost answers, one org that
//! ignores an in-place change.

use crate::engine::ledger::AppLedger;
use crate::rotation::End;
use crate::sandbox::RunningSandbox;

/// Which kind of client app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ExternalClientApp,
    ConnectedApp,
}

/// How an app is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Rotated, the old one proven dead.
    Retired,
    /// Rotated, the old one left usable.
    InGrace,
    /// Untouched, because the org ignores the change.
    Ignored,
}

impl Ending {
    pub fn is_reached(self, ledger: &AppLedger) -> bool {
        let Some(run) = &ledger.run else { return false };
        match self {
            Ending::Retired => run.state.end() == Some(&End::Done { disproven: true }),
            Ending::InGrace => {
                run.state.is_rotated() && run.state.lanes.iter().all(|lane| lane.clear.is_done())
            }
            Ending::Ignored => run.state.end() == Some(&End::Ignored),
        }
    }
}

/// One app.
pub struct App {
    pub name: &'static str,
    pub developer_name: &'static str,
    pub kind: Kind,
    /// By a flag in a deploy: the client id stays, and nothing overlaps.
    pub regenerates: bool,
    pub grace: &'static str,
    pub ending: Ending,
    /// Switches of the simulated org that are other for it, as TOML.
    pub switches: &'static str,
    /// A misfortune: operation and action.
    pub fault: Option<(&'static str, &'static str)>,
}

const fn external(name: &'static str, developer_name: &'static str, grace: &'static str) -> App {
    App {
        name,
        developer_name,
        kind: Kind::ExternalClientApp,
        regenerates: false,
        grace,
        ending: Ending::Retired,
        switches: "",
        fault: None,
    }
}

const fn connected(name: &'static str, developer_name: &'static str, switches: &'static str) -> App {
    App {
        name,
        developer_name,
        kind: Kind::ConnectedApp,
        regenerates: false,
        grace: "0s",
        ending: Ending::Retired,
        switches,
        fault: None,
    }
}

/// All of them.
pub const CAST: [App; 11] = [
    external("invoice-sync", "Invoice_Sync", "0s"),
    App {
        ending: Ending::InGrace,
        ..external("warehouse", "Warehouse", "7d")
    },
    // The org masks the secret of a staged pair when it is read again.
    App {
        switches: "staged_secret = \"masked\"",
        ..external("crm-export", "Crm_Export", "0s")
    },
    // The staged pair logs in only after the cutover.
    App {
        switches: "staged_proves_before_cutover = false",
        ..external("partner-portal", "Partner_Portal", "0s")
    },
    // The answer to the mint is lost: the pair is found again in the slot.
    App {
        fault: Some(("staged.post", "drop_after")),
        ..external("data-lake", "Data_Lake", "0s")
    },
    // The answer to the cutover is lost.
    App {
        fault: Some(("staged.patch", "drop_after")),
        ..external("billing", "Billing", "0s")
    },
    // Its client id is known to others and must stay.
    App {
        regenerates: true,
        ..external("ledger-feed", "Ledger_Feed", "0s")
    },
    connected("legacy-loader", "Legacy_Loader", "in_place_secret = \"applies\""),
    // The answer to the cutover is lost where old and new do not overlap.
    App {
        fault: Some(("soap.updateMetadata", "drop_after")),
        ..connected("payroll", "Payroll", "in_place_secret = \"applies\"")
    },
    connected("archive", "Archive", "in_place_secret = \"applies\""),
    App {
        ending: Ending::Ignored,
        ..connected("erp-bridge", "Erp_Bridge", "in_place_secret = \"ignored\"")
    },
];

/// The pair that an app began with, as its owner knows it.
pub fn initial(org: &RunningSandbox, app: &App) -> Option<(String, String)> {
    let state = org.state();
    let consumer = state.app(app.developer_name)?.consumers.first()?;
    let pair = consumer
        .pairs
        .iter()
        .find(|pair| pair.generation == consumer.primary)?;
    Some((pair.client_id.clone(), pair.client_secret.clone()))
}
