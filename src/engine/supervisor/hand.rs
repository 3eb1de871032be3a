//! A person hands over the pair that a rotation asks for (method `assisted`). It is judged first, beside the current one,
//! with nothing written; the lane then takes it or turns it away, and answers the person once every store keeps it.

use futures_util::future::join;
use tokio::sync::oneshot;

use super::{Look, Managed, Supervisor};
use crate::engine::command::Reply;
use crate::engine::handing::Handed;
use crate::engine::lane::Word;
use crate::engine::seat::Seat;
use crate::engine::tell::AppKind;
use crate::port::{Fault, Place, Verdict};
use crate::rotation::Probes;
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
