//! A thousand requests at once while a hundred rotations run: each is answered, and nothing is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rekeyd::app;
use rekeyd::policy::{SourceFile, compile};
use rekeyd::port::Place;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::real::{Cast, Real};

const APPS: usize = 100;
const REQUESTS: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_while_a_hundred_rotations_run() {
    let mut real = Real::start(&Cast {
        apps: APPS,
        grace: "7d",
        api: "",
    })
    .await;
    // The first to come to it are slow, and those behind them wait for a place.
    let rule = serde_json::json!({
        "operation": "staged.post", "count": 16, "action": { "kind": "delay", "ms": 2000 }
    });
    real.org.fault(serde_json::from_value(rule).unwrap()).unwrap();
    let mut crowd = JoinSet::new();
    let all_at_once = Arc::new(Barrier::new(REQUESTS + 1));
    for number in 0..REQUESTS {
        let app = number % APPS;
        // One in ten begins a rotation, and each of those is asked for twice under one key.
        let (post, path) = match number / APPS {
            0 | 5 => (true, format!("/v1/apps/app-{app}/rotate")),
            1 | 6 => (false, format!("/v1/apps/app-{app}")),
            2 => (false, "/v1/apps".to_owned()),
            3 => (false, "/metrics".to_owned()),
            4 => (false, "/readyz".to_owned()),
            _ => (false, "/healthz".to_owned()),
        };
        // A client of its own, so a connection of its own.
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let (url, all_at_once) = (real.url(&path), all_at_once.clone());
        crowd.spawn(async move {
            all_at_once.wait().await;
            let begun = Instant::now();
            let request = match post {
                true => client.post(url).header("Idempotency-Key", format!("crowd-{app}")),
                false => client.get(url),
            };
            let answer = request.bearer_auth("secret-of-all").send().await.unwrap();
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap();
            (post.then_some(app), status, text, begun.elapsed())
        });
    }
    all_at_once.wait().await;
    let begun = Instant::now();
    let (mut slowest, mut running) = (Duration::ZERO, 0);
    let mut rotations: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut answered = 0;
    while let Some(answer) = crowd.join_next().await {
        let (post, status, text, took) = answer.unwrap();
        answered += 1;
        slowest = slowest.max(took);
        match post {
            None => {
                assert_eq!(status, 200, "{text}");
                running = running.max(text.matches(r#""phase":"rotating""#).count());
            }
            Some(app) => {
                assert_eq!(status, 202, "{text}");
                let page: serde_json::Value = serde_json::from_str(&text).unwrap();
                let id = page["rotation"].as_str().unwrap().to_owned();
                rotations.entry(app).or_default().push(id);
            }
        }
    }
    assert_eq!(answered, REQUESTS);
    assert_eq!(rotations.len(), APPS);
    let answers = begun.elapsed();
    assert!(running > 0, "nothing ran while the requests were answered");
    real.lines_with(APPS, &["rotated: proven"]).await;
    println!(
        "{REQUESTS} requests answered in {answers:?}, the slowest in {slowest:?}, while up to {running} rotations \
         ran; all {APPS} were rotated after {:?}",
        begun.elapsed()
    );

    let name = "rekeyd.toml".to_owned();
    let text = std::fs::read_to_string(real.path(&name)).unwrap();
    let policy = compile(&[SourceFile { name, text }]).unwrap();
    for (number, ids) in rotations {
        assert_eq!(ids[0], ids[1], "one key began two rotations");
        let (status, page) = real.get(&format!("/v1/rotations/{}", ids[0])).await;
        assert_eq!(status, 200);
        assert!(page["rotated_at"].is_string(), "{page}");
        let consumer = &real.org.state().app(&format!("App_{number}")).unwrap().consumers[0].clone();
        assert_eq!((consumer.mints, consumer.cutovers), (1, 1), "app-{number}");
        // What consumers read is what the org now has as primary.
        let seat = app::open_store(&policy, &format!("app-{number}"), Some("local"))
            .ok()
            .unwrap();
        let current = seat.store.read(&Place::Current).await.unwrap().value.unwrap();
        let primary = consumer
            .pairs
            .iter()
            .find(|pair| pair.generation == consumer.primary)
            .unwrap();
        let read = |field: &str| current.object()[field].as_str().unwrap().to_owned();
        assert_eq!(
            (read("client_id"), read("client_secret")),
            (primary.client_id.clone(), primary.client_secret.clone())
        );
        assert!(primary.accepted && primary.generation > 1);
    }
    real.stop().await;
}
