//! What a seed chooses, all of it before anything runs: one seed is one story, whatever the machine does besides.

use std::ops::Range;

use rekeyd::sandbox::Rule;
use serde_json::json;

/// A rotation takes about this long; kills fall into it.
const SPAN_MS: u64 = 3500;
/// Those of every run.
const SEEDS: Range<u64> = 0..6;

/// `REKEYD_SEEDS=500`, or `REKEYD_SEEDS=17..18`.
pub fn seeds() -> Range<u64> {
    match std::env::var("REKEYD_SEEDS") {
        Err(_) => SEEDS,
        Ok(text) => match text.split_once("..") {
            Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
            None => 0..text.parse().unwrap(),
        },
    }
}

/// Numbers that follow from the seed alone (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// When a process is killed.
#[derive(Debug)]
pub struct Life {
    /// Counted from when it says that it runs, otherwise from when it was started.
    pub once_it_runs: bool,
    /// In milliseconds.
    pub after: u64,
}

#[derive(Debug)]
pub struct Choice {
    pub seed: u64,
    /// The processes that are killed.
    pub lives: Vec<Life>,
    /// Of every second world's writes to the org, one loses its answer: before it took, or after.
    pub lost: Option<Rule>,
    /// How long the org takes for a deploy.
    pub deploy_seconds: u64,
}

impl Choice {
    pub fn of(seed: u64) -> Choice {
        let mut draw = Draw(seed);
        let lost = (draw.below(2) == 0).then(|| {
            let operation = draw.one_of(&[
                "staged.post",
                "staged.patch",
                "staged.delete",
                "soap.updateMetadata",
                "soap.deploy",
            ]);
            let kind = draw.one_of(&["drop_before", "drop_after"]);
            let rule = json!({ "operation": operation, "action": { "kind": kind } });
            serde_json::from_value(rule).unwrap()
        });
        let deploy_seconds = draw.below(2);
        let kills = 1 + draw.below(3);
        let lives = (0..kills).map(|_| Life {
            once_it_runs: draw.below(4) > 0,
            after: draw.below(SPAN_MS),
        });
        Choice {
            seed,
            lives: lives.collect(),
            lost,
            deploy_seconds,
        }
    }
}
