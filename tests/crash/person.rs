//! The person of the method `assisted`, who does in Setup what they are asked for, and keeps a pair in hand until they are
//! asked to apply it.

use std::time::Duration;

use rekeyd::clock::Clock;
use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::handing::Handed;
use rekeyd::engine::lane::Word;
use rekeyd::port::{ProbeReport, Verdict};
use rekeyd::rotation::{Ask, Event, Probes, State};
use rekeyd::sandbox::Act;
use rekeyd::secret::{Credential, Secret};
use tokio::sync::mpsc::{Sender, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use super::fuse::Plan;
use super::life::Desk;
use super::watch::Pair;
use super::world::{APP, NAME, World};

/// What a rotation asks for when its process begins.
pub fn recall(state: &State, asks: &UnboundedSender<Ask>) {
    if let Some(asked) = state.asked.filter(|_| state.asks()) {
        // Nobody hears it once the process is over.
        asks.send(asked.what).ok();
    }
}

/// What it asks for from then on.
pub fn notice(events: &[Event], asks: &UnboundedSender<Ask>) {
    for event in events {
        if let Event::Asked { what, .. } = event {
            asks.send(*what).ok();
        }
    }
}

impl World {
    pub async fn person(&self, words: Sender<Word>, mut asked: UnboundedReceiver<Ask>) {
        while let Some(what) = asked.recv().await {
            let _busy = self.clock.busy();
            match what {
                Ask::Pair => self.hand_over(&words).await,
                Ask::Apply => self.apply(),
            }
        }
        std::future::pending().await
    }

    async fn hand_over(&self, words: &Sender<Word>) {
        if self.generated().is_none() {
            let (app, by) = (NAME.to_owned(), None);
            self.org.act(Act::Stage { app, by }).unwrap();
        }
        let pair = self.generated().unwrap();
        let (reply, _not_waited_for) = oneshot::channel();
        let handed = Handed {
            by: "a person".into(),
            new: Probes {
                pair: Some(self.report(&pair)),
                beside: Some(self.report(&(pair.0.clone(), "wrong".into()))),
            },
            old: self.report(&self.watch.old).verdict,
            pair: Credential {
                client_id: pair.0,
                client_secret: Secret::new(pair.1),
            },
            kind: None,
            reply,
        };
        // The lane may have crashed.
        words.send(Word::Handed(Box::new(handed))).await.ok();
    }

    /// The same person at a whole service, who looks each minute what is asked for, and does each thing once.
    pub async fn attend(&self, desk: &Desk) -> ! {
        let mut seen = None;
        loop {
            let asked = desk.see(|ledger| {
                let state = ledger
                    .running()
                    .map(|run| &run.state)
                    .filter(|state| state.asks())?;
                state.asked.map(|asked| (asked.what, asked.since))
            });
            if asked.is_some() && asked != seen {
                let done = match asked.map(|(what, _)| what) {
                    Some(Ask::Pair) => matches!(self.submit_new(desk).await, Reply::Done(_)),
                    Some(Ask::Apply) => {
                        self.apply();
                        true
                    }
                    None => true,
                };
                seen = asked.filter(|_| done);
            }
            let soon = self.clock.now() + Duration::from_secs(60);
            self.clock.sleep_until(soon).await;
        }
    }

    /// Starts the whole service, with that person beside it, and ends it as `script` ends.
    pub async fn attended<T>(&self, script: impl AsyncFnOnce(&Desk) -> T) -> T {
        self.serve(Plan::Never, async |desk| {
            tokio::select! {
                never = self.attend(desk) => never,
                end = script(desk) => end,
            }
        })
        .await
    }

    /// Hands over what Setup generated, or generates it first.
    pub async fn submit_new(&self, desk: &Desk) -> Reply {
        if self.generated().is_none() {
            let (app, by) = (NAME.to_owned(), None);
            self.org.act(Act::Stage { app, by }).unwrap();
        }
        let pair = self.generated().unwrap();
        self.submit(desk, &pair).await
    }

    /// Hands a pair over, and tries again when told that rekeyd is just looking by itself.
    pub async fn submit(&self, desk: &Desk, pair: &Pair) -> Reply {
        loop {
            let command = Command::Submit {
                app: APP.into(),
                pair: Credential {
                    client_id: pair.0.clone(),
                    client_secret: Secret::new(pair.1.clone()),
                },
                by: "a person".into(),
            };
            match desk.ask(command).await {
                Reply::Refused { why, .. } if why.contains("try again in a moment") => {
                    let soon = self.clock.now() + Duration::from_secs(5);
                    self.clock.sleep_until(soon).await;
                }
                reply => return reply,
            }
        }
    }

    fn apply(&self) {
        if self.generated().is_some() {
            let (app, by) = (NAME.to_owned(), None);
            self.org.act(Act::Promote { app, by }).unwrap();
        }
    }

    /// What was generated and not applied.
    fn generated(&self) -> Option<Pair> {
        let state = self.org.state();
        let consumer = &state.app(NAME).unwrap().consumers[0];
        consumer.staged.as_ref()?;
        let newest = consumer.pairs.iter().max_by_key(|pair| pair.generation)?;
        Some((newest.client_id.clone(), newest.client_secret.clone()))
    }

    fn report(&self, pair: &Pair) -> ProbeReport {
        ProbeReport {
            verdict: match self.org.accepts(&pair.0, &pair.1) {
                Some(_) => Verdict::Accepted,
                None => Verdict::Refused,
            },
            probe: "none".into(),
            host: "none".into(),
            answer: "none".into(),
            at: self.clock.now(),
        }
    }
}
