//! What cannot be relied on is refused, with what to do, and is left as it was.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;

use rekeyd::journal::{Journal, JournalFault, SqliteJournal};
use rekeyd::random::SystemRandom;
use sqlx::{Connection, Row};

use crate::support::{Place, at_millis, entry, numbers, raw, run};

#[tokio::test]
async fn a_journal_in_use_names_the_process_and_is_free_again_afterwards() {
    let place = Place::new();
    let holder = place.open().await.unwrap();
    let link = place.directory.path().join("link.db");
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    for path in [place.path(), link] {
        let fault = SqliteJournal::open(&path, &SystemRandom).await.unwrap_err();
        let JournalFault::InUse { by, text } = fault else {
            panic!("{fault}")
        };
        assert_eq!(by, Some(std::process::id()));
        assert!(text.contains("Stop that process first"), "{text}");
    }
    holder.append(at_millis(1), &[entry(0)]).await.unwrap();
    drop(holder);
    assert_eq!(numbers(&place.open().await.unwrap()).await, [0]);
}

#[tokio::test]
async fn a_lock_held_by_whoever_is_respected() {
    let place = Place::filled(1).await;
    let lock = File::open(place.directory.path().join("journal.db.lock")).unwrap();
    lock.lock().unwrap();
    let fault = place.open().await.unwrap_err();
    assert!(matches!(fault, JournalFault::InUse { .. }), "{fault}");
    assert_eq!(place.look().await.unwrap().verify(None).await.unwrap().count, 1);
}

#[tokio::test]
async fn files_that_are_no_journal_are_damaged_for_writers_and_readers() {
    let garbage = |bytes: &mut Vec<u8>| bytes[..64].fill(b'x');
    let empty = |bytes: &mut Vec<u8>| bytes.clear();
    let text = |bytes: &mut Vec<u8>| *bytes = b"not a database".repeat(500);
    for harm in [garbage as fn(&mut Vec<u8>), empty, text] {
        let place = Place::filled(3).await;
        let mut bytes = fs::read(place.path()).unwrap();
        harm(&mut bytes);
        fs::write(place.path(), &bytes).unwrap();
        for fault in [place.open().await.unwrap_err(), place.look().await.unwrap_err()] {
            let JournalFault::Corrupt(text) = fault else {
                panic!("{fault}")
            };
            assert!(
                text.contains("Restore it from a backup, or move it away"),
                "{text}"
            );
        }
        assert_eq!(fs::read(place.path()).unwrap(), bytes, "it was written to");
    }
}

#[tokio::test]
async fn harm_inside_the_file_is_found_before_the_first_append() {
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    let blank = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle..].fill(0);
    };
    for harm in [cut as fn(&mut Vec<u8>), blank] {
        let place = Place::filled(100).await;
        let mut bytes = fs::read(place.path()).unwrap();
        harm(&mut bytes);
        fs::write(place.path(), &bytes).unwrap();
        let fault = place.open().await.unwrap_err();
        assert!(matches!(fault, JournalFault::Corrupt(_)), "{fault}");
    }
}

#[tokio::test]
async fn an_index_that_lost_a_record_is_found_before_anybody_asks_it() {
    let place = Place::filled(10).await;
    let mut connection = raw(&place.path()).await;
    let page: i64 = sqlx::query("SELECT rootpage FROM sqlite_schema WHERE name = 'record_of_app'")
        .fetch_one(&mut connection)
        .await
        .unwrap()
        .get(0);
    connection.close().await.unwrap();
    let mut bytes = fs::read(place.path()).unwrap();
    let start = (usize::try_from(page).unwrap() - 1) * 4096;
    let lost = bytes[start..start + 4096]
        .windows(5)
        .rposition(|window| window == b"app-2")
        .unwrap();
    bytes[start + lost + 4] = b'9';
    fs::write(place.path(), bytes).unwrap();
    let fault = place.open().await.unwrap_err();
    assert!(matches!(fault, JournalFault::Corrupt(_)), "{fault}");
}

#[tokio::test]
async fn somebody_elses_database_is_refused_untouched() {
    let place = Place::new();
    let mut other = sqlx::ConnectOptions::connect(
        &sqlx::sqlite::SqliteConnectOptions::new()
            .filename(place.path())
            .create_if_missing(true),
    )
    .await
    .unwrap();
    run(&mut other, "CREATE TABLE theirs (x)").await.unwrap();
    other.close().await.unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o600)).unwrap();
    let before = fs::read(place.path()).unwrap();
    for fault in [place.open().await.unwrap_err(), place.look().await.unwrap_err()] {
        let JournalFault::Corrupt(text) = fault else {
            panic!("{fault}")
        };
        assert!(text.contains("not a journal of rekeyd"), "{text}");
    }
    assert_eq!(fs::read(place.path()).unwrap(), before);
}

#[tokio::test]
async fn a_later_schema_is_refused_untouched() {
    let place = Place::filled(2).await;
    let mut connection = raw(&place.path()).await;
    run(
        &mut connection,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', 1, x'00', 0)",
    )
    .await
    .unwrap();
    connection.close().await.unwrap();
    let before = fs::read(place.path()).unwrap();
    for fault in [place.open().await.unwrap_err(), place.look().await.unwrap_err()] {
        let JournalFault::Newer(text) = fault else {
            panic!("{fault}")
        };
        assert!(
            text.contains("schema 9999, and this program knows up to 2"),
            "{text}"
        );
    }
    assert_eq!(fs::read(place.path()).unwrap(), before);
}

#[tokio::test]
async fn no_journal_is_missing_for_a_reader_and_remains_of_one_are_damage() {
    let place = Place::new();
    let fault = place.look().await.unwrap_err();
    assert!(matches!(fault, JournalFault::Missing(_)), "{fault}");
    assert_eq!(
        fs::read_dir(place.directory.path()).unwrap().count(),
        0,
        "a reader made something"
    );

    fs::write(place.directory.path().join("journal.db-wal"), "old").unwrap();
    fs::set_permissions(
        place.directory.path().join("journal.db-wal"),
        Permissions::from_mode(0o600),
    )
    .unwrap();
    let fault = place.open().await.unwrap_err();
    assert!(matches!(fault, JournalFault::Corrupt(_)), "{fault}");

    let nowhere = place.directory.path().join("missing/journal.db");
    let fault = SqliteJournal::open(&nowhere, &SystemRandom).await.unwrap_err();
    assert!(matches!(fault, JournalFault::Unavailable(_)), "{fault}");

    let dangling = place.directory.path().join("dangling.db");
    std::os::unix::fs::symlink(&nowhere, &dangling).unwrap();
    let fault = SqliteJournal::open(&dangling, &SystemRandom).await.unwrap_err();
    assert!(fault.to_string().contains("Is a volume not mounted?"), "{fault}");
}

#[tokio::test]
async fn an_unfinished_creation_is_begun_again() {
    let place = Place::new();
    for suffix in ["", "-wal", "-shm"] {
        let left = place.directory.path().join(format!("journal.db.new{suffix}"));
        fs::write(left, "half of one").unwrap();
    }
    let journal = place.open().await.unwrap();
    assert!(journal.is_empty().await.unwrap());
    let mode = fs::metadata(place.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    journal.close().await.unwrap();
    let mut left: Vec<_> = fs::read_dir(place.directory.path())
        .unwrap()
        .map(|found| found.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["journal.db", "journal.db.lock"]);
}

#[tokio::test]
async fn loose_permissions_are_refused_with_the_command_that_closes_them() {
    let place = Place::filled(1).await;
    for (path, mode, remedy) in [
        (place.path(), 0o640, "chmod 600"),
        (place.directory.path().to_path_buf(), 0o777, "chmod o-w"),
    ] {
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let fault = place.open().await.unwrap_err();
        let JournalFault::Exposed(text) = fault else {
            panic!("{fault}")
        };
        assert!(text.contains(remedy), "{text}");
        fs::set_permissions(&path, before).unwrap();
    }
    place.open().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_the_append_and_loses_nothing() {
    let place = Place::new();
    let journal = SqliteJournal::open_within(&place.path(), &SystemRandom, Some(24))
        .await
        .unwrap();
    let mut kept = 0;
    let fault = loop {
        // Two at once, so that the second half of an append can be what does not fit.
        match journal
            .append(at_millis(kept), &[entry(2 * kept), entry(2 * kept + 1)])
            .await
        {
            Ok(_) => kept += 1,
            Err(fault) => break fault,
        }
    };
    for fault in [
        fault,
        journal
            .append(at_millis(0), &[entry(900), entry(901)])
            .await
            .unwrap_err(),
    ] {
        let JournalFault::Full(text) = fault else {
            panic!("{fault}")
        };
        assert!(text.contains("Free space"), "{text}");
    }
    let head = journal.head().await.unwrap();
    let verified = journal.verify(Some(head)).await.unwrap();
    assert_eq!(verified.count, 2 * kept as i64);
    drop(journal);

    let journal = place.open().await.unwrap();
    assert_eq!(journal.head().await.unwrap(), head);
    journal.append(at_millis(1), &[entry(2 * kept)]).await.unwrap();
    let expected: Vec<u64> = (0..=2 * kept as u64).collect();
    assert_eq!(numbers(&journal).await, expected);
    journal.verify(None).await.unwrap();
}

#[tokio::test]
async fn the_file_is_in_write_ahead_mode_and_marked_as_ours() {
    let place = Place::filled(1).await;
    let mut connection = raw(&place.path()).await;
    let row =
        sqlx::query("SELECT journal_mode, application_id FROM pragma_journal_mode, pragma_application_id")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(row.get::<String, _>(0), "wal");
    assert_eq!(row.get::<i32, _>(1).to_be_bytes(), *b"rkyd");
}
