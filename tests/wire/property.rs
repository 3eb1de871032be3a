//! Whatever comes back: no panic, an answer in time, and nothing of it in any message.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rekeyd::port::{Cutover, Outcome, Target};

use super::server::{Answer, pair};
use super::staged::{CONSUMER, ENTRY};
use super::update::{COMPONENT, record, saved};

/// No message may hold it.
const CANARY: &str = "CANARYc4n4ry0123456789";

fn shapes() -> impl Strategy<Value = String> {
    let c = CANARY;
    let fixed = vec![
        format!(r#"[{{"errorCode":"{c}","message":"{c}"}}]"#),
        format!(r#"{{"errorCode":["{c}"],"message":{{"{c}":1}}}}"#),
        format!(r#"{{"error":"{c}","error_description":"{c}"}}"#),
        format!(r#"{{"id":"{c}","key":"{c}","secret":["{c}"]}}"#),
        format!(r#"{{"stagedCredentials":[{{"id":"{ENTRY}","key":7,"secret":"{c}"}}]}}"#),
        format!(r#"{{"consumers":"{c}"}}"#),
        format!(r#"{{"access_token":"{c}","instance_url":"https://{c}.example"}}"#),
        format!(r#"{{"active":"{c}"}}"#),
        format!("{c}: {c}"),
        format!("<html>{c}</html>"),
        format!("<{c}>{c}"),
        format!(r#"<!DOCTYPE x [<!ENTITY e "{c}">]><x>&e;</x>"#),
        COMPONENT.replace("Legacy_Loader", c),
    ];
    let mut soap = Vec::new();
    for inner in [
        format!("<soapenv:Fault><faultcode>sf:{c}</faultcode><faultstring>{c}</faultstring></soapenv:Fault>"),
        format!("<{c}Response/>"),
    ] {
        soap.push(super::server::soap(inner));
    }
    soap.push(saved(&format!(
        "<errors><message>{c}</message><statusCode>{c}</statusCode><fields>{c}</fields></errors><success>false</success>"
    )));
    soap.push(saved(&format!("<fullName>{c}</fullName><success>{c}</success>")));
    soap.push(record(&format!("<fullName>Legacy_Loader</fullName><oauthConfig><consumerSecret>{c}</consumerSecret><certificate>{c}</certificate></oauthConfig>")));
    let soap = soap.into_iter().map(|answer| {
        let Answer::Reply(_, body, _) = answer else {
            panic!("{answer:?}")
        };
        body
    });
    let all: Vec<String> = fixed.into_iter().chain(soap).collect();
    let cut = (prop::sample::select(all.clone()), any::<prop::sample::Index>())
        .prop_map(|(text, at)| text.chars().take(at.index(text.chars().count() + 1)).collect());
    let mixed = (
        prop::sample::select(all.clone()),
        any::<prop::sample::Index>(),
        ".{0,8}",
    )
        .prop_map(|(text, at, noise)| {
            let at = at.index(text.chars().count() + 1);
            text.chars()
                .take(at)
                .chain(noise.chars())
                .chain(text.chars().skip(at))
                .collect()
        });
    prop_oneof![prop::sample::select(all), cut, mixed, ".{0,200}"]
}

fn statuses() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![
        200_u16, 201, 204, 302, 400, 401, 403, 404, 409, 429, 500, 503,
    ])
}

#[test]
fn nothing_of_an_answer_is_in_a_message() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let case = (shapes(), statuses(), 0..12_usize);
    TestRunner::new(config)
        .run(&case, |(body, status, broken)| {
            runtime.block_on(one(body, status, broken));
            Ok(())
        })
        .unwrap();
}

/// Everything works but one place, where the answer is this.
async fn one(body: String, status: u16, broken: usize) {
    let places = [
        "POST /services/oauth2/token".to_owned(),
        "GET /services/data/".to_owned(),
        "GET /services/data/v66.0/query".to_owned(),
        super::staged::path("GET", ""),
        super::staged::consumer("GET"),
        super::staged::slot("GET"),
        super::staged::slot("POST"),
        super::staged::entry("PATCH"),
        "POST /services/oauth2/introspect".to_owned(),
        super::update::READ.to_owned(),
        super::update::LIST.to_owned(),
        super::update::UPDATE.to_owned(),
    ];
    let place = &places[broken];
    let answer = Answer::Reply(status, body.clone(), Vec::new());
    let mut told = String::new();

    if broken < 9 {
        let server = super::staged::server().await;
        let entry = super::staged::staged_entry("3MVG9new", "Active");
        server.always(&super::staged::slot("POST"), super::server::json(201, entry));
        server.always(place, answer);
        let target = server.staged();
        told += &told_by(&target, CONSUMER).await;
    } else {
        let server = super::update::server().await;
        server.always(place, answer);
        let target = server.update();
        told += &told_by(&target, "x").await;
        told += &format!("{:?}", target.settled_diff().await);
    }
    assert!(
        !told.to_lowercase().contains(&CANARY.to_lowercase()),
        "{place} {status} {body}: {told}"
    );
}

async fn told_by(target: &dyn Target, id: &str) -> String {
    let survey = target.survey().await.map(|survey| survey.obstacles);
    let order = Cutover {
        staged: Some(ENTRY.into()),
        new: pair("3MVG9old", "n3wS3cret"),
        modified: Some("2026-02-01T00:00:00.000Z".into()),
    };
    let minted = target.mint().await;
    let minted = match minted {
        // A key that was read is data, not a message.
        Outcome::Done(minted) => {
            format!("{:?}", minted.credential.map(|pair| pair.client_secret))
        }
        other @ (Outcome::Partly(_) | Outcome::Refused(_) | Outcome::NotNow(_) | Outcome::Unknown(_)) => {
            format!("{other:?}")
        }
    };
    let cut = target.cutover(&order).await;
    let value = target
        .staged_value(id)
        .await
        .map(|pair| pair.map(|pair| pair.client_secret));
    let probed = target.probe_differentially(&pair("3MVG9old", "oldS3cret")).await;
    let deleted = target.delete_staged(ENTRY).await;
    format!("{survey:?} {minted} {cut:?} {value:?} {probed:?} {deleted:?}")
}
