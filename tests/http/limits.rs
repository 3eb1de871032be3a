//! Slow, large and many: each is cut off, and the next client is served.

use std::time::{Duration, Instant};

use rekeyd::api::Limits;
use rekeyd::engine::command::Reply;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::house::{Answer, House, PATIENCE, Plan};

const GET: &str = "GET /v1/apps HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret-of-all\r\n\r\n";
const SHORT: Duration = Duration::from_millis(300);
/// Long enough for a machine that has much else to do.
const IDLE: Duration = Duration::from_secs(2);

async fn limited(limits: Limits) -> House {
    House::planned(Plan {
        limits,
        ..Plan::default()
    })
    .await
}

/// Reads one answer off a connection that stays open.
async fn one(stream: &mut TcpStream) -> Answer {
    let answer = tokio::time::timeout(PATIENCE, answer(stream)).await;
    answer.expect("no answer")
}

async fn answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let answer = Answer::of(&text);
        let length = answer
            .header("content-length")
            .and_then(|length| length.parse::<usize>().ok());
        if text.contains("\r\n\r\n") && length.is_some_and(|length| answer.body.len() >= length) {
            return answer;
        }
        let mut more = [0; 4096];
        let read = stream.read(&mut more).await.unwrap();
        assert!(read > 0, "closed after {text:?}");
        bytes.extend_from_slice(&more[..read]);
    }
}

#[tokio::test]
async fn a_slow_head_is_cut_off_however_it_trickles() {
    let house = limited(Limits {
        head_within: SHORT,
        ..Limits::default()
    })
    .await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let mut sent = 0;
    // One byte after the other, for ever.
    let closed = async {
        let mut end = [0; 1];
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        loop {
            pace.tick().await;
            let byte = GET.as_bytes()[sent % 20];
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            sent += 1;
            let look = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut end)).await;
            if matches!(look, Ok(Ok(0) | Err(_))) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), closed)
        .await
        .unwrap();
    assert!(begun.elapsed() >= SHORT, "too early: {:?}", begun.elapsed());
    assert!(sent > 3);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let house = limited(Limits {
        head_within: IDLE,
        ..Limits::default()
    })
    .await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let begun = Instant::now();
    let mut pace = tokio::time::interval(IDLE / 4);
    for _ in 0..6 {
        pace.tick().await;
        stream.write_all(GET.as_bytes()).await.unwrap();
        assert_eq!(one(&mut stream).await.status, 200);
    }
    assert!(begun.elapsed() > IDLE, "it was not kept open for long");
    let rest = Answer::read(&mut stream).await;
    assert_eq!(rest.status, 0, "{rest:?}");
}

#[tokio::test]
async fn a_slow_body_is_answered_408_and_never_heard() {
    let house = limited(Limits {
        body_within: SHORT,
        ..Limits::default()
    })
    .await;
    let head = "POST /v1/apps/billing/hold HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret-of-all\r\n\
                content-type: application/json\r\ncontent-length: 12\r\nconnection: close\r\n\r\n{\"why\":";
    house.send(head.as_bytes()).await.is_problem(408);
    let chunked = "POST /v1/apps/billing/hold HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret-of-all\r\n\
                   content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                   5\r\n{\"why\r\n";
    house.send(chunked.as_bytes()).await.is_problem(408);
    assert!(house.heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn who_does_not_take_the_answer_loses_the_place() {
    let house = House::planned(Plan {
        limits: Limits {
            connections: 1,
            taken_within: SHORT,
            ..Limits::default()
        },
        apps: (0..20_000).map(|number| format!("app-{number}")).collect(),
        ..Plan::default()
    })
    .await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = socket.connect(house.address).await.unwrap();
    slow.write_all(GET.as_bytes()).await.unwrap();
    slow.readable().await.unwrap();
    // The only place is taken by whoever reads nothing; it is free again after a while.
    let begun = Instant::now();
    let answer = house.ask("GET", "/healthz", None, "").await;
    assert_eq!(answer.status, 200);
    assert!(
        begun.elapsed() >= SHORT / 2,
        "it never had to wait: {:?}",
        begun.elapsed()
    );
    let rest = Answer::read(&mut slow).await;
    let length: usize = rest.header("content-length").unwrap().parse().unwrap();
    assert!(
        rest.body.len() < length,
        "the answer was small enough to be taken by nobody"
    );
}

#[tokio::test]
async fn more_connections_than_places_are_served_in_turn() {
    let house = limited(Limits {
        connections: 2,
        head_within: SHORT,
        ..Limits::default()
    })
    .await;
    // Two that say nothing have both places, until their time is up.
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(TcpStream::connect(house.address).await.unwrap());
    }
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        crowd.spawn(async move {
            // Without `connection: close`: it is the server that makes room.
            stream.write_all(GET.as_bytes()).await.unwrap();
            one(&mut stream).await
        });
    }
    let mut closed = 0;
    while let Some(answer) = crowd.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200);
        closed += usize::from(answer.header("connection") == Some("close"));
    }
    assert!(closed > 0, "nobody was asked to make room");
    for mut stream in silent {
        assert_eq!(Answer::read(&mut stream).await.status, 0);
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let house = House::planned(Plan {
        script: Some(|_| Reply::Done("done".into())),
        ..Plan::default()
    })
    .await;
    let with = |more: String| {
        let text = GET.replace("\r\n\r\n", &format!("\r\n{more}connection: close\r\n\r\n"));
        let house = &house;
        async move { house.send(text.as_bytes()).await.status }
    };
    let fields = |count: usize| (0..count).map(|at| format!("x-{at}: y\r\n")).collect::<String>();
    assert_eq!(with(fields(40)).await, 200);
    assert_eq!(with(fields(80)).await, 431);
    assert_eq!(with(format!("x: {}\r\n", "y".repeat(8 * 1024))).await, 200);
    assert_eq!(with(format!("x: {}\r\n", "y".repeat(32 * 1024))).await, 431);
    let line = format!("GET /v1/apps/{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(70_000));
    let status = house.send(line.as_bytes()).await.status;
    assert!([414, 431].contains(&status), "{status}");
    // Announced or not.
    let body = " ".repeat(65 * 1024);
    house
        .ask("POST", "/v1/apps/billing/abandon", Some("all"), &body)
        .await
        .is_problem(413);
    let mut chunked = String::from(
        "POST /v1/apps/billing/abandon HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret-of-all\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
    );
    for _ in 0..65 {
        chunked.push_str(&format!("400\r\n{}\r\n", " ".repeat(1024)));
    }
    house.send(chunked.as_bytes()).await.is_problem(413);
    for noise in [
        "\0\0\0\0",
        "GET\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let status = house.send(noise.as_bytes()).await.status;
        assert!([0, 400, 505].contains(&status), "{noise:?}: {status}");
    }
    assert!(house.heard.lock().unwrap().is_empty());
    assert_eq!(house.ask("GET", "/healthz", None, "").await.status, 200);
}

/// One client that has all it may get is closed, and gets the next when it gives one back.
#[tokio::test]
async fn a_client_has_no_more_than_its_part() {
    let house = limited(Limits {
        connections: 8,
        per_local_client: 2,
        ..Limits::default()
    })
    .await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(GET.as_bytes()).await.unwrap();
        assert_eq!(one(&mut stream).await.status, 200);
        kept.push(stream);
    }
    let mut third = TcpStream::connect(house.address).await.unwrap();
    let rest = Answer::read(&mut third).await;
    assert_eq!(rest.status, 0, "{rest:?}");
    // Gone is gone only once the service has seen it.
    let mut gone = kept.pop().unwrap();
    gone.shutdown().await.unwrap();
    assert_eq!(Answer::read(&mut gone).await.status, 0);
    let served = async { while house.ask("GET", "/healthz", None, "").await.status != 200 {} };
    tokio::time::timeout(PATIENCE, served).await.unwrap();
}
