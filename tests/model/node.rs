//! A node of the graph, and its edges: everything that may happen next. The first edge is what a healthy world does.

use rekeyd::clock::Timestamp;
use rekeyd::rotation::{
    Action, Answer, Effect, Event, Guards, Look, Observation, Rest, State, ValueBy, fold, step,
};

use crate::foreign::{Edit, edits};
use crate::look::{look, unavailable};
use crate::plan::{AWAY, Plan, limits};
use crate::promise::{Breach, Promise};
use crate::world::{Late, World, Write, generation};
use crate::write::{Landing, Prepared, prepare};

/// What the process is about to do, or waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Doing {
    /// These effects' intents are journaled, their answers are not.
    Out(Vec<Effect>),
    /// A read-only look.
    Look(Look),
    /// Nothing before this time.
    Wait(Timestamp),
    /// The process is gone, and comes back at this time.
    Down(Timestamp),
    /// Nothing any more.
    Rest,
}

/// The core's state, as the fold of its journal, and the world around it.
#[derive(Clone, Debug)]
pub struct Node {
    pub state: State,
    pub world: World,
    pub doing: Doing,
    pub now: Timestamp,
}

/// What happened, for a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The effect was answered as the world stands.
    Answered(Effect),
    /// No answer; the write may land within its lifetime.
    Lost(Effect),
    /// Not now; asked to come back after a while, or not.
    NotNow(Effect, bool),
    /// The process ended before it sent this, or at a look or wait.
    CrashBefore(bool),
    /// It was applied, and the process ended before that was recorded.
    CrashAfter(Effect, bool),
    /// The process ended with it on its way.
    CrashDuring(Effect, bool),
    /// The look's n-th possible answer.
    Saw(u8),
    /// The look failed.
    Blind,
    /// Time passed.
    Waited,
    /// Back again.
    Back,
    /// A write landed late.
    Landed(Write),
    /// Somebody else did this.
    Foreign(Edit),
}

/// One edge.
pub struct Edge {
    pub choice: Choice,
    pub node: Node,
    pub events: Vec<Event>,
    pub breach: Option<Breach>,
}

/// The nodes that a rotation starts from.
pub fn root(plan: &Plan, guards: Guards, now: Timestamp) -> Edge {
    let id = rekeyd::rotation::RotationId::from(uuid::Uuid::from_u128(7));
    let state = State::new(id, plan.caps, limits(), plan.stores);
    let walk = Walk {
        plan,
        guards,
        edges: Vec::new(),
        now,
    };
    walk.stepped(
        &state,
        World::new(plan),
        Vec::new(),
        Observation::Tick,
        Choice::Waited,
        Vec::new(),
    )
}

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
            }
            Doing::Wait(until) => {
                self.pass(node, *until, Observation::Tick, Choice::Waited);
                self.crash(node, node.world.clone(), Choice::CrashBefore);
            }
            Doing::Down(until) => self.pass(node, *until, Observation::Restarted, Choice::Back),
            Doing::Rest => {}
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
                until: self.now + limits().request_lifetime,
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

    fn take(
        &mut self,
        node: &Node,
        world: World,
        rest: Vec<Effect>,
        observation: Observation,
        choice: Choice,
        breaches: Vec<Breach>,
    ) {
        let edge = self.stepped(&node.state, world, rest, observation, choice, breaches);
        self.edges.push(edge);
    }

    /// One call of the core, and what the engine makes of its answer.
    fn stepped(
        &self,
        state: &State,
        mut world: World,
        mut rest: Vec<Effect>,
        observation: Observation,
        choice: Choice,
        mut breaches: Vec<Breach>,
    ) -> Edge {
        let next = step(state, observation, self.now, self.guards);
        let journaled = next
            .events
            .iter()
            .fold(state.clone(), |state, event| fold(state, self.now, event));
        let mut impure = |what| {
            breaches.push(Breach {
                promise: Promise::Pure,
                what,
            });
        };
        if journaled != next.state {
            impure("the state is not the fold of its events");
        }
        let busy = !rest.is_empty();
        let doing = match next.action {
            Action::Perform(effects) => {
                rest.extend(effects);
                Doing::Out(rest)
            }
            Action::Await if busy => Doing::Out(rest),
            Action::Await => {
                impure("an answer is awaited, and nothing is out");
                Doing::Rest
            }
            Action::Look(wanted) => Doing::Look(wanted),
            Action::Wait(until) => Doing::Wait(until),
            Action::Rest => {
                if journaled.rest == Rest::Running {
                    impure("it rests while it is running");
                }
                Doing::Rest
            }
        };
        if busy && !matches!(doing, Doing::Out(_)) {
            impure("effects are out, and it does something else");
        }
        for event in &next.events {
            if let Event::Baselined { old, .. } = event {
                world.began = generation(*old);
            }
        }
        let gone = next
            .events
            .iter()
            .filter(|event| **event == Event::ValueGone)
            .count() as u8;
        if journaled.caps.value_by == ValueBy::Salesforce {
            world.gone += gone;
        }
        if journaled.is_rotated() || journaled.end().is_some() {
            world.cache = None;
        }
        Edge {
            choice,
            node: Node {
                state: journaled,
                world,
                doing,
                now: self.now,
            },
            events: next.events,
            breach: breaches.first().copied(),
        }
    }
}
