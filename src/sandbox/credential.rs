//! Pairs of client id and secret: since when and until when each is accepted, and how a change spreads.

use super::switches::{Propagation, Switches};
use super::time::{Moment, later, seconds};
use serde::{Deserialize, Serialize};

/// Who made a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was there from the start.
    Seed,
    /// Salesforce made it on a `POST` of the staged resource.
    Staged,
    /// A client chose the secret in `updateMetadata`.
    Update,
    /// Salesforce made it for a `shouldRotateConsumerSecret` or `…Key`.
    Flag,
    /// A person had it made in Setup.
    Person,
}

/// One pair, kept after its end so that the truth about it can still be told.
pub(super) struct Credential {
    /// Counted from 1 within its consumer.
    pub(super) generation: u64,
    pub(super) key: String,
    pub(super) secret: String,
    pub(super) origin: Origin,
    /// `None` while it is not accepted yet.
    pub(super) from: Option<Moment>,
    pub(super) until: Option<Moment>,
    /// How often the token endpoint has judged it: mixed answers alternate by this.
    pub(super) judged: u64,
}

impl Credential {
    /// True when it is accepted at `at`, spreading aside.
    pub(super) fn alive(&self, at: Moment) -> bool {
        self.from.is_some_and(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// What the token endpoint sees of it, without counting.
    fn seen(&self, at: Moment, switches: &Switches) -> bool {
        let before = later(at, -seconds(switches.propagation_seconds));
        match switches.propagation_mode {
            Propagation::None => self.alive(at),
            Propagation::Late => self.alive(before),
            Propagation::Mixed if self.judged.is_multiple_of(2) => self.alive(before),
            Propagation::Mixed => self.alive(at),
        }
    }

    /// True while answers about it may differ.
    pub(super) fn spreading(&self, at: Moment, switches: &Switches) -> bool {
        let before = later(at, -seconds(switches.propagation_seconds));
        switches.propagation_mode != Propagation::None && self.alive(at) != self.alive(before)
    }

    /// Ends it at `at`, unless it has ended before.
    pub(super) fn end(&mut self, at: Moment) {
        if self.until.is_none_or(|until| until > at) {
            self.until = Some(at);
        }
    }
}

/// What a client's id and secret are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No such client id here and now.
    UnknownClient,
    /// The id is known; the secret is not its own.
    BadSecret,
    /// The pair of this generation.
    Accepted(u64),
}

/// Judges `key` and `secret` among a consumer's pairs. `vacuous` clients are accepted whatever their secret.
pub(super) fn judge(
    credentials: &mut [Credential],
    key: &str,
    secret: Option<&str>,
    at: Moment,
    switches: &Switches,
    vacuous: bool,
) -> Verdict {
    let mut known = None;
    let mut accepted = None;
    for credential in credentials.iter_mut().filter(|credential| credential.key == key) {
        let seen = credential.seen(at, switches);
        if secret == Some(credential.secret.as_str()) {
            credential.judged = credential.judged.wrapping_add(1);
            if seen {
                accepted = Some(credential.generation);
            }
        }
        if seen || credential.alive(at) {
            known = Some(credential.generation);
        }
    }
    match (accepted, known) {
        (Some(generation), _) => Verdict::Accepted(generation),
        (None, Some(generation)) if vacuous => Verdict::Accepted(generation),
        (None, Some(_)) if whole_key_is_new(credentials, key, at, switches) => Verdict::UnknownClient,
        (None, Some(_)) => Verdict::BadSecret,
        (None, None) => Verdict::UnknownClient,
    }
}

/// True while a key of its own has not spread yet: the client is unknown then, not its secret wrong.
fn whole_key_is_new(credentials: &[Credential], key: &str, at: Moment, switches: &Switches) -> bool {
    let before = later(at, -seconds(switches.propagation_seconds));
    switches.propagation_mode != Propagation::None
        && credentials
            .iter()
            .filter(|credential| credential.key == key)
            .all(|one| !one.alive(before))
}
