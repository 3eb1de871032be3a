//! Method `regenerate`: an External Client App whose secret Salesforce makes anew when its OAuth settings are
//! deployed with `shouldRotateConsumerSecret` (salesforce-metadata.md §3.1, OPEN-5).
//!
//! One shot: no overlap is documented, the value cannot be chosen, and it is read over REST afterwards. A deploy
//! carries the whole component, so it is read again right before, an edit in between is a conflict, and what the
//! deploy changed besides the flag is reported. The component never holds a secret, so neither does the zip.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::consumer::{Consumer, obstacle};
use super::fault::Area;
use super::metadata::{self, Certificate, Deployed, OauthSettings, Properties, pem};
use super::org::Org;
use super::probe::Prober;
use super::rest;
use super::settings::SetupError;
use crate::document::RecordIds;
use crate::port::{Cutover, Fault, Job, Minted, Outcome, ProbeReport, Refusal, Survey, Target};
use crate::rotation::{Capabilities, Tri};
use crate::secret::Credential;

/// An External Client App, rotated by the flag of its OAuth settings.
#[derive(Clone, Debug)]
pub struct RegenerateSettings {
    /// Its developer name.
    pub name: String,
    /// Which consumer, where it has several: by id, name or key.
    pub consumer: Option<String>,
    /// The certificate (PEM) to send with every deploy; `None` is the explicit `certificate = "none"`.
    pub certificate: Option<String>,
    /// The app has the client-credentials flow and a run-as user: a real login may be the probe.
    pub client_credentials: bool,
}

/// One consumer of an External Client App.
pub struct RegenerateTarget {
    org: Arc<Org>,
    name: String,
    certificate: Option<String>,
    consumer: Consumer,
    prober: Prober,
    seen: Mutex<Seen>,
}

/// What is remembered between calls.
#[derive(Default)]
struct Seen {
    /// The full name of the app's settings.
    settings: Option<String>,
    /// The settings as they stood before the last deploy, until they have been compared.
    before: Option<OauthSettings>,
    /// What that deploy changed besides the flag.
    changed: Vec<String>,
}

/// The settings of the app, as they stand now.
struct Found {
    settings: OauthSettings,
    properties: Properties,
}

impl RegenerateTarget {
    /// Sends nothing.
    ///
    /// # Errors
    /// [`SetupError::Name`] for a name with characters that no name has, [`SetupError::Certificate`] for a
    /// certificate that is not PEM.
    pub fn new(org: Arc<Org>, settings: RegenerateSettings) -> Result<Self, SetupError> {
        let fits = |text: &String| pem(text) && metadata::legal(text);
        if settings.certificate.as_ref().is_some_and(|text| !fits(text)) {
            return Err(SetupError::Certificate);
        }
        Ok(RegenerateTarget {
            consumer: Consumer::new(org.clone(), settings.name.clone(), settings.consumer)?,
            prober: Prober::new(org.clone(), settings.client_credentials),
            org,
            name: settings.name,
            certificate: settings.certificate,
            seen: Mutex::default(),
        })
    }

    /// What the last deploy changed besides the flag, by element; empty if nothing, or not read back yet. Also logged
    /// as a warning when found.
    pub fn last_diff(&self) -> Vec<String> {
        self.seen().changed.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn find(&self) -> Result<Result<Found, String>, Fault> {
        let known = self.seen().settings.clone();
        let found = metadata::settings_of(&self.org, &self.name, known.as_deref()).await?;
        Ok(match found {
            Some((settings, properties)) => {
                self.seen().settings = Some(settings.full_name());
                Ok(Found { settings, properties })
            }
            None => Err(format!(
                "no OAuth settings of the External Client App `{}` can be read through the Metadata API",
                self.name
            )),
        })
    }

    fn obstacles(&self, found: &Found) -> Vec<String> {
        let mut obstacles = Vec::new();
        if found.settings.certificate() == Certificate::Masked && self.certificate.is_none() {
            obstacles.push(
                "the app has a certificate (JWT bearer is in use) that cannot be read back, and a deploy without \
                 it may destroy it: set `certificate_file`"
                    .to_owned(),
            );
        }
        if found.settings.rotates_key() {
            obstacles.push(
                "the app's OAuth settings carry shouldRotateConsumerKey = true, so that any deploy changes the \
                 client id: somebody has to deploy them with false first"
                    .to_owned(),
            );
        }
        obstacles
    }

    /// The settings that a deploy is about to replace, and the app's mark, asked for after them.
    async fn fresh(&self) -> Result<Found, Outcome<String>> {
        let found = match self.find().await.map_err(Outcome::NotNow)? {
            Ok(found) => found,
            Err(text) => return Err(Outcome::Refused(Refusal::Conflict(text))),
        };
        // Asked for again after the read, so that an edit made between the two is seen.
        let name = found.settings.full_name();
        let listed = metadata::list_settings(&self.org)
            .await
            .map_err(Outcome::NotNow)?;
        let now = listed.into_iter().find(|(one, _)| *one == name);
        let now = now.map(|(_, properties)| properties).unwrap_or_default();
        if now.modified.is_none() || now.modified != found.properties.modified {
            let text = "the app's OAuth settings are being edited";
            return Err(Outcome::Refused(Refusal::Conflict(text.into())));
        }
        if found
            .settings
            .consumer_key()
            .is_some_and(|key| self.org.is_own_login(&key))
        {
            let text = "it is the app that rekeyd logs in with";
            return Err(Outcome::Refused(Refusal::Invalid(text.into())));
        }
        match self.obstacles(&found).into_iter().next() {
            Some(obstacle) => Err(Outcome::Refused(Refusal::Invalid(obstacle))),
            None => Ok(found),
        }
    }

    /// One deploy of the whole component, on top of what was just read.
    async fn deploy(&self, found: Found, rotate_secret: bool) -> Outcome<String> {
        let version = match self.org.version().await {
            Ok(version) => version,
            Err(fault) => return Outcome::NotNow(fault),
        };
        let name = found.settings.full_name();
        let file = found.settings.file(rotate_secret, self.certificate.as_deref());
        let Some(zip) = file.and_then(|file| metadata::package(&name, &file, &version)) else {
            return Outcome::NotNow(Fault::Unusable("the package could not be written".into()));
        };
        let outcome = metadata::deploy(&self.org, &zip, rotate_secret).await;
        match &outcome {
            // Without an answer it may have been applied all the same.
            Outcome::Done(_) | Outcome::Unknown(_) => self.seen().before = Some(found.settings),
            Outcome::Partly(_) | Outcome::Refused(_) | Outcome::NotNow(_) => {}
        }
        outcome
    }

    /// Compares with what stood there before the last deploy.
    fn compare(&self, now: &OauthSettings) {
        let mut seen = self.seen();
        let Some(before) = seen.before.take() else { return };
        seen.changed = metadata::diff_settings(&before, now, self.certificate.is_some());
        if !seen.changed.is_empty() {
            tracing::warn!(
                app = self.name,
                changed = seen.changed.join(", "),
                "the deploy changed more than the secret"
            );
        }
    }

    async fn look(&self, survey: &mut Survey) -> Result<(), Fault> {
        let Some(consumers) = self.consumer.look(survey).await? else {
            return Ok(());
        };
        let described = self.org.described().await?;
        if !described.types.contains(metadata::OAUTH_SETTINGS) {
            survey.obstacles.push(
                "the Metadata API of this org does not know the OAuth settings of External Client Apps"
                    .into(),
            );
            return Ok(());
        }
        let found = match self.find().await? {
            Ok(found) => found,
            Err(text) => {
                survey.obstacles.push(text);
                return Ok(());
            }
        };
        survey.obstacles.extend(self.obstacles(&found));
        let shown = found.settings.consumer_key();
        if shown.is_some() && survey.key.is_some() && shown != survey.key {
            survey
                .obstacles
                .push("the app's OAuth settings belong to another consumer than the policy names".into());
        }
        if shown.is_none() && consumers > 1 {
            survey.obstacles.push(
                "the app has several consumers, and its OAuth settings do not show which one they belong to"
                    .into(),
            );
        }
        if found.properties.managed(described.namespace.as_deref()) {
            survey
                .obstacles
                .push("the app belongs to a managed package and cannot be edited here".into());
        }
        if found.properties.modified.is_none() {
            survey
                .obstacles
                .push("the org does not say when the app's OAuth settings were last edited".into());
        }
        survey.modified = found.properties.modified;
        Ok(())
    }
}

#[async_trait]
impl Target for RegenerateTarget {
    fn capabilities(&self) -> Capabilities {
        Capabilities::regenerate()
    }

    fn record(&self) -> Option<RecordIds> {
        self.consumer.record()
    }

    async fn revoke_tokens(&self) -> Outcome<String> {
        self.consumer.end_tokens().await
    }

    async fn survey(&self) -> Result<Survey, Fault> {
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
        if let Err(fault) = self.look(&mut survey).await {
            obstacle(&mut survey, fault)?;
        }
        Ok(survey)
    }

    async fn mint(&self) -> Outcome<Minted> {
        Outcome::Refused(Refusal::Unsupported(
            "a new secret is in force as soon as it is made".into(),
        ))
    }

    async fn staged_value(&self, _id: &str) -> Result<Option<Credential>, Fault> {
        Err(Fault::NotFound("this method stages nothing".into()))
    }

    async fn cutover(&self, _order: &Cutover) -> Outcome<()> {
        Outcome::Refused(Refusal::Unsupported("no given secret can be put in force".into()))
    }

    async fn regenerate(&self, key: &str, modified: Option<&str>) -> Outcome<String> {
        let found = match self.fresh().await {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        if found.settings.consumer_key().is_some_and(|shown| shown != key) {
            return Outcome::Refused(Refusal::Conflict("the app has another consumer key".into()));
        }
        if modified.is_none() || found.properties.modified.as_deref() != modified {
            return Outcome::Refused(Refusal::Conflict(
                "the app was edited since it was looked at".into(),
            ));
        }
        self.deploy(found, true).await
    }

    async fn reset(&self) -> Outcome<String> {
        match self.fresh().await {
            Ok(found) => {
                self.compare(&found.settings);
                self.deploy(found, false).await
            }
            Err(outcome) => outcome,
        }
    }

    async fn is_set(&self) -> Result<Option<bool>, Fault> {
        match self.find().await? {
            Ok(found) => {
                self.compare(&found.settings);
                Ok(found.settings.rotates_secret())
            }
            Err(text) => Err(Fault::NotFound(text)),
        }
    }

    async fn job(&self, id: &str) -> Result<Job, Fault> {
        Ok(match metadata::deploy_status(&self.org, id).await? {
            Deployed::Running => Job::Running,
            Deployed::Succeeded => Job::Done,
            Deployed::Failed(class) => match class.outcome::<()>(Area::Metadata) {
                Outcome::Refused(why) => Job::Refused(why),
                Outcome::NotNow(fault) => Job::NotNow(fault),
                Outcome::Done(()) | Outcome::Partly(_) | Outcome::Unknown(_) => {
                    Job::Refused(Refusal::Invalid("the deploy failed".into()))
                }
            },
        })
    }

    async fn live(&self) -> Result<Option<Credential>, Fault> {
        let ids = self.consumer.ids().await?;
        Ok(rest::primary(&self.org, &ids).await?.credential())
    }

    async fn undo(&self, _old: &Credential) -> Outcome<()> {
        Outcome::Refused(Refusal::Unsupported("a former secret cannot be put back".into()))
    }

    async fn delete_staged(&self, id: &str) -> Outcome<()> {
        let Some(id) = super::id::RecordId::parse(id) else {
            return Outcome::Refused(Refusal::Invalid("the id of the staged entry is not one".into()));
        };
        match self.consumer.ids().await {
            Ok(ids) => rest::delete(&self.org, &ids, &id).await,
            Err(fault) => Outcome::NotNow(fault),
        }
    }

    async fn probe(&self, pair: &Credential) -> ProbeReport {
        self.prober.once(pair).await
    }

    async fn probe_differentially(&self, pair: &Credential) -> (ProbeReport, ProbeReport) {
        self.prober.differentially(pair).await
    }

    fn remember_proves_early(&self, _known: Tri) {}
}
