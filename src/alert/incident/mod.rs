//! Which incidents are open: read off the ledgers, so that each is there exactly as long as its condition is. Pure.
//!
//! - `app`: the conditions of an app. `service`: those of the orgs and of the service itself.

mod app;
mod service;

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::engine::board::AppCard;
use crate::engine::ledger::Ledgers;
use crate::port::outbox::Severity;
use crate::rotation::RotationId;

pub use self::app::of_app;
pub use self::service::of_service;

/// The managed apps by name. What is known of an app that is none of them is nobody's incident any more.
pub type Directory = BTreeMap<String, AppCard>;

/// What an incident is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An app, by name.
    App(String),
    /// An org, by name.
    Org(String),
    /// The service itself.
    Service,
}

/// The kinds of incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Consumers read a credential that Salesforce refuses.
    CurrentRefused,
    /// A person said that a credential leaked, and it is not ended.
    Leaked,
    /// The stores do not hold one credential.
    StoresDisagree,
    /// What a store holds cannot be read.
    StoreUnreadable,
    /// Somebody else changed the credential.
    ForeignChange,
    /// A rotation or an app waits for a person.
    Held,
    /// A person is asked to do something in Setup.
    Asked,
    /// Attempts fail, and are repeated.
    Failed,
    /// The credential is, or will be, older than the policy allows.
    Overdue,
    /// An app cannot be adopted yet.
    Unadopted,
    /// A new policy was refused.
    ReloadRefused,
    /// Our own login is refused, or will be.
    Login,
    /// The clocks of this machine and of an org are apart.
    ClockOff,
    /// We turned on an org's switch for consumer secrets over REST, and cannot turn it off.
    SwitchLeftOn,
    /// The clock starts no rotation, since an org has used its requests of the day.
    ApiBudget,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 15] = [
        Kind::CurrentRefused,
        Kind::Leaked,
        Kind::StoresDisagree,
        Kind::StoreUnreadable,
        Kind::ForeignChange,
        Kind::Held,
        Kind::Asked,
        Kind::Failed,
        Kind::Overdue,
        Kind::Unadopted,
        Kind::ReloadRefused,
        Kind::Login,
        Kind::ClockOff,
        Kind::SwitchLeftOn,
        Kind::ApiBudget,
    ];

    /// As it stands in keys and labels.
    pub fn word(self) -> &'static str {
        match self {
            Kind::CurrentRefused => "current-refused",
            Kind::Leaked => "leaked",
            Kind::StoresDisagree => "stores-disagree",
            Kind::StoreUnreadable => "store-unreadable",
            Kind::ForeignChange => "foreign-change",
            Kind::Held => "held",
            Kind::Asked => "asked",
            Kind::Failed => "failed",
            Kind::Overdue => "overdue",
            Kind::Unadopted => "unadopted",
            Kind::ReloadRefused => "reload-refused",
            Kind::Login => "login",
            Kind::ClockOff => "clock-off",
            Kind::SwitchLeftOn => "switch-left-on",
            Kind::ApiBudget => "api-budget",
        }
    }
}

/// One incident that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What it is about.
    pub subject: Subject,
    /// Its kind.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// Which case of its kind; another is told anew.
    pub case: &'static str,
    /// How often it has happened.
    pub count: u32,
    /// Since when it is so, where the ledger says it.
    pub since: Option<Timestamp>,
    /// The rotation it is about.
    pub rotation: Option<RotationId>,
}

impl Incident {
    /// The same from the opening to the closing, across restarts, and when it opens again.
    pub fn key(&self) -> String {
        let kind = self.kind.word();
        // A colon stands in no name, so an app called `service` is not taken for the service.
        match &self.subject {
            Subject::App(app) => format!("rekeyd/{app}/{kind}"),
            Subject::Org(org) => format!("rekeyd/org:{org}/{kind}"),
            Subject::Service => format!("rekeyd/service:/{kind}"),
        }
    }

    /// How often it was told after it has happened `count` times: at 1, 2, 4, 8, …
    pub fn edition(count: u32) -> u32 {
        u32::BITS - count.max(1).leading_zeros()
    }
}

/// All of them, by key.
pub fn open(ledgers: &Ledgers, apps: &Directory) -> BTreeMap<String, Incident> {
    let of_apps = ledgers
        .apps
        .iter()
        .filter(|(app, _)| apps.contains_key(*app))
        .flat_map(|(app, ledger)| of_app(app, ledger));
    let all = of_apps.chain(of_service(&ledgers.service, apps));
    all.map(|incident| (incident.key(), incident)).collect()
}
