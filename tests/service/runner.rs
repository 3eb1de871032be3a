//! Runs scenarios, two at a time, and reports like the built-in harness: also what was skipped, and why.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Each boots a machine; more at once than this only wait for each other.
const AT_ONCE: usize = 2;

pub struct Scenario {
    name: &'static str,
    run: Box<dyn Fn() + Send + Sync>,
}

pub fn scenario(name: &'static str, run: impl Fn() + Send + Sync + 'static) -> Scenario {
    Scenario {
        name,
        run: Box::new(run),
    }
}

/// Why nothing can be booted here.
fn hindrance() -> Option<String> {
    if let Some(why) = std::env::var_os("REKEYD_NO_MACHINE") {
        return Some(format!("REKEYD_NO_MACHINE={}", why.display()));
    }
    match rustix::process::geteuid().is_root() {
        true => None,
        false => Some("booting a machine needs root".to_owned()),
    }
}

/// Runs those whose names contain one of the arguments; all, if there is none.
pub fn run(scenarios: &[Scenario]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let exact = arguments.iter().any(|word| word == "--exact");
    let wanted = |name: &str| match exact {
        true => words.iter().any(|word| *word == name),
        false => words.is_empty() || words.iter().any(|word| name.contains(*word)),
    };
    let chosen: Vec<&Scenario> = scenarios.iter().filter(|one| wanted(one.name)).collect();
    if arguments.iter().any(|word| word == "--list") {
        chosen.iter().for_each(|one| println!("{}: test", one.name));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let filtered = scenarios.len() - chosen.len();
    if let Some(why) = hindrance() {
        chosen
            .iter()
            .for_each(|one| println!("test {} ... ignored, {why}", one.name));
        println!(
            "\ntest result: ok. 0 passed; 0 failed; {} ignored; 0 measured; {filtered} filtered out\n",
            chosen.len()
        );
        return ExitCode::SUCCESS;
    }
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = chosen.get(next.fetch_add(1, Relaxed)) {
                    // What panicked said so already.
                    let done = catch_unwind(AssertUnwindSafe(&one.run));
                    println!(
                        "test {} ... {}",
                        one.name,
                        if done.is_ok() { "ok" } else { "FAILED" }
                    );
                    if done.is_err() {
                        failed.lock().unwrap().push(one.name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {} failed; 0 ignored; 0 measured; {filtered} filtered out\n",
        chosen.len() - failed.len(),
        failed.len()
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
