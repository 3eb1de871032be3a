//! The composition root: the only file that names concrete adapters.
//!
//! A checked policy goes in; seats with real adapters, a journal and the supervisor come out. Files that hold secrets
//! are read here, once, and refused where others can read them.

pub mod alerts;
mod examination;
mod stores;
mod vault;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use self::stores::Connections;
pub use self::stores::record_access;
use crate::cli::exit::Failure;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::engine::examine::Exam;
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::engine::seat::{House, Seat, StoreSeat};
use crate::engine::supervisor::Managed;
use crate::policy::Policy;
use crate::policy::app::{AppPolicy, Certificate, Flow, Method, StoreEntry, Target};
use crate::policy::org::{Login, OrgPolicy};
use crate::port;
use crate::random::Random;
use crate::rotation::Limits;
use crate::salesforce::{
    AssistedTarget, Clinic, JwtLogin, Org, OrgSettings, RegenerateSettings, RegenerateTarget, StagedSettings,
    StagedTarget, Switch, Timeouts, UpdateSettings, UpdateTarget, Watch,
};
use crate::secret::file::FileFault;
use crate::secret::{self, FingerprintKey, Secret};

/// The largest file that a secret may be in: a key, a certificate or a token.
const LARGEST: u64 = 64 * 1024;

/// Reads the fingerprint key that the policy names.
///
/// # Errors
/// [`Failure`] (78): missing, unreadable, open to others, too short.
pub fn fingerprint_key(policy: &Policy) -> Result<FingerprintKey, Failure> {
    let path = &policy.journal.key_file;
    let bytes = secret_file(path)?;
    FingerprintKey::new(bytes.to_vec()).ok_or_else(|| {
        let least = FingerprintKey::SHORTEST;
        Failure::config(format!(
            "{}: a fingerprint key has at least {least} bytes",
            path.display()
        ))
    })
}

/// Builds every app of the policy, and those that left it while a rotation was under way.
///
/// # Errors
/// [`Failure`] (78) for what the policy names and cannot be used.
pub fn build(
    policy: &Policy,
    ledgers: &Ledgers,
    house: &House,
) -> Result<BTreeMap<String, Managed>, Failure> {
    let mut builder = Builder {
        policy,
        house,
        orgs: BTreeMap::new(),
        connections: Connections::default(),
    };
    let mut apps = BTreeMap::new();
    for (name, app) in &policy.apps {
        let mut managed = builder.managed(app, true)?;
        let run = ledgers.apps.get(name).and_then(AppLedger::running);
        if let Some(run) = run.filter(|run| managed.way(&run.method).is_none()) {
            let before = serde_json::from_value::<AppPolicy>(run.policy.clone()).ok();
            let before = before.and_then(|before| builder.managed(&before, false).ok());
            managed.former = before.and_then(|before| before.way(&run.method));
        }
        apps.insert(name.clone(), managed);
    }
    for (name, ledger) in &ledgers.apps {
        let Some(run) = ledger.running().filter(|_| !apps.contains_key(name)) else {
            continue;
        };
        match serde_json::from_value::<AppPolicy>(run.policy.clone()).map(|app| builder.managed(&app, false))
        {
            Ok(Ok(managed)) => {
                apps.insert(name.clone(), managed);
            }
            Ok(Err(failure)) => {
                tracing::error!(
                    app = name,
                    "it left the policy with a rotation under way: {}",
                    failure.text
                );
            }
            Err(_) => tracing::error!(
                app = name,
                "it left the policy, and its former policy cannot be read"
            ),
        }
    }
    Ok(apps)
}

/// Opens one app's place in one store, for `rekeyd secret`.
///
/// # Errors
/// [`Failure`] (78) for what cannot be used; (1) for a store that the app does not have.
pub fn open_store(policy: &Policy, app: &str, store: Option<&str>) -> Result<StoreSeat, Failure> {
    let Some(app) = policy.apps.get(app) else {
        return Err(Failure::failed(format!("the policy has no app {app}")));
    };
    let wanted = |entry: &&StoreEntry| store.is_none_or(|store| entry.store == store);
    let Some(entry) = app.stores.iter().find(wanted) else {
        return Err(Failure::failed(format!("app {} has no such store", app.name)));
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Connections::default().seat(policy, entry, &clock)
}

/// Makes the identity of a new file store.
///
/// # Errors
/// [`Failure`] (1) when the file exists or cannot be written.
pub fn generate_identity(path: &Path) -> Result<(), Failure> {
    crate::store::file::identity::generate(path).map_err(|fault| Failure::failed(fault.to_string()))
}

/// What the apps of one org share.
#[derive(Clone)]
struct OrgParts {
    org: Arc<Org>,
    watch: Arc<dyn port::OrgWatch>,
    switch: Arc<dyn port::SecretsSwitch>,
    examiner: Arc<dyn port::Examiner>,
    places: Arc<Semaphore>,
}

struct Builder<'a> {
    policy: &'a Policy,
    house: &'a House,
    orgs: BTreeMap<String, OrgParts>,
    connections: Connections,
}

impl Builder<'_> {
    fn managed(&mut self, app: &AppPolicy, in_policy: bool) -> Result<Managed, Failure> {
        let Some(settings) = self.policy.orgs.get(&app.org) else {
            return Err(Failure::config(format!(
                "app {}: the policy has no org {}",
                app.name, app.org
            )));
        };
        let OrgParts {
            org,
            watch,
            switch,
            examiner,
            places,
        } = self.org(settings)?;
        let seats = app.stores.iter();
        let stores = seats.map(|entry| self.connections.seat(self.policy, entry, &self.house.clock));
        let stores = stores.collect::<Result<Vec<_>, _>>()?;
        let mut ways = Vec::new();
        for method in &app.methods {
            ways.push(Arc::new(Seat {
                app: app.name.clone(),
                org: app.org.clone(),
                token_url: app
                    .token_url
                    .as_ref()
                    .map_or_else(|| org.token_url(), ToString::to_string),
                base_uri: settings.url.as_str().trim_end_matches('/').to_owned(),
                method: method.word().to_owned(),
                target: target(org.clone(), app, *method)?,
                stores: stores.clone(),
                opens_switch: settings.consumer_secrets_switch.opens_for(*method),
                house: self.house.clone(),
            }));
        }
        let Some(seat) = ways.first().cloned() else {
            return Err(Failure::config(format!("app {}: it has no method", app.name)));
        };
        let policy = serde_json::to_value(app)
            .map_err(|_| Failure::failed(format!("app {}: its policy cannot be journaled", app.name)))?;
        Ok(Managed {
            seat,
            ways,
            former: None,
            timing: in_policy.then(|| app.timing.clone()),
            limits: limits(settings, app),
            policy,
            org: places,
            kind: app.target.kind().to_owned(),
            places: settings.concurrency,
            cool_down: app.cool_down,
            live_check: settings.live_check,
            catch_up_spacing: settings.catch_up_spacing,
            watch: Some(watch),
            switch: Some(switch),
            exam: Exam {
                examiner,
                org: examination::org(settings),
                subject: examination::subject(settings, app),
            },
        })
    }

    fn org(&mut self, settings: &OrgPolicy) -> Result<OrgParts, Failure> {
        if let Some(org) = self.orgs.get(&settings.name) {
            return Ok(org.clone());
        }
        let Login::Jwt {
            client_id,
            username,
            key_file,
            certificate_file,
        } = &settings.login;
        let built = Org::new(
            OrgSettings {
                name: settings.name.clone(),
                url: settings.url.to_string(),
                api_version: settings.api_version.to_string(),
                login: JwtLogin {
                    client_id: client_id.clone(),
                    username: username.clone(),
                    key_pem: text(secret_file(key_file)?, key_file)?,
                    audience: settings.audience.clone(),
                },
                timeouts: Timeouts::default(),
            },
            self.house.clock.clone(),
            self.house.random.clone(),
        );
        let org = built.map_err(|fault| Failure::config(format!("org {}: {fault}", settings.name)))?;
        let places = Arc::new(Semaphore::new(
            usize::try_from(settings.concurrency).unwrap_or(1).max(1),
        ));
        let ends = certificate_file.as_deref().map(certificate_end).transpose()?;
        let watch: Arc<dyn port::OrgWatch> = Arc::new(Watch::new(org.clone(), ends));
        let parts = OrgParts {
            examiner: Arc::new(Clinic::new(org.clone())),
            switch: Arc::new(Switch::new(org.clone())),
            org,
            watch,
            places,
        };
        self.orgs.insert(settings.name.clone(), parts.clone());
        Ok(parts)
    }
}

fn limits(org: &OrgPolicy, app: &AppPolicy) -> Limits {
    Limits {
        request_lifetime: org.request_lifetime,
        propagation: org.propagation,
        stable_tries: org.stability.tries,
        stable_spacing: org.stability.spacing,
        stable_span: org.stability.span,
        cutover_timeout: app.cutover_timeout,
        grace: app.grace,
        answer_within: app.answer_within,
    }
}

fn target(org: Arc<Org>, app: &AppPolicy, method: Method) -> Result<Arc<dyn port::Target>, Failure> {
    let wrong = |text: String| Failure::config(format!("app {}: {text}", app.name));
    let by_flow = app.flow == Some(Flow::ClientCredentials);
    let client_credentials = app.client_credentials.unwrap_or(by_flow);
    match (&app.target, method) {
        (Target::ExternalClientApp { name, consumer, .. }, Method::Staged) => {
            let settings = StagedSettings {
                name: name.clone(),
                consumer: consumer.clone(),
                client_credentials,
            };
            let target = StagedTarget::new(org, settings).map_err(|fault| wrong(fault.to_string()))?;
            Ok(Arc::new(target))
        }
        (Target::ExternalClientApp { name, consumer, .. }, Method::Regenerate) => {
            let settings = RegenerateSettings {
                name: name.clone(),
                consumer: consumer.clone(),
                certificate: certificate(app)?,
                client_credentials,
            };
            let target = RegenerateTarget::new(org, settings).map_err(|fault| wrong(fault.to_string()))?;
            Ok(Arc::new(target))
        }
        (Target::ConnectedApp { name, .. }, Method::Update) => {
            let settings = UpdateSettings {
                name: name.clone(),
                certificate: certificate(app)?,
                client_credentials,
            };
            let target = UpdateTarget::new(org, settings).map_err(|fault| wrong(fault.to_string()))?;
            Ok(Arc::new(target))
        }
        (Target::ExternalClientApp { name, consumer, .. }, Method::Assisted) => {
            let settings = StagedSettings {
                name: name.clone(),
                consumer: consumer.clone(),
                client_credentials,
            };
            let shown = StagedTarget::new(org.clone(), settings).map_err(|fault| wrong(fault.to_string()))?;
            let allow = app.target.allows_key_change();
            Ok(Arc::new(AssistedTarget::new(org, Arc::new(shown), allow)))
        }
        (Target::ConnectedApp { name, .. }, Method::Assisted) => {
            let settings = UpdateSettings {
                name: name.clone(),
                certificate: None,
                client_credentials,
            };
            let shown = UpdateTarget::new(org.clone(), settings).map_err(|fault| wrong(fault.to_string()))?;
            let allow = app.target.allows_key_change();
            Ok(Arc::new(AssistedTarget::new(org, Arc::new(shown), allow)))
        }
        (Target::ExternalClientApp { .. }, Method::Update)
        | (Target::ConnectedApp { .. }, Method::Staged | Method::Regenerate) => Err(wrong(format!(
            "method {} is not for an app of this kind",
            method.word()
        ))),
    }
}

/// What a write of the whole component sends as the certificate.
fn certificate(app: &AppPolicy) -> Result<Option<String>, Failure> {
    match &app.certificate {
        Some(Certificate::File(path)) => public_text(path).map(Some),
        Some(Certificate::None) | None => Ok(None),
    }
}

/// What a file holds that nobody else can read: bounded.
fn secret_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let shown = path.display();
    let wrong = |text: String| Failure::config(format!("{shown}: {text}"));
    let file = secret::file::open(path).map_err(|fault| match fault {
        FileFault::Unreadable(fault) => wrong(fault.kind().to_string()),
        FileFault::NotAFile => wrong(fault.to_string()),
        FileFault::Open { mode: _ } => wrong(format!("{fault}: run `chmod 600 '{shown}'`")),
    })?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|fault| wrong(fault.kind().to_string()))?;
    match u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST) {
        true => Ok(bytes),
        false => Err(wrong(format!("longer than {LARGEST} bytes"))),
    }
}

fn text(bytes: Zeroizing<Vec<u8>>, path: &Path) -> Result<Secret, Failure> {
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Secret::new(text.to_owned())),
        Err(_) => Err(Failure::config(format!("{}: not text", path.display()))),
    }
}

/// When our own certificate ends.
fn certificate_end(path: &Path) -> Result<Timestamp, Failure> {
    let text = public_text(path)?;
    let wrong = || Failure::config(format!("{}: not a certificate in PEM", path.display()));
    let (_, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes()).map_err(|_| wrong())?;
    let certificate = pem.parse_x509().map_err(|_| wrong())?;
    let seconds = certificate.validity().not_after.timestamp();
    Ok(Timestamp(seconds.saturating_mul(1000)))
}

fn public_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|fault| Failure::config(format!("{}: {}", path.display(), fault.kind())))
}

/// The house of a daemon on this machine.
pub fn house(
    journal: Arc<dyn port::journal::Journal>,
    prints: FingerprintKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> House {
    House {
        journal,
        clock,
        random,
        prints,
        identities: Arc::default(),
    }
}
