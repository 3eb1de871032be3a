//! A leaked credential is ended (`crate::engine::emergency`): the question who is hit, the confirmation, and at each turn
//! whatever is still to be done for it.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{Look, Managed, Supervisor, Task};
use crate::clock::Timestamp;
use crate::engine::command::Reply;
use crate::engine::emergency::{self, Ask, Emergency, Leaked};
use crate::engine::lane::Word;
use crate::engine::ledger::AppLedger;
use crate::engine::note::Note;
use crate::engine::radius::{self, Case};
use crate::engine::tell;
use crate::port::Outcome;
use crate::port::journal::JournalFault;
use crate::rotation::{Observation, Rest};

/// Between two tries to revoke live tokens.
const AGAIN: Duration = Duration::from_secs(60);

/// Sooner nobody is told that a leaked credential takes long.
const SHORTEST: Duration = Duration::from_secs(300);

/// What a person asks.
pub(super) struct Asked {
    pub leaked: Leaked,
    pub confirm: Option<String>,
    pub reason: String,
    pub tokens: bool,
    pub by: String,
}

impl Supervisor {
    pub(super) async fn revoke(
        &mut self,
        app: &str,
        managed: &Managed,
        ledger: &AppLedger,
        asked: Asked,
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), JournalFault> {
        let now = self.house.clock.now();
        let listed = managed.timing.is_some();
        let (pair, way) = emergency::way(app, ledger, asked.leaked, listed, now);
        let token = emergency::token(app, asked.leaked, pair, &way, asked.tokens);
        let Some(confirm) = &asked.confirm else {
            let case = Case {
                seat: self.seated(app, managed).seat,
                exam: managed.exam.clone(),
                policy: managed.policy.clone(),
                leaked: asked.leaked,
                pair,
                way,
                tokens: asked.tokens,
                token,
            };
            self.looks
                .spawn(async move { Look::Radius(Box::new(radius::look(case).await), reply) });
            return Ok(());
        };
        // Whoever asked may have gone.
        let said = |reply: oneshot::Sender<Reply>, answer| drop(reply.send(answer));
        // The same word again, its answer lost perhaps: it was heard.
        if let Some(before) = ledger
            .emergency
            .as_ref()
            .filter(|before| before.ask.token == *confirm)
        {
            let text = match before.is_settled(ledger) && !before.owes_tokens() {
                true => format!(
                    "done already: it was asked for by {} at {}",
                    before.ask.by, before.at
                ),
                false => format!(
                    "asked for already, by {} at {}: {}",
                    before.ask.by,
                    before.at,
                    radius::begun(&way)
                ),
            };
            let running = ledger.running().map(|run| run.state.id);
            let rotation = before.ask.rotation.or(running);
            let answer = Reply::Revoking {
                text,
                rotation,
                pair: before.ask.pair,
                held: way.is_held() && !before.is_settled(ledger),
            };
            said(reply, answer);
            return Ok(());
        }
        let Some(pair) = pair.filter(|_| *confirm == token && way.acts(asked.tokens)) else {
            let why = match *confirm == token {
                true => radius::begun(&way),
                false => format!(
                    "that is not the token for how things stand now: see anew what it comes to with `rekeyd revoke {app} {}`",
                    asked.leaked.word()
                ),
            };
            said(reply, Reply::refused(why));
            return Ok(());
        };
        let before = ledger.emergency.as_ref();
        let open = before.filter(|before| !before.is_settled(ledger));
        if asked.leaked == Leaked::Previous && open.is_some_and(|before| before.ask.leaked == Leaked::Current)
        {
            let why = "the leak of the current credential is being dealt with, and that ends the previous one first";
            said(reply, Reply::refused(why));
            return Ok(());
        }
        // What was promised before is not forgotten for what is asked now.
        let owed = before.is_some_and(Emergency::owes_tokens);
        let ask = Ask {
            leaked: asked.leaked,
            pair,
            rotation: way.rotation(),
            by: asked.by,
            why: asked.reason,
            tokens: asked.tokens || owed,
            token,
        };
        tracing::warn!(app, by = %ask.by, "the {} credential leaked: {}", ask.leaked.word(), ask.why);
        self.write(app, None, &Note::RevokeAsked { ask }).await?;
        self.attend(app).await?;
        let rotation = self.ledger(app).running().map(|run| run.state.id);
        let text = match rotation {
            None if way == emergency::Way::Rotate => {
                "noted: a rotation begins as soon as rekeyd has looked at the app".to_owned()
            }
            Some(_) | None => radius::begun(&way),
        };
        let held = way.is_held();
        said(
            reply,
            Reply::Revoking {
                text,
                rotation,
                pair,
                held,
            },
        );
        Ok(())
    }

    /// Does for each app what is still to be done.
    pub(super) async fn attend_all(&mut self) -> Result<(), JournalFault> {
        let apps: Vec<String> = {
            let ledgers = self
                .ledgers
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let open = |ledger: &AppLedger| {
                let emergency = ledger.emergency.as_ref();
                emergency.is_some_and(|emergency| emergency.is_open(ledger))
            };
            let with = ledgers.apps.iter().filter(|(_, ledger)| open(ledger));
            with.map(|(app, _)| app.clone()).collect()
        };
        for app in apps {
            self.attend(&app).await?;
            self.tell_if_late(&app).await;
        }
        Ok(())
    }

    /// Whoever said that it leaked may be asleep by now.
    async fn tell_if_late(&mut self, app: &str) {
        let (ledger, now) = (self.ledger(app), self.house.clock.now());
        let Some((managed, emergency)) = self.apps.get(app).zip(ledger.emergency.as_ref()) else {
            return;
        };
        // As long as a healthy rotation may take, with both its proofs.
        let limits = &managed.limits;
        let patience = (limits.request_lifetime + limits.propagation * 2).max(SHORTEST);
        if !emergency.is_open(&ledger) || now < emergency.late_from(patience) {
            return;
        }
        let why = self.in_the_way(app, managed, &ledger, emergency, now);
        self.jot_about(app, &Note::RevokeLate { why }).await;
    }

    fn in_the_way(
        &self,
        app: &str,
        managed: &Managed,
        ledger: &AppLedger,
        emergency: &Emergency,
        now: Timestamp,
    ) -> String {
        if emergency.is_settled(ledger) {
            let why = emergency.tokens.as_ref().map(|(_, why)| why.clone());
            return why.unwrap_or_else(|| "it is dead, but its live tokens are not revoked yet".into());
        }
        let (stands, _) = tell::status_words(ledger, app, now);
        if ledger.hold.is_some() || ledger.running().is_some() || ledger.stopped_by().is_some() {
            let trouble = ledger.running().and_then(|run| run.trouble.as_ref());
            return match trouble {
                Some(trouble) => format!("{stands}; the last trouble: {trouble}"),
                None => stands,
            };
        }
        if managed.timing.is_none() {
            return "the app has left the policy, so that nothing new starts".into();
        }
        if let Some(why) = ledger.unadopted.as_ref().filter(|_| ledger.adopted_at.is_none()) {
            return format!("the app is not adopted: {why}");
        }
        if !self.compared.contains(app) {
            return "what the journal says could not be compared with the stores yet".into();
        }
        if self.choice(app, managed).is_none() {
            return "none of the app's methods is known to be open yet: the org has not been examined".into();
        }
        match ledger.for_schedule().retry_at {
            Some(until) if until > now.to_utc() => {
                format!(
                    "the last rotation failed, and the next one begins {}",
                    Timestamp::from(until)
                )
            }
            Some(_) | None => stands,
        }
    }

    async fn attend(&mut self, app: &str) -> Result<(), JournalFault> {
        let (ledger, now) = (self.ledger(app), self.house.clock.now());
        let Some(managed) = self.apps.get(app).cloned() else {
            return Ok(());
        };
        let Some(emergency) = ledger.emergency.as_ref().filter(|_| ledger.hold.is_none()) else {
            return Ok(());
        };
        // A journal that may be an old one is no ground to act on.
        if !self.compared.contains(app) {
            return Ok(());
        }
        if emergency.is_settled(&ledger) {
            self.end_tokens(app, &managed, emergency, now);
            return Ok(());
        }
        if let Some(run) = ledger.running() {
            let by = emergency.words();
            let waits_for_a_person = matches!(run.state.rest, Rest::Held { again: None, .. });
            if !run.state.may_end_grace() || self.nudge(app, Word::EndGrace { by: by.clone() }) {
                return Ok(());
            }
            // Anything else is begun anew by itself, and hears of it then.
            if waits_for_a_person && !self.busy.contains(app) {
                self.lane(app, &managed, run.state.clone(), Observation::EndGrace { by });
            }
            return Ok(());
        }
        let resting = self.resting.get(app).is_some_and(|until| *until > now);
        let backing_off = ledger
            .for_schedule()
            .retry_at
            .is_some_and(|until| until > now.to_utc());
        let stopped =
            ledger.stopped_by().is_some() || managed.timing.is_none() || ledger.adopted_at.is_none();
        if resting
            || backing_off
            || stopped
            || self.busy.contains(app)
            || self.choice(app, &managed).is_none()
        {
            return Ok(());
        }
        let mut managed = managed;
        managed.limits.grace = Duration::ZERO;
        let reason = format!("leak of the current credential: {}", emergency.ask.why);
        let by = emergency.ask.by.clone();
        self.begin(app, &managed, reason, by, None).await.map(drop)
    }

    /// Never waits: the word is said again at the next turn.
    fn nudge(&self, app: &str, word: Word) -> bool {
        self.words
            .get(app)
            .is_some_and(|lane| lane.try_send(word).is_ok())
    }

    fn end_tokens(&mut self, app: &str, managed: &Managed, emergency: &Emergency, now: Timestamp) {
        let due = self.contacts.get(app).is_none_or(|(due, _)| *due <= now);
        if !emergency.owes_tokens() || self.busy.contains(app) || !due {
            return;
        }
        let (target, org) = (managed.seat.target.clone(), managed.org.clone());
        self.tasks.spawn(app, async move {
            let _place = org.acquire_owned().await;
            Task::Tokens(target.revoke_tokens().await)
        });
        self.busy.insert(app.to_owned());
    }

    pub(super) async fn tokens_ended(
        &mut self,
        app: &str,
        outcome: Outcome<String>,
    ) -> Result<(), JournalFault> {
        let (over, what) = match outcome {
            Outcome::Done(what) => (true, what),
            Outcome::Refused(why) => (true, format!("live tokens are NOT revoked: {why}")),
            Outcome::NotNow(fault) => (false, format!("live tokens are not revoked yet: {fault}")),
            Outcome::Partly(why) | Outcome::Unknown(why) => (
                false,
                format!("nobody knows whether live tokens are revoked: {why}; once more"),
            ),
        };
        if !over {
            let again = self.house.clock.now() + AGAIN;
            self.contacts.insert(app.to_owned(), (again, 0));
        } else {
            self.contacts.remove(app);
        }
        let known = self.ledger(app).emergency.and_then(|emergency| emergency.tokens);
        if known.as_ref().is_none_or(|(_, before)| *before != what) {
            tracing::warn!(app, "{what}");
            self.write(app, None, &Note::TokensRevoked { over, what }).await?;
        }
        Ok(())
    }
}
