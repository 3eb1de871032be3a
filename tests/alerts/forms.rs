//! What the sinks send, beside what programs of other hands send for the same purpose.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rekeyd::alert::Alerts;
use rekeyd::alert::sink::alertmanager::Alertmanager as AlertmanagerSink;
use rekeyd::alert::sink::pagerduty::PagerDuty;
use rekeyd::alert::sink::signature::SigningKey;
use rekeyd::alert::sink::slack::Slack;
use rekeyd::alert::sink::webhook::Webhook;
use rekeyd::alert::sink::{Http, Sink};
use rekeyd::clock::{Clock, SystemClock};
use rekeyd::random::SystemRandom;
use rekeyd::secret::Secret;
use serde_json::Value;

use crate::incidents::directory;
use crate::notes::*;
use crate::recorder::{Recorder, Request};
use crate::servers::Alertmanager;
use crate::world::{World, route};

pub fn http() -> Http {
    Http::new(None).unwrap()
}

pub fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

async fn until_async(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        while !is_so().await {
            tick.tick().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(40), waited).await;
    assert!(waited.is_ok(), "never: {what}");
}

/// The type of a value, in one word.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What both have is of one type, all the way down; `required` are there in both, as JSON pointers.
fn alike(ours: &Value, theirs: &Value, required: &[&str]) {
    for pointer in required {
        for (name, event) in [("ours", ours), ("theirs", theirs)] {
            let found = event.pointer(pointer);
            assert!(
                found.is_some_and(|found| !found.is_null()),
                "{name} has no {pointer}: {event}"
            );
        }
    }
    fn same(at: &str, ours: &Value, theirs: &Value) {
        assert_eq!(kind(ours), kind(theirs), "{at}: {ours} beside {theirs}");
        match (ours, theirs) {
            (Value::Object(ours), Value::Object(theirs)) => {
                for (key, value) in ours {
                    if let Some(other) = theirs.get(key) {
                        same(&format!("{at}/{key}"), value, other);
                    }
                }
            }
            (Value::Array(ours), Value::Array(theirs)) => {
                if let (Some(first), Some(other)) = (ours.first(), theirs.first()) {
                    same(&format!("{at}/0"), first, other);
                }
            }
            _ => {}
        }
    }
    same("", ours, theirs);
}

async fn alerts_by_the_real_clock(world: &World, routes: Vec<rekeyd::alert::route::Route>) -> Alerts {
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let alerts = Alerts::begin(world.journal().await, clock, random).await.unwrap();
    alerts.apply(directory(&["billing"]), routes).await.unwrap();
    alerts
}

async fn say_now(alerts: &Alerts, said: &Said) {
    alerts
        .journal()
        .append(SystemClock.now(), &[said.entry()])
        .await
        .unwrap();
}

/// One incident from its opening to its end: a real Alertmanager shows it firing and no more, and what that sends to
/// PagerDuty and to Slack is laid beside what we send there ourselves.
#[tokio::test]
async fn a_real_alertmanager_and_what_it_sends_on() {
    let recorder = Recorder::start().await;
    let real = Alertmanager::start(&recorder.url("/theirs/pagerduty"), &recorder.url("/theirs/slack")).await;
    let world = World::new();
    let url = |path: &str| recorder.url(path).parse().unwrap();
    let sink = AlertmanagerSink::new(http(), real.url.parse().unwrap(), None, Arc::new(SystemClock)).unwrap();
    let routes = vec![
        route("alertmanager", Arc::new(sink)),
        route(
            "pagerduty",
            Arc::new(PagerDuty::new(
                http(),
                url("/ours/pagerduty"),
                secret("key-of-rekeyd"),
            )),
        ),
        route(
            "slack",
            Arc::new(Slack::new(http(), &secret(&recorder.url("/ours/slack"))).unwrap()),
        ),
    ];
    let alerts = alerts_by_the_real_clock(&world, routes).await;
    say_now(&alerts, &adopted("billing")).await;
    say_now(&alerts, &overdue("billing", false)).await;
    until_async("it fires", async || real.firing().await.len() == 1).await;
    let firing = &real.firing().await[0];
    assert_eq!(firing["status"]["state"], "active");
    assert_eq!(
        firing["labels"],
        serde_json::json!({
            "alertname": "RekeydOverdue", "app": "billing", "org": "prod", "severity": "warning",
            "job": "rekeyd", "incident": "rekeyd/billing/overdue",
        })
    );
    assert!(
        firing["annotations"]["command"]
            .as_str()
            .unwrap()
            .contains("rekeyd rotate billing")
    );
    assert!(real.amtool().contains("RekeydOverdue"), "{}", real.amtool());

    // Worse: it is routed by its severity, and the lesser one ends.
    say_now(&alerts, &overdue("billing", true)).await;
    until_async("it is worse", async || {
        let firing = real.firing().await;
        firing.len() == 1 && firing[0]["labels"]["severity"] == "error"
    })
    .await;
    until_async("it is sent on", async || {
        recorder.at("/theirs/pagerduty").len() >= 2
    })
    .await;
    say_now(
        &alerts,
        &Said::App("billing", None, Box::new(rekeyd::engine::note::Note::InTime)),
    )
    .await;
    until_async("it is over", async || real.firing().await.is_empty()).await;
    assert!(!real.amtool().contains("RekeydOverdue"));
    let events = |path: &str, action: &str| {
        let events = recorder.at(path).iter().map(Request::json).collect::<Vec<_>>();
        events
            .into_iter()
            .filter(|event| event["event_action"] == action)
            .collect::<Vec<_>>()
    };
    until_async("all is told", async || {
        !events("/theirs/pagerduty", "resolve").is_empty()
            && !events("/ours/pagerduty", "resolve").is_empty()
            && recorder.at("/theirs/slack").len() >= 2
            && recorder.at("/ours/slack").len() == 3
    })
    .await;

    // Required by <https://developer.pagerduty.com/docs/send-alert-event>, and there in both.
    let required = [
        "/routing_key",
        "/dedup_key",
        "/event_action",
        "/payload/summary",
        "/payload/source",
        "/payload/severity",
        "/payload/custom_details",
    ];
    for action in ["trigger", "resolve"] {
        let ours = &events("/ours/pagerduty", action)[0];
        let theirs = &events("/theirs/pagerduty", action)[0];
        // Their payload of a resolution may be without what only a trigger needs.
        let required: Vec<&str> = match action {
            "trigger" => required.to_vec(),
            _ => required[..3].to_vec(),
        };
        alike(ours, theirs, &required);
        assert_eq!(ours["dedup_key"], "rekeyd/billing/overdue");
        let severity = ours["payload"]["severity"].as_str().unwrap();
        assert!(["critical", "error", "warning", "info"].contains(&severity));
    }
    let ours = events("/ours/pagerduty", "trigger");
    assert_eq!(ours.len(), 2, "opened and updated under one key");
    assert_eq!(ours[1]["payload"]["severity"], "error");
    assert_eq!(ours[1]["routing_key"], "key-of-rekeyd");

    let (ours, theirs) = (recorder.at("/ours/slack"), recorder.at("/theirs/slack"));
    let required = [
        "/attachments/0/title",
        "/attachments/0/text",
        "/attachments/0/fallback",
        "/attachments/0/color",
    ];
    alike(&ours[0].json(), &theirs[0].json(), &required);
    assert_eq!(ours[2].json()["attachments"][0]["color"], "good");
    for request in ours.iter().chain(&recorder.at("/ours/pagerduty")) {
        assert_eq!(
            (request.method.as_str(), request.headers["content-type"].as_str()),
            ("POST", "application/json")
        );
    }
    alerts.finish(Duration::from_secs(1)).await;
}

/// Checked as a receiver would, by another implementation of HMAC, over the bytes that came.
#[tokio::test]
async fn a_webhook_is_signed_as_standard_webhooks_says() {
    let recorder = Recorder::start().await;
    let key = [0x5a_u8; 32];
    let text = format!("whsec_{}", STANDARD.encode(key));
    let signing = SigningKey::read(&secret(&text)).unwrap();
    let url = recorder.url("/hook").parse().unwrap();
    let sink = Webhook::new(http(), url, signing, Arc::new(SystemClock));
    let world = World::new();
    let alerts = alerts_by_the_real_clock(&world, vec![route("hook", Arc::new(sink))]).await;
    for said in [adopted("billing"), refused("billing"), fine("billing")] {
        say_now(&alerts, &said).await;
    }
    until_async("both came", async || recorder.at("/hook").len() == 2).await;
    let requests = recorder.at("/hook");
    let verifier = hmac::Key::new(hmac::HMAC_SHA256, &key);
    for request in &requests {
        let (id, time) = (
            &request.headers["webhook-id"],
            &request.headers["webhook-timestamp"],
        );
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", &request.body].concat();
        let signature = request.headers["webhook-signature"].strip_prefix("v1,").unwrap();
        let tag = STANDARD.decode(signature).unwrap();
        hmac::verify(&verifier, &signed, &tag).unwrap();
        let mut forged = signed.clone();
        *forged.last_mut().unwrap() ^= 1;
        hmac::verify(&verifier, &forged, &tag).unwrap_err();
        let sent: i64 = time.parse().unwrap();
        assert!((SystemClock.now().0 / 1000 - sent).abs() < 60);
    }
    assert_ne!(
        requests[0].headers["webhook-id"],
        requests[1].headers["webhook-id"]
    );
    let (opened, resolved) = (requests[0].json(), requests[1].json());
    assert_eq!(opened["type"], "incident.opened");
    assert_eq!(resolved["type"], "incident.resolved");
    assert_eq!(opened["data"]["incident"], resolved["data"]["incident"]);
    assert!(
        opened["data"]["consumers"]
            .as_str()
            .unwrap()
            .contains("CANNOT log in")
    );
    assert_eq!(opened["data"]["severity"], "critical");
}

/// The same letter again has the same id, another time and so another signature.
#[tokio::test]
async fn a_letter_that_is_sent_again_is_known_again() {
    let recorder = Recorder::start().await;
    let world = World::new();
    let text = format!("whsec_{}", STANDARD.encode([1_u8; 24]));
    let signing = SigningKey::read(&secret(&text)).unwrap();
    let url = recorder.url("/hook").parse().unwrap();
    let sink = Webhook::new(http(), url, signing, world.clock.clone());
    recorder.answers(503, Vec::new(), Vec::new());
    let alerts = world
        .alerts(world.journal().await, vec![route("hook", Arc::new(sink))])
        .await;
    world
        .say(&alerts, &[adopted("billing"), refused("billing")])
        .await;
    until_async("it came", async || recorder.at("/hook").len() == 1).await;
    recorder.answers(200, Vec::new(), Vec::new());
    crate::world::pass(&world.clock, Duration::from_secs(1), "it came again", || {
        recorder.at("/hook").len() == 2
    })
    .await;
    let requests = recorder.at("/hook");
    let header = |at: usize, name: &str| requests[at].headers[name].clone();
    assert_eq!(header(0, "webhook-id"), header(1, "webhook-id"));
    assert_eq!(requests[0].body, requests[1].body);
    assert_ne!(header(0, "webhook-timestamp"), header(1, "webhook-timestamp"));
    assert_ne!(header(0, "webhook-signature"), header(1, "webhook-signature"));
}

/// Marks of Slack in what a store or an org says neither link nor call anybody.
#[tokio::test]
async fn nothing_in_a_text_calls_a_channel() {
    let recorder = Recorder::start().await;
    let sink = Slack::new(http(), &secret(&recorder.url("/slack"))).unwrap();
    let mut letter = crate::sinks::letter();
    letter.text.happened = "<!channel> <https://evil.example|click> &".into();
    sink.send(&letter, None).await.unwrap();
    let sent = recorder.at("/slack")[0].json().to_string();
    assert!(
        sent.contains("&lt;!channel&gt;") && !sent.contains("<!"),
        "{sent}"
    );
}
