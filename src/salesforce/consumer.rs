//! Which consumer of which External Client App: found by name over REST, and kept (salesforce-oauth-rest.md §1).

use std::sync::{Arc, Mutex, PoisonError};

use super::fault::Area;
use super::org::Org;
use super::rest::{self, Ids};
use super::settings::SetupError;
use crate::document::RecordIds;
use crate::port::{Fault, Outcome, Survey};

/// One consumer, by the words of the policy.
pub(super) struct Consumer {
    org: Arc<Org>,
    name: String,
    consumer: Option<String>,
    ids: Mutex<Option<Ids>>,
}

/// A consumer, or what a person does before there is one to speak of.
pub(super) enum Resolved {
    Found {
        ids: Ids,
        key: Option<String>,
        /// How many consumers the app has.
        of: usize,
    },
    Obstacle(String),
}

impl Consumer {
    /// Sends nothing.
    ///
    /// # Errors
    /// [`SetupError::Name`] for a name with characters that no name has.
    pub(super) fn new(org: Arc<Org>, name: String, consumer: Option<String>) -> Result<Self, SetupError> {
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(SetupError::Name("is empty or has control characters".into()));
        }
        Ok(Consumer {
            org,
            name,
            consumer,
            ids: Mutex::new(None),
        })
    }

    pub(super) async fn resolve(&self) -> Result<Resolved, Fault> {
        let name = &self.name;
        let Some(app) = rest::app(&self.org, name).await? else {
            return Ok(Resolved::Obstacle(format!(
                "there is no External Client App `{name}` in this org that rekeyd's user can see"
            )));
        };
        let consumers = rest::consumers(&self.org, &app).await?;
        Ok(match rest::choose(&consumers, self.consumer.as_deref()) {
            Ok((row, consumer)) => {
                let ids = Ids { app, consumer };
                *self.ids.lock().unwrap_or_else(PoisonError::into_inner) = Some(ids.clone());
                Resolved::Found {
                    ids,
                    key: row.key().map(str::to_owned),
                    of: consumers.len(),
                }
            }
            Err(obstacle) => Resolved::Obstacle(obstacle),
        })
    }

    /// The consumer, as the last look found it or looked up now.
    pub(super) async fn ids(&self) -> Result<Ids, Fault> {
        let known = self.ids.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(ids) = known {
            return Ok(ids);
        }
        match self.resolve().await? {
            Resolved::Found { ids, .. } => Ok(ids),
            Resolved::Obstacle(text) => Err(Fault::NotFound(text)),
        }
    }

    /// Ends every refresh token of the app, whichever of its consumers it was got by.
    pub(super) async fn end_tokens(&self) -> Outcome<String> {
        let ids = match self.ids().await {
            Ok(ids) => ids,
            Err(fault) => return Outcome::NotNow(fault),
        };
        rest::end(&self.org, &ids.app).await.map(|()| {
            "every refresh token of the app is revoked, whichever consumer it was got by; sessions by client credentials \
             or JWT bearer last to their time-out (Setup > Session Management ends one by one)"
                .into()
        })
    }

    /// The ids that the last look found.
    pub(super) fn record(&self) -> Option<RecordIds> {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.as_ref().map(|ids| RecordIds {
            app: ids.app.as_str().to_owned(),
            consumer: ids.consumer.as_str().to_owned(),
        })
    }

    /// Reads the live pair and the staged slot into `survey`. How many consumers the app has, if this one was found.
    pub(super) async fn look(&self, survey: &mut Survey) -> Result<Option<usize>, Fault> {
        let (ids, key, of) = match self.resolve().await? {
            Resolved::Found { ids, key, of } => (ids, key, of),
            Resolved::Obstacle(text) => {
                survey.obstacles.push(text);
                return Ok(None);
            }
        };
        survey.identity = Some(ids.identity(&self.org).await?);
        survey.key = key;
        match rest::primary(&self.org, &ids).await {
            Ok(row) => {
                survey.key = row.key().map(str::to_owned);
                survey.live = row.credential();
                if survey.live.is_none() {
                    survey.obstacles.push(format!(
                        "the secret of the live pair is not shown: {}",
                        Area::Credentials.switch()
                    ));
                }
            }
            Err(fault) => obstacle(survey, fault)?,
        }
        match rest::staged(&self.org, &ids).await {
            Ok((rows, date)) => {
                survey.server_time = date;
                if rows.len() > 1 {
                    survey.obstacles.push(format!(
                        "the staged slot holds {} entries instead of one",
                        rows.len()
                    ));
                }
                survey.staged = rows.iter().find_map(rest::Row::entry);
            }
            Err(fault) => obstacle(survey, fault)?,
        }
        let keys = [
            survey.key.as_deref(),
            survey.staged.as_ref().map(|entry| entry.key.as_str()),
        ];
        survey.own_login = keys.into_iter().flatten().any(|key| self.org.is_own_login(key));
        Ok(Some(of))
    }
}

/// What a person can remove is an obstacle; everything else stays a fault.
pub(super) fn obstacle(survey: &mut Survey, fault: Fault) -> Result<(), Fault> {
    let text = match fault {
        Fault::Forbidden(text) => text,
        Fault::SwitchedOff(text) => {
            survey.switched_off = true;
            text
        }
        Fault::NotFound(text) => format!("{text}: not offered for this consumer (it takes API v65.0)"),
        Fault::Unavailable(_) | Fault::Throttled { .. } | Fault::Unauthorized(_) | Fault::Unusable(_) => {
            return Err(fault);
        }
    };
    survey.obstacles.push(text);
    Ok(())
}
