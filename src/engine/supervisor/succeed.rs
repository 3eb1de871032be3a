//! A person adopts another pair while a rotation is rotated and its old one in grace. First that pair is proven, with
//! nothing written; then the rotation is ended; then the adoption is made like any other. A crash in between leaves an
//! app without a rotation, and the person asks once more.

use tokio::sync::oneshot;

use super::{Look, Managed, Supervisor};
use crate::engine::adopt::{Brought, Proven, successor};
use crate::engine::command::Reply;
use crate::engine::lane::Word;
use crate::port::Fault;
use crate::rotation::{Observation, Probes};

/// What a person brings, looked at.
pub(super) struct Successor {
    app: String,
    found: Result<Result<Proven, String>, Fault>,
    brought: Brought,
    by: String,
    reply: oneshot::Sender<Reply>,
}

impl Supervisor {
    /// Nothing is given up for a pair that does not work.
    pub(super) fn prove_successor(
        &mut self,
        app: &str,
        managed: &Managed,
        brought: Brought,
        by: String,
        reply: oneshot::Sender<Reply>,
    ) {
        let (app, seat, org) = (app.to_owned(), managed.seat.clone(), managed.org.clone());
        self.looks.spawn(async move {
            let _place = org.acquire_owned().await;
            let found = successor(&seat, &brought).await;
            Look::Successor(Box::new(Successor {
                app,
                found,
                brought,
                by,
                reply,
            }))
        });
    }

    pub(super) async fn succeed(&mut self, successor: Successor) {
        let Successor {
            app,
            found,
            brought,
            by,
            reply,
        } = successor;
        // Whoever asked may have gone.
        let refuse = |reply: oneshot::Sender<Reply>, why: String| drop(reply.send(Reply::refused(why)));
        let (managed, ledger) = (self.apps.get(&app).cloned(), self.ledger(&app));
        let (Some(managed), Ok(Ok(proven))) = (managed, &found) else {
            let why = match found {
                Ok(Err(why)) => why,
                Err(fault) => fault.to_string(),
                Ok(Ok(_)) => "the app has left the policy".into(),
            };
            return refuse(reply, why);
        };
        if self.is_looked_at(&app) || self.successors.contains_key(&app) {
            return refuse(
                reply,
                "rekeyd is just looking at this app: try again in a moment".into(),
            );
        }
        let Some(run) = ledger.running() else {
            // It ended by itself meanwhile.
            self.contact(&app, &managed, brought);
            self.submitters.insert(app, reply);
            return;
        };
        let pair = managed.seat.prints(&proven.pair).pair;
        if run.state.new == Some(pair) {
            let why = format!(
                "that is the credential that rotation {} has published: there is nothing to adopt; `rekeyd resume {app}` \
                 goes on with the retirement of the one before, `rekeyd abandon {app}` gives that up",
                run.state.id
            );
            return refuse(reply, why);
        }
        let probes = Probes {
            pair: Some(proven.proof.clone()),
            beside: Some(proven.control.clone()),
        };
        let (state, word) = (
            run.state.clone(),
            Word::GiveUp {
                by: by.clone(),
                pair,
                probes: probes.clone(),
            },
        );
        if !self.say(&app, word).await {
            self.lane(&app, &managed, state, Observation::GiveUp { by, pair, probes });
        }
        self.successors.insert(app, (brought, reply));
    }

    /// The rotation that was to be ended for it has stopped.
    pub(super) fn made_way(&mut self, app: &str, ended: bool) {
        let Some((brought, reply)) = self.successors.remove(app) else {
            return;
        };
        match self.apps.get(app).cloned().filter(|_| ended) {
            Some(managed) => {
                self.contact(app, &managed, brought);
                self.submitters.insert(app.to_owned(), reply);
            }
            None => {
                let why = "the rotation under way could not be ended yet: `status` says why";
                // Whoever asked may have gone.
                let _gone = reply.send(Reply::refused(why));
            }
        }
    }
}
