//! `[alert.X]`: what a sink is told, and one table inside it that says how.

use std::net::IpAddr;

use toml::de::DeValue;
use url::Url;

use super::scalar::{Complaint, boolean, file, line, number, url, variable};
use super::store::only;
use super::{Node, Table};
use crate::policy::AppPattern;
use crate::policy::alert::{AlertPolicy, Severity, SinkPolicy, SmtpPolicy, SmtpTls};
use crate::policy::hint;
use crate::policy::mask::quoted;
use crate::policy::store::TokenSource;

const KINDS: [&str; 5] = ["pagerduty", "alertmanager", "webhook", "slack", "smtp"];

/// The events API of PagerDuty's service region US; accounts in the EU have another.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// Where mail is submitted, with STARTTLS and with TLS from the first byte.
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;

/// `apps` are the names that a pattern may match.
pub(crate) fn alert(name: &str, mut table: Table<'_>, apps: &[String]) -> Option<AlertPolicy> {
    let least = table.or("least", Severity::Warning, |node| node.parse(severity));
    let apps = table.or("apps", Vec::new(), |node| {
        let read: Vec<_> = node.items()?.iter().map(|item| pattern(item, apps)).collect();
        let patterns = read.into_iter().collect::<Option<Vec<_>>>()?;
        if patterns.is_empty() {
            let help = "leave `apps` out to be told of all of them";
            node.fault("`apps` names no app", Some(help.into()));
            return None;
        }
        Some(patterns)
    });
    let sink = only(table, KINDS).and_then(|(kind, node)| {
        let inner = node.table(format!("[alert.{name}.{kind}]"))?;
        match kind {
            "pagerduty" => pagerduty(inner),
            "alertmanager" => alertmanager(inner),
            "webhook" => webhook(inner),
            "slack" => slack(inner),
            _ => smtp(inner).map(SinkPolicy::Smtp),
        }
    });
    Some(AlertPolicy {
        name: name.to_owned(),
        least: least?,
        apps: apps?,
        sink: sink?,
    })
}

fn severity(text: &str) -> Result<Severity, Complaint> {
    const WORDS: [(&str, Severity); 4] = [
        ("info", Severity::Info),
        ("warning", Severity::Warning),
        ("error", Severity::Error),
        ("critical", Severity::Critical),
    ];
    let found = WORDS.iter().find(|(word, _)| *word == text);
    found.map(|(_, severity)| *severity).ok_or_else(|| {
        Complaint::from(format!("there is no severity {}", quoted(text))).help(format!(
            "known: {}",
            hint::one_of(WORDS.iter().map(|(word, _)| *word))
        ))
    })
}

/// A pattern that matches nothing would be an alert that nobody gets.
fn pattern(node: &Node<'_>, apps: &[String]) -> Option<AppPattern> {
    let pattern = AppPattern(line(node)?);
    if apps.iter().any(|app| pattern.matches(app)) {
        return Some(pattern);
    }
    let text = &pattern.0;
    let names = || apps.iter().map(String::as_str);
    let help = match hint::closest(text.trim_end_matches('*'), names()) {
        Some(close) => Some(format!("did you mean `{close}`?")),
        None => Some("`*` stands for any text: \"billing-*\"".into()),
    };
    let message = format!("no app of the policy is called {}", quoted(text));
    node.context.missing(&node.at, "", message, help);
    None
}

fn pagerduty(mut table: Table<'_>) -> Option<SinkPolicy> {
    let routing_key = secret(&mut table, ["routing_key", "routing_key_file", "routing_key_env"]);
    let url = table.optional("url", url);
    let ca_file = table.optional("ca_file", file);
    table.finish();
    let url = match url? {
        Some(url) => url,
        None => Url::parse(PAGERDUTY).ok()?,
    };
    Some(SinkPolicy::Pagerduty {
        routing_key: routing_key?,
        url,
        ca_file: ca_file?,
    })
}

fn alertmanager(mut table: Table<'_>) -> Option<SinkPolicy> {
    let plain = table.or("plain_http", false, boolean);
    let url = table.required("url", |node| match plain {
        Some(true) => plain_url(node),
        Some(false) | None => url(node),
    });
    let token = maybe_secret(&mut table, ["token", "token_file", "token_env"]);
    let ca_file = table.optional("ca_file", file);
    if let (Some(true), Some(Some(_)), Some(node)) = (plain, &token, table.get("plain_http")) {
        node.fault(
            "a token is not sent in the clear",
            Some("leave `plain_http` out".into()),
        );
        return None;
    }
    table.finish();
    Some(SinkPolicy::Alertmanager {
        url: url?,
        token: token?,
        ca_file: ca_file?,
    })
}

fn webhook(mut table: Table<'_>) -> Option<SinkPolicy> {
    let url = table.required("url", url);
    let secret = secret(&mut table, ["secret", "secret_file", "secret_env"]);
    let ca_file = table.optional("ca_file", file);
    table.finish();
    Some(SinkPolicy::Webhook {
        url: url?,
        secret: secret?,
        ca_file: ca_file?,
    })
}

fn slack(mut table: Table<'_>) -> Option<SinkPolicy> {
    let url = secret(&mut table, ["url", "url_file", "url_env"]);
    let ca_file = table.optional("ca_file", file);
    table.finish();
    Some(SinkPolicy::Slack {
        url: url?,
        ca_file: ca_file?,
    })
}

fn smtp(mut table: Table<'_>) -> Option<SmtpPolicy> {
    let host = table.required("host", host);
    let tls = table.or("tls", SmtpTls::Starttls, |node| node.parse(tls));
    let port = table.optional("port", number(1..=u32::from(u16::MAX)));
    let user = table.optional("user", line);
    let password = maybe_secret(&mut table, ["password", "password_file", "password_env"]);
    let from = table.required("from", address);
    let to = table.required("to", |node| match node.value {
        DeValue::Array(_) => {
            let read: Vec<_> = node.items()?.iter().map(address).collect();
            let to = read.into_iter().collect::<Option<Vec<_>>>()?;
            if to.is_empty() {
                node.fault("`to` names nobody", None);
                return None;
            }
            Some(to)
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => address(node).map(|one| vec![one]),
    });
    let ca_file = table.optional("ca_file", file);
    if let (Some(Some(_)), Some(None)) = (&user, &password) {
        let message = format!("{} has a `user` and no password", table.what);
        table.lacks(&["password_file", "password_env"], message, None);
    }
    if let (Some(None), Some(Some(_))) = (&user, &password) {
        let message = format!("{} has a password and no `user`", table.what);
        table.lacks(&["user"], message, None);
    }
    if let (Some(SmtpTls::None), Some(host)) = (tls, &host)
        && !is_loopback(host)
        && let Some(node) = table.get("tls")
    {
        let help = "write \"starttls\" (the default) or \"implicit\"";
        node.fault(
            "mail without TLS is for a loopback address only",
            Some(help.into()),
        );
        return None;
    }
    table.finish();
    let (tls, user, password) = (tls?, user?, password?);
    let port = port?.and_then(|port| u16::try_from(port).ok());
    let login = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return None,
    };
    Some(SmtpPolicy {
        host: host?,
        port: port.unwrap_or(match tls {
            SmtpTls::Starttls => SUBMISSION,
            SmtpTls::Implicit => SUBMISSIONS,
            SmtpTls::None => 25,
        }),
        tls,
        login,
        from: from?,
        to: to?,
        ca_file: ca_file?,
    })
}

fn tls(text: &str) -> Result<SmtpTls, Complaint> {
    match text {
        "starttls" => Ok(SmtpTls::Starttls),
        "implicit" => Ok(SmtpTls::Implicit),
        "none" => Ok(SmtpTls::None),
        _ => Err(Complaint::from(format!("there is no `tls` {}", quoted(text)))
            .help("known: `starttls`, `implicit` or `none`")),
    }
}

/// A URL that may also be `http` to another machine, for what is no secret: alerts hold none, and in a cluster an
/// Alertmanager is seldom behind TLS.
fn plain_url(node: &Node<'_>) -> Option<Url> {
    let read = node.parse(|text| Url::parse(text).map_err(|_| "`url` is a URL".into()))?;
    let bare = read.username().is_empty() && read.password().is_none() && read.query().is_none();
    match read.scheme() {
        "http" if bare && read.fragment().is_none() => Some(read),
        _ => url(node),
    }
}

/// A server's name or address, without scheme, port or path.
fn host(node: &Node<'_>) -> Option<String> {
    node.parse(|text| {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        let is_name = !text.contains(':') || text.parse::<IpAddr>().is_ok();
        if text.is_empty() || !text.chars().all(good) || !is_name {
            return Err(Complaint::from("`host` is the name of a mail server")
                .help("such as \"mail.example\"; its port is `port`"));
        }
        Ok(text.to_owned())
    })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An address as a mail server takes it: no display name, nothing that could end a header.
fn address(node: &Node<'_>) -> Option<String> {
    node.parse(|text| {
        let good = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"".contains(c);
        let parts: Vec<&str> = text.split('@').collect();
        match parts.as_slice() {
            [local, domain] if !local.is_empty() && !domain.is_empty() && text.chars().all(good) => {
                Ok(text.to_owned())
            }
            _ => Err(format!(
                "`{}` is a mail address, such as \"on-call@acme.example\"",
                node.name
            )
            .into()),
        }
    })
}

/// Where a secret is kept: the key under which somebody may write the secret itself, and those that name a file or a
/// variable.
type Keys = [&'static str; 3];

/// One that has to be there.
fn secret(table: &mut Table<'_>, keys: Keys) -> Option<TokenSource> {
    let found = maybe_secret(table, keys);
    if let Some(None) = found {
        let [_, by_file, by_variable] = keys;
        let message = format!("{} has no `{by_file}` and no `{by_variable}`", table.what);
        table.lacks(&[by_file, by_variable], message, None);
    }
    found?
}

/// One that may be absent.
fn maybe_secret(table: &mut Table<'_>, [itself, by_file, by_variable]: Keys) -> Option<Option<TokenSource>> {
    // What is asked for is named among what is known, and this is not to be known.
    let written = table.entries().into_iter().find(|(name, _)| *name == itself);
    if let Some((_, node)) = written {
        table.get(itself);
        let help = format!(
            "name the file (`{by_file}`) or the environment variable (`{by_variable}`) that holds it, and change it: it \
             has been seen here"
        );
        let message = format!("a secret may not stand in the policy: `{itself}` is one");
        table.context.fault(&node.key, "", message, Some(help));
        return None;
    }
    match (table.get(by_file), table.get(by_variable)) {
        (Some(first), Some(second)) => {
            table.context.fault_at(
                &[(&second.key, "the second one"), (&first.key, "the first one")],
                format!("{} is told its secret twice", table.what),
                Some(format!("keep `{by_file}` or `{by_variable}`")),
            );
            None
        }
        (Some(node), None) => file(&node).map(|path| Some(TokenSource::File(path))),
        (None, Some(node)) => variable(&node).map(|name| Some(TokenSource::Env(name))),
        (None, None) => Some(None),
    }
}
