//! What people ask of one app, and when it is refused.

use tokio::sync::oneshot;

use super::revoke::Asked;
use super::{Managed, Supervisor};
use crate::clock::Timestamp;
use crate::engine::adopt::Brought;
use crate::engine::command::{Command, Reply};
use crate::engine::lane::Word;
use crate::engine::ledger::{AppLedger, Run};
use crate::engine::note::Note;
use crate::engine::tell::{self, AppKind};
use crate::port::journal::JournalFault;
use crate::rotation::{Ask, Observation, Rest, State, ValueBy};

/// The policy lists several methods, and which of them is open is not known yet.
pub(super) const NOT_EXAMINED: &str =
    "rekeyd has not found out yet which of the listed methods is open: try again when the org answers";

impl Supervisor {
    pub(super) async fn command(
        &mut self,
        command: Command,
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), JournalFault> {
        let app = command.app().to_owned();
        let Some(managed) = self.apps.get(&app).cloned() else {
            let _gone = reply.send(Reply::Unknown(format!("the policy has no app {app}")));
            return Ok(());
        };
        if self.is_looked_at(&app) && !matches!(command, Command::Hold { .. }) {
            self.parked.push((command, reply));
            return Ok(());
        }
        let ledger = self.ledger(&app);
        let answer = match command {
            Command::Rotate {
                reason,
                by,
                ignore_window,
                key,
                ..
            } => {
                let now = self.house.clock.now();
                let before = key
                    .as_ref()
                    .and_then(|key| ledger.asked.iter().rev().find(|(asked, _)| asked == key));
                match before {
                    Some((_, id)) => Reply::Started(*id),
                    None => match may_rotate(
                        &app,
                        &managed,
                        &ledger,
                        now,
                        ignore_window,
                        self.busy.contains(&app),
                    ) {
                        Ok(()) if self.choice(&app, &managed).is_none() => Reply::refused(NOT_EXAMINED),
                        Ok(()) => Reply::Started(self.begin(&app, &managed, reason, by, key).await?),
                        Err(reply) => reply,
                    },
                }
            }
            Command::Hold { by, why, .. } => {
                self.write(&app, None, &Note::HoldAsked { by, why }).await?;
                self.say(&app, Word::Pause).await;
                Reply::Done("held".into())
            }
            Command::Resume { by, take_over, .. } => {
                self.resume(&app, &managed, &ledger, by, take_over).await?
            }
            Command::Revoke {
                leaked,
                confirm,
                reason,
                tokens,
                by,
                ..
            } => {
                let asked = Asked {
                    leaked,
                    confirm,
                    reason,
                    tokens,
                    by,
                };
                return self.revoke(&app, &managed, &ledger, asked, reply).await;
            }
            Command::Abandon { by, .. } => self.abandon(&app, &managed, &ledger, by).await,
            Command::Submit { pair, by, .. } => {
                return self.bring(&app, &managed, &ledger, Brought::Pair(pair), by, reply);
            }
            Command::Adopt { by, .. } => {
                return self.bring(&app, &managed, &ledger, Brought::Consent(by.clone()), by, reply);
            }
        };
        let _gone = reply.send(answer);
        Ok(())
    }

    /// A contact with what a person brings; the answer comes when it is over.
    fn bring(
        &mut self,
        app: &str,
        managed: &Managed,
        ledger: &AppLedger,
        brought: Brought,
        by: String,
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), JournalFault> {
        let rotated = |state: &State| state.may_give_up() || state.is_given_up();
        let asks = |state: &State| state.asks() && !matches!(state.rest, Rest::Held { again: None, .. });
        let brought = match brought {
            Brought::Pair(pair) if ledger.running().is_some_and(|run| asks(&run.state)) => {
                // A lane that a drain or a hold has stopped hears nothing.
                if let (Some(run), None, true) = (ledger.running(), &ledger.hold, self.compared.contains(app))
                {
                    if !self.words.contains_key(app) {
                        self.lane(app, managed, run.state.clone(), Observation::Restarted);
                    }
                    self.judge_handed(app, managed, pair, by, reply);
                    return Ok(());
                }
                let why = match &ledger.hold {
                    Some(_) => {
                        format!("the rotation that asks for it is stopped: `rekeyd resume {app}` first")
                    }
                    None => "rekeyd is just looking at this app: try again in a moment".into(),
                };
                // Whoever asked may have gone.
                let _gone = reply.send(Reply::refused(why));
                return Ok(());
            }
            other @ (Brought::Pair(_) | Brought::Nothing | Brought::Consent(_)) => other,
        };
        let refusal = if ledger.running().is_some_and(|run| rotated(&run.state)) {
            self.prove_successor(app, managed, brought, by, reply);
            return Ok(());
        } else if ledger.running().is_some() {
            "a rotation is under way: `abandon` it first, if it is held"
        } else if self.busy.contains(app) {
            "rekeyd is just looking at this app: try again in a moment"
        } else {
            self.contact(app, managed, brought);
            self.submitters.insert(app.to_owned(), reply);
            return Ok(());
        };
        // Whoever asked may have gone.
        let _gone = reply.send(Reply::refused(refusal));
        Ok(())
    }

    /// Busy without a lane: a first contact, a comparison or a probe, which ends by itself. A lane that began beside
    /// it would be taken for ended when the look is.
    pub(super) fn is_looked_at(&self, app: &str) -> bool {
        self.busy.contains(app) && !self.words.contains_key(app)
    }

    /// Hears what was asked of `app` while it was only being looked at.
    pub(super) async fn unpark(&mut self, app: &str) -> Result<(), JournalFault> {
        let (now, later) = std::mem::take(&mut self.parked)
            .into_iter()
            .partition::<Vec<_>, _>(|(command, _)| command.app() == app);
        self.parked = later;
        for (command, reply) in now {
            // The first of them may make it busy again; the others then wait for that.
            Box::pin(self.command(command, reply)).await?;
        }
        if !self.is_looked_at(app)
            && let Some(named) = self.woken.remove(app)
        {
            self.wake_one(app, named).await?;
        }
        Ok(())
    }

    pub(super) async fn say(&self, app: &str, word: Word) -> bool {
        match self.words.get(app) {
            Some(lane) => lane.send(word).await.is_ok(),
            None => false,
        }
    }

    pub(super) async fn resume(
        &mut self,
        app: &str,
        managed: &Managed,
        ledger: &AppLedger,
        by: String,
        take_over: Option<String>,
    ) -> Result<Reply, JournalFault> {
        let stopped = ledger.stopped_by().is_some() || ledger.hold.is_some();
        if stopped {
            self.write(app, None, &Note::HoldLifted { by: by.clone() })
                .await?;
        }
        let Some(run) = ledger.running() else {
            self.contacts.remove(app);
            return Ok(match stopped {
                true => Reply::Done("resumed".into()),
                false => Reply::refused("nothing is held here"),
            });
        };
        let to_apply = run.state.asks() && run.state.asked.is_some_and(|asked| asked.what == Ask::Apply);
        // Whoever says right after Apply that it is applied may be late.
        let seen = run.state.caps.value_by == ValueBy::Person && run.state.cutover.is_done();
        if !stopped && run.state.hold().is_none() && seen {
            return Ok(Reply::Done(
                "rekeyd has seen that it is applied, and goes on".into(),
            ));
        }
        if !stopped && run.state.hold().is_none() && !to_apply {
            return Ok(Reply::refused(
                "nothing is held here: a rotation is under way by itself",
            ));
        }
        if !self
            .say(
                app,
                Word::Resume {
                    by: by.clone(),
                    take_over: take_over.clone(),
                },
            )
            .await
        {
            self.lane(
                app,
                managed,
                run.state.clone(),
                Observation::Resume { by, take_over },
            );
        }
        Ok(Reply::Done(match to_apply {
            true => "rekeyd looks now, and every few seconds for ten minutes, whether it is applied".into(),
            false => "resumed".into(),
        }))
    }

    pub(super) async fn abandon(
        &mut self,
        app: &str,
        managed: &Managed,
        ledger: &AppLedger,
        by: String,
    ) -> Reply {
        let Some(run) = ledger.running() else {
            return Reply::refused("no rotation is under way");
        };
        let given_up = run.state.may_give_up();
        if !run.state.may_abandon() && !given_up {
            return Reply::refused("past the point of no return: it can only go on");
        }
        if !self.say(app, Word::Abandon { by: by.clone() }).await {
            self.lane(app, managed, run.state.clone(), Observation::Abandon { by });
        }
        Reply::Done(match given_up {
            true => "giving up the retirement: the old credential is left as it is, and `status` says what is accepted".into(),
            false => "abandoning".into(),
        })
    }
}

pub(super) fn may_rotate(
    app: &str,
    managed: &Managed,
    ledger: &AppLedger,
    now: Timestamp,
    ignore_window: bool,
    busy: bool,
) -> Result<(), Reply> {
    let Some(timing) = &managed.timing else {
        return Err(Reply::refused("the app has left the policy"));
    };
    if let Some((by, why)) = &ledger.hold {
        return Err(Reply::Held {
            why: format!("held by {by}: {why}"),
            remedy: format!("`rekeyd resume {app}` lets it go on"),
            rotation: ledger.running().map(|run| run.state.id),
        });
    }
    if ledger.adopted_at.is_none() {
        let why = ledger.unadopted.as_deref();
        let why = why.unwrap_or("rekeyd has not looked at it yet");
        return Err(Reply::refused(format!("not adopted yet: {why}")));
    }
    if let Some(run) = ledger.running() {
        return Err(not_beside(app, ledger, run, now));
    }
    if busy {
        return Err(Reply::refused("a rotation is under way"));
    }
    let last = ledger.run.as_ref().map(|run| run.last_at);
    if let Some(until) = last.map(|at| at + managed.cool_down).filter(|until| *until > now) {
        return Err(Reply::CoolingDown { until });
    }
    match &timing.window {
        Some(window) if !ignore_window && !window.is_open(now.to_utc()) => {
            let until = window.next_open(now.to_utc()).map(Timestamp::from);
            let shown = until.map_or_else(|| "further notice".into(), |at| at.to_string());
            Err(Reply::Refused {
                why: format!("the window is shut until {shown}"),
                until,
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// Why none is started beside the rotation that is under way.
fn not_beside(app: &str, ledger: &AppLedger, run: &Run, now: Timestamp) -> Reply {
    let rotation = run.state.id;
    if let Some(hold) = run.state.hold() {
        return Reply::Held {
            why: format!(
                "a rotation is under way, and held: {}",
                tell::hold_words(hold, &run.stores)
            ),
            remedy: tell::in_setup(
                tell::remedy(hold, app, run.state.is_rotated()),
                AppKind::of(&run.policy),
            ),
            rotation: Some(rotation),
        };
    }
    if let Some(until) = ledger.grace_until().filter(|until| *until > now) {
        return Reply::UnderWay {
            why: format!("the previous credential is in grace until {until}"),
            rotation,
            until: Some(until),
        };
    }
    Reply::UnderWay {
        why: format!(
            "a rotation is under way ({rotation}): {}",
            tell::state_words(&run.state, &run.stores, now)
        ),
        rotation,
        until: run.state.not_before.filter(|until| *until > now),
    }
}
