//! Whoever can write the file can change it, and cannot do so unseen.

use rekeyd::journal::{Broken, Damage, Journal, JournalFault, Verified, VerifyFault};

use crate::support::{Place, at_millis, entry, raw, run};

async fn broken_after(statements: &str) -> Broken {
    let place = Place::filled(6).await;
    place.tamper(statements).await;
    let fault = place.look().await.unwrap().verify(None).await.unwrap_err();
    let VerifyFault::Broken(broken) = fault else {
        panic!("{statements}: {fault}")
    };
    // And nobody decides anything by such a journal.
    let refusal = place.open().await.unwrap_err();
    assert!(matches!(refusal, JournalFault::Corrupt(_)), "{refusal}");
    broken
}

#[tokio::test]
async fn an_edit_a_removal_and_a_swap_show_where_they_are() {
    for (statements, seq, what) in [
        ("UPDATE record SET body = '{}' WHERE seq = 3", 3, Damage::Edited),
        ("UPDATE record SET app = NULL WHERE seq = 6", 6, Damage::Edited),
        ("UPDATE record SET at = at + 1 WHERE seq = 1", 1, Damage::Edited),
        (
            "UPDATE record SET hash = upper(hash) WHERE seq = 2",
            2,
            Damage::Edited,
        ),
        (
            "UPDATE record SET prev = upper(prev) WHERE seq = 2",
            2,
            Damage::Unlinked,
        ),
        ("DELETE FROM record WHERE seq = 1", 1, Damage::Missing),
        ("DELETE FROM record WHERE seq = 4", 4, Damage::Missing),
        (
            "DELETE FROM record WHERE seq = 4; UPDATE record SET seq = seq - 1 WHERE seq > 4",
            4,
            Damage::Unlinked,
        ),
        (
            "UPDATE record SET seq = 99 WHERE seq = 2; UPDATE record SET seq = 2 WHERE seq = 3; \
             UPDATE record SET seq = 3 WHERE seq = 99",
            2,
            Damage::Unlinked,
        ),
        ("DELETE FROM record WHERE seq = 6", 6, Damage::End),
        ("DELETE FROM record", 1, Damage::End),
        ("UPDATE chain SET seq = 5", 7, Damage::End),
        ("UPDATE chain SET installation = 'another'", 1, Damage::Unlinked),
    ] {
        assert_eq!(
            broken_after(statements).await,
            Broken { seq, what },
            "{statements}"
        );
    }
}

#[tokio::test]
async fn a_clean_cut_shows_only_against_a_head_kept_elsewhere() {
    let place = Place::new();
    let journal = place.open().await.unwrap();
    let mut heads = vec![journal.head().await.unwrap()];
    for at in 0..4 {
        heads.push(journal.append(at_millis(at), &[entry(at)]).await.unwrap());
    }
    for (at, head) in heads.iter().enumerate() {
        let expected_at = Some(at as i64);
        let verified = Verified {
            count: 4,
            head: heads[4],
            expected_at,
        };
        assert_eq!(journal.verify(Some(*head)).await.unwrap(), verified);
    }
    journal.close().await.unwrap();

    place
        .tamper(
            "DELETE FROM record WHERE seq = 4; \
             UPDATE chain SET seq = 3, hash = (SELECT hash FROM record WHERE seq = 3)",
        )
        .await;
    let journal = place.look().await.unwrap();
    assert_eq!(journal.verify(None).await.unwrap().count, 3);
    assert_eq!(journal.verify(Some(heads[3])).await.unwrap().expected_at, Some(3));
    let absent = Broken {
        seq: 4,
        what: Damage::ExpectedHeadAbsent,
    };
    assert_eq!(
        journal.verify(Some(heads[4])).await,
        Err(VerifyFault::Broken(absent))
    );
}

#[tokio::test]
async fn the_database_itself_refuses_what_a_slip_would_do() {
    let place = Place::filled(3).await;
    let mut connection = raw(&place.path()).await;
    for slip in [
        "UPDATE record SET body = '{}' WHERE seq = 1",
        "DELETE FROM record WHERE seq = 3",
        "INSERT OR REPLACE INTO record SELECT seq, at, app, rotation, 'other', body, prev, hash FROM record",
        "INSERT INTO record SELECT seq + 4, at, app, rotation, kind, body, prev, hash FROM record WHERE seq = 3",
        "UPDATE chain SET seq = 2",
        "UPDATE chain SET seq = 4, installation = 'another'",
        "DELETE FROM chain",
        "INSERT OR REPLACE INTO chain VALUES (1, 'another', 9, '')",
    ] {
        let error = run(&mut connection, slip).await.expect_err(slip);
        assert!(error.to_string().contains("the journal"), "{slip}: {error}");
    }
    drop(connection);
    assert_eq!(place.open().await.unwrap().verify(None).await.unwrap().count, 3);
}

#[tokio::test]
async fn a_second_writer_is_noticed_before_anything_is_appended() {
    let place = Place::new();
    let journal = place.open().await.unwrap();
    journal.append(at_millis(1), &[entry(0)]).await.unwrap();
    let mut other = raw(&place.path()).await;
    run(&mut other, "UPDATE chain SET seq = 2, hash = printf('%064d', 7)")
        .await
        .unwrap();
    for _ in 0..2 {
        let fault = journal.append(at_millis(2), &[entry(1)]).await.unwrap_err();
        assert!(matches!(fault, JournalFault::InUse { by: None, .. }), "{fault}");
    }
    assert_eq!(crate::support::numbers(&journal).await, [0]);
}
