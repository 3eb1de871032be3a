//! Other processes: one that is killed while it writes, and one that may not write.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};

use rekeyd::journal::{Head, Journal, JournalFault, SqliteJournal};
use rekeyd::random::SystemRandom;

use crate::child;
use crate::support::{Place, at_millis, entry, numbers};

/// What a child says, each on a line of its own, among the lines of the test harness.
const SAYS: &str = "child: ";

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{SAYS}{text}").unwrap();
    out.flush().unwrap();
}

fn said(line: &str) -> Option<&str> {
    line.split_once(SAYS).map(|(_, text)| text.trim())
}

#[tokio::test]
async fn child_appends_until_it_is_killed() {
    let Some(path) = child::journal() else { return };
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(std::io::stdout)
        .init();
    let journal = SqliteJournal::open(&path, &SystemRandom).await.unwrap();
    loop {
        let batch: Vec<_> = (0..3).map(entry).collect();
        let head = journal.append(at_millis(0), &batch).await.unwrap();
        say(&head.to_string());
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let place = Place::new();
    let mut records = 0;
    for round in 1..=8 {
        let mut process = child::start("crash::child_appends_until_it_is_killed", &place.path());
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut heads = lines
            .map_while(Result::ok)
            .filter_map(|line| said(&line)?.parse::<Head>().ok());
        let mut acknowledged: Vec<Head> = heads.by_ref().take(round * 3).collect();
        assert_eq!(acknowledged.len(), round * 3, "the child did not get that far");

        // While it goes on: a reader in another process, and a writer that is kept out.
        let head = *acknowledged.last().unwrap();
        place.look().await.unwrap().verify(Some(head)).await.unwrap();
        let JournalFault::InUse { by, .. } = place.open().await.unwrap_err() else {
            panic!("not in use")
        };
        assert_eq!(by, Some(process.id()));

        process.kill().unwrap();
        process.wait().unwrap();
        acknowledged.extend(heads);

        let journal = place.open().await.unwrap();
        let head = *acknowledged.last().unwrap();
        let verified = journal.verify(Some(head)).await.unwrap();
        assert_eq!(verified.count % 3, 0, "a batch was torn");
        let at = verified.expected_at.unwrap();
        assert_eq!(at, records + 3 * acknowledged.len() as i64);
        assert!(
            verified.count - at <= 3,
            "more than the one in flight was not acknowledged"
        );
        records = verified.count;
    }
}

#[test]
fn every_head_is_in_the_log_before_the_append_answers() {
    let place = Place::new();
    let mut process = child::start("crash::child_appends_until_it_is_killed", &place.path());
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let logged = |line: &str| -> Option<(String, i64, bool)> {
        let (before, fields) = line.split_once(" rekeyd::journal: head of the journal head=")?;
        let (head, seq) = fields.split_once(" seq=")?;
        let everybody = before.ends_with("INFO");
        Some((head.to_owned(), seq.parse().unwrap(), everybody))
    };
    let beginning = lines.by_ref().find_map(|line| logged(&line)).unwrap();
    assert_eq!((beginning.1, beginning.2), (0, true));
    for seq in [3, 6, 9] {
        let log = lines.by_ref().next().unwrap();
        let answer = lines.by_ref().next().unwrap();
        let head = said(&answer).unwrap().to_owned();
        // Everybody is told one an hour, and the child's clock stands still.
        assert_eq!(logged(&log).unwrap(), (head, seq, false));
    }
    process.kill().unwrap();
    process.wait().unwrap();
}

#[tokio::test]
async fn child_opens_and_says_what_it_was_told() {
    let Some(path) = child::journal() else { return };
    match SqliteJournal::open(&path, &SystemRandom).await {
        Ok(_) => say("opened"),
        Err(fault) => say(&format!("{fault:?}")),
    }
}

#[tokio::test]
async fn a_place_that_may_not_be_written_is_refused_at_once() {
    let shared = Place::new();
    fs::set_permissions(shared.directory.path(), Permissions::from_mode(0o755)).unwrap();
    let refusal = |journal: &std::path::Path| {
        let name = "crash::child_opens_and_says_what_it_was_told";
        let mut process = child::start_unprivileged(name, journal, shared.directory.path());
        let mut output = String::new();
        process
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut output)
            .unwrap();
        process.wait().unwrap();
        output
            .lines()
            .find_map(said)
            .expect("the child said nothing")
            .to_owned()
    };

    let place = Place::new();
    fs::set_permissions(place.directory.path(), Permissions::from_mode(0o555)).unwrap();
    let fault = refusal(&place.path());
    assert!(
        fault.starts_with("Unavailable") && fault.contains("writable by the user"),
        "{fault}"
    );

    let place = Place::filled(1).await;
    if rustix::process::geteuid().is_root() {
        for path in [
            place.directory.path().to_path_buf(),
            place.path(),
            place.directory.path().join("journal.db.lock"),
        ] {
            chown(path, Some(child::NOBODY), Some(child::NOBODY)).unwrap();
        }
    }
    assert_eq!(refusal(&place.path()), "opened");
    fs::set_permissions(place.path(), Permissions::from_mode(0o400)).unwrap();
    let fault = refusal(&place.path());
    assert!(
        fault.starts_with("Unavailable") && fault.contains("writable by the user"),
        "{fault}"
    );
    assert_eq!(numbers(&place.look().await.unwrap()).await, [0]);
}
