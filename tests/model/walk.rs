//! The edges of a node: everything that may happen there. The first one is what a healthy world does.

use std::time::Duration;

use rekeyd::clock::Timestamp;
use rekeyd::rotation::{Answer, Ask, Effect, Guards, Observation, PairFacts, ValueBy, turned_away};

use crate::call::{Given, stepped};
use crate::foreign::edits;
use crate::look::{handed, judged, look, unavailable};
use crate::node::{Choice, Doing, Edge, Node, TakenOver};
use crate::plan::{AWAY, Plan, limits};
use crate::promise::Breach;
use crate::world::{Gen, Late, OLD, WRONG, World, Write, entry_id, key, name, pair};
use crate::write::{Landing, Prepared, prepare};

/// Everything that may happen at `node`.
pub fn edges(plan: &Plan, guards: Guards, node: &Node) -> Vec<Edge> {
    let mut walk = Walk {
        plan,
        guards,
        edges: Vec::with_capacity(16),
        now: node.now,
    };
    walk.all(node);
    walk.edges
}

struct Walk<'a> {
    plan: &'a Plan,
    guards: Guards,
    edges: Vec<Edge>,
    now: Timestamp,
}

impl Walk<'_> {
    fn all(&mut self, node: &Node) {
        match &node.doing {
            Doing::Out(out) => {
                for (at, effect) in out.iter().enumerate() {
                    let mut rest = out.clone();
                    rest.remove(at);
                    self.effect(node, *effect, rest);
                }
                self.crash(node, node.world.clone(), Choice::CrashBefore);
                self.foreign(node, out);
            }
            Doing::Look(wanted) => {
                let seen = look(self.plan, &node.world, &node.state, self.now, *wanted);
                for (n, (world, observation)) in seen.into_iter().enumerate() {
                    self.take(
                        node,
                        world,
                        Vec::new(),
                        observation,
                        Choice::Saw(n as u8),
                        Vec::new(),
                    );
                }
                if node.world.left.lost > 0 {
                    let mut world = node.world.clone();
                    world.left.lost -= 1;
                    self.take(node, world, Vec::new(), unavailable(), Choice::Blind, Vec::new());
                }
                self.crash(node, node.world.clone(), Choice::CrashBefore);
                self.foreign(node, &[]);
                self.applied(node);
                self.person(node);
            }
            Doing::Wait(until) => {
                self.asked(node);
                self.pass(node, *until, Observation::Tick, Choice::Waited);
                self.crash(node, node.world.clone(), Choice::CrashBefore);
                self.person(node);
            }
            Doing::Down(until) => {
                self.pass(node, *until, Observation::Restarted, Choice::Back);
                self.applied(node);
            }
            Doing::Rest => {
                // What would be the healthy edge of a node that rests is not one.
                self.edges.clear();
                self.late(node);
                self.person(node);
                return;
            }
        }
        self.late(node);
    }

    /// Lands what is on its way. While time passes only its last moment counts: any earlier one differs by less.
    fn late(&mut self, node: &Node) {
        let passing = matches!(node.doing, Doing::Wait(_) | Doing::Down(_));
        for (at, late) in node.world.late.iter().enumerate() {
            let last = late.until <= self.now;
            let same = node.world.late[..at].contains(late);
            if late.until < self.now || (passing && !last) || same {
                continue;
            }
            let mut after = node.clone();
            after.world.late.remove(at);
            let mut breaches = Vec::new();
            let mut landing = Landing {
                plan: self.plan,
                now: self.now,
                breaches: &mut breaches,
            };
            let cache = after.world.cache;
            landing.land(&mut after.world, late.write);
            after.world.cache = cache;
            if late.unaware && node.world.left.foreign == 0 {
                breaches.clear();
            }
            self.edges.push(Edge {
                choice: Choice::Landed(late.write),
                node: after,
                events: Vec::new(),
                breach: breaches.first().copied(),
            });
        }
    }

    fn pass(&mut self, node: &Node, until: Timestamp, then: Observation, choice: Choice) {
        let mut world = node.world.clone();
        // What was due by now has landed or never will.
        world.late.retain(|late| late.until > self.now);
        let stop = world.late.iter().map(|late| late.until).min();
        if let Some(stop) = stop.filter(|stop| *stop < until) {
            self.edges.push(Edge {
                choice,
                node: Node {
                    world,
                    now: stop,
                    ..node.clone()
                },
                events: Vec::new(),
                breach: None,
            });
            return;
        }
        let before = self.now;
        self.now = until.max(before);
        self.take(node, world, Vec::new(), then, choice, Vec::new());
        self.now = before;
    }

    fn effect(&mut self, node: &Node, effect: Effect, rest: Vec<Effect>) {
        let mut world = node.world.clone();
        let prepared = prepare(&mut world, self.plan, &node.state, effect);
        let performed = |answer| Observation::Performed(effect, answer);
        let write = match prepared {
            Prepared::Answer(answer) => {
                self.take(
                    node,
                    world,
                    rest,
                    performed(answer),
                    Choice::Answered(effect),
                    Vec::new(),
                );
                return;
            }
            Prepared::Send(write) => write,
        };
        let (applied, answer, breaches) = self.send(&world, write);
        self.take(
            node,
            applied.clone(),
            rest.clone(),
            performed(answer),
            Choice::Answered(effect),
            breaches.clone(),
        );
        let on_its_way = |world: &World| {
            let mut world = world.clone();
            world.left.lost -= 1;
            world.late.push(Late {
                write,
                until: self.now + self.lifetime(write),
                unaware: world.left.foreign > 0,
            });
            world
        };
        if world.left.lost > 0 {
            let lost = on_its_way(&world);
            let unknown = Answer::Unknown(String::new());
            self.take(
                node,
                lost.clone(),
                rest.clone(),
                performed(unknown),
                Choice::Lost(effect),
                Vec::new(),
            );
            for (long, until) in [(false, None), (true, Some(self.now + AWAY))] {
                let mut world = world.clone();
                world.left.lost -= 1;
                world.outlasted |= long && !self.plan.caps.overlap && matches!(effect, Effect::Publish(_));
                let answer = Answer::NotNow {
                    why: String::new(),
                    until,
                };
                self.take(
                    node,
                    world,
                    rest.clone(),
                    performed(answer),
                    Choice::NotNow(effect, long),
                    Vec::new(),
                );
            }
            self.crash(node, lost, |away| Choice::CrashDuring(effect, away));
        }
        if breaches.is_empty() {
            self.crash(node, applied, |away| Choice::CrashAfter(effect, away));
        }
    }

    fn lifetime(&self, write: Write) -> Duration {
        if matches!(write, Write::Remake) && self.plan.org.queues {
            return Duration::from_secs(60);
        }
        limits().request_lifetime
    }

    fn send(&self, world: &World, write: Write) -> (World, Answer, Vec<Breach>) {
        let mut breaches = Vec::new();
        let mut after = world.clone();
        let mut landing = Landing {
            plan: self.plan,
            now: self.now,
            breaches: &mut breaches,
        };
        let answer = landing.send(&mut after, write);
        (after, answer, breaches)
    }

    fn crash(&mut self, node: &Node, mut world: World, choice: impl Fn(bool) -> Choice) {
        if world.left.crashes == 0 {
            return;
        }
        world.left.crashes -= 1;
        world.cache = None;
        self.take(
            node,
            world.clone(),
            Vec::new(),
            Observation::Restarted,
            choice(false),
            Vec::new(),
        );
        self.edges.push(Edge {
            choice: choice(true),
            node: Node {
                world,
                doing: Doing::Down(self.now + AWAY),
                ..node.clone()
            },
            events: Vec::new(),
            breach: None,
        });
    }

    /// What a person does who was asked for it.
    fn asked(&mut self, node: &Node) {
        let Some(asked) = node.state.asked.filter(|_| node.state.asks()) else {
            return;
        };
        match asked.what {
            Ask::Apply => self.applied(node),
            Ask::Pair => {
                self.handed(node, false);
                // Against what they were told, applied first.
                if node.world.left.foreign > 0 {
                    self.handed(node, true);
                }
                if node.world.left.person > 0 {
                    let mut world = node.world.clone();
                    world.left.person -= 1;
                    self.hands(node, &world, OLD, false);
                }
            }
        }
    }

    fn handed(&mut self, node: &Node, applied: bool) {
        let mut world = node.world.clone();
        let brought = match world.hand.or(world.setup) {
            Some(made) => made,
            None => world.generate(self.plan, self.now),
        };
        if applied {
            world.left.foreign -= 1;
            world.apply(self.plan, self.now);
        }
        self.hands(node, &world, brought, applied);
    }

    fn hands(&mut self, node: &Node, world: &World, brought: Gen, applied: bool) {
        for (new, old) in handed(self.plan, world, &node.state, self.now, brought) {
            let mut world = world.clone();
            let facts = PairFacts {
                pair: pair(brought),
                key: key(self.plan, brought),
            };
            if turned_away(&node.state, &facts, &new, &old).is_none() {
                world.cache = Some(brought);
            }
            let by = String::new();
            let word = Observation::Handed {
                by,
                pair: facts,
                new,
                old,
            };
            let choice = Choice::HandedOver(brought, applied);
            self.take(node, world, Vec::new(), word, choice, Vec::new());
        }
    }

    /// Applied at any moment from the word on.
    fn applied(&mut self, node: &Node) {
        let asked = node.state.asked.is_some_and(|asked| asked.what == Ask::Apply);
        if !asked || !node.state.asks() || node.world.setup.is_none() {
            return;
        }
        let mut world = node.world.clone();
        world.apply(self.plan, self.now);
        self.edges.push(Edge {
            choice: Choice::Applied,
            node: Node {
                world,
                ..node.clone()
            },
            events: Vec::new(),
            breach: None,
        });
    }

    fn foreign(&mut self, node: &Node, out: &[Effect]) {
        if node.world.left.foreign == 0 {
            return;
        }
        for (edit, world) in edits(self.plan, &node.state, &node.world, out, self.now) {
            self.edges.push(Edge {
                choice: Choice::Foreign(edit),
                node: Node {
                    world,
                    ..node.clone()
                },
                events: Vec::new(),
                breach: None,
            });
        }
    }

    fn person(&mut self, node: &Node) {
        if node.world.left.person == 0 {
            return;
        }
        let mut world = node.world.clone();
        world.left.person -= 1;
        let by = String::new();
        // Who applies a pair and then gives it up has shut the readers out themselves.
        let applied = self.plan.caps.value_by == ValueBy::Person && world.displaced.is_some();
        if node.state.may_abandon() {
            let world = World {
                meddled: world.meddled || applied,
                ..world.clone()
            };
            let word = Observation::Abandon { by: by.clone() };
            self.take(
                node,
                world.clone(),
                Vec::new(),
                word,
                Choice::Abandoned,
                Vec::new(),
            );
        }
        if !node.state.may_abandon() && node.state.end().is_none() {
            let word = Observation::Abandon { by: by.clone() };
            self.take(
                node,
                world.clone(),
                Vec::new(),
                word,
                Choice::Abandoned,
                Vec::new(),
            );
            self.adopt(node, &world);
        }
        if node.state.may_end_grace() {
            let mut world = world.clone();
            world.graceless = true;
            let word = Observation::EndGrace { by: by.clone() };
            self.take(node, world, Vec::new(), word, Choice::GraceEnded, Vec::new());
        }
        let to_apply = node.state.asks() && node.state.asked.is_some_and(|asked| asked.what == Ask::Apply);
        if node.state.hold().is_none() && !to_apply {
            return;
        }
        let slot = world.slot.map(|entry| entry_id(entry.id));
        let pending = world.stores[0]
            .pending
            .map(|_| name(world.stores[0].pending_version).0);
        let given = [
            (TakenOver::Nothing, None),
            (TakenOver::Slot, slot),
            (TakenOver::Pending, pending),
        ];
        for (given, take_over) in given {
            if take_over.is_none() && given != TakenOver::Nothing {
                continue;
            }
            let mut world = world.clone();
            world.given = given != TakenOver::Nothing;
            let word = Observation::Resume {
                by: by.clone(),
                take_over,
            };
            self.take(node, world, Vec::new(), word, Choice::Resumed(given), Vec::new());
        }
    }

    /// What is primary now, or a pair that nobody accepts, in the place of ours. The person's own probe is another
    /// one than ours, and no part of our run.
    fn adopt(&mut self, node: &Node, world: &World) {
        for brought in [world.primary, WRONG] {
            for probes in judged(self.plan, world, &node.state, self.now, brought) {
                let word = Observation::GiveUp {
                    by: String::new(),
                    pair: pair(brought),
                    probes,
                };
                let choice = Choice::Adopted(brought);
                self.take(node, world.clone(), Vec::new(), word, choice, Vec::new());
            }
        }
    }

    fn take(
        &mut self,
        node: &Node,
        world: World,
        rest: Vec<Effect>,
        observation: Observation,
        choice: Choice,
        breaches: Vec<Breach>,
    ) {
        let given = Given {
            world,
            rest,
            observation,
            choice,
            breaches,
        };
        self.edges
            .push(stepped(&node.state, given, self.now, self.guards));
    }
}
