//! What the world answers to a look. Where old and new answers mix, each of them is a possible answer; the true
//! one comes first.

use rekeyd::clock::Timestamp;
use rekeyd::port::{ProbeReport, Refusal, Verdict};
use rekeyd::rotation::{
    Detail, Effect, Entry, Facts, Finding, Look, Observation, PairFacts, Probes, State, StoreFacts, Subject,
    ValueBy,
};

use crate::plan::{Plan, limits};
use crate::world::{FOREIGN, Gen, Staged, World, entry_id, generation, key, name, pair};

/// One possible answer, and the world after it was given.
pub type Seen = (World, Observation);

struct Eye<'a> {
    plan: &'a Plan,
    world: &'a World,
    state: &'a State,
    now: Timestamp,
}

/// Every answer that `look` may get.
pub fn look(plan: &Plan, world: &World, state: &State, now: Timestamp, look: Look) -> Vec<Seen> {
    let eye = Eye {
        plan,
        world,
        state,
        now,
    };
    match look {
        Look::Baseline => {
            let current = world.stores[0].current;
            let probes = eye.judged(world.clone(), current);
            let judged = probes.into_iter().map(|(world, accepted)| {
                let probes = eye.probes(accepted, Some(eye.control()));
                (world, Observation::Surveyed(Box::new(eye.facts(Some(probes)))))
            });
            judged.collect()
        }
        Look::Recheck => {
            let mut after = world.clone();
            if !plan.caps.overlap {
                after.find_new(plan, state);
            }
            vec![(after, Observation::Surveyed(Box::new(eye.facts(None))))]
        }
        Look::Superseded => vec![(world.clone(), Observation::Surveyed(Box::new(eye.facts(None))))],
        Look::Choose => {
            let mut after = world.clone();
            after.cache = Some(after.next);
            after.next += 1;
            vec![(after, Observation::Chosen(pair(world.next)))]
        }
        Look::Took(effect) => {
            let found: Vec<Seen> = eye
                .took(effect)
                .into_iter()
                .map(|(world, finding)| (world, Observation::Found(effect, finding)))
                .collect();
            match found.is_empty() {
                true => vec![(world.clone(), unavailable())],
                false => found,
            }
        }
        Look::Probe { subject, control } => eye.probe(subject, control),
    }
}

impl Eye<'_> {
    /// Each verdict that the endpoint may give on a credential now, and how the mix goes on from it.
    fn judged(&self, world: World, credential: Gen) -> Vec<(World, bool)> {
        let truth = world.accepts(self.plan, credential);
        if world.blind {
            return vec![(world, true)];
        }
        if !world.mixes(credential, self.now, limits().propagation) {
            return vec![(world, truth)];
        }
        [truth, !truth]
            .into_iter()
            .map(|accepted| {
                let mut after = world.clone();
                let at = usize::from(credential);
                // What a run of acceptances over the configured span means: they stay.
                match (accepted && truth, after.streak[at]) {
                    (false, _) => after.streak[at] = None,
                    (true, None) => after.streak[at] = Some(self.now),
                    (true, Some(first)) if self.now.since(first) >= limits().stable_span => {
                        after.flux[at] = None;
                        after.streak[at] = None;
                    }
                    (true, Some(_)) => {}
                }
                (after, accepted)
            })
            .collect()
    }

    fn control(&self) -> bool {
        self.world.blind
    }

    fn report(&self, accepted: bool) -> ProbeReport {
        ProbeReport {
            verdict: match accepted {
                true => Verdict::Accepted,
                false => Verdict::Refused,
            },
            probe: String::new(),
            host: String::new(),
            answer: String::new(),
            at: self.now,
        }
    }

    fn probes(&self, pair: bool, beside: Option<bool>) -> Probes {
        Probes {
            pair: Some(self.report(pair)),
            beside: beside.map(|accepted| self.report(accepted)),
        }
    }

    fn entry(&self, entry: Staged) -> Entry {
        Entry {
            id: entry_id(entry.id),
            key: key(self.plan, entry.credential),
            by_us: entry.credential != FOREIGN,
            created: Some(entry.created),
            retired: entry.retired,
            expires: None,
        }
    }

    fn facts(&self, current: Option<Probes>) -> Facts {
        let (plan, world) = (self.plan, self.world);
        let print = |g: Gen| PairFacts {
            pair: pair(g),
            key: key(plan, g),
        };
        let stores = world.stores.iter().map(|store| StoreFacts {
            current_base: name(store.version),
            current: Some(print(store.current)),
            pending_base: name(store.pending_version),
            pending: store.pending.map(|(g, ours)| (print(g), ours)),
        });
        let staged = plan.caps.value_by == ValueBy::Salesforce;
        Facts {
            stores: stores.collect(),
            primary_key: self.primary_key(),
            live: (staged && !plan.org.masked).then(|| pair(world.primary)),
            slot: staged.then(|| world.slot.map(|entry| self.entry(entry))),
            current,
            own_login: false,
            obstacles: Vec::new(),
            modified: (!plan.caps.overlap).then(|| world.modified.to_string()),
            server_time: Some(self.now),
        }
    }

    fn primary_key(&self) -> Option<rekeyd::secret::Fingerprint> {
        let hidden = self.plan.caps.value_by == ValueBy::Person && self.plan.org.masked;
        (!hidden).then(|| key(self.plan, self.world.primary))
    }

    /// What a person applied.
    fn applied(&self) -> Vec<(World, Finding)> {
        let mut world = self.world.clone();
        let new = world.find_new(self.plan, self.state);
        let (Some(new), Some(old)) = (new, self.state.old.map(generation)) else {
            return Vec::new();
        };
        let told = self.primary_key().map(|key| Some(key) == self.state.new_key);
        let judged = self.both(world, new, old).into_iter();
        judged
            .map(|(world, new, old)| {
                let finding = match (new, old) {
                    (true, false) => Finding::Taken(Detail::Nothing),
                    (true, true) if told.unwrap_or(!self.state.handed_early) => {
                        Finding::Taken(Detail::Nothing)
                    }
                    (true, true) | (false, true) => Finding::NotTaken,
                    (false, false) => Finding::Unclear("neither".into()),
                };
                (world, finding)
            })
            .collect()
    }

    fn probe(&self, subject: Subject, control: bool) -> Vec<Seen> {
        let mut world = self.world.clone();
        let old = self.state.old.map(generation);
        let new = match subject {
            Subject::Alive => None,
            Subject::Early | Subject::New | Subject::Settle | Subject::Dead => {
                world.find_new(self.plan, self.state)
            }
        };
        let judged = match subject {
            Subject::Dead | Subject::Alive => old,
            Subject::Early | Subject::New | Subject::Settle => new,
        };
        let Some(judged) = judged else {
            let nothing = Probes {
                pair: None,
                beside: None,
            };
            return vec![(world, Observation::Probed(subject, nothing))];
        };
        if subject == Subject::Dead {
            let Some(new) = new else {
                if self.state.is_given_up() {
                    let judged = self.judged(world, judged).into_iter();
                    return judged
                        .map(|(world, old)| (world, Observation::Probed(subject, self.probes(old, None))))
                        .collect();
                }
                return vec![(world, unavailable())];
            };
            return self
                .both(world, judged, new)
                .into_iter()
                .map(|(world, old, new)| (world, Observation::Probed(subject, self.probes(old, Some(new)))))
                .collect();
        }
        let beside = control.then(|| self.control());
        self.judged(world, judged)
            .into_iter()
            .map(|(world, accepted)| (world, Observation::Probed(subject, self.probes(accepted, beside))))
            .collect()
    }

    fn both(&self, world: World, one: Gen, other: Gen) -> Vec<(World, bool, bool)> {
        let mut answers = Vec::new();
        for (world, first) in self.judged(world, one) {
            for (world, second) in self.judged(world, other) {
                answers.push((world, first, second));
            }
        }
        answers
    }

    fn took(&self, effect: Effect) -> Vec<(World, Finding)> {
        let world = self.world;
        let only = |finding| vec![(world.clone(), finding)];
        let gone = |still: bool| match still {
            true => Finding::NotTaken,
            false => Finding::Taken(Detail::Nothing),
        };
        match effect {
            Effect::Mint => only(
                world
                    .slot
                    .map_or(Finding::NotTaken, |entry| Finding::Entry(self.entry(entry))),
            ),
            Effect::Discard => {
                let orphan = self.state.orphan.as_ref().or(self.state.staged.as_ref());
                let still = world.slot.is_some_and(|entry| {
                    orphan == Some(&entry_id(entry.id))
                        || self.state.new_key == Some(key(self.plan, entry.credential))
                });
                only(gone(still))
            }
            Effect::Revoke => {
                let old = |entry: Staged| Some(key(self.plan, entry.credential)) == self.state.old_key;
                only(gone(world.slot.is_some_and(old)))
            }
            Effect::Store(store) => only(self.stored(store)),
            Effect::Publish(store) => self.published(store),
            Effect::Clear(store) | Effect::Quarantine(store) => {
                let at = &world.stores[store];
                let ours = self.state.lanes[store].pending_version == Some(name(at.pending_version));
                only(gone(at.pending.is_some() && ours))
            }
            Effect::Cutover if self.plan.caps.mints_at_cutover => self.made(),
            Effect::Cutover if self.plan.caps.value_by == ValueBy::Person => self.applied(),
            Effect::Reset => self.reset(),
            Effect::Cutover if self.plan.caps.key_readable => {
                let primary = Some(key(self.plan, world.primary));
                only(if primary == self.state.new_key {
                    Finding::Taken(Detail::Nothing)
                } else if primary == self.state.old_key {
                    Finding::NotTaken
                } else {
                    Finding::Foreign {
                        what: "another primary key".into(),
                        accepted: None,
                        base: None,
                    }
                })
            }
            Effect::Cutover | Effect::Undo => self.side_by_side(effect),
        }
    }

    /// How what was taken on stands; it may also take a while longer.
    fn job(&self) -> Option<bool> {
        self.state.job.as_ref().and(self.world.job)
    }

    fn slower(&self, mut answers: Vec<(World, Finding)>) -> Vec<(World, Finding)> {
        if self.state.job.is_some() && self.world.left.lost > 0 {
            let mut world = self.world.clone();
            world.left.lost -= 1;
            answers.push((world, Finding::Running));
        }
        answers
    }

    fn made(&self) -> Vec<(World, Finding)> {
        let world = self.world;
        let only = |finding| vec![(world.clone(), finding)];
        let done = self.job();
        if done == Some(false) {
            return self.slower(only(Finding::Refused(Refusal::Unsupported("not offered".into()))));
        }
        let live = pair(world.primary);
        let expected = self
            .state
            .new
            .is_none_or(|new| new == live || self.state.old == Some(live));
        if Some(key(self.plan, world.primary)) != self.state.old_key || !expected {
            return self.slower(only(Finding::Foreign {
                what: "another primary credential".into(),
                accepted: None,
                base: None,
            }));
        }
        if Some(live) != self.state.old {
            let mut after = world.clone();
            after.cache = Some(world.primary);
            return self.slower(vec![(after, Finding::Taken(Detail::Made { pair: live }))]);
        }
        if done == Some(true) {
            return self.slower(only(Finding::Taken(Detail::Nothing)));
        }
        let judged = self.judged(world.clone(), world.primary).into_iter();
        judged
            .map(|(world, accepted)| {
                let finding = match accepted {
                    true => Finding::NotTaken,
                    false => Finding::Unclear("the old one is shown and refused".into()),
                };
                (world, finding)
            })
            .collect()
    }

    fn reset(&self) -> Vec<(World, Finding)> {
        let finding = match (self.job(), self.world.flag) {
            (Some(true), _) | (_, false) => Finding::Taken(Detail::Nothing),
            (Some(false) | None, true) => Finding::NotTaken,
        };
        self.slower(vec![(self.world.clone(), finding)])
    }

    fn side_by_side(&self, effect: Effect) -> Vec<(World, Finding)> {
        let mut world = self.world.clone();
        let new = world.find_new(self.plan, self.state);
        let (Some(new), Some(old)) = (new, self.state.old.map(generation)) else {
            return vec![(world, Finding::Unclear("no value".into()))];
        };
        let (wanted, other) = if effect == Effect::Undo {
            (old, new)
        } else {
            (new, old)
        };
        let judged = self.both(world, wanted, other).into_iter();
        judged
            .map(|(world, wanted, other)| {
                let finding = match (wanted, self.control(), other) {
                    (true, false, _) => Finding::Taken(Detail::Nothing),
                    (false, _, true) => Finding::NotTaken,
                    (true, true, _) | (false, _, false) => Finding::Unclear("neither".into()),
                };
                (world, finding)
            })
            .collect()
    }

    fn stored(&self, store: usize) -> Finding {
        let (at, lane) = (&self.world.stores[store], &self.state.lanes[store]);
        let base = name(at.pending_version);
        let Some((held, ours)) = at.pending else {
            return match base == lane.pending_base {
                true => Finding::NotTaken,
                false => Finding::Moved(base),
            };
        };
        let known = match self.state.new_key {
            Some(new) if self.plan.caps.key_changes => key(self.plan, held) == new,
            Some(_) | None => self.state.candidates.contains(&pair(held)),
        };
        match known && ours {
            true => Finding::Taken(Detail::Written {
                version: base,
                pair: pair(held),
                key: key(self.plan, held),
            }),
            false if base == lane.pending_base => Finding::NotTaken,
            false if ours => Finding::Moved(base),
            false => Finding::Foreign {
                what: base.0.clone(),
                accepted: None,
                base: Some(base),
            },
        }
    }

    fn published(&self, store: usize) -> Vec<(World, Finding)> {
        let (at, lane) = (&self.world.stores[store], &self.state.lanes[store]);
        let base = name(at.version);
        let same_base = base == lane.current_base;
        let only = |finding| vec![(self.world.clone(), finding)];
        let held = Some(pair(at.current));
        if held == self.state.new {
            return only(Finding::Taken(Detail::Written {
                version: base,
                pair: pair(at.current),
                key: key(self.plan, at.current),
            }));
        }
        if same_base {
            return only(Finding::NotTaken);
        }
        if held == self.state.old {
            return only(Finding::Moved(base));
        }
        let judged = self.judged(self.world.clone(), at.current).into_iter();
        judged
            .map(|(world, accepted)| {
                let finding = Finding::Foreign {
                    what: base.0.clone(),
                    accepted: Some(accepted),
                    base: Some(base.clone()),
                };
                (world, finding)
            })
            .collect()
    }
}

/// How a credential that a person brings may be judged now.
pub fn judged(plan: &Plan, world: &World, state: &State, now: Timestamp, brought: Gen) -> Vec<Probes> {
    let eye = Eye {
        plan,
        world,
        state,
        now,
    };
    let judged = eye.judged(world.clone(), brought).into_iter();
    judged
        .map(|(_, accepted)| eye.probes(accepted, Some(eye.control())))
        .collect()
}

/// How a pair that a person hands over, and the current one beside it, may be judged now.
pub fn handed(
    plan: &Plan,
    world: &World,
    state: &State,
    now: Timestamp,
    brought: Gen,
) -> Vec<(Probes, Verdict)> {
    let eye = Eye {
        plan,
        world,
        state,
        now,
    };
    let both = eye.both(world.clone(), brought, world.stores[0].current);
    both.into_iter()
        .map(|(_, new, old)| {
            let old = eye.report(old).verdict;
            (eye.probes(new, Some(eye.control())), old)
        })
        .collect()
}

/// The look could not be had.
pub fn unavailable() -> Observation {
    Observation::Unavailable {
        why: "no answer".into(),
        until: None,
        person: false,
    }
}
