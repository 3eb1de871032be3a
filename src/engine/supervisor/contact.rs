//! First contact, the comparison of an old journal with the stores, and the values that were set aside: what the
//! supervisor has done outside any rotation, and what it makes of the answers.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Managed, Supervisor, Task};
use crate::clock::Timestamp;
use crate::engine::adopt::{Brought, Contact, contact};
use crate::engine::command::Reply;
use crate::engine::ledger::{AppLedger, SetAside};
use crate::engine::note::Note;
use crate::engine::watch;
use crate::port::Fault;
use crate::port::journal::JournalFault;
use crate::rotation::{Event, Observation, RotationId};

/// Between two first contacts of one app: 30 s doubling to 30 min.
fn contact_delay(tries: u32) -> Duration {
    Duration::from_secs(30 << tries.min(6)).min(Duration::from_secs(1800))
}

fn old_journal(id: RotationId) -> String {
    format!("a store holds what rotation {id} wrote, which this journal does not know of: it is an old one")
}

impl Supervisor {
    /// Once per process, before anything else is done for an app that the journal knows: is the journal an old one?
    pub(super) fn compare_first(&mut self, app: &str, managed: &Managed, ledger: &AppLedger) -> bool {
        let known = ledger.adopted_at.is_some() || ledger.run.is_some();
        if !known || self.compared.contains(app) {
            return false;
        }
        let now = self.house.clock.now();
        let (due, tries) = self.contacts.get(app).copied().unwrap_or((now, 0));
        if now < due {
            return true;
        }
        self.contacts.insert(
            app.to_owned(),
            (now + contact_delay(tries), tries.saturating_add(1)),
        );
        let (seat, ledger) = (managed.seat.clone(), ledger.clone());
        self.tasks.spawn(
            app,
            async move { Task::Behind(watch::behind(&seat, &ledger).await) },
        );
        self.busy.insert(app.to_owned());
        true
    }

    pub(super) fn look_at_aside(&mut self, app: &str, managed: &Managed, ledger: &AppLedger, now: Timestamp) {
        let due = |aside: &&SetAside| watch::next_probe(ledger, aside).is_some_and(|next| next <= now);
        let Some(aside) = ledger.aside.iter().find(due).cloned() else {
            return;
        };
        let seat = managed.seat.clone();
        self.tasks.spawn(app, async move {
            let alive = watch::is_alive(&seat, &aside.store, &aside.version).await;
            Task::Aside(aside, alive)
        });
        self.busy.insert(app.to_owned());
    }

    pub(super) async fn compared(
        &mut self,
        app: &str,
        behind: Result<Option<RotationId>, Fault>,
    ) -> Result<(), JournalFault> {
        match behind {
            Ok(Some(id)) => self.behind(app, id).await.map(drop),
            Ok(None) => {
                self.compared.insert(app.to_owned());
                self.contacts.remove(app);
                Ok(())
            }
            Err(fault) => {
                tracing::warn!(app, "no store answers, so nothing is started: {fault}");
                Ok(())
            }
        }
    }

    pub(super) async fn behind(&mut self, app: &str, id: RotationId) -> Result<String, JournalFault> {
        let why = old_journal(id);
        tracing::error!(app, rotation = %id, "{why}");
        self.write(app, Some(id), &Note::Behind { why: why.clone() })
            .await?;
        self.compared.insert(app.to_owned());
        Ok(why)
    }

    /// A value that was set aside and is accepted now is a late write that landed: consumers may be without access.
    pub(super) async fn probed_aside(
        &mut self,
        app: &str,
        aside: SetAside,
        alive: Option<bool>,
    ) -> Result<(), JournalFault> {
        let (store, version) = (aside.store.clone(), aside.version.clone());
        let accepted = alive == Some(true);
        self.write(
            app,
            None,
            &Note::AsideProbed {
                store,
                version,
                alive: accepted,
            },
        )
        .await?;
        if !accepted {
            return Ok(());
        }
        let why = format!(
            "the value that was set aside in store {} as version {} is accepted by Salesforce now: a late write landed",
            aside.store, aside.version
        );
        tracing::error!(app, "{why}");
        self.write(
            app,
            None,
            &Note::HoldAsked {
                by: "rekeyd".into(),
                why,
            },
        )
        .await
    }

    pub(super) fn contact(&mut self, app: &str, managed: &Managed, brought: Brought) {
        let now = self.house.clock.now();
        let (due, tries) = self.contacts.get(app).copied().unwrap_or((now, 0));
        if now < due && matches!(brought, Brought::Nothing) {
            return;
        }
        self.contacts.insert(
            app.to_owned(),
            (now + contact_delay(tries), tries.saturating_add(1)),
        );
        let Ok(id) = self.id() else { return };
        {
            // What this contact may write into a store is ours, also if its answer is lost.
            let mut ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
            let ledger = ledgers.apps.entry(app.to_owned()).or_default();
            ledger.rotations.insert(id);
            ledger.contacts.insert(id);
        }
        let ledger = self.ledger(app);
        let (seat, org) = (managed.seat.clone(), managed.org.clone());
        self.tasks.spawn(app, async move {
            let _place = org.acquire_owned().await;
            let contact = contact(&seat, &ledger, brought, id).await;
            Task::Contact(Box::new(contact), id)
        });
        self.busy.insert(app.to_owned());
    }

    pub(super) async fn contacted(
        &mut self,
        app: &str,
        contact: Result<Contact, Fault>,
        id: RotationId,
    ) -> Result<(), JournalFault> {
        let reply = match contact {
            Ok(Contact::Adopted(mut note, inherited)) => {
                self.inherit(app, inherited).await?;
                // Another pair than the one adopted before: a person has just rotated it in Setup. The same pair
                // again is no younger for being handed over again, so a due rotation stays due (P8).
                let before = self.ledger(app);
                if let Note::Adopted { pair, since, .. } = &mut note
                    && before.adopted_at.is_some()
                {
                    *since = match before.current == Some(*pair) {
                        true => since.or(before.since),
                        false => since.or(Some(self.house.clock.now())),
                    };
                }
                self.write(app, Some(id), &note).await?;
                self.contacts.remove(app);
                tracing::info!(app, "adopted");
                Reply::Done("adopted".into())
            }
            Ok(Contact::Recovered(id, event, inherited)) => {
                self.inherit(app, inherited).await?;
                self.recover(app, id, event).await?;
                Reply::Done("a rotation that was under way goes on".into())
            }
            Ok(Contact::NotYet(why)) => self.not_yet(app, why).await?,
            Ok(Contact::JournalBehind(other)) => {
                let why = old_journal(other);
                let by = "rekeyd".to_owned();
                self.write(app, None, &Note::HoldAsked { by, why: why.clone() })
                    .await?;
                Reply::refused(why)
            }
            Err(fault) => self.not_yet(app, fault.to_string()).await?,
        };
        if let Some(waiting) = self.submitters.remove(app) {
            // Whoever asked may have gone; the journal has the answer.
            let _gone = waiting.send(reply);
        }
        Ok(())
    }

    /// Written first: a crash right after it leaves an app that is as new as before.
    async fn inherit(&self, app: &str, rotations: Vec<RotationId>) -> Result<(), JournalFault> {
        match rotations.is_empty() {
            true => Ok(()),
            false => self.write(app, None, &Note::Inherited { rotations }).await,
        }
    }

    pub(super) async fn not_yet(&mut self, app: &str, why: String) -> Result<Reply, JournalFault> {
        if self.ledger(app).unadopted.as_ref() != Some(&why) {
            tracing::warn!(app, "not adopted yet: {why}");
            self.write(app, None, &Note::Unadopted { why: why.clone() })
                .await?;
        }
        Ok(Reply::refused(why))
    }

    /// The journal was lost while a rotation ran: it goes on under its own id, and a probe says how far it came.
    pub(super) async fn recover(
        &mut self,
        app: &str,
        id: RotationId,
        event: Event,
    ) -> Result<(), JournalFault> {
        let Some(managed) = self.apps.get(app).cloned() else {
            return Ok(());
        };
        let started = Note::Started {
            method: managed.seat.method.clone(),
            caps: managed.seat.target.capabilities(),
            limits: managed.limits,
            stores: managed
                .seat
                .stores
                .iter()
                .map(|store| store.store.name().to_owned())
                .collect(),
            reason: "found under way in the stores, with no journal of it".into(),
            by: "rekeyd".into(),
            policy: managed.policy.clone(),
            key: None,
        };
        self.write(app, Some(id), &started).await?;
        self.write(app, Some(id), &Note::Step { step: event }).await?;
        if let Some(run) = self.ledger(app).run {
            tracing::warn!(app, rotation = %id, "a rotation was found under way without a journal of it; going on");
            self.lane(app, &managed, run.state, Observation::Restarted);
        }
        Ok(())
    }
}
