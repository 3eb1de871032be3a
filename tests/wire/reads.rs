//! What each answer to a read means, by what the caller does next.

use std::time::Duration;

use rekeyd::port::{Fault, Target};

use super::server::{Answer, html, json, soap_fault};
use super::staged::{consumer, server};

fn error(status: u16, code: &str, message: &str) -> Answer {
    json(
        status,
        format!(r#"[{{"errorCode":"{code}","message":"{message}"}}]"#),
    )
}

#[tokio::test]
async fn every_answer_to_a_read() {
    let elsewhere = Answer::Reply(
        301,
        String::new(),
        vec![("Location", "https://evil.example".into())],
    );
    let busy = Answer::Reply(503, String::new(), vec![("Retry-After", "9".into())]);
    let table: Vec<(Answer, &str)> = vec![
        (json(200, "no json"), "unusable"),
        (json(200, "{}"), "unusable"),
        (json(200, ""), "unusable"),
        (json(200, r#"{"key":["3MVG9"]}"#), "unusable"),
        (html(200), "unavailable"),
        (html(502), "unavailable"),
        (error(500, "UNKNOWN_EXCEPTION", "boom"), "unavailable"),
        (error(503, "SERVER_UNAVAILABLE", "busy"), "unavailable"),
        (busy, "throttled"),
        (json(429, ""), "throttled"),
        (error(403, "REQUEST_LIMIT_EXCEEDED", "x"), "throttled"),
        (error(400, "ORG_IN_MAINTENANCE", "x"), "throttled"),
        (error(400, "INVALID_FIELD", "x"), "unusable"),
        (error(401, "INVALID_SESSION_ID", "x"), "unauthorized"),
        (json(401, ""), "unauthorized"),
        (elsewhere, "unusable"),
        (Answer::Truncated(200, r#"{"key":"3MVG9"#.into()), "unavailable"),
        (Answer::Drop, "unavailable"),
        (Answer::Silent, "unavailable"),
        (Answer::Slow, "unavailable"),
        (Answer::Endless, "unavailable"),
        // These two a person can remove: obstacles.
        (error(403, "INSUFFICIENT_ACCESS", "x"), "obstacle"),
        (error(404, "NOT_FOUND", "x"), "obstacle"),
        // A REST answer in the form of SOAP is not one.
        (soap_fault("INVALID_SESSION_ID", "x"), "unavailable"),
    ];
    for (answer, meaning) in table {
        let server = server().await;
        server.always(&consumer("GET"), answer.clone());
        let target = server.staged();
        let survey = tokio::time::timeout(Duration::from_secs(5), target.survey()).await;
        let survey = survey.expect("bounded in time");
        let found = match &survey {
            Ok(survey) if survey.obstacles.is_empty() => "ok",
            Ok(_) => "obstacle",
            Err(Fault::Unavailable(_)) => "unavailable",
            Err(Fault::Throttled { .. }) => "throttled",
            Err(Fault::Unauthorized(_)) => "unauthorized",
            Err(Fault::Forbidden(_) | Fault::SwitchedOff(_)) => "forbidden",
            Err(Fault::NotFound(_)) => "not found",
            Err(Fault::Unusable(_)) => "unusable",
        };
        assert_eq!(found, meaning, "{answer:?}: {survey:?}");
    }
}
