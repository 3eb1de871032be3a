//! Who is told: what a policy may say of it, and what is said where it is wrong.

use insta::assert_snapshot;
use rekeyd::policy::{AppPattern, Severity, SinkPolicy, SmtpTls, TokenSource, compile};

use super::{ALERTS, and, file, report};

/// One snapshot of what is said where one text of the sound alerts is another.
macro_rules! seen {
    ($($name:ident: $from:expr => $to:expr;)*) => {
        $(
            #[test]
            fn $name() {
                assert!(ALERTS.contains($from), "the sound alerts have no {:?}", $from);
                let text = and(&ALERTS.replacen($from, $to, 1));
                assert_snapshot!(stringify!($name), report(&[file("rekeyd.toml", text)]));
            }
        )*
    };
}

seen! {
    alert_of_no_severity: "\"error\"" => "\"fatal\"";
    alert_of_two_kinds: "[alert.on-call.pagerduty]" => "[alert.on-call.slack]\nurl_env = \"X\"\n[alert.on-call.pagerduty]";
    alert_of_no_kind: "[alert.ours.webhook]" => "[alert.ours.teams]";
    alert_without_a_secret: "routing_key_file = \"/run/keys/pagerduty\"" => "";
    alert_secret_told_twice: "token_env = \"ALERTS_TOKEN\"" => "token_env = \"ALERTS_TOKEN\"\ntoken_file = \"/x\"";
    alert_secret_in_the_policy: "routing_key_file = \"/run/keys/pagerduty\"" => "routing_key = \"hunter2\"";
    alert_secret_in_place_of_a_variable: "\"SLACK_URL\"" => "\"https://hooks.example/hunter2\"";
    alert_slack_url_in_the_policy: "url_env = \"SLACK_URL\"" => "url = \"https://hooks.example/hunter2\"";
    alert_over_plain_http: "https://hooks.example" => "http://hooks.example";
    alert_with_a_token_in_the_clear: "token_env = \"ALERTS_TOKEN\"" => "token_env = \"ALERTS_TOKEN\"\nplain_http = true";
    alert_for_an_unknown_app: "\"bill*\"" => "\"bill*\", \"legcy\", \"payroll-*\"";
    alert_for_no_app: "[\"bill*\"]" => "[]";
    alert_by_mail_in_the_clear: "host = \"mail.example\"" => "host = \"mail.example\"\ntls = \"none\"";
    alert_by_mail_with_a_port_in_the_host: "host = \"mail.example\"" => "host = \"mail.example:25\"\ntls = \"ssl\"";
    alert_by_mail_without_a_password: "password_file = \"/run/keys/mail\"" => "";
    alert_by_mail_without_a_user: "user = \"rekeyd\"" => "";
    alert_by_mail_to_nobody: "[\"on-call@acme.example\", \"team@acme.example\"]" => "[\"on-call\", \"a@b\\r\\nBcc: x@y\"]";
}

#[test]
fn every_kind_of_sink_is_read() {
    let policy = compile(&[file("rekeyd.toml", and(ALERTS))]).unwrap();
    let alerts = &policy.alerts;
    assert_eq!(alerts.len(), 5);
    assert_eq!(alerts["on-call"].least, Severity::Error);
    assert_eq!(alerts["mail"].least, Severity::Warning);
    assert_eq!(alerts["channel"].apps, [AppPattern("bill*".into())]);
    let SinkPolicy::Pagerduty { routing_key, url, .. } = &alerts["on-call"].sink else {
        panic!("{alerts:?}");
    };
    assert_eq!(routing_key, &TokenSource::File("/run/keys/pagerduty".into()));
    assert_eq!(url.as_str(), "https://events.pagerduty.com/v2/enqueue");
    let SinkPolicy::Smtp(smtp) = &alerts["mail"].sink else {
        panic!("{alerts:?}");
    };
    assert_eq!((smtp.port, smtp.tls), (587, SmtpTls::Starttls));
    assert_eq!(smtp.to.len(), 2);
    for (tls, port) in [("implicit", 465), ("none", 25)] {
        let other = ALERTS.replace("\"mail.example\"", &format!("\"127.0.0.1\"\ntls = \"{tls}\""));
        let policy = compile(&[file("rekeyd.toml", and(&other))]).unwrap();
        let SinkPolicy::Smtp(smtp) = &policy.alerts["mail"].sink else {
            panic!("{policy:?}");
        };
        assert_eq!(smtp.port, port);
    }
}

/// Alerts are no secret, and in a cluster an Alertmanager is seldom behind TLS: whoever says so may.
#[test]
fn an_alertmanager_in_the_clear_is_asked_for() {
    let plain = ALERTS
        .replace("https://alerts.example", "http://alerts.example")
        .replace("token_env = \"ALERTS_TOKEN\"", "plain_http = true");
    let policy = compile(&[file("rekeyd.toml", and(&plain))]).unwrap();
    let SinkPolicy::Alertmanager { url, .. } = &policy.alerts["cluster"].sink else {
        panic!("{policy:?}");
    };
    assert_eq!(url.as_str(), "http://alerts.example:9093/am");
    for wrong in [
        "http://u:p@alerts.example",
        "ftp://alerts.example",
        "http://alerts.example/?x=1",
    ] {
        let text = plain.replace("http://alerts.example:9093/am", wrong);
        assert!(compile(&[file("rekeyd.toml", and(&text))]).is_err(), "{wrong}");
    }
}

#[test]
fn without_a_table_nobody_is_told() {
    let policy = compile(&[file("rekeyd.toml", and(""))]).unwrap();
    assert!(policy.alerts.is_empty());
}
