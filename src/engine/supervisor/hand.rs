//! A person hands over the pair that a rotation asks for (method `assisted`). It is judged first, beside the current one,
//! with nothing written; the lane then takes it or turns it away, and answers the person once every store keeps it.

use std::sync::PoisonError;

use futures_util::future::join;
use tokio::sync::oneshot;

use super::{Look, Managed, Supervisor};
use crate::engine::command::Reply;
use crate::engine::handing::Handed;
use crate::engine::lane::Word;
use crate::engine::ledger::AppLedger;
use crate::engine::note::Note;
use crate::engine::seat::Seat;
use crate::engine::tell::AppKind;
use crate::port::{Fault, Place, Verdict};
use crate::rotation::{Event, Probes};
use crate::secret::Credential;

/// What a person brings, judged.
pub(super) struct Judged {
    app: String,
    pair: Credential,
    found: Result<(Probes, Verdict), Fault>,
    by: String,
    reply: oneshot::Sender<Reply>,
}

impl Supervisor {
    pub(super) fn judge_handed(
        &mut self,
        app: &str,
        managed: &Managed,
        pair: Credential,
        by: String,
        reply: oneshot::Sender<Reply>,
    ) {
        let (app, org) = (app.to_owned(), managed.org.clone());
        let seat = self.seated(&app, managed).seat;
        self.looks.spawn(async move {
            let _place = org.acquire_owned().await;
            let found = judge(&seat, &pair).await;
            Look::Handed(Box::new(Judged {
                app,
                pair,
                found,
                by,
                reply,
            }))
        });
    }

    pub(super) async fn hand_over(&mut self, judged: Judged) {
        let Judged {
            app,
            pair,
            found,
            by,
            reply,
        } = judged;
        let (new, old) = match found {
            Ok(found) => found,
            Err(fault) => {
                // Whoever asked may have gone.
                let _gone = reply.send(Reply::refused(format!(
                    "it cannot be judged now, so nothing is changed: {fault}"
                )));
                return;
            }
        };
        if let Some(other) = self.owner_of(&app, &pair) {
            let why = format!("it is the credential of app {other}");
            let step = Event::TurnedAway { by, why: why.clone() };
            let rotation = self.ledger(&app).running().map(|run| run.state.id);
            let written = self.write(&app, rotation, &Note::Step { step }).await;
            if let Err(fault) = written {
                tracing::error!(app, "{fault}");
            }
            // Whoever asked may have gone.
            let _gone = reply.send(Reply::refused(format!(
                "turned away, and nothing is changed: {why}"
            )));
            return;
        }
        let kind = self
            .apps
            .get(&app)
            .and_then(|managed| AppKind::named(&managed.kind));
        let handed = Handed {
            by,
            pair,
            new,
            old,
            kind,
            reply,
        };
        // Without a lane the word, and whoever waits for its answer, is dropped with it.
        self.say(&app, Word::Handed(Box::new(handed))).await;
    }

    /// Which other app of the policy holds this pair, or one with this client id, as its own.
    fn owner_of(&self, app: &str, pair: &Credential) -> Option<String> {
        let prints = &self.house.prints;
        let (key, pair) = (prints.key_print(&pair.client_id), prints.fingerprint(pair));
        let ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        let owns = |ledger: &AppLedger| ledger.current == Some(pair) || ledger.current_key == Some(key);
        let mut others = ledgers.apps.iter().filter(|(name, _)| *name != app);
        others
            .find(|(_, ledger)| owns(ledger))
            .map(|(name, _)| name.clone())
    }
}

async fn judge(seat: &Seat, pair: &Credential) -> Result<(Probes, Verdict), Fault> {
    let slot = seat.read(0, &Place::Current).await?;
    let Some(current) = seat.credential(0, slot.value.as_ref()) else {
        return Err(Fault::Unavailable(
            "the first store holds no current credential".into(),
        ));
    };
    let (new, old) = join(
        seat.target.probe_differentially(pair),
        seat.target.probe(&current),
    )
    .await;
    let new = Probes {
        pair: Some(new.0),
        beside: Some(new.1),
    };
    Ok((new, old.verdict))
}
