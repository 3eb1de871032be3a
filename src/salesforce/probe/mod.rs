//! Asking the token endpoint what it makes of a pair (salesforce-oauth-rest.md §3).
//!
//! Three requests are known to judge a client, ranked; none is documented to do so for every app. So a probe
//! counts only where it tells a pair from its corrupted control, and the one that did is remembered per app,
//! in memory. What a probe cannot tell is inconclusive, never "bad secret".
//!
//! Not here: how often to ask, and how long an answer must hold (`rotation`).

mod judge;

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Method;

use super::fault::html;
use super::http::{Content, NoReply, Request};
use super::login::form;
use super::org::Org;
use crate::port::{ProbeReport, Verdict};
use crate::random;
use crate::secret::{Credential, Secret};

/// The requests, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Introspects a junk token. Needs no user, flow or scope.
    Introspect,
    /// Refreshes with a junk token. A secret that is sent is checked, also where none is required.
    Refresh,
    /// Logs in, where the app has the flow. The strongest, but makes a session.
    ClientCredentials,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Introspect => "introspect",
            Kind::Refresh => "refresh_token",
            Kind::ClientCredentials => "client_credentials",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Kind::Introspect => "/services/oauth2/introspect",
            Kind::Refresh | Kind::ClientCredentials => "/services/oauth2/token",
        }
    }
}

/// Probes for one app.
pub(crate) struct Prober {
    org: Arc<Org>,
    kinds: Vec<Kind>,
    memory: Mutex<Memory>,
}

#[derive(Clone, Copy, Default)]
struct Memory {
    /// The one that has told a pair from its control.
    discriminates: Option<Kind>,
    /// Until there is one: how many have answered without telling anything.
    passed: usize,
}

/// What one request came to.
struct Answer {
    verdict: Verdict,
    text: String,
    /// Somebody answered, so that another probe may fare better.
    answered: bool,
}

impl Prober {
    pub(crate) fn new(org: Arc<Org>, client_credentials: bool) -> Self {
        let mut kinds = vec![Kind::Introspect, Kind::Refresh];
        if client_credentials {
            kinds.push(Kind::ClientCredentials);
        }
        Prober {
            org,
            kinds,
            memory: Mutex::default(),
        }
    }

    /// One request of the best probe known.
    pub(crate) async fn once(&self, pair: &Credential) -> ProbeReport {
        let memory = self.recall();
        let guess = self.kinds.iter().cycle().nth(memory.passed).copied();
        let kind = memory.discriminates.or(guess).unwrap_or(Kind::Introspect);
        let answer = self.ask(kind, pair, self.junk().as_ref()).await;
        if memory.discriminates.is_none() && answer.answered && inconclusive(&answer.verdict) {
            self.remember(|memory| memory.passed = (memory.passed + 1) % self.kinds.len());
        }
        self.report(kind, answer)
    }

    /// The pair and its control side by side, by the first probe that tells them apart.
    pub(crate) async fn differentially(&self, pair: &Credential) -> (ProbeReport, ProbeReport) {
        let known = self.recall().discriminates;
        let rest = self.kinds.iter().copied().filter(|kind| Some(*kind) != known);
        let mut refused = None;
        let mut vacuous = None;
        let mut silent = None;
        for kind in known.into_iter().chain(rest) {
            let junk = self.junk();
            let control = pair.corrupted();
            let (real, control) = tokio::join!(
                self.ask(kind, pair, junk.as_ref()),
                self.ask(kind, &control, junk.as_ref())
            );
            let answered = real.answered && control.answered;
            let verdicts = (real.verdict.clone(), control.verdict.clone());
            let reports = (self.report(kind, real), self.report(kind, control));
            match verdicts {
                (Verdict::Accepted, Verdict::Refused) => {
                    self.remember(|memory| memory.discriminates = Some(kind));
                    return reports;
                }
                // A probe that is known to discriminate has judged: more would only be more bad logins.
                (Verdict::Refused, Verdict::Refused) if known == Some(kind) => return reports,
                (Verdict::Refused, Verdict::Refused) => {
                    refused.get_or_insert(reports);
                }
                (Verdict::Accepted | Verdict::Refused, Verdict::Accepted) => {
                    if known == Some(kind) {
                        self.remember(|memory| memory.discriminates = None);
                    }
                    vacuous.get_or_insert(reports);
                }
                (Verdict::Accepted | Verdict::Refused, Verdict::Inconclusive(_)) => return reports,
                (Verdict::Inconclusive(_), _) if !answered => return reports,
                (Verdict::Inconclusive(_), Verdict::Inconclusive(_)) => {
                    silent.get_or_insert(reports);
                }
                (Verdict::Inconclusive(_), Verdict::Accepted | Verdict::Refused) => return reports,
            }
        }
        // A probe that takes anything makes one that takes nothing suspect as well.
        match (refused, vacuous, silent) {
            (_, Some((real, control)), _) => (undecided(real), undecided(control)),
            (Some(reports), None, _) | (None, None, Some(reports)) => reports,
            (None, None, None) => {
                let none = || Answer {
                    verdict: Verdict::Inconclusive("there is no probe".into()),
                    text: String::new(),
                    answered: false,
                };
                (
                    self.report(Kind::Introspect, none()),
                    self.report(Kind::Introspect, none()),
                )
            }
        }
    }

    fn recall(&self) -> Memory {
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, change: impl FnOnce(&mut Memory)) {
        change(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A token that nobody ever had.
    fn junk(&self) -> Option<Secret> {
        random::consumer_secret(self.org.random.as_ref()).ok()
    }

    fn report(&self, kind: Kind, answer: Answer) -> ProbeReport {
        ProbeReport {
            verdict: answer.verdict,
            probe: kind.name().into(),
            host: self.org.host(),
            answer: answer.text,
            at: self.org.clock.now(),
        }
    }

    async fn ask(&self, kind: Kind, pair: &Credential, junk: Option<&Secret>) -> Answer {
        let Some(junk) = junk else {
            return unanswered("no random bytes for a junk token");
        };
        let client = [
            ("client_id", pair.client_id.as_str()),
            ("client_secret", pair.client_secret.expose()),
        ];
        let form = match kind {
            Kind::Introspect => form(&[
                ("token", junk.expose()),
                ("token_type_hint", "access_token"),
                client[0],
                client[1],
            ]),
            Kind::Refresh => form(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", junk.expose()),
                client[0],
                client[1],
            ]),
            Kind::ClientCredentials => form(&[("grant_type", "client_credentials"), client[0], client[1]]),
        };
        let request = Request {
            operation: kind.name(),
            method: Method::POST,
            url: self.org.at(kind.path()),
            bearer: None,
            content: Content::Form(form),
        };
        let reply = match self.org.http.send(request).await {
            Ok(reply) => reply,
            Err(NoReply::NotSent(why) | NoReply::Lost(why)) => return unanswered(why),
        };
        let Some(body) = reply.body.whole() else {
            return unanswered("the answer broke off");
        };
        let (verdict, text, session) = if html(body) {
            let text = format!("{} page", reply.status);
            (Verdict::Inconclusive(text.clone()), text, None)
        } else {
            judge::judge(kind, reply.status, body)
        };
        if let Some(token) = session {
            self.end(token);
        }
        Answer {
            verdict,
            text,
            answered: true,
        }
    }

    /// Ends the session that a login made. Nobody waits for it, since a probe may stand inside an outage.
    fn end(&self, token: Secret) {
        let org = self.org.clone();
        tokio::spawn(async move {
            let request = Request {
                operation: "revoke",
                method: Method::POST,
                url: org.at("/services/oauth2/revoke"),
                bearer: None,
                content: Content::Form(form(&[("token", token.expose())])),
            };
            // Best effort: the session ends by itself later.
            org.http.send(request).await.ok();
        });
    }
}

fn unanswered(why: &str) -> Answer {
    Answer {
        verdict: Verdict::Inconclusive(why.to_owned()),
        text: "no answer".into(),
        answered: false,
    }
}

fn inconclusive(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Inconclusive(_) => true,
        Verdict::Accepted | Verdict::Refused => false,
    }
}

fn undecided(mut report: ProbeReport) -> ProbeReport {
    report.verdict = Verdict::Inconclusive(Verdict::TELLS_NOTHING.into());
    report
}

/// What is said of an answer, as if it were one to each probe in turn.
pub(super) fn said(status: u16, body: &[u8]) -> String {
    [Kind::Introspect, Kind::Refresh, Kind::ClientCredentials]
        .map(|kind| format!("{:?}", judge::judge(kind, status, body)))
        .join(" ")
}
