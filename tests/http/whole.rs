//! The real service over TCP: a rotation under a key, a restart, what refuses it, its page, its metrics.

use std::fs;

use rustix::process::Signal;

use crate::metrics::promtool;
use crate::real::{Cast, Real, digest};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_is_one_rotation_also_after_a_restart() {
    let mut real = Real::start(&Cast {
        apps: 2,
        grace: "7d",
        api: "",
    })
    .await;
    let (status, first) = real.rotate("app-0", Some("ticket-1")).await;
    assert_eq!(status, 202, "{first}");
    let id = first["rotation"].as_str().unwrap().to_owned();
    // While it runs: the same key is the same rotation, another one is told to wait.
    assert_eq!(real.rotate("app-0", Some("ticket-1")).await, (202, first.clone()));
    let (status, problem) = real.rotate("app-0", Some("ticket-2")).await;
    assert_eq!(
        (status, &problem["rotation"]),
        (409, &first["rotation"]),
        "{problem}"
    );
    real.lines_with(1, &["rotated: proven"]).await;
    let (status, problem) = real.rotate("app-0", Some("ticket-2")).await;
    assert_eq!(status, 409, "{problem}");
    let until = problem["retry_at"].as_str().unwrap().to_owned();

    for how in ["killed", "stopped"] {
        match how {
            "killed" => real.kill(),
            _ => real.stop().await,
        }
        real.run().await;
        assert_eq!(
            real.rotate("app-0", Some("ticket-1")).await,
            (202, first.clone()),
            "{how}"
        );
        let (status, problem) = real.rotate("app-0", Some("ticket-2")).await;
        assert_eq!(
            (status, problem["retry_at"].as_str()),
            (409, Some(until.as_str())),
            "{problem}"
        );
    }
    let consumer = &real.org.state().app("App_0").unwrap().consumers[0].clone();
    assert_eq!((consumer.mints, consumer.cutovers), (1, 1));

    let (_, page) = real.get(&format!("/v1/rotations/{id}")).await;
    assert_eq!(
        (&page["app"], &page["by"]),
        (&"app-0".into(), &"token all".into()),
        "{page}"
    );
    assert!(
        page["rotated_at"].is_string() && page["ended_at"].is_null(),
        "{page}"
    );
    let events = page["events"].to_string();
    assert!(
        events.contains("rotation started by token all") && events.contains("rotated: proven"),
        "{events}"
    );
    let (_, page) = real.get("/v1/apps/app-0").await;
    assert_eq!(
        (&page["phase"], &page["grace_until"]),
        (&"grace".into(), &until.clone().into()),
        "{page}"
    );
    assert_eq!(page["rotation"], id);
    assert!(
        page["next_due"].is_string() && page["deadline"].is_string(),
        "{page}"
    );

    // The command line goes through the socket of the same daemon.
    let ran = real.command(&["rotate", "app-1"]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let answer = real
        .http
        .get(real.url("/metrics"))
        .bearer_auth("secret-of-all")
        .send()
        .await
        .unwrap();
    let text = answer.text().await.unwrap();
    promtool(&text);
    for line in [
        "rekeyd_app_rotations_total{app=\"app-0\",org=\"test\",outcome=\"rotated\"} 1.0",
        "rekeyd_app_state{app=\"app-0\",org=\"test\",state=\"grace\"} 1.0",
        "rekeyd_app_overdue{app=\"app-1\",org=\"test\"} 0.0",
    ] {
        assert!(text.lines().any(|other| other == line), "no {line} in\n{text}");
    }
    assert!(
        text.contains("\nrekeyd_app_acceptance_seconds{app=\"app-1\""),
        "{text}"
    );
    real.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_drains_it_is_alive_and_not_ready() {
    let mut real = Real::start(&Cast {
        apps: 2,
        grace: "7d",
        api: "",
    })
    .await;
    let rule = serde_json::json!({ "operation": "staged.post", "action": { "kind": "delay", "ms": 1500 } });
    real.org.fault(serde_json::from_value(rule).unwrap()).unwrap();
    assert_eq!(real.rotate("app-0", None).await.0, 202);
    real.lines_with(1, &["rotation started"]).await;
    while !real.org.state().counters.contains_key("staged.post") {
        tokio::task::yield_now().await;
    }
    real.signal(Signal::TERM);
    real.lines_with(1, &["draining"]).await;
    assert_eq!(real.get("/healthz").await.0, 200);
    assert_eq!(real.get("/readyz").await.0, 503);
    assert_eq!(real.get("/v1/apps/app-0").await.1["phase"], "rotating");
    let (status, problem) = real.rotate("app-1", None).await;
    assert_eq!((status, &problem["detail"]), (503, &"rekeyd is stopping".into()));
    real.end().await;

    // The next one goes on with it.
    real.run().await;
    real.lines_with(1, &["rotated: proven"]).await;
    let consumer = &real.org.state().app("App_0").unwrap().consumers[0].clone();
    assert_eq!((consumer.mints, consumer.cutovers), (1, 1));
    real.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_changes_the_tokens_and_not_the_address() {
    let mut real = Real::start(&Cast {
        apps: 1,
        grace: "0s",
        api: "",
    })
    .await;
    let file = real.path("rekeyd.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(&digest("secret-of-all"), &digest("another"))).unwrap();
    real.signal(Signal::HUP);
    real.lines_with(1, &["a new policy is in force"]).await;
    let status = async |token: &str| {
        let request = real.http.get(real.url("/v1/apps")).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    // The log's line comes before the doors are told.
    while status("another").await != 200 {}
    assert_eq!(status("secret-of-all").await, 401);
    // A faulty one changes nothing.
    fs::write(&file, text.replace("127.0.0.1:0", "0.0.0.0:0")).unwrap();
    real.signal(Signal::HUP);
    real.lines_with(1, &["refused"]).await;
    let status = real
        .http
        .get(real.url("/v1/apps"))
        .bearer_auth("another")
        .send()
        .await;
    assert_eq!(status.unwrap().status(), 200);
    real.stop().await;
}
