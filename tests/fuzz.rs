//! The entries of the fuzz targets (`tests/fuzz/entries.rs`), driven over their committed seeds and over a fixed number of
//! texts made from them, the same on every machine. `tests/tools/fuzz` drives them with libFuzzer, as long as one likes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a test says what is wrong by failing; helpers are not marked as tests"
)]

#[path = "fuzz/entries.rs"]
mod entries;
#[path = "fuzz/mutate.rs"]
mod mutate;

use entries::{ALL, CANARY, Entrance};
use mutate::Mutator;
use rustix::time::{ClockId, clock_gettime};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

/// Texts made from the seeds of one target, unless `REKEYD_INPUTS` says how many.
const INPUTS: usize = 1000;

/// The processor's time for one text; an unoptimised build takes a few milliseconds.
const LONGEST: Duration = Duration::from_secs(2);

/// The seeds of a target, in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/seeds")
        .join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn used() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap(), now.tv_nsec.try_into().unwrap())
}

/// Feeds one text; what went wrong, and the text, if anything did.
fn feed(entrance: Entrance, input: &[u8]) -> Result<Duration, String> {
    let began = used();
    catch_unwind(AssertUnwindSafe(|| entrance(input))).map_err(|_| input.escape_ascii().to_string())?;
    let took = used().saturating_sub(began);
    if took > LONGEST {
        return Err(format!("{took:?} for {}", input.escape_ascii()));
    }
    Ok(took)
}

fn drive(target: &str) {
    let (_, entrance) = *ALL.iter().find(|(name, _)| *name == target).unwrap();
    let count = std::env::var("REKEYD_INPUTS").map_or(INPUTS, |count| count.parse().unwrap());
    let seeds = seeds(target);
    assert!(!seeds.is_empty());
    let mut longest = Duration::ZERO;
    for (number, seed) in seeds.iter().enumerate() {
        longest = longest.max(feed(entrance, seed).unwrap_or_else(|why| panic!("seed {number}: {why}")));
    }
    let mut mutator = Mutator::new(target, &seeds, CANARY);
    for number in 0..count {
        let input = mutator.next();
        longest = longest.max(feed(entrance, &input).unwrap_or_else(|why| panic!("input {number}: {why}")));
    }
    println!(
        "fuzz {target}: {} seeds, {count} inputs made from them, none panics or tells a secret, the longest took {} ms",
        seeds.len(),
        longest.as_millis()
    );
}

#[test]
fn policy() {
    drive("policy");
}

#[test]
fn soap() {
    drive("soap");
}

#[test]
fn rest() {
    drive("rest");
}

#[test]
fn journal() {
    drive("journal");
}

#[test]
fn document() {
    drive("document");
}

#[test]
fn cron() {
    drive("cron");
}

/// The drive itself can fail: on a panic, and on a secret that is told.
#[test]
fn a_target_that_panics_or_tells_is_found() {
    let panics: Entrance = |data| assert!(!data.contains(&b'7'), "a seven");
    assert!(feed(panics, b"abc").is_ok());
    assert_eq!(feed(panics, b"a\t7").unwrap_err(), "a\\t7");
    let seeds = seeds("rest");
    let mut mutator = Mutator::new("rest", &seeds, CANARY);
    let made: Vec<Vec<u8>> = (0..500).map(|_| mutator.next()).collect();
    assert!(made.iter().any(|input| feed(panics, input).is_err()));
    let carries = |input: &&Vec<u8>| String::from_utf8_lossy(input).contains(CANARY);
    assert!(
        made.iter().filter(carries).count() > 100,
        "the secret is where it could be told"
    );
    let mut again = Mutator::new("rest", &seeds, CANARY);
    assert!(
        made.iter().all(|input| *input == again.next()),
        "the same every time"
    );
}

/// Each target of libFuzzer drives one entry, and each entry has one.
#[test]
fn every_entry_has_a_target_and_seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let names = ALL.map(|(name, _)| name);
    for name in names {
        let target = std::fs::read_to_string(folder.join(format!("targets/{name}.rs"))).unwrap();
        assert!(target.contains(&format!("entries::{name}(data)")), "{target}");
        assert!(
            manifest.contains(&format!("path = \"targets/{name}.rs\"")),
            "{name}"
        );
        assert!(!seeds(name).is_empty(), "{name}");
    }
    assert_eq!(
        std::fs::read_dir(folder.join("targets")).unwrap().count(),
        names.len()
    );
    assert_eq!(
        std::fs::read_dir(folder.join("seeds")).unwrap().count(),
        names.len()
    );
}
