//! What is asked of the engine as a whole: a new policy, a signal, a note. And what it looks at apart from rotations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use tokio::task::JoinError;

use super::command::{NOT_EXAMINED, may_rotate};
use super::{Look, Managed, Supervisor};
use crate::engine::command::{Control, Reply};
use crate::engine::note::Note;
use crate::engine::service::{ServiceLedger, ServiceNote, jot};
use crate::engine::tell;
use crate::port::journal::JournalFault;
use crate::schedule::due::WaitingOn;
use crate::schedule::{Decision, decide};

impl Supervisor {
    pub(super) async fn control(&mut self, control: Control) -> Result<(), JournalFault> {
        match control {
            Control::Apps { apps, done } => {
                let count = apps.values().filter(|app| app.timing.is_some()).count();
                self.take_apps(apps);
                self.recall_identities().await;
                self.jot(&ServiceNote::Reloaded { apps: count }).await;
                // Whoever asked may have gone.
                let _gone = done.send(());
                Ok(())
            }
            Control::Wake(names) => self.wake(names).await,
            Control::Note(note) => {
                self.jot(&note).await;
                Ok(())
            }
        }
    }

    /// A service that starts has read its policy whole: what an earlier one was refused is refused no more.
    pub(super) async fn forget_refused_policy(&mut self) {
        if self.service(|service| service.reload_refused.is_some()) {
            let apps = self.apps.values().filter(|app| app.timing.is_some()).count();
            self.jot(&ServiceNote::Reloaded { apps }).await;
        }
    }

    /// Who the managed apps are, as far as it is known.
    pub(super) async fn recall_identities(&self) {
        let house = &self.house;
        let recalled = house.identities.recall(self.apps.keys(), house.journal.as_ref());
        recalled.await;
    }

    /// Lanes keep the seat with which they began.
    fn take_apps(&mut self, mut apps: BTreeMap<String, Managed>) {
        for (app, managed) in &mut apps {
            let early = self.ledger(app).proves_early;
            for way in &managed.ways {
                way.target.remember_proves_early(early);
            }
            // The places of an org are those of before, so that rotations under way go on counting.
            let same = |old: &&Managed| old.seat.org == managed.seat.org && old.places == managed.places;
            if let Some(old) = self.apps.values().find(same) {
                managed.org = old.org.clone();
            }
        }
        self.apps = apps;
        self.take_windows();
        self.exams.forget_times();
        self.contacts.clear();
        self.show();
    }

    /// Puts what is managed on the board.
    pub(super) fn show(&self) {
        let mut cards = self.board.cards();
        cards.apps = self
            .apps
            .iter()
            .map(|(name, managed)| (name.clone(), self.seated(name, managed).card()))
            .collect();
        let (apps, orgs) = (&self.apps, self.watches());
        cards.live.retain(|(app, _), _| apps.contains_key(app));
        cards.orgs.retain(|org, _| orgs.contains_key(org));
    }

    /// What a signal asks for. What cannot be is said in the log, since a signal has no answer.
    async fn wake(&mut self, names: Option<BTreeSet<String>>) -> Result<(), JournalFault> {
        let apps: Vec<String> = self.apps.keys().cloned().collect();
        for app in apps {
            let named = match &names {
                Some(names) if !names.contains(&app) => continue,
                Some(_) => true,
                None => false,
            };
            if self.is_looked_at(&app) {
                self.woken.insert(app, named);
            } else {
                self.wake_one(&app, named).await?;
            }
        }
        Ok(())
    }

    /// Rotates one app that a signal named, or that is due.
    pub(super) async fn wake_one(&mut self, app: &str, named: bool) -> Result<(), JournalFault> {
        let now = self.house.clock.now();
        let Some(managed) = self.apps.get(app).cloned() else {
            return Ok(());
        };
        let ledger = self.ledger(app);
        if !named {
            let Some(timing) = &managed.timing else {
                return Ok(());
            };
            match decide(timing, &ledger.for_schedule(), now.to_utc()) {
                Decision::Due { .. }
                | Decision::Waiting {
                    on: WaitingOn::Backoff,
                    ..
                } => {}
                Decision::Waiting { reason, .. } => {
                    tracing::info!(app, "not rotated by the signal: {reason}");
                    return Ok(());
                }
                Decision::NotDue { .. } | Decision::Running { .. } | Decision::Unadopted { .. } => {
                    return Ok(());
                }
            }
        }
        let refusal = match may_rotate(app, &managed, &ledger, now, false, self.busy.contains(app)) {
            Ok(()) => None,
            // What is due is not held up by its last attempt.
            Err(Reply::CoolingDown { .. }) if !named => None,
            Err(Reply::CoolingDown { until }) => Some(format!("not again before {until}")),
            Err(Reply::Held { why, remedy, .. }) => Some(format!("{why}; what to do: {remedy}")),
            Err(
                Reply::Refused { why, .. }
                | Reply::UnderWay { why, .. }
                | Reply::Unknown(why)
                | Reply::Done(why),
            ) => Some(why),
            Err(Reply::Started(_) | Reply::Radius(_) | Reply::Revoking { .. }) => return Ok(()),
        };
        match refusal {
            Some(why) => tracing::warn!(app, "not rotated by the signal: {why}"),
            None if self.choice(app, &managed).is_none() => {
                tracing::warn!(app, "not rotated by the signal: {NOT_EXAMINED}");
            }
            None => {
                let reason = "asked for by SIGUSR1".into();
                self.begin(app, &managed, reason, "signal".into(), None).await?;
            }
        }
        Ok(())
    }

    /// Starts the looks that are due.
    pub(super) async fn look_around(&mut self) {
        self.look_at_orgs();
        self.examine_orgs();
        self.look_at_credentials();
        self.tell_what_is_late().await;
    }

    pub(super) async fn looked(&mut self, look: Result<Look, JoinError>) {
        match look {
            Ok(Look::Exam(org, report, found)) => self.examined(org, *report, found).await,
            Ok(Look::Live(app, seen, primary)) => self.credentials_seen(app, seen, primary).await,
            // Whoever asked may have gone.
            Ok(Look::Radius(radius, reply)) => drop(reply.send(Reply::Radius(radius))),
            Ok(Look::Successor(found)) => self.succeed(*found).await,
            Ok(Look::Handed(judged)) => self.hand_over(*judged).await,
            Ok(Look::Org(org, asked, report, logins)) => self.org_answered(org, asked, report, logins).await,
            Ok(Look::Time(org, asked, time)) => self.time_is_told(org, asked, time).await,
            // A defect of ours. The others go on.
            Err(fault) => tracing::error!("a look failed: {fault}"),
        }
    }

    pub(super) fn service<T>(&self, read: impl FnOnce(&ServiceLedger) -> T) -> T {
        let ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        read(&ledgers.service)
    }

    /// Journals and logs something about the service. A journal that cannot be written is said in the log, and what
    /// was found is found again.
    pub(super) async fn jot(&mut self, note: &ServiceNote) {
        if let Err(fault) = jot(&self.house, &self.ledgers, note).await {
            tracing::error!("{fault}");
        }
    }

    /// The same about an app.
    pub(super) async fn jot_about(&mut self, app: &str, note: &Note) {
        let written = self.write(app, None, note).await;
        tracing::warn!(app, "{}", tell::note_sentence(note, &[]));
        if let Err(fault) = written {
            tracing::error!(app, "{fault}");
        }
    }
}
