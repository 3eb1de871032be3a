//! What each answer to a write means. Whether it was applied is what counts: a doubt is never a refusal.

use std::time::Duration;

use rekeyd::port::{Fault, Outcome, Refusal, Target};
use rekeyd::salesforce::StagedTarget;

use super::server::{Answer, Server, TOKEN, html, json, staged_settings};
use super::staged::{entry, server, slot};

/// A class of outcome, for tables.
pub fn class<T>(outcome: &Outcome<T>) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Partly(_) => "partly",
        Outcome::Unknown(_) => "unknown",
        Outcome::Refused(Refusal::Conflict(_)) => "refused: conflict",
        Outcome::Refused(Refusal::Permission(_)) => "refused: permission",
        Outcome::Refused(Refusal::Unsupported(_)) => "refused: unsupported",
        Outcome::Refused(Refusal::Invalid(_)) => "refused: invalid",
        Outcome::NotNow(Fault::Unavailable(_)) => "not now: unavailable",
        Outcome::NotNow(Fault::Throttled { .. }) => "not now: throttled",
        Outcome::NotNow(Fault::Unauthorized(_)) => "not now: unauthorized",
        Outcome::NotNow(Fault::Forbidden(_) | Fault::SwitchedOff(_)) => "not now: forbidden",
        Outcome::NotNow(Fault::NotFound(_)) => "not now: not found",
        Outcome::NotNow(Fault::Unusable(_)) => "not now: unusable",
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    json(
        status,
        format!(r#"[{{"errorCode":"{code}","message":"{message}"}}]"#),
    )
}

fn table() -> Vec<(Answer, &'static str)> {
    let elsewhere = Answer::Reply(
        302,
        String::new(),
        vec![("Location", "https://evil.example".into())],
    );
    vec![
        (error(400, "INVALID_FIELD", "bad"), "refused: invalid"),
        (error(400, "SOMETHING_NEW", "bad"), "refused: invalid"),
        (json(400, "no json"), "refused: invalid"),
        (error(400, "UNKNOWN_EXCEPTION", "bad"), "unknown"),
        (error(400, "UNABLE_TO_LOCK_ROW", "bad"), "not now: unavailable"),
        (
            error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            "not now: throttled",
        ),
        (error(403, "INSUFFICIENT_ACCESS", "no"), "refused: permission"),
        (
            error(403, "FUNCTIONALITY_NOT_ENABLED", "off"),
            "refused: permission",
        ),
        (
            error(400, "", "This feature is not currently enabled"),
            "refused: permission",
        ),
        (json(403, ""), "refused: permission"),
        (error(404, "NOT_FOUND", "gone"), "refused: unsupported"),
        (error(405, "METHOD_NOT_ALLOWED", "no"), "refused: unsupported"),
        (json(408, ""), "unknown"),
        (error(409, "CONFLICT", "no"), "refused: conflict"),
        (error(410, "GONE", "no"), "refused: unsupported"),
        (error(412, "PRECONDITION", "no"), "refused: conflict"),
        (json(429, ""), "not now: throttled"),
        (error(500, "UNKNOWN_EXCEPTION", "boom"), "unknown"),
        (error(500, "INSUFFICIENT_ACCESS", "no"), "unknown"),
        (json(502, ""), "unknown"),
        (error(503, "SERVER_UNAVAILABLE", "busy"), "unknown"),
        (html(503), "unknown"),
        (html(500), "unknown"),
        (html(200), "unknown"),
        (Answer::Truncated(201, r#"{"id":"888"#.into()), "unknown"),
        (
            Answer::Truncated(403, r#"[{"errorCode":"#.into()),
            "refused: permission",
        ),
        (Answer::Drop, "unknown"),
        (Answer::Silent, "unknown"),
        (Answer::Slow, "unknown"),
        (Answer::Endless, "unknown"),
        (elsewhere, "not now: unusable"),
        (json(200, "\u{1}"), "unknown"),
    ]
}

#[tokio::test]
async fn every_answer_to_a_mint() {
    for (answer, meaning) in table() {
        let server = server().await;
        server.always(&slot("POST"), answer.clone());
        let outcome = server.staged().mint().await;
        assert_eq!(class(&outcome), meaning, "{answer:?}: {outcome:?}");
        assert_eq!(
            server.count(&slot("POST")),
            1,
            "{answer:?}: sent once, whatever came back"
        );
    }
}

#[tokio::test]
async fn every_answer_to_a_delete() {
    for (answer, meaning) in table() {
        // The slot was seen to hold it: only the slot says that it is gone.
        let gone = matches!(answer, Answer::Reply(404, ..));
        // No answer to a delete needs to be read, as long as it is none for people.
        let fine = matches!(&answer, Answer::Reply(200, body, _) if !body.starts_with('<'));
        let meaning = match (fine, gone) {
            (true, _) => "done",
            (false, true) => "unknown",
            (false, false) => meaning,
        };
        let server = server().await;
        server.always(&entry("DELETE"), answer.clone());
        let outcome = server.staged().delete_staged(super::staged::ENTRY).await;
        assert_eq!(class(&outcome), meaning, "{answer:?}: {outcome:?}");
        assert_eq!(server.count(&entry("DELETE")), 1);
    }
}

#[tokio::test]
async fn an_expired_session_is_definitely_not_applied_and_sent_again_once() {
    let server = server().await;
    let target = server.staged();
    target.survey().await.unwrap();
    let expired = error(401, "INVALID_SESSION_ID", "Session expired or invalid");
    let minted = super::staged::staged_entry("3MVG9new", "Active");
    server.once(&slot("POST"), vec![expired.clone(), json(201, minted)]);
    assert_eq!(class(&target.mint().await), "done");
    assert_eq!((server.count(&slot("POST")), server.logins()), (2, 2));

    server.once(&slot("POST"), vec![expired.clone(), expired]);
    assert_eq!(class(&target.mint().await), "not now: unauthorized");
    assert_eq!((server.count(&slot("POST")), server.logins()), (4, 3));
}

#[tokio::test]
async fn what_was_not_sent_is_not_now() {
    let server = server().await;
    let target = server.staged();
    target.survey().await.unwrap();
    // The session expires, and no new one is to be had: nothing was applied.
    server.once(&slot("POST"), vec![json(401, "")]);
    server.always("POST /services/oauth2/token", html(503));
    assert_eq!(class(&target.mint().await), "not now: unavailable");

    let mut settings = server.settings();
    settings.url = "http://127.0.0.1:1".into();
    let target = StagedTarget::new(server.org_with(settings).0, staged_settings()).unwrap();
    assert_eq!(class(&target.mint().await), "not now: unavailable");
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_not_asked_again_within_minutes() {
    for (message, wait) in [
        ("TotalRequests Limit exceeded.", 3600),
        ("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", 60),
    ] {
        let server = server().await;
        server.always(&slot("POST"), error(403, "REQUEST_LIMIT_EXCEEDED", message));
        let Outcome::NotNow(Fault::Throttled { wait: found, .. }) = server.staged().mint().await else {
            panic!()
        };
        assert_eq!(found, Duration::from_secs(wait), "{message}");
    }
    let server = server().await;
    let busy = |after: &str| Answer::Reply(429, String::new(), vec![("Retry-After", after.into())]);
    for (after, wait) in [("7", 7), ("100000", 900), ("soon", 60)] {
        server.always(&slot("POST"), busy(after));
        let Outcome::NotNow(Fault::Throttled { wait: found, .. }) = server.staged().mint().await else {
            panic!()
        };
        assert_eq!(found, Duration::from_secs(wait), "{after}");
    }
}

#[tokio::test]
async fn requests_carry_the_token_and_nothing_of_the_environment() {
    let server: Server = server().await;
    server.staged().survey().await.unwrap();
    for seen in server.all() {
        let rest = seen.target.starts_with("/services/data/v");
        let bearer = seen.headers.get("authorization").map(String::as_str);
        assert_eq!(
            bearer,
            rest.then_some(format!("Bearer {TOKEN}").as_str()),
            "{}",
            seen.target
        );
        assert_eq!(
            seen.headers["user-agent"],
            concat!("rekeyd/", env!("CARGO_PKG_VERSION"))
        );
        assert!(!seen.headers.contains_key("referer") && !seen.headers.contains_key("cookie"));
    }
}
