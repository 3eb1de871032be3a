//! The org itself, apart from any app: does our own login work, what time is it there, how much of the API is used?
//!
//! One `GET /limits` (salesforce-metadata.md §6), whose answer also carries the clock and the quota in its headers.
//! A living session says nothing about the next login, so twice a day a new one is made: a certificate or a permission
//! that was taken away is noticed by day and not at the next rotation.

use std::time::Duration;

use async_trait::async_trait;

use super::fault::{self, Area, Class, Failure};
use super::org::{Call, Org};
use crate::clock::Timestamp;
use crate::port::{Fault, OrgReport, OrgWatch};

/// How old a session may be that still speaks for the login.
const FRESH: Duration = Duration::from_secs(12 * 3600);

/// An org, watched. `login_ends` is when our own certificate ends, if that is known.
pub struct Watch {
    org: std::sync::Arc<Org>,
    login_ends: Option<Timestamp>,
}

impl Watch {
    /// Sends nothing.
    pub fn new(org: std::sync::Arc<Org>, login_ends: Option<Timestamp>) -> Watch {
        Watch { org, login_ends }
    }
}

#[async_trait]
impl OrgWatch for Watch {
    async fn time(&self) -> Result<Timestamp, Fault> {
        self.org.date().await
    }

    async fn look(&self) -> Result<OrgReport, Fault> {
        self.org.renew_session_older_than(FRESH).await?;
        let reply = self.org.rest(&Call::get("limits", "/limits".into())).await;
        let reply = reply.map_err(Failure::fault)?;
        match fault::read(&reply) {
            // Without the right to the figures the login has worked all the same, and the headers are there.
            Ok(_) | Err(Class::Permission(_) | Class::Missing(_) | Class::Switch(_)) => Ok(OrgReport {
                server_time: reply.date,
                api: self.org.limits().map(|limits| (limits.used, limits.limit)),
                login_ends: self.login_ends,
            }),
            Err(class) => Err(class.fault(Area::Credentials)),
        }
    }

    fn logins(&self) -> (u64, u64) {
        self.org.logins()
    }

    fn api(&self) -> Option<(u64, u64)> {
        self.org.limits().map(|limits| (limits.used, limits.limit))
    }
}
