//! The client of Salesforce: the only code that speaks to an org.
//!
//! One [`Org`] per org holds the HTTP client, the session and what the org taught; one [`StagedTarget`],
//! [`UpdateTarget`], [`RegenerateTarget`] or [`AssistedTarget`] per app is a [`Target`](crate::port::Target) over it. Every
//! request is bounded in time and size, follows no redirect, and its answer is classified before anybody decides anything. What a request may
//! contain comes from salesforce-metadata.md and salesforce-oauth-rest.md.
//!
//! Not here: decisions about a rotation (`rotation`), when to ask again (`engine`), how many requests an org
//! gets at once (`engine`), and repetition: nothing is sent twice but after an expired session, which an org
//! refuses before it looks at the request.

mod assisted;
mod consumer;
mod examine;
mod fault;
mod heard;
mod host;
#[cfg(test)]
mod hostile;
mod http;
mod id;
mod json;
mod login;
mod metadata;
mod org;
mod probe;
mod regenerate;
mod rest;
mod session;
mod settings;
mod staged;
mod switch;
mod update;
mod watch;
mod wipe;

pub use assisted::AssistedTarget;
pub use examine::Clinic;
pub use heard::{heard, rewritten};
pub use org::{ApiLimits, Org};
pub use regenerate::{RegenerateSettings, RegenerateTarget};
pub use settings::{JwtLogin, OrgSettings, SetupError, Timeouts};
pub use staged::{StagedSettings, StagedTarget};
pub use switch::Switch;
pub use update::{UpdateSettings, UpdateTarget};
pub use watch::Watch;
