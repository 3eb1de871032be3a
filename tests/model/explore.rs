//! Breadth-first over everything reachable. States are known by a 128-bit hash of their canonical form; a state
//! itself is kept only while it is in the queue, and traces are walked again from the root.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use rekeyd::rotation::{End, Event, Guards, Rest};

use crate::call::root;
use crate::canon::{NOW, canonical};
use crate::live::{Fate, Flags, judge};
use crate::node::{Choice, Doing, Edge, Node};
use crate::plan::Plan;
use crate::promise::{Breach, Promise, check};
use crate::walk::edges;

/// What came of an exploration.
pub struct Outcome {
    pub states: usize,
    pub transitions: usize,
    pub violation: Option<Violation>,
    /// How many states end in what, when nothing more goes wrong.
    pub fates: BTreeMap<String, usize>,
    /// The shortest way to a state of each fate.
    pub examples: BTreeMap<String, Vec<u16>>,
    /// The longest way there, in steps.
    pub longest: usize,
}

/// A promise broken, and the shortest way to it.
pub struct Violation {
    pub breach: Breach,
    /// Which of the edges, from the root.
    pub path: Vec<u16>,
}

/// Explores `plan` to the end, or to the first violation.
pub fn explore(plan: &Plan, guards: Guards) -> Outcome {
    let mut graph = Graph {
        plan,
        ids: HashMap::default(),
        parents: Vec::new(),
        flags: Vec::new(),
        next: Vec::new(),
        queue: VecDeque::new(),
        transitions: 0,
    };
    let violation = graph.run(guards);
    let mut outcome = Outcome {
        states: graph.flags.len(),
        transitions: graph.transitions,
        violation,
        fates: BTreeMap::new(),
        examples: BTreeMap::new(),
        longest: 0,
    };
    if outcome.violation.is_none() {
        let judged = judge(plan, &graph.flags, &graph.next);
        outcome.longest = judged.longest;
        outcome.fates = judged.fates;
        let examples = judged.examples.into_iter();
        outcome.examples = examples.map(|(fate, id)| (fate, graph.path(id))).collect();
        outcome.violation = judged.wrong.map(|(id, what)| Violation {
            breach: Breach {
                promise: Promise::Live,
                what,
            },
            path: graph.path(id),
        });
    }
    outcome
}

struct Graph<'a> {
    plan: &'a Plan,
    ids: HashMap<u128, u32, BuildHasherDefault<Ready>>,
    parents: Vec<(u32, u16)>,
    flags: Vec<Flags>,
    next: Vec<u32>,
    queue: VecDeque<(u32, Node)>,
    transitions: usize,
}

impl Graph<'_> {
    fn run(&mut self, guards: Guards) -> Option<Violation> {
        let first = root(self.plan, guards, NOW);
        if let Err(violation) = self.enter(first, u32::MAX, 0) {
            return Some(violation);
        }
        while let Some((id, node)) = self.queue.pop_front() {
            for (n, edge) in edges(self.plan, guards, &node).into_iter().enumerate() {
                self.transitions += 1;
                let failed = n == 0
                    && edge
                        .events
                        .iter()
                        .any(|event| matches!(event, Event::Deferred { failed: true, .. }));
                let resting = node.doing == Doing::Rest;
                match self.enter(edge, id, n as u16) {
                    Ok(to) if n == 0 && !resting => {
                        self.next[id as usize] = to;
                        self.flags[id as usize].failed = failed;
                    }
                    Ok(_) => {}
                    Err(violation) => return Some(violation),
                }
            }
        }
        None
    }

    fn enter(&mut self, edge: Edge, from: u32, n: u16) -> Result<u32, Violation> {
        let Edge {
            choice,
            mut node,
            events: _,
            breach,
        } = edge;
        canonical(self.plan, &mut node);
        let hash = hash(&node);
        if breach.is_none()
            && let Some(id) = self.ids.get(&hash)
        {
            return Ok(*id);
        }
        let id = self.flags.len() as u32;
        self.ids.insert(hash, id);
        self.parents.push((from, n));
        self.next.push(u32::MAX);
        self.flags.push(flags(self.plan, &node));
        let breach = breach.or_else(|| check(self.plan, &node.state, &node.world, node.now));
        if let Some(mut breach) = breach {
            if matches!(choice, Choice::Landed(_)) && breach.promise != Promise::Pure {
                breach.promise = Promise::P7;
            }
            return Err(Violation {
                breach,
                path: self.path(id),
            });
        }
        self.queue.push_back((id, node));
        Ok(id)
    }

    fn path(&self, mut id: u32) -> Vec<u16> {
        let mut path = Vec::new();
        while id != u32::MAX {
            let (parent, n) = self.parents[id as usize];
            path.push(n);
            id = parent;
        }
        path.pop();
        path.reverse();
        path
    }
}

fn flags(plan: &Plan, node: &Node) -> Flags {
    let (budget, left) = (plan.budget, node.world.left);
    let faults = budget.crashes - left.crashes + budget.lost - left.lost;
    let alone = budget.foreign == left.foreign && budget.person == left.person;
    let mild = alone && faults <= 1 && !node.world.outlasted;
    Flags {
        fate: match &node.state.rest {
            Rest::Running if node.state.asks() && node.state.asked.is_some() => Fate::Asked,
            Rest::Running => Fate::Running,
            Rest::Ended(End::Done { disproven: true }) => Fate::Done,
            Rest::Ended(End::Done { disproven: false }) => Fate::ReportedGone,
            Rest::Ended(End::Ignored | End::NotOffered { .. }) => Fate::Untouched,
            Rest::Ended(End::Abandoned { .. }) => Fate::Abandoned,
            Rest::Ended(End::Undone { .. }) => Fate::Undone,
            Rest::Ended(End::GivenUp { .. }) => Fate::GivenUp,
            Rest::Held { reason, again } => Fate::held(reason, again.is_some()),
        },
        mild,
        alone,
        given_up: node.state.is_given_up(),
        failed: false,
    }
}

/// 128 bits: with ten million states, two of them fall together once in 10^24 runs.
fn hash(node: &Node) -> u128 {
    let mut hasher = Wide {
        a: 0x9e37_79b9_7f4a_7c15,
        b: 0xc2b2_ae3d_27d4_eb4f,
    };
    let state = &node.state;
    // Identity, capabilities and limits never change within a plan.
    (&state.mode, &state.rest, &state.lanes, state.baselined).hash(&mut hasher);
    (
        state.old,
        state.old_key,
        state.new,
        state.new_key,
        &state.candidates,
    )
        .hash(&mut hasher);
    (
        &state.staged,
        &state.orphan,
        state.slot_empty_at,
        &state.modified,
        state.mints,
    )
        .hash(&mut hasher);
    (
        state.mint,
        state.discard,
        state.cutover,
        state.sent,
        state.undo,
        state.revoke,
        state.reset,
        &state.job,
    )
        .hash(&mut hasher);
    (
        state.rechecked,
        &state.superseded,
        state.late_proof,
        state.old_unknown,
        state.relook,
        state.left_as,
        state.asked,
        state.handed_early,
        state.neither_since,
    )
        .hash(&mut hasher);
    (state.early, state.proof, state.settle, state.dead, state.alive).hash(&mut hasher);
    (
        state.rotated_at,
        state.grace_ended,
        state.attempts,
        state.not_before,
        state.resumed_at,
        state.restarted_at,
        &state.take_over,
    )
        .hash(&mut hasher);
    node.world.hash(&mut hasher);
    node.doing.hash(&mut hasher);
    u128::from(hasher.a) << 64 | u128::from(hasher.b)
}

struct Wide {
    a: u64,
    b: u64,
}

impl Wide {
    fn mix(&mut self, word: u64) {
        let fold = |x: u64, k: u64| {
            let wide = u128::from(x ^ word) * u128::from(k);
            (wide >> 64) as u64 ^ wide as u64
        };
        self.a = fold(self.a, 0xa076_1d64_78bd_642f).wrapping_add(word ^ 0x2545_f491_4f6c_dd1d);
        self.b = fold(self.b, 0xe703_7ed1_a0b4_28db).rotate_left(23) ^ word;
    }
}

impl Hasher for Wide {
    fn finish(&self) -> u64 {
        self.a
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word) ^ (chunk.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, i: u8) {
        self.mix(u64::from(i));
    }

    fn write_u32(&mut self, i: u32) {
        self.mix(u64::from(i));
    }

    fn write_u64(&mut self, i: u64) {
        self.mix(i);
    }

    fn write_i64(&mut self, i: i64) {
        self.mix(i as u64);
    }

    fn write_usize(&mut self, i: usize) {
        self.mix(i as u64);
    }
}

/// The key is a hash already.
#[derive(Default)]
struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only u128 keys are hashed");
    }

    fn write_u128(&mut self, i: u128) {
        self.0 = i as u64;
    }
}
