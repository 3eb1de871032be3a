//! Method `update`: a Connected App, its secret changed in place (salesforce-metadata.md §2, OPEN-1).
//!
//! A write carries the whole component, so it is read again right before, an edit in between is a conflict, and
//! what the write changed besides the secret is reported. The org's `success` proves nothing and is not taken
//! for more than an answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::task::JoinHandle;

use super::metadata::{self, Certificate, Component, pem};
use super::org::Org;
use super::probe::Prober;
use super::settings::SetupError;
use crate::port::{Cutover, Fault, Minted, Outcome, ProbeReport, Refusal, Survey, Target};
use crate::rotation::{Capabilities, Tri};
use crate::secret::{Credential, Secret};

/// A Connected App, its secret changed in place.
#[derive(Clone, Debug)]
pub struct UpdateSettings {
    /// Its full name, with the namespace of its package if it has one.
    pub name: String,
    /// The certificate (PEM) to send with every write; `None` is the explicit `certificate = "none"`.
    pub certificate: Option<String>,
    /// The app has the client-credentials flow and a run-as user: a real login may be the probe.
    pub client_credentials: bool,
}

/// One Connected App.
pub struct UpdateTarget {
    org: Arc<Org>,
    settings: UpdateSettings,
    prober: Prober,
    after: Arc<Mutex<After>>,
    reading: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// What follows a write.
#[derive(Default)]
struct After {
    /// Counts writes, so that a reading that began before one is not compared with it.
    writes: u64,
    /// The component as it stood before the last write, until it has been compared.
    before: Option<Component>,
    /// The write was answered. One that was not may still land, and so is compared at every survey.
    answered: bool,
    /// What the last write changed besides the secret.
    found: Vec<String>,
}

impl UpdateTarget {
    /// Sends nothing.
    ///
    /// # Errors
    /// [`SetupError::Name`] for a name with characters that no name has, [`SetupError::Certificate`] for one
    /// that is not PEM.
    pub fn new(org: Arc<Org>, settings: UpdateSettings) -> Result<Self, SetupError> {
        if settings.name.is_empty() || settings.name.chars().any(char::is_control) {
            return Err(SetupError::Name("is empty or has control characters".into()));
        }
        let fits = |text: &String| pem(text) && metadata::legal(text);
        if settings.certificate.as_ref().is_some_and(|text| !fits(text)) {
            return Err(SetupError::Certificate);
        }
        Ok(UpdateTarget {
            prober: Prober::new(org.clone(), settings.client_credentials),
            org,
            settings,
            after: Arc::default(),
            reading: tokio::sync::Mutex::default(),
        })
    }

    /// What the last write changed besides the secret, by element: `oauthConfig.certificate: gone`. Empty if
    /// nothing, or if it has not been read back yet. A survey reads it back where the write's own reading
    /// failed. Also logged as a warning when found.
    pub fn last_diff(&self) -> Vec<String> {
        self.after().found.clone()
    }

    /// Waits until the last write has been read back, or could not be, and then is [`Self::last_diff`].
    pub async fn settled_diff(&self) -> Vec<String> {
        if let Some(reading) = self.reading.lock().await.take() {
            // A reading that was cut short leaves the comparison to the next survey.
            reading.await.ok();
        }
        self.last_diff()
    }

    fn obstacles(&self, component: &Component) -> Vec<String> {
        let mut found = Vec::new();
        if !component.has_oauth() {
            found.push("the app has no OAuth settings, so no consumer secret".to_owned());
        }
        if component.certificate() == Certificate::Masked && self.settings.certificate.is_none() {
            found.push(
                "the app has a certificate (JWT bearer is in use) that cannot be read back, and a write without \
                 it may destroy it: set `certificate_file`"
                    .to_owned(),
            );
        }
        found
    }

    /// One write of the whole component with this secret, on top of `before`, which was just read.
    async fn write(&self, before: Component, secret: &Secret) -> Outcome<()> {
        if !metadata::legal(secret.expose()) || secret.expose().is_empty() {
            return Outcome::Refused(Refusal::Invalid(
                "the secret is empty or has characters that no XML can carry".into(),
            ));
        }
        let whole = before.with(secret, self.settings.certificate.as_deref());
        let outcome = metadata::update(&self.org, &self.settings.name, whole).await;
        match &outcome {
            Outcome::Done(()) => self.read_back(before).await,
            Outcome::Unknown(_) => {
                self.after().note(before, false);
            }
            Outcome::Partly(_) | Outcome::Refused(_) | Outcome::NotNow(_) => {}
        }
        outcome
    }

    fn after(&self) -> MutexGuard<'_, After> {
        self.after.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads back beside the caller, who stands inside an outage and must not wait for it.
    async fn read_back(&self, before: Component) {
        let supplied = self.settings.certificate.is_some();
        let (org, after, name) = (self.org.clone(), self.after.clone(), self.settings.name.clone());
        let write = self.after().note(before, true);
        let reading = tokio::spawn(async move {
            match metadata::read(&org, &name).await {
                Ok((component, _)) => after.lock().unwrap_or_else(PoisonError::into_inner).compare(
                    write,
                    &name,
                    component.as_ref(),
                    supplied,
                ),
                Err(fault) => tracing::debug!(app = name, %fault, "not read back yet"),
            }
        });
        *self.reading.lock().await = Some(reading);
    }

    /// Reads the component that a write is about to replace, and sees that it is the one meant.
    async fn fresh(&self, key: &str) -> Result<Component, Outcome<()>> {
        let name = &self.settings.name;
        let (component, _) = metadata::read(&self.org, name).await.map_err(Outcome::NotNow)?;
        let refused = |why: Refusal| Err(Outcome::Refused(why));
        let Some(component) = component else {
            return refused(Refusal::Conflict("the app is gone".into()));
        };
        if let Some(shown) = component.consumer_key() {
            if shown != key {
                return refused(Refusal::Conflict("the app has another consumer key".into()));
            }
            if self.org.is_own_login(&shown) {
                return refused(Refusal::Invalid("it is the app that rekeyd logs in with".into()));
            }
        }
        match self.obstacles(&component).into_iter().next() {
            Some(obstacle) => refused(Refusal::Invalid(obstacle)),
            None => Ok(component),
        }
    }
}

impl After {
    fn note(&mut self, before: Component, answered: bool) -> u64 {
        self.writes += 1;
        self.before = Some(before);
        self.answered = answered;
        self.found.clear();
        self.writes
    }

    /// Compares with what was read after the write of this number.
    fn compare(&mut self, write: u64, name: &str, now: Option<&Component>, supplied: bool) {
        let Some(before) = self.before.take_if(|_| self.writes == write) else {
            return;
        };
        self.found = match now {
            Some(now) => metadata::diff(&before, now, supplied),
            None => vec!["the app is gone".to_owned()],
        };
        if !self.answered {
            self.before = Some(before);
        }
        if !self.found.is_empty() {
            tracing::warn!(
                app = name,
                changed = self.found.join(", "),
                "the write changed more than the secret"
            );
        }
    }
}

#[async_trait]
impl Target for UpdateTarget {
    fn capabilities(&self) -> Capabilities {
        Capabilities::update()
    }

    async fn survey(&self) -> Result<Survey, Fault> {
        let name = &self.settings.name;
        let mut survey = Survey {
            key: None,
            live: None,
            staged: None,
            our_user: self.org.user().await?.map(|user| user.short().to_owned()),
            own_login: false,
            identity: None,
            modified: None,
            server_time: None,
            obstacles: Vec::new(),
            switched_off: false,
        };
        match self.look(&mut survey).await {
            Ok(()) => {}
            Err(Fault::Forbidden(text)) => survey.obstacles.push(text),
            Err(fault) => return Err(fault),
        }
        tracing::debug!(app = name, obstacles = survey.obstacles.len(), "surveyed");
        Ok(survey)
    }

    async fn mint(&self) -> Outcome<Minted> {
        Outcome::Refused(Refusal::Unsupported(
            "rekeyd chooses the secret of a Connected App".into(),
        ))
    }

    async fn staged_value(&self, _id: &str) -> Result<Option<Credential>, Fault> {
        Err(Fault::NotFound("a Connected App has no staged slot".into()))
    }

    async fn cutover(&self, order: &Cutover) -> Outcome<()> {
        let component = match self.fresh(&order.new.client_id).await {
            Ok(component) => component,
            Err(outcome) => return outcome,
        };
        // Asked after the read, so that an edit made between the two is seen.
        let properties = match metadata::list(&self.org, &self.settings.name).await {
            Ok(properties) => properties.unwrap_or_default(),
            Err(fault) => return Outcome::NotNow(fault),
        };
        if order.modified.is_none() || properties.modified != order.modified {
            return Outcome::Refused(Refusal::Conflict(
                "the app was edited since it was looked at".into(),
            ));
        }
        self.write(component, &order.new.client_secret).await
    }

    async fn undo(&self, old: &Credential) -> Outcome<()> {
        match self.fresh(&old.client_id).await {
            Ok(component) => self.write(component, &old.client_secret).await,
            Err(outcome) => outcome,
        }
    }

    async fn delete_staged(&self, _id: &str) -> Outcome<()> {
        Outcome::Refused(Refusal::Unsupported("a Connected App has no staged slot".into()))
    }

    async fn probe(&self, pair: &Credential) -> ProbeReport {
        self.prober.once(pair).await
    }

    async fn probe_differentially(&self, pair: &Credential) -> (ProbeReport, ProbeReport) {
        self.prober.differentially(pair).await
    }

    fn remember_proves_early(&self, _known: Tri) {}
}

impl UpdateTarget {
    async fn look(&self, survey: &mut Survey) -> Result<(), Fault> {
        let name = &self.settings.name;
        let described = self.org.described().await?;
        if !described.connected_app {
            survey
                .obstacles
                .push("the Metadata API of this org does not know Connected Apps".into());
            return Ok(());
        }
        let write = self.after().writes;
        let (component, date) = metadata::read(&self.org, name).await?;
        survey.server_time = date;
        let supplied = self.settings.certificate.is_some();
        self.after().compare(write, name, component.as_ref(), supplied);
        let Some(component) = component else {
            survey.obstacles.push(format!(
                "there is no Connected App `{name}` in this org that rekeyd's user can see"
            ));
            return Ok(());
        };
        survey.obstacles.extend(self.obstacles(&component));
        // Names of Connected Apps are not told apart by case.
        let name_here = component.full_name().to_ascii_lowercase();
        survey.identity = Some(format!(
            "{} connected app {name_here}",
            self.org.identity().await?
        ));
        survey.key = component.consumer_key();
        survey.own_login = survey
            .key
            .as_deref()
            .is_some_and(|key| self.org.is_own_login(key));
        let properties = metadata::list(&self.org, name).await?;
        let Some(properties) = properties else {
            survey.obstacles.push(
                "the app is not in the list of Connected Apps, so that no edit of it would be seen".into(),
            );
            return Ok(());
        };
        if properties.managed(described.namespace.as_deref()) {
            survey
                .obstacles
                .push("the app belongs to a managed package and cannot be edited here".into());
        }
        if properties.modified.is_none() {
            survey
                .obstacles
                .push("the org does not say when the app was last edited".into());
        }
        survey.modified = properties.modified;
        Ok(())
    }
}
