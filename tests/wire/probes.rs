//! The ranked probes: what each answer says, and which of them is believed. Every order of checks that the
//! public record leaves open is a row here.

use rekeyd::port::{Target, Verdict};
use rekeyd::salesforce::StagedTarget;

use super::server::{Answer, Seen, Server, html, json, pair, staged_settings};

const INTROSPECT: &str = "POST /services/oauth2/introspect";
const TOKEN: &str = "POST /services/oauth2/token";

fn oauth(status: u16, error: &str, description: &str) -> Answer {
    json(
        status,
        format!(r#"{{"error":"{error}","error_description":"{description}"}}"#),
    )
}

fn bad_secret() -> Answer {
    oauth(400, "invalid_client", "invalid client credentials")
}

fn good(seen: &Seen) -> bool {
    seen.form().get("client_secret").map(String::as_str) == Some("g00dS3cret")
}

fn grant(seen: &Seen) -> String {
    if seen.key() == INTROSPECT {
        return "introspect".into();
    }
    seen.form().remove("grant_type").unwrap_or_default()
}

/// Answers one probe: the good pair so, every other so.
fn probe(server: &Server, kind: &'static str, for_good: Answer, for_bad: Answer) {
    server.rule(move |seen| {
        let ours = [INTROSPECT, TOKEN].contains(&seen.key().as_str()) && grant(seen) == kind;
        ours.then(|| {
            if good(seen) {
                for_good.clone()
            } else {
                for_bad.clone()
            }
        })
    });
}

fn target(server: &Server) -> StagedTarget {
    let mut settings = staged_settings();
    settings.client_credentials = true;
    StagedTarget::new(server.org().0, settings).unwrap()
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "accepted",
        Verdict::Refused => "refused",
        Verdict::Inconclusive(_) => "inconclusive",
    }
}

fn dead_token() -> Answer {
    oauth(400, "invalid_grant", "expired access/refresh token")
}

fn session() -> Answer {
    json(
        200,
        r#"{"access_token":"00D!session","instance_url":"https://x","token_type":"Bearer"}"#,
    )
}

#[tokio::test]
async fn what_one_answer_says() {
    let active = |status, active| json(status, format!(r#"{{"active":{active}}}"#));
    let table: Vec<(&'static str, Answer, &str, &str)> = vec![
        ("introspect", active(200, false), "accepted", "200 active=false"),
        ("introspect", active(200, true), "accepted", "200 active=true"),
        ("introspect", active(400, false), "accepted", "400 active=false"),
        (
            "introspect",
            oauth(400, "invalid_token", "not active"),
            "accepted",
            "400 invalid_token",
        ),
        (
            "introspect",
            oauth(400, "invalid_request", "the token is not active"),
            "accepted",
            "400 invalid_request",
        ),
        (
            "introspect",
            oauth(400, "invalid_request", "https required"),
            "inconclusive",
            "400 invalid_request",
        ),
        ("introspect", json(401, ""), "refused", "401"),
        (
            "introspect",
            oauth(401, "invalid_client", "invalid client credentials"),
            "refused",
            "401 invalid_client",
        ),
        ("introspect", bad_secret(), "refused", "400 invalid_client"),
        (
            "introspect",
            oauth(400, "INVALID_CLIENT", "Invalid Client Credentials"),
            "refused",
            "400 invalid_client",
        ),
        (
            "introspect",
            oauth(400, "invalid_client_id", "client identifier invalid"),
            "refused",
            "400 invalid_client_id",
        ),
        (
            "introspect",
            oauth(401, "invalid_client", "app must be installed into org"),
            "inconclusive",
            "401 invalid_client",
        ),
        (
            "introspect",
            oauth(400, "invalid_app_access", "user is not admin approved"),
            "inconclusive",
            "400 invalid_app_access",
        ),
        (
            "introspect",
            oauth(400, "inactive_org", "org locked"),
            "inconclusive",
            "400 inactive_org",
        ),
        (
            "introspect",
            oauth(401, "rate_limit_exceeded", "x"),
            "inconclusive",
            "401 rate_limit_exceeded",
        ),
        (
            "introspect",
            oauth(400, "invalid_grant", "request not supported on this domain"),
            "inconclusive",
            "400 invalid_grant",
        ),
        ("introspect", oauth(400, "s3cr3t", "x"), "inconclusive", "400"),
        (
            "introspect",
            json(401, "[{\"errorCode\":\"INVALID_SESSION_ID\"}]"),
            "inconclusive",
            "401",
        ),
        ("introspect", json(200, "{}"), "inconclusive", "200"),
        ("introspect", json(200, "no json"), "inconclusive", "200"),
        ("introspect", json(403, "{}"), "inconclusive", "403"),
        ("introspect", json(404, "{}"), "inconclusive", "404"),
        ("introspect", json(429, "{}"), "inconclusive", "429"),
        (
            "introspect",
            oauth(500, "invalid_client", "invalid client credentials"),
            "inconclusive",
            "500 invalid_client",
        ),
        ("introspect", html(401), "inconclusive", "401 page"),
        ("introspect", html(200), "inconclusive", "200 page"),
        (
            "introspect",
            Answer::Reply(302, String::new(), vec![("Location", "https://x".into())]),
            "inconclusive",
            "302",
        ),
        ("introspect", Answer::Drop, "inconclusive", "no answer"),
        ("introspect", Answer::Silent, "inconclusive", "no answer"),
        ("introspect", Answer::Slow, "inconclusive", "no answer"),
        ("introspect", Answer::Endless, "inconclusive", "no answer"),
        (
            "introspect",
            Answer::Truncated(401, "{".into()),
            "inconclusive",
            "no answer",
        ),
        ("refresh_token", dead_token(), "accepted", "400 invalid_grant"),
        ("refresh_token", bad_secret(), "refused", "400 invalid_client"),
        (
            "refresh_token",
            oauth(400, "invalid_grant", "ip restricted"),
            "inconclusive",
            "400 invalid_grant",
        ),
        (
            "refresh_token",
            oauth(400, "unsupported_grant_type", "grant type not supported"),
            "inconclusive",
            "400 unsupported_grant_type",
        ),
        ("refresh_token", session(), "inconclusive", "200"),
        ("refresh_token", json(401, ""), "inconclusive", "401"),
        ("client_credentials", session(), "accepted", "200"),
        (
            "client_credentials",
            bad_secret(),
            "refused",
            "400 invalid_client",
        ),
        (
            "client_credentials",
            oauth(400, "invalid_grant", "no client credentials user enabled"),
            "inconclusive",
            "400 invalid_grant",
        ),
        (
            "client_credentials",
            dead_token(),
            "inconclusive",
            "400 invalid_grant",
        ),
    ];
    let order = ["introspect", "refresh_token", "client_credentials"];
    for (kind, answer, verdict, text) in table {
        let server = Server::start().await;
        server.expect(&answer);
        let target = target(&server);
        // Make the asked-for probe the one that discriminates.
        let silent = oauth(400, "unsupported_grant_type", "off");
        for other in order {
            probe(&server, other, silent.clone(), silent.clone());
        }
        let accepted = match kind {
            "introspect" => json(200, r#"{"active":false}"#),
            "refresh_token" => dead_token(),
            _ => session(),
        };
        probe(&server, kind, accepted, bad_secret());
        let (real, control) = target.probe_differentially(&pair("3MVG9", "g00dS3cret")).await;
        assert_eq!(
            (name(&real.verdict), name(&control.verdict)),
            ("accepted", "refused")
        );
        probe(&server, kind, answer.clone(), bad_secret());
        let report = target.probe(&pair("3MVG9", "g00dS3cret")).await;
        assert_eq!(report.probe, kind);
        assert_eq!(
            (name(&report.verdict), report.answer.as_str()),
            (verdict, text),
            "{kind} {answer:?}"
        );
        assert_eq!(report.host, "127.0.0.1");
    }
}

#[tokio::test]
async fn the_requests() {
    let server = Server::start().await;
    let target = target(&server);
    probe(&server, "introspect", json(200, "{}"), json(200, "{}"));
    probe(&server, "refresh_token", json(200, "{}"), json(200, "{}"));
    probe(&server, "client_credentials", session(), bad_secret());
    let (real, control) = target.probe_differentially(&pair("3MVG9+/=", "g00dS3cret")).await;
    assert_eq!(
        (name(&real.verdict), name(&control.verdict)),
        ("accepted", "refused")
    );
    assert_eq!(real.probe, "client_credentials");
    for kind in ["introspect", "refresh_token", "client_credentials"] {
        let asked: Vec<Seen> = server
            .all()
            .into_iter()
            .filter(|seen| grant(seen) == kind)
            .collect();
        assert_eq!(asked.len(), 2, "{kind}: one pair, one control");
        let (mut a, mut b) = (asked[0].form(), asked[1].form());
        assert_eq!(a["client_id"], "3MVG9+/=");
        let secrets = [
            a.remove("client_secret").unwrap(),
            b.remove("client_secret").unwrap(),
        ];
        assert!(secrets.contains(&"g00dS3cret".to_owned()) && secrets.contains(&"x00dS3cret".to_owned()));
        assert_eq!(a, b, "the same request but for the secret");
        let mut keys: Vec<_> = a.keys().map(String::as_str).collect();
        keys.sort_unstable();
        match kind {
            "introspect" => assert_eq!(keys, ["client_id", "token", "token_type_hint"]),
            "refresh_token" => assert_eq!(keys, ["client_id", "grant_type", "refresh_token"]),
            _ => assert_eq!(keys, ["client_id", "grant_type"]),
        }
        assert!(!asked[0].headers.contains_key("authorization"));
    }
    // The session that the login made is ended.
    server.until("POST /services/oauth2/revoke").await;
    assert_eq!(
        server.seen("POST /services/oauth2/revoke")[0].form()["token"],
        "00D!session"
    );
}

/// Which kinds are told apart by what, and what comes of it: verdicts, the probe that is named, requests sent.
#[tokio::test]
async fn the_first_probe_that_tells_them_apart_is_believed_and_remembered() {
    let inactive = || json(200, r#"{"active":false}"#);
    let off = || oauth(400, "unsupported_grant_type", "off");
    type Row = (
        [(Answer, Answer); 3],
        (&'static str, &'static str),
        &'static str,
        usize,
    );
    let rows: Vec<Row> = vec![
        // Introspection judges the client, junk token answered 200 or 400.
        (
            [(inactive(), json(401, "")), (off(), off()), (off(), off())],
            ("accepted", "refused"),
            "introspect",
            2,
        ),
        (
            [
                (oauth(400, "invalid_token", "x"), bad_secret()),
                (off(), off()),
                (off(), off()),
            ],
            ("accepted", "refused"),
            "introspect",
            2,
        ),
        // It takes anybody: the refresh token decides.
        (
            [
                (inactive(), inactive()),
                (dead_token(), bad_secret()),
                (off(), off()),
            ],
            ("accepted", "refused"),
            "refresh_token",
            4,
        ),
        // It refuses anybody.
        (
            [
                (json(401, ""), json(401, "")),
                (dead_token(), bad_secret()),
                (off(), off()),
            ],
            ("accepted", "refused"),
            "refresh_token",
            4,
        ),
        // It does not exist, and the junk refresh token is judged before the client.
        (
            [
                (html(404), html(404)),
                (dead_token(), dead_token()),
                (session(), bad_secret()),
            ],
            ("accepted", "refused"),
            "client_credentials",
            6,
        ),
        // No probe tells anything.
        (
            [
                (inactive(), inactive()),
                (dead_token(), dead_token()),
                (off(), off()),
            ],
            ("inconclusive", "inconclusive"),
            "introspect",
            6,
        ),
        // One takes all, one refuses all: nothing is known.
        (
            [
                (inactive(), inactive()),
                (bad_secret(), bad_secret()),
                (off(), off()),
            ],
            ("inconclusive", "inconclusive"),
            "introspect",
            6,
        ),
        // Refused wherever the client is judged.
        (
            [
                (json(401, ""), json(401, "")),
                (bad_secret(), bad_secret()),
                (bad_secret(), bad_secret()),
            ],
            ("refused", "refused"),
            "introspect",
            6,
        ),
        (
            [(json(401, ""), json(401, "")), (off(), off()), (off(), off())],
            ("refused", "refused"),
            "introspect",
            6,
        ),
        // The control got no answer: not proven, and not worth another bad secret.
        (
            [
                (inactive(), html(503)),
                (dead_token(), bad_secret()),
                (off(), off()),
            ],
            ("accepted", "inconclusive"),
            "introspect",
            2,
        ),
        (
            [(Answer::Drop, Answer::Drop), (off(), off()), (off(), off())],
            ("inconclusive", "inconclusive"),
            "introspect",
            2,
        ),
    ];
    for (at, ([introspect, refresh, login], verdicts, kind, requests)) in rows.into_iter().enumerate() {
        let server = Server::start().await;
        let target = target(&server);
        probe(&server, "introspect", introspect.0, introspect.1);
        probe(&server, "refresh_token", refresh.0, refresh.1);
        probe(&server, "client_credentials", login.0, login.1);
        server.always("POST /services/oauth2/revoke", json(200, ""));
        let asked = |server: &Server| {
            server
                .all()
                .iter()
                .filter(|seen| seen.key() != "POST /services/oauth2/revoke")
                .count()
        };
        let (real, control) = target.probe_differentially(&pair("3MVG9", "g00dS3cret")).await;
        assert_eq!(
            (name(&real.verdict), name(&control.verdict)),
            verdicts,
            "row {at}: {real:?} {control:?}"
        );
        assert_eq!(
            (real.probe.as_str(), control.probe.as_str()),
            (kind, kind),
            "row {at}"
        );
        assert_eq!(asked(&server), requests, "row {at}");
        if verdicts == ("accepted", "refused") {
            // Remembered: one request, of that kind; and a bad pair costs no further probes.
            let report = target.probe(&pair("3MVG9", "g00dS3cret")).await;
            assert_eq!((report.probe.as_str(), name(&report.verdict)), (kind, "accepted"));
            assert_eq!(asked(&server), requests + 1, "row {at}");
            let (real, _) = target.probe_differentially(&pair("3MVG9", "dead")).await;
            assert_eq!((real.probe.as_str(), name(&real.verdict)), (kind, "refused"));
            assert_eq!(asked(&server), requests + 3, "row {at}");
        }
    }
}

#[tokio::test]
async fn one_request_a_probe_also_before_anything_is_known() {
    let server = Server::start().await;
    let target = target(&server);
    probe(&server, "introspect", html(404), html(404));
    probe(&server, "refresh_token", dead_token(), bad_secret());
    let real = pair("3MVG9", "g00dS3cret");
    let first = target.probe(&real).await;
    assert_eq!(
        (first.probe.as_str(), name(&first.verdict)),
        ("introspect", "inconclusive")
    );
    let second = target.probe(&real).await;
    assert_eq!(
        (second.probe.as_str(), name(&second.verdict)),
        ("refresh_token", "accepted")
    );
    assert_eq!(server.all().len(), 2);
}

#[tokio::test]
async fn a_probe_that_stops_discriminating_is_not_believed_any_longer() {
    let server = Server::start().await;
    let target = target(&server);
    let inactive = json(200, r#"{"active":false}"#);
    probe(&server, "introspect", inactive.clone(), json(401, ""));
    probe(&server, "refresh_token", dead_token(), bad_secret());
    let real = pair("3MVG9", "g00dS3cret");
    assert_eq!(target.probe_differentially(&real).await.0.probe, "introspect");
    probe(&server, "introspect", inactive.clone(), inactive);
    let (report, control) = target.probe_differentially(&real).await;
    assert_eq!(
        (report.probe.as_str(), name(&control.verdict)),
        ("refresh_token", "refused")
    );
    assert_eq!(target.probe(&real).await.probe, "refresh_token");
}

#[tokio::test]
async fn an_app_without_the_flow_is_never_logged_in() {
    let server = Server::start().await;
    let target = server.staged();
    probe(&server, "introspect", html(404), html(404));
    probe(&server, "refresh_token", dead_token(), dead_token());
    let (report, _) = target.probe_differentially(&pair("3MVG9", "g00dS3cret")).await;
    assert_eq!(name(&report.verdict), "inconclusive");
    assert!(
        server
            .all()
            .iter()
            .all(|seen| grant(seen) != "client_credentials")
    );
}
