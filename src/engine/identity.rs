//! Who each app is at Salesforce, by ids: no credential has two owners (design §4, "Duplicates").
//!
//! The policy is compared by names when it is read, but two names can be one thing: an org that is reached by two
//! addresses, a consumer that is named by its id in one place and by its key in another. So whatever looks at an app
//! notes its ids here, and no rotation and no adoption begins for an app that is another one too. What is known is
//! remembered beside the journal: after a restart the first of the two is not taken for the only one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::seat::Seat;
use crate::port::Survey;
use crate::port::journal::Journal;

/// The ids of the managed apps, as far as anybody has seen them.
#[derive(Debug, Default)]
pub struct Identities(Mutex<BTreeMap<String, String>>);

impl Identities {
    /// Takes up what was remembered of these apps, and forgets all others. What cannot be read is learned again.
    pub(super) async fn recall<'a>(&self, apps: impl Iterator<Item = &'a String>, journal: &dyn Journal) {
        let mut kept = BTreeMap::new();
        for app in apps {
            let here = self.ids().get(app).cloned();
            let known = match here {
                Some(identity) => Some(identity),
                None => {
                    let kept = journal.recall(&name(app)).await.ok().flatten();
                    kept.and_then(|value| Some(value.as_str()?.to_owned()))
                }
            };
            kept.extend(known.map(|identity| (app.clone(), identity)));
        }
        *self.ids() = kept;
    }

    /// Notes who `app` is. Returns whether that is news, and the other apps that are the same.
    fn learn(&self, app: &str, identity: &str) -> (bool, BTreeSet<String>) {
        let mut ids = self.ids();
        let before = ids.insert(app.to_owned(), identity.to_owned());
        let twins = ids
            .iter()
            .filter(|(other, theirs)| *other != app && *theirs == identity);
        let twins = twins.map(|(other, _)| other.clone()).collect();
        (before.as_deref() != Some(identity), twins)
    }

    fn ids(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(app: &str) -> String {
    format!("identity {app}")
}

/// Takes in what a survey says of who the app is. `Some`: it is another app of the policy too, in words with a remedy.
pub(super) async fn same_as_another(seat: &Seat, survey: &Survey) -> Option<String> {
    let identity = survey.identity.as_deref()?;
    let (news, twins) = seat.house.identities.learn(&seat.app, identity);
    if news
        && let Err(fault) = seat
            .house
            .journal
            .remember(&name(&seat.app), &identity.into())
            .await
    {
        tracing::warn!(
            app = seat.app,
            "who it is at Salesforce is not remembered: {fault}"
        );
    }
    let twins: Vec<String> = twins.into_iter().map(|app| format!("[app.{app}]")).collect();
    (!twins.is_empty()).then(|| {
        format!(
            "it is one and the same at Salesforce as {}, by the ids of org and consumer: each credential has one owner, \
             so take one of them out of the policy, or let `consumer` name another consumer",
            twins.join(" and ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_of_two_that_are_one_are_known_as_such_until_one_is_another() {
        let identities = Identities::default();
        assert_eq!(identities.learn("a", "x"), (true, BTreeSet::new()));
        assert_eq!(identities.learn("b", "y"), (true, BTreeSet::new()));
        assert_eq!(
            identities.learn("b", "x"),
            (true, BTreeSet::from(["a".to_owned()]))
        );
        assert_eq!(
            identities.learn("a", "x"),
            (false, BTreeSet::from(["b".to_owned()]))
        );
        assert_eq!(identities.learn("b", "z"), (true, BTreeSet::new()));
        assert_eq!(identities.learn("a", "x"), (false, BTreeSet::new()));
    }
}
