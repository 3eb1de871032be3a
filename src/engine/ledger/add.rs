//! What a note changes about what is known of an app.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{AppLedger, Overdue, Run, SetAside};
use crate::clock::Timestamp;
use crate::engine::emergency::{Emergency, Late};
use crate::engine::health::Health;
use crate::engine::note::Note;
use crate::engine::tell;
use crate::rotation::{Effect, End, Event, RotationId, State, Tri, fold};
use crate::secret::Fingerprint;

/// A wait that an onlooker wonders about.
const NOTABLE: Duration = Duration::from_secs(60);

/// How many idempotency keys of an app are remembered.
const KEYS_KEPT: usize = 64;

/// How many superseded keys are remembered: the staged slot holds one.
const FORMER_KEPT: usize = 8;

impl AppLedger {
    /// Folds one note in.
    pub fn add(&mut self, at: Timestamp, rotation: Option<RotationId>, note: &Note) {
        self.rotations.extend(rotation);
        match note {
            Note::Adopted {
                pair,
                since,
                found: _,
                proof: _,
            } => {
                self.adopted_at = Some(at);
                if self.current != Some(*pair) {
                    let key = self.current_key.take();
                    self.superseded(key, at);
                }
                self.current = Some(*pair);
                self.since = *since;
                self.unadopted = None;
                self.health = None;
                self.overdue = None;
            }
            Note::Unadopted { why } => self.unadopted = Some(why.clone()),
            Note::Adopting { .. } => self.contacts.extend(rotation),
            Note::Inherited { rotations } => self.rotations.extend(rotations),
            Note::Started {
                method,
                caps,
                limits,
                stores,
                reason,
                by,
                policy,
                key,
            } => {
                let Some(id) = rotation else { return };
                if let Some(key) = key {
                    self.asked.push((key.clone(), id));
                    let surplus = self.asked.len().saturating_sub(KEYS_KEPT);
                    self.asked.drain(..surplus);
                }
                self.tally.started();
                self.run = Some(Run {
                    state: State::new(id, *caps, *limits, stores.len()),
                    method: method.clone(),
                    stores: stores.clone(),
                    reason: reason.clone(),
                    by: by.clone(),
                    policy: policy.clone(),
                    started_at: at,
                    last_at: at,
                    trouble: None,
                    intended: BTreeSet::new(),
                });
            }
            Note::Step { step } => self.step(at, step),
            Note::Behind { why } => {
                self.hold = Some(("rekeyd".into(), why.clone()));
                self.adopted_at = None;
                self.run = None;
            }
            Note::AsideProbed {
                store,
                version,
                alive,
            } => {
                let of = |aside: &&mut SetAside| aside.store == *store && aside.version == *version;
                if let Some(aside) = self.aside.iter_mut().find(of) {
                    aside.last_probe = Some(at);
                    aside.probes = aside.probes.saturating_add(1);
                    aside.alive |= *alive;
                }
            }
            Note::LiveChecked { health } => {
                self.health = match health {
                    Health::Fine => None,
                    Health::Refused { .. }
                    | Health::Disagree { .. }
                    | Health::Foreign { .. }
                    | Health::Unreadable { .. } => Some((at, health.clone())),
                };
            }
            Note::Overdue { deadline, past, why } => {
                self.overdue = Some(Overdue {
                    since: self.overdue.as_ref().map_or(at, |before| before.since),
                    deadline: *deadline,
                    past: *past,
                    why: why.clone(),
                });
            }
            Note::InTime => self.overdue = None,
            Note::RevokeAsked { ask } => {
                self.emergency = Some(Emergency {
                    ask: ask.clone(),
                    at,
                    tokens: None,
                    late: None,
                });
            }
            Note::RevokeLate { why } => {
                if let Some(emergency) = &mut self.emergency {
                    let times = emergency.late.as_ref().map_or(0, |late| late.times);
                    emergency.late = Some(Late {
                        at,
                        times: times.saturating_add(1),
                        why: why.clone(),
                    });
                }
            }
            Note::TokensRevoked { over, what } => {
                if let Some(emergency) = &mut self.emergency {
                    emergency.tokens = Some((*over, what.clone()));
                }
            }
            Note::HoldAsked { by, why } => self.hold = Some((by.clone(), why.clone())),
            Note::HoldLifted { by: _ } => {
                self.hold = None;
                self.failures = 0;
                self.failed_at = None;
                self.failed_by = None;
            }
        }
    }

    fn step(&mut self, at: Timestamp, step: &Event) {
        let Some(run) = &mut self.run else { return };
        self.tally.step(at, step, run.state.caps.overlap);
        let early = run.state.early.run;
        run.state = fold(run.state.clone(), at, step);
        run.last_at = at;
        if run.state.early.run > early && run.state.early.control {
            self.proves_early = Tri::Yes;
        }
        if let Event::Applied {
            effect: Effect::Quarantine(store),
            ..
        }
        | Event::FoundApplied {
            effect: Effect::Quarantine(store),
            ..
        } = step
        {
            let version = run
                .state
                .lanes
                .get(*store)
                .and_then(|lane| lane.pending_version.clone());
            let named = run.stores.get(*store).cloned().zip(version);
            self.aside.extend(named.map(|(store, version)| SetAside {
                store,
                version,
                since: at,
                last_probe: None,
                probes: 0,
                alive: false,
            }));
        }
        match step {
            Event::Intended { effect } => {
                run.intended.insert(*effect);
            }
            // What the stores hold of it was intended in a journal that is lost.
            Event::Recovered { .. } => {
                let stores = 0..run.stores.len();
                run.intended
                    .extend(stores.flat_map(|at| [Effect::Store(at), Effect::Publish(at)]));
            }
            Event::LateProof => self.proves_early = Tri::No,
            Event::Rotated => {
                self.last_success = Some(at);
                self.current = run.state.new;
                self.current_key = run.state.new_key;
                self.former.clear();
                self.since = Some(at);
                self.failures = 0;
                self.failed_at = None;
                self.failed_by = None;
                self.health = None;
                self.overdue = None;
            }
            Event::Ended {
                end: End::GivenUp { .. },
            } => {
                let key = run.state.old_key;
                self.superseded(key, at);
            }
            Event::Ended { end } if !end.is_rotated() => {
                if let End::Abandoned { .. } = end {
                    // A person says that nothing is to be rotated after all.
                    self.emergency = None;
                }
                self.failures = self.failures.saturating_add(1);
                self.failed_at = Some(at);
                self.failed_by = Some(end.clone());
            }
            // What the other side asked to wait for is no failure, and worth knowing all the same.
            Event::Deferred { why, until, failed } if *failed || until.since(at) >= NOTABLE => {
                run.trouble = Some(tell::in_words(why, &run.stores));
            }
            Event::Declined { .. } | Event::Postponed { .. } | Event::Lost { .. } => {
                run.trouble = Some(tell::sentence(step, &run.stores));
            }
            Event::Restarted
            | Event::Baselined { .. }
            | Event::Chosen { .. }
            | Event::Queued { .. }
            | Event::Fetched { .. }
            | Event::Applied { .. }
            | Event::FoundApplied { .. }
            | Event::FoundAbsent { .. }
            | Event::Rebased { .. }
            | Event::Disputed { .. }
            | Event::Blocked { .. }
            | Event::ValueGone
            | Event::Probed { .. }
            | Event::Rechecked { .. }
            | Event::Superseded { .. }
            | Event::OldUnknown
            | Event::Deferred { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::Aborting { .. }
            | Event::Undoing { .. }
            | Event::GivingUp { .. }
            | Event::GraceEnded { .. }
            | Event::Former { .. }
            | Event::Asked { .. }
            | Event::Reminded
            | Event::Handed { .. }
            | Event::TurnedAway { .. }
            | Event::Neither { .. }
            | Event::Ended { .. } => {}
        }
    }

    fn superseded(&mut self, key: Option<Fingerprint>, at: Timestamp) {
        self.former.extend(key.map(|key| (key, at)));
        let surplus = self.former.len().saturating_sub(FORMER_KEPT);
        self.former.drain(..surplus);
    }
}
