//! Alive and ready, whatever the work does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rekeyd::api::Limits;
use rekeyd::clock::Timestamp;
use rekeyd::port::journal::{Entry, Head, Journal, JournalFault, Record, RecordQuery, Verified, VerifyFault};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::house::{Answer, House, PATIENCE, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_alive_while_the_engine_is_stuck() {
    // Nobody hears a command, and whoever should has the ledgers.
    let house = House::planned(Plan {
        script: None,
        ..Plan::default()
    })
    .await;
    let ledgers = house.service.ledgers.clone();
    let (held, is_held) = std::sync::mpsc::channel();
    let (let_go, released) = std::sync::mpsc::channel::<()>();
    let stuck = std::thread::spawn(move || {
        let _ledgers = ledgers.lock().unwrap();
        held.send(()).unwrap();
        let _freed = released.recv();
    });
    is_held.recv().unwrap();
    let body = r#"{"why":"x"}"#;
    let command = house.ask("POST", "/v1/apps/billing/hold", Some("all"), body);
    let questions = async {
        for _ in 0..20 {
            assert_eq!(house.ask("GET", "/healthz", None, "").await.status, 200);
            assert_eq!(house.ask("GET", "/readyz", None, "").await.status, 200);
        }
    };
    tokio::select! {
        answer = command => panic!("an engine that is stuck answered: {answer:?}"),
        answered = tokio::time::timeout(PATIENCE, questions) => answered.unwrap(),
    }
    let_go.send(()).unwrap();
    stuck.join().unwrap();
}

#[tokio::test]
async fn it_is_ready_until_it_stops_or_the_journal_is_gone() {
    let house = House::new().await;
    assert_eq!(
        house.ask("GET", "/readyz", None, "").await.json()["status"],
        "ready"
    );
    house.service.drain.cancel();
    house.ask("GET", "/readyz", None, "").await.is_problem(503);
    assert_eq!(house.ask("GET", "/healthz", None, "").await.status, 200);

    let house = House::planned(Plan {
        journal: Some(Arc::new(Gone)),
        ..Plan::default()
    })
    .await;
    house.ask("GET", "/readyz", None, "").await.is_problem(503);
    let some = "/v1/rotations/00000000-0000-0000-0000-000000000001";
    house.ask("GET", some, Some("all"), "").await.is_problem(503);
    assert_eq!(house.ask("GET", "/healthz", None, "").await.status, 200);
    assert_eq!(house.ask("GET", "/v1/apps", Some("all"), "").await.status, 200);
}

/// A journal whose disk is gone.
struct Gone;

fn gone<T>() -> Result<T, JournalFault> {
    Err(JournalFault::Unavailable("the disk is gone".into()))
}

#[async_trait]
impl Journal for Gone {
    async fn append(&self, _: Timestamp, _: &[Entry]) -> Result<Head, JournalFault> {
        gone()
    }

    async fn read(&self, _: &RecordQuery) -> Result<Vec<Record>, JournalFault> {
        gone()
    }

    async fn head(&self) -> Result<Head, JournalFault> {
        gone()
    }

    async fn is_empty(&self) -> Result<bool, JournalFault> {
        gone()
    }

    async fn verify(&self, _: Option<Head>) -> Result<Verified, VerifyFault> {
        Ok(gone()?)
    }

    async fn remember(&self, _: &str, _: &serde_json::Value) -> Result<(), JournalFault> {
        gone()
    }

    async fn recall(&self, _: &str) -> Result<Option<serde_json::Value>, JournalFault> {
        gone()
    }
}

#[tokio::test]
async fn what_was_begun_is_answered_when_it_stops() {
    let house = House::planned(Plan {
        script: None,
        limits: Limits {
            answer_within: Duration::from_millis(500),
            ..Limits::default()
        },
        ..Plan::default()
    })
    .await;
    let address = house.address;
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut asking = TcpStream::connect(address).await.unwrap();
    let text =
        "POST /v1/apps/billing/abandon HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret-of-all\r\n\r\n";
    asking.write_all(text.as_bytes()).await.unwrap();
    // Until the command waits for the engine.
    let commands = house.service.commands.clone();
    while commands.capacity() == commands.max_capacity() {
        tokio::task::yield_now().await;
    }
    let ((), answer) = tokio::join!(house.serving.stop(), Answer::read(&mut asking));
    answer.is_problem(504);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "it still listens after it has stopped"
    );
    assert_eq!(
        Answer::read(&mut idle).await.status,
        0,
        "an idle connection was left open"
    );
}
