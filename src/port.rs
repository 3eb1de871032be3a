//! The few traits between the engine and the world, and the vocabulary of their answers.
//!
//! A call of a port method holds **at most one mutating request**. Its answer is one of five ([`Outcome`]): done,
//! partly, refused, not now, or *unknown*; after unknown the engine probes and never repeats blindly. Reads answer
//! with a [`Fault`] that says what the caller does next. No message here ever carries a body, a token or a secret.

pub mod journal;
pub mod outbox;

use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::doctor::observed::{AppSeen, Lack, OrgSeen, Seen, Subject, Touched};
use crate::document::{Document, RecordIds};
use crate::rotation::{Capabilities, RotationId, Tri};
pub use crate::rotation::{ProbeReport, Refusal, Verdict, VersionRef};
use crate::secret::Credential;

/// What became of one mutating request.
#[derive(Clone, Debug)]
pub enum Outcome<T> {
    /// It was applied, and the other side said so.
    Done(T),
    /// The write takes several requests; this one was applied, and no place shows a difference yet. The same call
    /// makes the next one, on an intent of its own.
    Partly(String),
    /// It was definitely not applied, and the same request would be refused again.
    Refused(Refusal),
    /// It was definitely not applied (not sent, throttled, unauthorised); the same request may work later.
    NotNow(Fault),
    /// Sent, and nobody knows. Only a probe may follow.
    Unknown(String),
}

impl<T> Outcome<T> {
    /// The same with another word for done.
    pub fn map<U>(self, done: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Outcome::Done(value) => Outcome::Done(done(value)),
            Outcome::Partly(text) => Outcome::Partly(text),
            Outcome::Refused(refusal) => Outcome::Refused(refusal),
            Outcome::NotNow(fault) => Outcome::NotNow(fault),
            Outcome::Unknown(text) => Outcome::Unknown(text),
        }
    }
}

/// Why a read did not answer, by what the caller does next. The texts are for people and hold no secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Try again later: connection refused, time-out, 5xx, maintenance, sealed store.
    #[error("not available now: {0}")]
    Unavailable(String),
    /// Try again after this long: throttled or out of quota.
    #[error("throttled for {}s: {text}", wait.as_secs())]
    Throttled {
        /// How long to wait.
        wait: Duration,
        /// What the other side said, by class.
        text: String,
    },
    /// Our own login or token is not accepted. A person must act.
    #[error("our own login is not accepted: {0}")]
    Unauthorized(String),
    /// A right or switch is missing. A person must act.
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// The org's switch for consumer secrets over REST is off. A person must act, or the policy lets us.
    #[error("not permitted: {0}")]
    SwitchedOff(String),
    /// The thing asked for does not exist there.
    #[error("not found: {0}")]
    NotFound(String),
    /// The answer cannot be understood, or a setting is wrong. A person must act.
    #[error("unusable: {0}")]
    Unusable(String),
}

/// What a place holds, and what a conditional write must name to replace exactly that.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The version there now, also when it was never written or has been destroyed.
    pub base: VersionRef,
    /// The value, if there is one.
    pub value: Option<Document>,
}

/// A place of one app in one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// What consumers read.
    Current,
    /// What waits to become current. Consumers have no right to it.
    Pending,
    /// An earlier version of *current*, by name.
    Version(VersionRef),
    /// An earlier version of *pending*, by name (a quarantined value).
    PendingVersion(VersionRef),
}

/// Where credentials live for consumers. One value handles one app's path in one store; adapters are built per
/// app by the composition root. All writes are compare-and-set: a `base` that no longer holds is
/// [`Refusal::Conflict`].
#[async_trait]
pub trait Store: Send + Sync {
    /// The store's name in the policy.
    fn name(&self) -> &str;

    /// Reads one place. `base` of [`Place::Version`] is that version itself.
    async fn read(&self, place: &Place) -> Result<Slot, Fault>;

    /// What would stop a rotation here, asked read-only: missing rights, a retention too short for `grace`, a
    /// wrong engine version. Empty means nothing. Each text says how to put it right.
    async fn obstacles(&self, grace: Duration) -> Result<Vec<String>, Fault>;

    /// Writes *pending* over exactly `base`.
    async fn put_pending(
        &self,
        base: &VersionRef,
        value: &Document,
        rotation: RotationId,
    ) -> Outcome<VersionRef>;

    /// Writes *current* over exactly `base`. The version it replaces stays readable by name.
    async fn publish(&self, base: &VersionRef, value: &Document, rotation: RotationId)
    -> Outcome<VersionRef>;

    /// Ends the pending value `version`, which we wrote. `Done` if it is gone already. Afterwards
    /// [`Place::Pending`] reads as empty.
    async fn clear_pending(&self, version: &VersionRef) -> Outcome<()>;

    /// Sets the pending value `version` aside under a name of its own: [`Place::Pending`] reads as empty, the
    /// value stays readable as [`Place::PendingVersion`] of `version`. `Done` if that is so already.
    async fn quarantine(&self, version: &VersionRef, rotation: RotationId) -> Outcome<()>;
}

/// What stands in the staged slot of a consumer (salesforce-oauth-rest.md §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedEntry {
    /// Salesforce's id of the entry.
    pub id: String,
    /// The consumer key of the pair.
    pub key: String,
    /// `Active`, `Expired` or `Rotated`, lower-cased.
    pub state: String,
    /// The user who made it, first 15 characters.
    pub created_by: Option<String>,
    /// When, by Salesforce's clock.
    pub created_at: Option<Timestamp>,
    /// Until when it lives.
    pub expires_at: Option<Timestamp>,
}

/// One look at an app in Salesforce. Read-only.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The consumer key that Salesforce holds as primary, where it can be read.
    pub key: Option<String>,
    /// The whole primary pair, where it can be read (External Client Apps with the REST switch on).
    pub live: Option<Credential>,
    /// The staged slot, for targets that have one.
    pub staged: Option<StagedEntry>,
    /// Our own user, first 15 characters, to recognise what we made.
    pub our_user: Option<String>,
    /// It is the app that we log in with.
    pub own_login: bool,
    /// Who it is, by ids: of the org and the consumer, or of the org and the component where there is no other. Equal
    /// for two apps of the policy that are one.
    pub identity: Option<String>,
    /// The component's last-modified mark, for targets that write the whole component.
    pub modified: Option<String>,
    /// Salesforce's clock when it answered (the `Date` header).
    pub server_time: Option<Timestamp>,
    /// What would stop a rotation: missing permissions, a switch that is off, a managed app. With the remedy.
    pub obstacles: Vec<String>,
    /// One of them is the org's switch for consumer secrets over REST.
    pub switched_off: bool,
}

/// A new pair that Salesforce made.
#[derive(Clone, Debug)]
pub struct Minted {
    /// Salesforce's id of the staged entry.
    pub id: String,
    /// The pair, if the answer carried it.
    pub credential: Option<Credential>,
    /// Its key.
    pub key: String,
}

/// What the cutover puts in force.
#[derive(Clone, Debug)]
pub struct Cutover {
    /// The staged entry to promote, where Salesforce made the value.
    pub staged: Option<String>,
    /// The pair to put in force.
    pub new: Credential,
    /// The component's last-modified mark seen at preflight; a different one is a conflict.
    pub modified: Option<String>,
}

/// What becomes of a request that Salesforce took on under an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// It waits for its turn, or runs.
    Running,
    /// It ended, and says that it was applied.
    Done,
    /// It ended and was definitely not applied.
    Refused(Refusal),
    /// It ended, was definitely not applied, and may work later.
    NotNow(Fault),
}

/// One client app in one org, through one method. Adapters: `salesforce::staged`, `salesforce::update`,
/// `salesforce::regenerate`, `salesforce::assisted`.
#[async_trait]
pub trait Target: Send + Sync {
    /// What this method can do here.
    fn capabilities(&self) -> Capabilities;

    /// The ids that Salesforce gives the app, once a survey has seen them. Methods that know it by name only have none.
    fn record(&self) -> Option<RecordIds> {
        None
    }

    /// Whether this is the client id that we log in with, for methods whose survey may not show it.
    fn is_own_login(&self, _client_id: &str) -> bool {
        false
    }

    /// Reads everything that decisions need.
    async fn survey(&self) -> Result<Survey, Fault>;

    /// Makes a new pair. Methods where we choose the value answer [`Refusal::Unsupported`].
    async fn mint(&self) -> Outcome<Minted>;

    /// Reads a staged pair again; `None` if Salesforce masks its secret.
    async fn staged_value(&self, id: &str) -> Result<Option<Credential>, Fault>;

    /// Puts the new pair in force. The state that it relies on is read again right before the one write.
    async fn cutover(&self, order: &Cutover) -> Outcome<()>;

    /// Has Salesforce make another secret and put it in force, in one request; for methods whose cutover mints. The
    /// answer is the id to ask [`Target::job`] for. `key` and `modified` are what the preflight saw.
    async fn regenerate(&self, _key: &str, _modified: Option<&str>) -> Outcome<String> {
        Outcome::Refused(Refusal::Unsupported(
            "this method's cutover makes no value".into(),
        ))
    }

    /// Takes back what [`Target::regenerate`] left set. Safe to repeat. The answer is an id for [`Target::job`].
    async fn reset(&self) -> Outcome<String> {
        Outcome::Refused(Refusal::Unsupported("this method leaves nothing set".into()))
    }

    /// Whether what [`Target::reset`] takes back is still set; `None` if nobody can see it.
    async fn is_set(&self) -> Result<Option<bool>, Fault> {
        Ok(Some(false))
    }

    /// How a request stands that was taken on under this id. [`Fault::NotFound`]: nobody knows of it any more.
    async fn job(&self, _id: &str) -> Result<Job, Fault> {
        Err(Fault::NotFound("this method leaves nothing to wait for".into()))
    }

    /// The live pair alone, as fast as can be; `None` where it cannot be read.
    async fn live(&self) -> Result<Option<Credential>, Fault> {
        Ok(self.survey().await?.live)
    }

    /// Puts `old` back in force. Methods without a way back answer [`Refusal::Unsupported`].
    async fn undo(&self, old: &Credential) -> Outcome<()>;

    /// Deletes a staged entry: an orphan of ours, or the old pair after the grace.
    async fn delete_staged(&self, id: &str) -> Outcome<()>;

    /// Ends the app's live tokens, which outlive the credential that they were got with. Safe to repeat. The answer is
    /// what was ended, in words.
    async fn revoke_tokens(&self) -> Outcome<String> {
        Outcome::Refused(Refusal::Unsupported(
            "no one call ends the tokens of an app of this kind: Setup > Connected Apps OAuth Usage > the app > Revoke All"
                .into(),
        ))
    }

    /// Judges a pair with one request of the best probe known to discriminate for this app.
    async fn probe(&self, pair: &Credential) -> ProbeReport;

    /// Judges `pair` and its corrupted control side by side by the same probe, falling to the next probe while
    /// both are answered alike. Remembers which probe discriminated. The answers are (pair, control).
    async fn probe_differentially(&self, pair: &Credential) -> (ProbeReport, ProbeReport);

    /// What this org has taught about the method, to be remembered: does a staged pair log in early?
    fn remember_proves_early(&self, known: Tri);
}

/// How an org answers our own login. Read-only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrgReport {
    /// The org's clock (the `Date` header).
    pub server_time: Option<Timestamp>,
    /// Requests used and allowed in 24 hours, as the org last said (`Sforce-Limit-Info`).
    pub api: Option<(u64, u64)>,
    /// When our own login's certificate ends, where the policy names it.
    pub login_ends: Option<Timestamp>,
}

/// One org, looked at apart from any app: does our own login work, and what time is it there?
#[async_trait]
pub trait OrgWatch: Send + Sync {
    /// The org's clock, asked without logging in.
    async fn time(&self) -> Result<Timestamp, Fault>;

    /// One cheap request with our own login.
    async fn look(&self) -> Result<OrgReport, Fault>;

    /// Logins that were accepted, and that were not, since the start.
    fn logins(&self) -> (u64, u64);

    /// Requests used and allowed in 24 hours, as any answer last said. Asks nobody.
    fn api(&self) -> Option<(u64, u64)>;
}

/// The org's switch "Allow access to External Client App consumer secrets via REST API", which `staged` and `regenerate`
/// need (salesforce-oauth-rest.md §1). When it is opened and closed is the engine's.
#[async_trait]
pub trait SecretsSwitch: Send + Sync {
    /// Whether it is on. Read-only.
    async fn is_on(&self) -> Result<bool, Fault>;

    /// Turns it on or off, in one write on top of what is read right before. [`Refusal::Conflict`] if it is so already:
    /// then it was not us.
    async fn set(&self, on: bool) -> Outcome<()>;
}

/// Asks an org what it and its apps are fit for. **Read-only**: no request of it changes anything anywhere, and none
/// makes a credential. It never fails: what is not seen says why.
#[async_trait]
pub trait Examiner: Send + Sync {
    /// Versions, our own login, rights, types, quota.
    async fn org(&self) -> OrgSeen;

    /// Whether Connected Apps can be created: a deploy that is judged and not applied.
    async fn creation(&self) -> Seen<bool>;

    /// One app.
    async fn app(&self, subject: &Subject) -> AppSeen;

    /// Who is touched when the app's key or secret changes.
    async fn touched(&self, subject: &Subject) -> Touched;
}

impl<T> From<Fault> for Seen<T> {
    fn from(fault: Fault) -> Seen<T> {
        match fault {
            Fault::Unavailable(text) => Seen::Not(Lack::Later, text),
            Fault::Throttled { text, .. } => Seen::Not(Lack::Later, text),
            Fault::Unauthorized(text) => Seen::Not(Lack::Login, text),
            Fault::Forbidden(text) => Seen::Not(Lack::Denied, text),
            Fault::SwitchedOff(text) => Seen::Not(Lack::Switched, text),
            Fault::NotFound(text) => Seen::Not(Lack::Absent, text),
            Fault::Unusable(text) => Seen::Not(Lack::Odd, text),
        }
    }
}

impl<T> From<Result<T, Fault>> for Seen<T> {
    fn from(answer: Result<T, Fault>) -> Seen<T> {
        match answer {
            Ok(answer) => Seen::Is(answer),
            Err(fault) => fault.into(),
        }
    }
}
