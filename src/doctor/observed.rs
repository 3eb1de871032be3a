//! What the probes saw of an org, an app and its stores, and what they could not see.
//!
//! Plain data without secrets. What was not seen keeps why, by what that means: an answer that is not there *now* says
//! nothing about what is so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::policy::Flow;

/// Why something was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Our own login is not accepted.
    Login,
    /// A right or a switch is missing.
    Denied,
    /// The org's switch for consumer secrets over REST is off.
    Switched,
    /// There is no such thing there.
    Absent,
    /// Not now: an outage, a limit.
    Later,
    /// The answer cannot be understood, or will never come.
    Odd,
    /// It was not asked, since what it rests on was not seen.
    Unasked,
}

/// One question, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// The answer.
    Is(T),
    /// There is none: why, in words for a person.
    Not(Lack, String),
}

impl<T> Seen<T> {
    /// It was not asked.
    pub fn unasked() -> Seen<T> {
        Seen::Not(Lack::Unasked, String::new())
    }

    /// The answer.
    pub fn is(&self) -> Option<&T> {
        match self {
            Seen::Is(answer) => Some(answer),
            Seen::Not(..) => None,
        }
    }
}

/// One look at an org.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgSeen {
    /// The newest API version that it lists.
    pub newest: Seen<u32>,
    /// Our own login.
    pub login: Seen<LoginSeen>,
    /// Permissions of our own user by their API names, as far as the org knows them.
    pub rights: Seen<BTreeMap<String, bool>>,
    /// The types of its Metadata API.
    pub types: Seen<BTreeSet<String>>,
    /// The switch for consumer secrets over REST.
    pub switch: Seen<bool>,
    /// Requests used and allowed in 24 hours.
    pub api: Option<(u64, u64)>,
}

/// Our own login, granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginSeen {
    /// The org's id.
    pub org: Option<String>,
    /// The access token is a JWT, which SOAP refuses.
    pub jwt: bool,
}

/// What the policy says of an org that matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgAsked {
    /// Its name in the policy.
    pub name: String,
    /// The version that the policy wants to speak.
    pub version: u32,
    /// The share of the daily requests, in percent, above which rotations wait.
    pub budget: u32,
    /// The policy has rekeyd turn on the switch for consumer secrets over REST while a rotation needs it.
    pub opens_switch: bool,
    /// The methods that this version of rekeyd knows.
    pub known: Vec<String>,
}

/// What an app is at Salesforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An External Client App.
    External,
    /// A Connected App.
    Connected,
}

/// What the policy says of an app that matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its name in the policy.
    pub app: String,
    /// The org's name in the policy.
    pub org: String,
    /// What it is.
    pub kind: Kind,
    /// Its developer name.
    pub name: String,
    /// Which consumer, where it has several.
    pub consumer: Option<String>,
    /// The methods that the policy lists, in order.
    pub listed: Vec<String>,
    /// The methods that this version of rekeyd knows.
    pub known: Vec<String>,
    /// As [`OrgAsked::opens_switch`].
    pub opens_switch: bool,
    /// The flow of its consumers.
    pub flow: Option<Flow>,
    /// The policy says which certificate goes with a write of the component.
    pub certificate_given: bool,
}

/// One look at an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppSeen {
    /// At an External Client App.
    External(Box<ExternalSeen>),
    /// At a Connected App.
    Connected(ConnectedSeen),
}

/// Who is touched when an app's key or secret changes, or its tokens end (salesforce-oauth-rest.md §4, §6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Its refresh tokens.
    pub refresh_tokens: Count,
    /// Users that hold one.
    pub users: Count,
    /// Users of its JWT bearer flow, who name its key and no secret.
    pub jwt_users: Count,
    /// Auth Providers of the org that hold its key.
    pub auth_providers: Count,
}

/// How many, or why nobody can say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Count {
    /// So many.
    Known(u64),
    /// Why not.
    Unknown(String),
}

impl Count {
    /// Nobody asked.
    pub fn unasked(why: &str) -> Count {
        Count::Unknown(why.to_owned())
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Count::Known(count) => write!(f, "{count}"),
            Count::Unknown(why) => write!(f, "unknown ({why})"),
        }
    }
}

impl Touched {
    /// Nothing was counted, for this reason.
    pub fn unknown(why: &str) -> Touched {
        let count = || Count::unasked(why);
        Touched {
            refresh_tokens: count(),
            users: count(),
            jwt_users: count(),
            auth_providers: count(),
        }
    }

    /// One line for each count, with what a change of the key means to those.
    pub fn lines(&self) -> Vec<String> {
        vec![
            format!(
                "refresh tokens: {}; whether one that was got under the old key works with the new one, nobody knows",
                self.refresh_tokens
            ),
            format!("users with a refresh token: {}", self.users),
            format!(
                "JWT bearer users: {}; each of them must name the new key as `iss`",
                self.jwt_users
            ),
            format!(
                "Auth Providers with its key: {}; their secret cannot be changed in place: make them anew",
                self.auth_providers
            ),
        ]
    }
}

/// One look at an External Client App.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalSeen {
    /// Whether there is one of this name.
    pub exists: Seen<bool>,
    /// Whether it belongs to a package.
    pub managed: Seen<bool>,
    /// Its consumers by id and name.
    pub consumers: Seen<Vec<(String, String)>>,
    /// Whether one of them is the one meant, else why not.
    pub consumer: Seen<()>,
    /// Whether the org shows the secret of the live pair.
    pub secret_shown: Seen<bool>,
    /// Its OAuth settings in the Metadata API; `None` where none belong to it.
    pub settings: Seen<Option<SettingsSeen>>,
    /// What stands in the staged slot.
    pub slot: Seen<Option<SlotSeen>>,
    /// The consumer key of the live pair. For comparing; never shown.
    pub key: Option<String>,
    /// Org and consumer by their ids, as a rotation knows them (`port::Survey`).
    pub identity: Option<String>,
    /// It is what we log in with.
    pub own_login: bool,
}

/// What the OAuth settings of an External Client App show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsSeen {
    /// Their next deploy changes the consumer key.
    pub rotates_key: bool,
    /// Their next deploy changes the secret; `None` where that is not shown.
    pub rotates_secret: Option<bool>,
    /// They have a certificate.
    pub certificate: bool,
    /// It cannot be read back.
    pub certificate_masked: bool,
}

/// What stands in the staged slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotSeen {
    /// Salesforce's id of the entry.
    pub id: String,
    /// The consumer key of its pair. For comparing; never shown.
    pub key: String,
    /// `active`, `rotated`, `expired`.
    pub state: String,
    /// Our own user made it.
    pub by_us: bool,
    /// Until when it lives.
    pub expires: Option<Timestamp>,
}

/// One look at a Connected App.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectedSeen {
    /// What its metadata shows; `None` where there is no such app.
    pub component: Seen<Option<ComponentSeen>>,
    /// Whether it belongs to a package.
    pub managed: Seen<bool>,
    /// Whether there is an External Client App of the same name, and if so whether it has the same consumer key, where
    /// that can be told.
    pub twin: Seen<Option<Option<bool>>>,
    /// Whether the resource for credentials takes a Connected App's id.
    pub credentials: Seen<bool>,
}

/// What the metadata of a Connected App shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentSeen {
    /// It has OAuth settings.
    pub oauth: bool,
    /// It has a certificate that cannot be read back.
    pub certificate_masked: bool,
    /// It has a certificate.
    pub certificate: bool,
    /// It is what we log in with.
    pub own_login: bool,
    /// Its secret is optional.
    pub secret_optional: bool,
    /// It has the client credentials flow.
    pub client_credentials: bool,
}

/// One look at an app's place in one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSeen {
    /// Its name in the policy.
    pub name: String,
    /// What would stop a rotation there, each with its remedy.
    pub obstacles: Seen<Vec<String>>,
    /// Whether *current* holds a pair.
    pub holds: Seen<bool>,
}

/// What the token endpoint made of the pair that consumers read, and of a wrong one beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// This kind of request accepts the one and refuses the other.
    Tells(String),
    /// A wrong secret is accepted too.
    Vacuous,
    /// The pair is refused.
    Refused(String),
    /// Nobody can tell now.
    Unclear(String),
    /// No store holds a pair.
    Nothing,
    /// The stores hold different ones.
    Differ,
    /// The stores hold a pair with another client id than Salesforce shows.
    Stale,
}

/// What the journal knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// A rotation of the app is under way, its grace included.
    pub running: bool,
    /// The entry in the slot is that of a pair which waits in a store of ours.
    pub slot_is_ours: bool,
    /// What changing a Connected App in place came to in this org, and how that is known.
    pub in_place: Option<(bool, String)>,
    /// Whether a staged pair was seen to log in before the cutover.
    pub proves_early: Option<bool>,
}
