//! From every state, with nothing more going wrong: where does it end?

use std::collections::BTreeMap;

use rekeyd::rotation::Hold;

use crate::plan::{Expect, Plan};

/// Where a state stands, or where the healthy way from it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    Running,
    Done,
    ReportedGone,
    Untouched,
    Abandoned,
    Undone,
    GivenUp,
    /// Until a person speaks.
    Held(&'static str),
    /// Held, and looked at again and again by itself.
    HeldAgain(&'static str),
    /// Tried again at growing distance until it counts as exhausted, which is a hold.
    Exhausted,
    /// A person is asked to act in Setup, and reminded.
    Asked,
    /// Round and round, with nothing failing and nobody told.
    Lost,
}

impl Fate {
    pub fn held(reason: &Hold, again: bool) -> Self {
        let name = match reason {
            Hold::OwnLogin => "own login",
            Hold::Obstacles { .. } => "obstacles",
            Hold::StoresDisagree => "stores disagree",
            Hold::CurrentRefused => "current refused",
            Hold::CurrentDiffers => "current differs",
            Hold::Inconclusive { .. } => "inconclusive",
            Hold::ForeignSlot { .. } => "foreign slot",
            Hold::ForeignPending { .. } => "foreign pending",
            Hold::ForeignCurrent { .. } => "foreign current",
            Hold::EarlyRefused => "early refused",
            Hold::NeverAccepted => "never accepted",
            Hold::NeitherAccepted { .. } => "neither accepted",
            Hold::StillAccepted => "still accepted",
            Hold::BrokenUndo { .. } => "broken undo",
            Hold::Unanswered => "unanswered",
            Hold::Refused { .. } => "refused",
            Hold::Masked => "masked twice",
            Hold::Exhausted { .. } => "exhausted",
        };
        match again {
            true => Fate::HeldAgain(name),
            false => Fate::Held(name),
        }
    }

    fn is_held(self) -> bool {
        matches!(self, Fate::Held(_) | Fate::HeldAgain(_) | Fate::Exhausted)
    }
}

/// What liveness needs to know of a state.
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    pub fate: Fate,
    /// At most one fault so far, and nobody else's edit.
    pub mild: bool,
    /// Any number of faults, and nobody else's edit or word.
    pub alone: bool,
    /// A person has ended it after it was rotated.
    pub given_up: bool,
    /// The healthy step counted as a failure.
    pub failed: bool,
}

/// The verdict over a whole graph.
pub struct Judged {
    pub fates: BTreeMap<String, usize>,
    /// A state that leads there, the first one found.
    pub examples: BTreeMap<String, u32>,
    pub longest: usize,
    /// A state from which it goes wrong, and how.
    pub wrong: Option<(u32, &'static str)>,
}

#[derive(Clone, Copy)]
struct End {
    fate: Fate,
    /// Held at some point of the way.
    asked: bool,
    steps: usize,
}

/// Follows the healthy edges from every state.
pub fn judge(plan: &Plan, flags: &[Flags], next: &[u32]) -> Judged {
    let mut ends: Vec<Option<End>> = vec![None; flags.len()];
    let mut on_way: Vec<u32> = vec![u32::MAX; flags.len()];
    for start in 0..flags.len() {
        let mut way: Vec<usize> = Vec::new();
        let mut at = start;
        let mut end = loop {
            if let Some(end) = ends[at] {
                break end;
            }
            if on_way[at] == start as u32 {
                break cycle(&way, at, flags);
            }
            on_way[at] = start as u32;
            way.push(at);
            match next[at] {
                u32::MAX => {
                    break End {
                        fate: flags[at].fate,
                        asked: false,
                        steps: 0,
                    };
                }
                to => at = to as usize,
            }
        };
        for at in way.into_iter().rev() {
            end.asked |= flags[at].fate.is_held();
            end.steps += 1;
            ends[at] = Some(end);
        }
    }
    let mut judged = Judged {
        fates: BTreeMap::new(),
        examples: BTreeMap::new(),
        longest: 0,
        wrong: None,
    };
    for (id, (end, flags)) in ends.iter().zip(flags).enumerate() {
        let Some(end) = end else { continue };
        let name = format!("{:?}", end.fate);
        judged.examples.entry(name.clone()).or_insert(id as u32);
        *judged.fates.entry(name).or_default() += 1;
        judged.longest = judged.longest.max(end.steps);
        let wrong = wrong(plan, *end, *flags);
        if judged.wrong.is_none() {
            judged.wrong = wrong.map(|what| (id as u32, what));
        }
    }
    judged
}

fn wrong(plan: &Plan, end: End, flags: Flags) -> Option<&'static str> {
    let mild = flags.mild;
    if flags.given_up && end.fate != Fate::GivenUp {
        return Some("a person gave it up, and it does not end so");
    }
    if flags.alone && plan.expect == Expect::Done {
        let masked = plan.org.masked && !mild && end.fate == Fate::Held("masked twice");
        let back = !plan.caps.overlap && !mild && end.fate == Fate::Undone;
        if !masked && (end.asked || !(back || end.fate == Fate::Done)) {
            return Some("a person is needed although nobody else did anything");
        }
    }

    match (end.fate, plan.expect) {
        (Fate::Lost | Fate::Running, _) => Some("it goes round without an end, and nobody is told"),
        (Fate::ReportedGone, _) => Some("the old value was at hand, and its end only reported"),
        (Fate::Done, Expect::Done) | (Fate::Untouched, Expect::Untouched) if mild && end.asked => {
            Some("a person was asked after one fault in a healthy world")
        }
        (Fate::Done, Expect::Done | Expect::Healed) | (Fate::Untouched, Expect::Untouched) => None,
        (Fate::Held(_) | Fate::HeldAgain(_) | Fate::Exhausted, Expect::Held) => None,
        (_, Expect::Healed) if mild => Some("it does not heal by itself"),
        (Fate::Done, Expect::DoneOrUnanswered) if mild && end.asked && !plan.org.queues => {
            Some("a person was asked after one fault in a healthy world")
        }
        (Fate::Done | Fate::HeldAgain("unanswered"), Expect::DoneOrUnanswered) => None,
        // Where the request that may not be repeated was lost, the rest of the expectation has to wait for a person.
        (Fate::HeldAgain("unanswered"), Expect::Untouched) => None,
        (_, Expect::DoneOrUnanswered) if mild => Some("one fault in a healthy world does not end rotated"),
        (_, Expect::Done) if mild => Some("one fault in a healthy world does not end rotated"),
        (_, Expect::Untouched) if mild => Some("it should have ended with the old one untouched"),
        (_, Expect::Held) if mild => Some("a person should have been told"),
        (
            Fate::Done
            | Fate::Untouched
            | Fate::Abandoned
            | Fate::Undone
            | Fate::GivenUp
            | Fate::Asked
            | Fate::Held(_)
            | Fate::HeldAgain(_)
            | Fate::Exhausted,
            Expect::Done
            | Expect::DoneOrUnanswered
            | Expect::Untouched
            | Expect::Held
            | Expect::Healed
            | Expect::Anything,
        ) => None,
    }
}

fn cycle(way: &[usize], at: usize, flags: &[Flags]) -> End {
    let from = way.iter().position(|seen| *seen == at).unwrap_or(0);
    let ring = &way[from..];
    let held = ring.iter().map(|at| flags[*at].fate).find(|fate| fate.is_held());
    let failing = ring.iter().any(|at| flags[*at].failed);
    let asked = ring.iter().any(|at| flags[*at].fate == Fate::Asked);
    let fate = match (held, failing) {
        (Some(held), _) => held,
        (None, _) if asked => Fate::Asked,
        (None, true) => Fate::Exhausted,
        (None, false) => Fate::Lost,
    };
    End {
        fate,
        asked: false,
        steps: 0,
    }
}
