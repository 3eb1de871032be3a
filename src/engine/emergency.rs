//! A credential leaked: what a person asks for, what that comes to as things stand, and the token that shows that they
//! were told (design §4, "While an old credential is in grace").
//!
//! - Leak of the *previous*: the running rotation's grace ends now. Nothing is minted.
//! - Leak of the *current*: what is in grace is revoked first; then a rotation begins at once, with no grace.
//!
//! What was asked for is journaled before anything is done, and the supervisor looks at each turn whether it is settled.
//! So a crash right after the command loses nothing, and asking twice does nothing twice. Pure. Not here: doing it
//! (`supervisor/revoke`), and who is hit (`radius`).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::engine::ledger::{AppLedger, Run};
use crate::engine::tell::{self, AppKind};
use crate::rotation::{End, Mode, RotationId, Stand};
use crate::secret::Fingerprint;

/// Which credential leaked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leaked {
    /// The one before the one that consumers read.
    Previous,
    /// The one that consumers read.
    Current,
}

impl Leaked {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Leaked::Previous => "previous",
            Leaked::Current => "current",
        }
    }
}

/// What a person asked for, as it is journaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Which credential leaked.
    pub leaked: Leaked,
    /// That one.
    pub pair: Fingerprint,
    /// The rotation that was under way.
    pub rotation: Option<RotationId>,
    /// Who.
    pub by: String,
    /// Why, for the history.
    pub why: String,
    /// The app's live tokens too.
    pub tokens: bool,
    /// What they were told, by its token.
    pub token: String,
}

/// The last one of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emergency {
    /// What was asked for.
    pub ask: Ask,
    /// When.
    pub at: Timestamp,
    /// What became of the live tokens: whether it is over, and in words.
    pub tokens: Option<(bool, String)>,
    /// It takes longer than it may.
    pub late: Option<Late>,
}

/// A leaked credential that is not ended in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// When that was last noted.
    pub at: Timestamp,
    /// How often it was.
    pub times: u32,
    /// What stands in the way, for a person.
    pub why: String,
}

/// It is noted at least this often that a leaked credential is not ended.
const DAILY: Duration = Duration::from_secs(86_400);

impl Emergency {
    /// The leaked credential is out of use, or a person has taken the matter over.
    pub fn is_settled(&self, ledger: &AppLedger) -> bool {
        let running = ledger.running();
        match self.ask.leaked {
            Leaked::Previous => running.is_none_or(|run| Some(run.state.id) != self.ask.rotation),
            Leaked::Current => {
                let replacing = running.is_some_and(|run| run.state.old == Some(self.ask.pair));
                ledger.current != Some(self.ask.pair) && !replacing
            }
        }
    }

    /// The live tokens are still to be revoked. They come last: until then the leaked credential gets new ones.
    pub fn owes_tokens(&self) -> bool {
        self.ask.tokens && self.tokens.as_ref().is_none_or(|(over, _)| !over)
    }

    /// Something is still to be done for it.
    pub fn is_open(&self, ledger: &AppLedger) -> bool {
        self.owes_tokens() || !self.is_settled(ledger)
    }

    /// When it is to be noted that it is not over: after `patience`, and then each time after twice as long.
    pub fn late_from(&self, patience: Duration) -> Timestamp {
        match &self.late {
            None => self.at + patience,
            Some(late) => late.at + late.at.since(self.at).min(DAILY).max(patience),
        }
    }

    /// Who asked, and why, in one line.
    pub fn words(&self) -> String {
        format!(
            "{} (leak of the {}: {})",
            self.ask.by,
            self.ask.leaked.word(),
            self.ask.why
        )
    }
}

/// What revoking comes to as things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// There is nothing left to revoke.
    Nothing {
        /// Why.
        why: String,
        /// It is known to be dead; otherwise nothing is known of it.
        dead: bool,
    },
    /// A person's word is wanted first; nothing is noted.
    Barred {
        /// Why.
        why: String,
        /// What that person can do.
        remedy: String,
    },
    /// No call of ours can do it: a person does.
    ByHand {
        /// Why.
        why: String,
        /// Step by step.
        steps: Vec<String>,
    },
    /// The grace ends now.
    CutGrace {
        /// Which rotation's.
        rotation: RotationId,
        /// When it would have ended.
        until: Timestamp,
    },
    /// It is being ended already.
    Retiring {
        /// By which rotation.
        rotation: RotationId,
        /// Where that stands, and what a person can do.
        words: String,
        /// It is held.
        held: bool,
    },
    /// The rotation under way replaces it; it goes on, with no grace.
    Hurry {
        /// Which one.
        rotation: RotationId,
        /// What is in force at Salesforce already.
        cut_over: bool,
        /// Why that one is held, and what a person can do.
        held: Option<(String, String)>,
    },
    /// The rotation under way ends first, with no grace for what it retires; then another one begins.
    Then {
        /// Which one.
        rotation: RotationId,
        /// What it still retires.
        old: Option<Fingerprint>,
        /// Until when that would have been left usable.
        until: Option<Timestamp>,
        /// Why it is held, and what a person can do.
        held: Option<(String, String)>,
    },
    /// A rotation begins now, with no grace.
    Rotate,
}

impl Way {
    /// What the token stands for: another word means that the person was told something else.
    fn tag(&self) -> String {
        match self {
            Way::Nothing { dead, .. } => format!("nothing {dead}"),
            Way::Barred { .. } => "barred".into(),
            Way::ByHand { .. } => "by hand".into(),
            Way::CutGrace { rotation, .. } => format!("cut grace {rotation}"),
            Way::Retiring { rotation, .. } => format!("retiring {rotation}"),
            Way::Hurry {
                rotation,
                cut_over,
                held,
            } => format!("hurry {rotation} {cut_over} {}", held.is_some()),
            Way::Then {
                rotation, old, held, ..
            } => {
                format!("then {rotation} {old:?} {}", held.is_some())
            }
            Way::Rotate => "rotate".into(),
        }
    }

    /// Whether a confirmation does anything.
    pub fn acts(&self, tokens: bool) -> bool {
        match self {
            Way::CutGrace { .. } | Way::Hurry { .. } | Way::Then { .. } | Way::Rotate => true,
            Way::Nothing { .. } | Way::Retiring { .. } => tokens,
            Way::Barred { .. } | Way::ByHand { .. } => false,
        }
    }

    /// It goes on only once a person has settled something.
    pub fn is_held(&self) -> bool {
        match self {
            Way::Hurry { held, .. } | Way::Then { held, .. } => held.is_some(),
            Way::Retiring { held, .. } => *held,
            Way::Barred { .. } | Way::ByHand { .. } => true,
            Way::Nothing { .. } | Way::CutGrace { .. } | Way::Rotate => false,
        }
    }

    /// The rotation under way.
    pub fn rotation(&self) -> Option<RotationId> {
        match self {
            Way::CutGrace { rotation, .. }
            | Way::Retiring { rotation, .. }
            | Way::Hurry { rotation, .. }
            | Way::Then { rotation, .. } => Some(*rotation),
            Way::Nothing { .. } | Way::Barred { .. } | Way::ByHand { .. } | Way::Rotate => None,
        }
    }
}

/// What a confirmation must name: it changes when what the person was told is so no more. Not secret.
pub fn token(app: &str, leaked: Leaked, pair: Option<Fingerprint>, way: &Way, tokens: bool) -> String {
    let pair = pair.map(|pair| pair.to_string()).unwrap_or_default();
    let text = format!("{app}\n{}\n{pair}\n{}\n{tokens}", leaked.word(), way.tag());
    let digest = Sha256::digest(text);
    digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

/// Which credential is meant, and what revoking it comes to now. `managed`: the policy still has the app.
pub fn way(
    app: &str,
    ledger: &AppLedger,
    leaked: Leaked,
    managed: bool,
    now: Timestamp,
) -> (Option<Fingerprint>, Way) {
    let pair = match leaked {
        Leaked::Current => ledger.current,
        Leaked::Previous => ledger
            .run
            .as_ref()
            .filter(|run| run.state.is_rotated())
            .and_then(|run| run.state.old),
    };
    let way = match (leaked, &ledger.hold) {
        (_, Some((by, why))) => Way::Barred {
            why: format!("the app is held by {by}: {why}"),
            remedy: format!("`rekeyd resume {app}` lets it go on; then ask again"),
        },
        (Leaked::Previous, None) => previous(app, ledger, now),
        (Leaked::Current, None) => current(app, ledger, managed, now),
    };
    (pair, way)
}

fn previous(app: &str, ledger: &AppLedger, now: Timestamp) -> Way {
    let Some(run) = &ledger.run else {
        return Way::Nothing {
            why: format!(
                "this journal knows of no rotation that has left a previous credential of {app} here; where an earlier \
                 journal was lost one may be left all the same: Setup shows it beside the app's consumer key"
            ),
            dead: false,
        };
    };
    let (state, rotation) = (&run.state, run.state.id);
    match (state.end(), state.is_rotated()) {
        (Some(End::Done { disproven: true }), _) => Way::Nothing {
            why: format!("it is dead already: seen refused, by {}", run.last_at),
            dead: true,
        },
        (Some(End::Done { disproven: false }), _) => Way::Nothing {
            why: format!(
                "it is reported gone since {}, though nobody has its secret to prove that",
                run.last_at
            ),
            dead: false,
        },
        (Some(End::GivenUp { old, .. }), _) => given_up(app, run, *old),
        (Some(End::Abandoned { .. } | End::Ignored | End::NotOffered { .. } | End::Undone { .. }), _) => {
            Way::Nothing {
                why: "the last rotation changed nothing, so that there is no previous credential of its"
                    .into(),
                dead: false,
            }
        }
        (None, false) => Way::Nothing {
            why: format!(
                "nothing is in grace: rotation {rotation} is under way and not published everywhere yet; what it \
                 replaces is the current credential: `rekeyd revoke {app} current`"
            ),
            dead: false,
        },
        (None, true) => match (held(app, run), ledger.grace_until().filter(|until| *until > now)) {
            (None, Some(until)) if state.may_end_grace() => Way::CutGrace { rotation, until },
            (held, _) => {
                let words = tell::state_words(state, &run.stores, now);
                Way::Retiring {
                    rotation,
                    held: held.is_some(),
                    words: held.map_or_else(
                        || words.clone(),
                        |(why, remedy)| format!("held: {why}; what to do: {remedy}"),
                    ),
                }
            }
        },
    }
}

fn given_up(app: &str, run: &Run, old: Stand) -> Way {
    let setup = AppKind::of(&run.policy).map_or("Setup", AppKind::setup);
    Way::ByHand {
        why: format!(
            "its retirement was given up, and it is {old}; no rotation is under way that would end it"
        ),
        steps: vec![
            format!(
                "`rekeyd revoke {app} current` rotates at once, and removes it from the staged slot before it makes \
                 another one"
            ),
            format!("or delete the staged credential by hand in {setup}"),
        ],
    }
}

fn current(app: &str, ledger: &AppLedger, managed: bool, now: Timestamp) -> Way {
    let barred = |why: String, remedy: String| Way::Barred { why, remedy };
    if let Some(run) = ledger.running() {
        let (state, rotation) = (&run.state, run.state.id);
        let held = held(app, run);
        return match (&state.mode, state.is_rotated()) {
            (Mode::Forward, false) => Way::Hurry {
                rotation,
                cut_over: !state.cutover.is_open(),
                held,
            },
            (Mode::Forward | Mode::Abort(_) | Mode::Undo(_) | Mode::GiveUp { .. }, _) => Way::Then {
                rotation,
                old: state.old.filter(|_| state.may_end_grace()),
                until: ledger.grace_until().filter(|until| *until > now),
                held,
            },
        };
    }
    if !managed {
        return barred(
            "the app has left the policy".into(),
            format!("put [app.{app}] back into the policy, then ask again"),
        );
    }
    if ledger.adopted_at.is_none() {
        let why = ledger
            .unadopted
            .as_deref()
            .unwrap_or("rekeyd has not looked at it yet");
        return barred(
            format!("the app is not adopted, so rekeyd does not know which credential is current: {why}"),
            format!(
                "rotate it in {}, then hand the new pair over: `rekeyd submit {app}`",
                tell::SETUP
            ),
        );
    }
    match ledger.stopped_by() {
        None => Way::Rotate,
        Some(end) => Way::ByHand {
            why: end.to_string(),
            steps: tell::setup_steps(app, ledger.run.as_ref().and_then(|run| AppKind::of(&run.policy))),
        },
    }
}

fn held(app: &str, run: &Run) -> Option<(String, String)> {
    let hold = run.state.hold()?;
    let remedy = tell::remedy(hold, app, run.state.is_rotated());
    let remedy = tell::in_setup(remedy, AppKind::of(&run.policy));
    Some((tell::hold_words(hold, &run.stores), remedy))
}
