//! What the rotations of an app add up to, for the metrics: how they ended, and what the last cutover cost.
//!
//! A fold of the journal, so that a restart starts no count anew; a new journal does.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::rotation::{Effect, Event, Subject, Verdict};

/// The count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rotations by how they ended: `rotated` once published everywhere, else the name of the end.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Without overlap: how long consumers were without a credential that works, in the last rotation that cut over:
    /// from sending the cutover to the last publish, or to its undoing. An upper bound.
    pub outage: Option<Duration>,
    /// How long after sending the last cutover the new credential was first accepted.
    pub acceptance: Option<Duration>,
    cutover: Option<Timestamp>,
}

impl Tally {
    /// A rotation begins.
    pub fn started(&mut self) {
        self.cutover = None;
    }

    /// One event of it. `overlap`: the old credential works beside the new one.
    pub fn step(&mut self, at: Timestamp, event: &Event, overlap: bool) {
        match event {
            Event::Intended {
                effect: Effect::Cutover,
            } => {
                self.cutover = Some(at);
                self.acceptance = None;
                self.outage = None;
            }
            Event::Probed {
                subject: Subject::New,
                pair,
                beside: _,
            } if pair.verdict == Verdict::Accepted => {
                let took = self.cutover.map(|sent| at.since(sent));
                self.acceptance = self.acceptance.or(took);
            }
            Event::Applied {
                effect: Effect::Undo, ..
            }
            | Event::FoundApplied {
                effect: Effect::Undo, ..
            } => self.outage = self.lost(at, overlap),
            Event::Rotated => {
                self.outage = self.lost(at, overlap);
                self.count("rotated");
            }
            // What was rotated was counted when it was published: its retirement is no further rotation.
            Event::Ended { end } if !end.is_rotated() => self.count(end.word()),
            Event::Ended { .. }
            | Event::Asked { .. }
            | Event::Reminded
            | Event::Handed { .. }
            | Event::TurnedAway { .. }
            | Event::Neither { .. }
            | Event::Restarted
            | Event::Baselined { .. }
            | Event::Recovered { .. }
            | Event::Chosen { .. }
            | Event::Intended { .. }
            | Event::Queued { .. }
            | Event::Fetched { .. }
            | Event::Applied { .. }
            | Event::Declined { .. }
            | Event::Postponed { .. }
            | Event::Lost { .. }
            | Event::FoundApplied { .. }
            | Event::FoundAbsent { .. }
            | Event::Rebased { .. }
            | Event::Disputed { .. }
            | Event::Blocked { .. }
            | Event::ValueGone
            | Event::Probed { .. }
            | Event::LateProof
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
            | Event::Former { .. } => {}
        }
    }

    fn lost(&self, at: Timestamp, overlap: bool) -> Option<Duration> {
        self.cutover.filter(|_| !overlap).map(|sent| at.since(sent))
    }

    fn count(&mut self, outcome: &'static str) {
        let count = self.outcomes.entry(outcome).or_default();
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::{Detail, End, ProbeReport};

    fn probed(verdict: Verdict) -> Event {
        let (probe, host, answer) = ("refresh".into(), "host".into(), "400".into());
        Event::Probed {
            subject: Subject::New,
            pair: ProbeReport {
                probe,
                host,
                answer,
                verdict,
                at: Timestamp(0),
            },
            beside: None,
        }
    }

    fn after(overlap: bool, steps: &[(i64, Event)]) -> Tally {
        let mut tally = Tally::default();
        tally.started();
        for (second, event) in steps {
            tally.step(Timestamp(second * 1000), event, overlap);
        }
        tally
    }

    fn cutover() -> Event {
        let effect = Effect::Cutover;
        Event::Intended { effect }
    }

    #[test]
    fn the_outage_and_the_acceptance_are_counted_from_the_last_cutover_that_was_sent() {
        let steps = [
            (3, probed(Verdict::Accepted)),
            (10, cutover()),
            (20, cutover()),
            (22, probed(Verdict::Refused)),
            (25, probed(Verdict::Accepted)),
            (27, probed(Verdict::Accepted)),
            (30, Event::Rotated),
            (
                40,
                Event::Ended {
                    end: End::Done { disproven: true },
                },
            ),
        ];
        let tally = after(false, &steps);
        assert_eq!(tally.acceptance, Some(Duration::from_secs(5)));
        assert_eq!(tally.outage, Some(Duration::from_secs(10)));
        assert_eq!(tally.outcomes, BTreeMap::from([("rotated", 1)]));
        let tally = after(true, &steps);
        assert_eq!(
            (tally.outage, tally.acceptance),
            (None, Some(Duration::from_secs(5)))
        );
    }

    #[test]
    fn an_undone_cutover_was_an_outage_and_what_never_cut_over_was_none() {
        let undone = End::Undone { why: String::new() };
        let undo = Event::FoundApplied {
            effect: Effect::Undo,
            detail: Detail::Nothing,
        };
        let tally = after(
            false,
            &[(1, cutover()), (61, undo), (70, Event::Ended { end: undone })],
        );
        assert_eq!(tally.outage, Some(Duration::from_secs(60)));
        assert_eq!(tally.outcomes, BTreeMap::from([("undone", 1)]));
        let tally = after(false, &[(9, Event::Ended { end: End::Ignored })]);
        assert_eq!((tally.outage, tally.acceptance), (None, None));
        assert_eq!(tally.outcomes, BTreeMap::from([("ignored", 1)]));
    }
}
