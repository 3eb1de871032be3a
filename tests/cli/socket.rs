//! The socket itself: what it takes, what it refuses, and whose file it replaces.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use crate::bench::Bench;
use crate::service::Service;

struct Answer {
    status: u16,
    kind: String,
    text: String,
}

/// Speaks to the socket as any other program would.
async fn post(bench: &Bench, path: &str, kind: &str, body: Vec<u8>) -> Answer {
    let client = reqwest::Client::builder()
        .unix_socket(bench.path("rekeyd.sock"))
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    let request = client
        .post(format!("http://any{path}"))
        .header("content-type", kind);
    let answer = request.body(body).send().await.unwrap();
    let kind = answer
        .headers()
        .get("content-type")
        .map(|kind| kind.to_str().unwrap().to_owned());
    Answer {
        status: answer.status().as_u16(),
        kind: kind.unwrap_or_default(),
        text: answer.text().await.unwrap(),
    }
}

#[test]
fn a_bad_request_is_a_problem_and_never_quoted() {
    let bench = Bench::new();
    let service = Service::start(&bench);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let json = "application/json";
        let cases: [(&str, &str, Vec<u8>, u16); 8] = [
            (
                "/v1/apps/legacy/submit",
                json,
                b"{\"client_id\": \"CANARY\"}".to_vec(),
                400,
            ),
            (
                "/v1/apps/legacy/submit",
                json,
                b"{\"client_id\": \"i\", \"client_secret\": \"\"}".to_vec(),
                400,
            ),
            ("/v1/apps/legacy/rotate", json, b"{\"CANARY\": 1}".to_vec(), 400),
            ("/v1/apps/legacy/rotate", "text/plain", b"{}".to_vec(), 415),
            ("/v1/apps/legacy/rotate", json, vec![b' '; 64 * 1024 + 1], 413),
            (
                "/v1/apps/legacy/hold",
                json,
                b"{\"why\": \"two\\nlines\"}".to_vec(),
                400,
            ),
            ("/v1/apps/CANARY/hold", json, b"{\"why\": \"x\"}".to_vec(), 404),
            ("/v1/elsewhere", json, b"{}".to_vec(), 404),
        ];
        for (path, kind, body, status) in cases {
            let answer = post(&bench, path, kind, body).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text);
            assert_eq!(answer.kind, "application/problem+json", "{path}");
            let problem: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
            assert_eq!(problem["status"], status);
            // The name of an app is no secret; a body is not repeated.
            assert!(
                path.contains("CANARY") || !answer.text.contains("CANARY"),
                "{}",
                answer.text
            );
        }
    });
    service.terminate();
    assert_eq!(service.end().0, 0);
}

#[test]
fn a_dead_daemons_socket_is_replaced_and_nobody_elses() {
    let bench = Bench::new();
    let socket = bench.path("rekeyd.sock");
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists(), "a dropped listener leaves its file behind");
    let service = Service::start(&bench);
    service.terminate();
    assert_eq!(service.end().0, 0);

    let other = UnixListener::bind(&socket).unwrap();
    let ran = bench.run(&["run"]).ends(1);
    assert!(ran.err.contains("somebody answers at"), "{}", ran.err);
    assert!(socket.exists());
    drop(other);

    fs::remove_file(&socket).unwrap();
    fs::write(&socket, "a file of somebody's").unwrap();
    let ran = bench.run(&["run"]).ends(1);
    assert!(ran.err.contains("is not a socket"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&socket).unwrap(), "a file of somebody's");
}
