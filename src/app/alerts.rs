//! The sinks of a policy, with their secrets, and who is managed: what the alerts are built of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{public_text, secret_file, text};
use crate::alert::incident::Directory;
use crate::alert::route::Route;
use crate::alert::sink::alertmanager::Alertmanager;
use crate::alert::sink::pagerduty::PagerDuty;
use crate::alert::sink::signature::SigningKey;
use crate::alert::sink::slack::Slack;
use crate::alert::sink::smtp::{Protection, Smtp, SmtpSettings};
use crate::alert::sink::webhook::Webhook;
use crate::alert::sink::{Http, Sink, Unusable};
use crate::cli::exit::Failure;
use crate::clock::Clock;
use crate::engine::supervisor::Managed;
use crate::policy::{AlertPolicy, Policy, Severity, SinkPolicy, SmtpPolicy, SmtpTls, TokenSource};
use crate::port::outbox;
use crate::secret::Secret;

/// Every sink of the policy, and what it is told.
///
/// # Errors
/// [`Failure`] (78): a secret or a certificate cannot be read, or is none.
pub fn routes(policy: &Policy, clock: &Arc<dyn Clock>) -> Result<Vec<Route>, Failure> {
    let routes = policy.alerts.values().map(|alert| {
        let (least, apps) = (severity(alert.least), alert.apps.clone());
        let told = move |app: &str| apps.is_empty() || apps.iter().any(|pattern| pattern.matches(app));
        Ok(Route {
            name: alert.name.clone(),
            kind: alert.sink.kind(),
            least,
            apps: Arc::new(told),
            sink: sink(alert, clock)?,
        })
    });
    routes.collect()
}

/// Who is managed.
pub fn directory(apps: &BTreeMap<String, Managed>) -> Directory {
    let cards = apps.iter().map(|(name, managed)| (name.clone(), managed.card()));
    cards.collect()
}

fn severity(least: Severity) -> outbox::Severity {
    match least {
        Severity::Info => outbox::Severity::Info,
        Severity::Warning => outbox::Severity::Warning,
        Severity::Error => outbox::Severity::Error,
        Severity::Critical => outbox::Severity::Critical,
    }
}

fn sink(alert: &AlertPolicy, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Sink>, Failure> {
    let here = format!("[alert.{}.{}]", alert.name, alert.sink.kind());
    let wrong = |fault: Unusable| Failure::config(format!("{here}: {fault}"));
    let http = |ca: &Option<PathBuf>| Http::new(pem(ca)?.as_deref()).map_err(wrong);
    let clock = clock.clone();
    Ok(match &alert.sink {
        SinkPolicy::Pagerduty {
            routing_key,
            url,
            ca_file,
        } => {
            let key = line(&secret(routing_key)?);
            Arc::new(PagerDuty::new(http(ca_file)?, url.clone(), key))
        }
        SinkPolicy::Alertmanager { url, token, ca_file } => {
            let token = token.as_ref().map(secret).transpose()?;
            let token = token.as_ref().map(line);
            let built = Alertmanager::new(http(ca_file)?, url.clone(), token.as_ref(), clock);
            Arc::new(built.map_err(wrong)?)
        }
        SinkPolicy::Webhook {
            url,
            secret: kept,
            ca_file,
        } => {
            let key = SigningKey::read(&secret(kept)?).map_err(wrong)?;
            Arc::new(Webhook::new(http(ca_file)?, url.clone(), key, clock))
        }
        SinkPolicy::Slack { url, ca_file } => {
            Arc::new(Slack::new(http(ca_file)?, &secret(url)?).map_err(wrong)?)
        }
        SinkPolicy::Smtp(smtp) => Arc::new(Smtp::new(settings(smtp)?, clock).map_err(wrong)?),
    })
}

fn settings(smtp: &SmtpPolicy) -> Result<SmtpSettings, Failure> {
    let login = smtp
        .login
        .as_ref()
        .map(|(user, password)| Ok::<_, Failure>((user.clone(), line(&secret(password)?))));
    Ok(SmtpSettings {
        host: smtp.host.clone(),
        port: smtp.port,
        protection: match smtp.tls {
            SmtpTls::Starttls => Protection::Starttls,
            SmtpTls::Implicit => Protection::Implicit,
            SmtpTls::None => Protection::None,
        },
        ca: pem(&smtp.ca_file)?,
        login: login.transpose()?,
        from: smtp.from.clone(),
        to: smtp.to.clone(),
    })
}

fn pem(path: &Option<PathBuf>) -> Result<Option<Vec<u8>>, Failure> {
    let read = path.as_deref().map(public_text).transpose()?;
    Ok(read.map(String::into_bytes))
}

fn secret(source: &TokenSource) -> Result<Secret, Failure> {
    match source {
        TokenSource::File(path) => text(secret_file(path)?, path),
        TokenSource::Env(name) => match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
            Ok(_) | Err(_) => Err(Failure::config(format!("the environment has no {name}"))),
        },
    }
}

/// Without the line break that an editor leaves at the end of a file.
fn line(secret: &Secret) -> Secret {
    Secret::new(secret.expose().trim_end_matches(['\r', '\n']).to_owned())
}
