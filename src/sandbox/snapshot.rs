//! The truth about the org, for tests and rehearsals: what no client can ask Salesforce.

use super::app::{App, Kind};
use super::credential::Origin;
use super::fault::Rule;
use super::slot::Consumer;
use super::switches::Switches;
use super::time::{ClockMode, Moment, iso};
use super::world::World;
use super::xml::Element;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole org, now. It holds secrets: it is for tests only, and never written anywhere.
#[derive(Clone, Serialize, Deserialize)]
pub struct Snapshot {
    /// The org's time (RFC 3339).
    pub now: String,
    /// How the clock moves.
    pub clock: ClockMode,
    /// The org's id, 18 characters.
    pub org_id: String,
    /// The address clients use.
    pub base_url: String,
    /// Living sessions.
    pub sessions: usize,
    /// API calls that were counted.
    pub api_used: u64,
    /// Calls by operation name; also those that a fault met.
    pub counters: BTreeMap<String, u64>,
    /// Writes that have not been applied yet.
    pub late: Vec<LateState>,
    /// Every deploy there ever was, with what was in its zip.
    pub deploys: Vec<DeployState>,
    /// In what requests departed from the published WSDL and were served all the same, as Salesforce does for clients
    /// that do. rekeyd's own never may.
    pub departures: Vec<String>,
    /// The org's own settings for External Client Apps, by name.
    pub org_settings: Vec<(String, String)>,
    /// Fault rules that can still act.
    pub faults: Vec<Rule>,
    /// The org's switches.
    pub switches: Switches,
    /// Every app.
    pub apps: Vec<AppState>,
    /// Every pair that the token endpoint accepts now, spreading aside.
    pub accepted: Vec<Accepted>,
}

/// A write that waits for the clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LateState {
    /// The operation's name.
    pub operation: String,
    /// When it will be applied.
    pub due: String,
}

/// One deploy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeployState {
    /// Its id, 18 characters.
    pub id: String,
    /// `Pending`, `InProgress`, `Succeeded` or `Failed`.
    pub status: String,
    /// It said so.
    pub ignore_warnings: bool,
    /// It said so.
    pub check_only: bool,
    /// Name and text of each file of its zip.
    pub files: Vec<(String, String)>,
}

/// One app.
#[derive(Clone, Serialize, Deserialize)]
pub struct AppState {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Its id, 18 characters.
    pub id: String,
    /// It was deleted.
    pub deleted: bool,
    /// When it was last changed as a component.
    pub last_modified: String,
    /// The username of who did.
    pub last_modified_by: String,
    /// It still has its certificate.
    pub certificate_present: bool,
    /// Its component without key and secret: path and text of each leaf, in order.
    pub component: Vec<(String, String)>,
    /// The component is in schema order.
    pub in_order: bool,
    /// Its consumers.
    pub consumers: Vec<ConsumerState>,
    /// How many refresh tokens it has.
    pub refresh_tokens: usize,
}

/// One consumer.
#[derive(Clone, Serialize, Deserialize)]
pub struct ConsumerState {
    /// Its id, 18 characters.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Generation of the primary pair.
    pub primary: u64,
    /// Pairs that Salesforce made on request.
    pub mints: u64,
    /// How often the primary pair became another.
    pub cutovers: u64,
    /// Every pair there ever was.
    pub pairs: Vec<PairState>,
    /// The staged slot.
    pub staged: Option<StagedState>,
}

/// One pair.
#[derive(Clone, Serialize, Deserialize)]
pub struct PairState {
    /// Counted from 1.
    pub generation: u64,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
    /// Who made it.
    pub origin: Origin,
    /// It is accepted, spreading aside.
    pub accepted: bool,
    /// Answers about it may differ now.
    pub spreading: bool,
    /// Since when, where it ever was.
    pub from: Option<String>,
    /// Until when, where that is known.
    pub until: Option<String>,
    /// How often the token endpoint judged it.
    pub judged: u64,
}

/// What the slot holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StagedState {
    /// Its id, 18 characters.
    pub id: String,
    /// The pair's generation.
    pub generation: u64,
    /// `Active`, `Rotated` or `Expired`.
    pub state: String,
    /// The user's id, 18 characters.
    pub created_by: String,
    /// When it was made.
    pub created: String,
    /// When it ends.
    pub expires: String,
}

/// A pair that is accepted.
#[derive(Clone, Serialize, Deserialize)]
pub struct Accepted {
    /// The app.
    pub app: String,
    /// The consumer's name.
    pub consumer: String,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
    /// The pair's generation.
    pub generation: u64,
}

impl Snapshot {
    /// The state of an app.
    pub fn app(&self, name: &str) -> Option<&AppState> {
        self.apps.iter().find(|app| app.name == name)
    }

    /// How often an operation was called; 0 for one that never was.
    pub fn calls(&self, operation: &str) -> u64 {
        self.counters.get(operation).copied().unwrap_or(0)
    }
}

impl World {
    /// Looks at everything.
    pub(super) fn snapshot(&self) -> Snapshot {
        let at = self.now();
        Snapshot {
            now: iso(at),
            clock: self.clock.mode(),
            org_id: self.org.long(),
            base_url: self.base_url.clone(),
            sessions: self.sessions.count(at),
            api_used: self.api_used,
            counters: self
                .counters
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
            late: self
                .late
                .iter()
                .map(|late| LateState {
                    operation: late.operation.name().to_owned(),
                    due: iso(late.due),
                })
                .collect(),
            deploys: super::soap::deploy_states(self),
            departures: self.departures.iter().map(|one| (*one).to_owned()).collect(),
            org_settings: super::soap::org_settings(self),
            faults: self.faults.left(),
            switches: self.switches.clone(),
            apps: self.apps.iter().map(|app| app_state(self, app, at)).collect(),
            accepted: accepted(&self.apps, at),
        }
    }
}

fn app_state(world: &World, app: &App, at: Moment) -> AppState {
    let mut component = Vec::new();
    leaves("", &app.component, &mut component);
    AppState {
        name: app.name.clone(),
        kind: app.kind,
        id: app.id.long(),
        deleted: app.deleted,
        last_modified: iso(app.modified),
        last_modified_by: world
            .user(&app.modified_by)
            .map(|user| user.username.clone())
            .unwrap_or_default(),
        certificate_present: app.certificate().is_some(),
        component,
        in_order: super::soap::component_in_order(&app.component),
        consumers: app
            .consumers
            .iter()
            .map(|consumer| consumer_state(app, consumer, at))
            .collect(),
        refresh_tokens: app.refresh_tokens.len(),
    }
}

fn leaves(path: &str, element: &Element, into: &mut Vec<(String, String)>) {
    for child in &element.children {
        let path = if path.is_empty() {
            child.name.clone()
        } else {
            format!("{path}.{}", child.name)
        };
        if child.children.is_empty() {
            into.push((path, child.text.clone()));
        } else {
            leaves(&path, child, into);
        }
    }
}

fn consumer_state(app: &App, consumer: &Consumer, at: Moment) -> ConsumerState {
    let pairs = consumer.credentials.iter().map(|pair| PairState {
        generation: pair.generation,
        client_id: pair.key.clone(),
        client_secret: pair.secret.clone(),
        origin: pair.origin,
        accepted: pair.alive(at),
        spreading: pair.spreading(at, &app.switches),
        from: pair.from.map(iso),
        until: pair.until.map(iso),
        judged: pair.judged,
    });
    ConsumerState {
        id: consumer.id.long(),
        name: consumer.name.clone(),
        primary: consumer.primary,
        mints: consumer.mints,
        cutovers: consumer.cutovers,
        pairs: pairs.collect(),
        staged: consumer.staged(at, &app.switches).map(|slot| StagedState {
            id: slot.id.long(),
            generation: slot.generation,
            state: slot.told(at).to_owned(),
            created_by: slot.created_by.long(),
            created: iso(slot.created),
            expires: iso(slot.expires),
        }),
    }
}

fn accepted(apps: &[App], at: Moment) -> Vec<Accepted> {
    let mut all = Vec::new();
    for app in apps {
        for consumer in &app.consumers {
            for pair in consumer.credentials.iter().filter(|pair| pair.alive(at)) {
                all.push(Accepted {
                    app: app.name.clone(),
                    consumer: consumer.name.clone(),
                    client_id: pair.key.clone(),
                    client_secret: pair.secret.clone(),
                    generation: pair.generation,
                });
            }
        }
    }
    all
}
