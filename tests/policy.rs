//! What an operator sees when a policy is wrong, and that nothing else is ever shown.

#![expect(clippy::panic, reason = "the helpers of a test fail the test")]

#[path = "policy/alerts.rs"]
mod alerts;
#[path = "policy/aws.rs"]
mod aws;
#[path = "policy/diagnostics.rs"]
mod diagnostics;
#[path = "policy/meaning.rs"]
mod meaning;
#[path = "policy/safety.rs"]
mod safety;
#[path = "policy/vault.rs"]
mod vault;

use rekeyd::policy::{Fault, Policy, SourceFile, compile, to_text};

/// A policy without a fault, in parts that a test can replace.
const SERVICE: &str = r#"
[journal]
url = "sqlite:/var/lib/rekeyd/journal.db"
key_file = "/run/keys/journal"
"#;

const ORG: &str = r#"
[org.prod]
url = "https://acme.my.salesforce.com"
[org.prod.login.jwt]
client_id = "3MVG9EXAMPLE"
username = "rekeyd@acme.example"
key_file = "/run/keys/salesforce.pem"
"#;

const STORES: &str = r#"
[store.corp.vault]
address = "https://vault.example:8200"
mount = "secret"
[store.corp.vault.auth.token]
env = "VAULT_TOKEN"
[store.local.file]
directory = "/var/lib/rekeyd/secrets"
identity_file = "/run/keys/store"
"#;

const APP: &str = r#"
[app.billing]
org = "prod"
stores = [{ store = "corp", path = "sf/billing" }]
schedule = { every = "90d" }
[app.billing.external_client_app]
name = "Billing"
allow_key_change = true
"#;

const LEGACY: &str = r#"
[app.legacy]
org = "prod"
stores = [{ store = "local", path = "legacy" }]
schedule = { cron = "0 3 1 */3 *", zone = "UTC" }
[app.legacy.connected_app]
name = "Legacy_Loader"
certificate = "none"
"#;

const ALERTS: &str = r#"
[alert.on-call]
least = "error"
[alert.on-call.pagerduty]
routing_key_file = "/run/keys/pagerduty"
[alert.cluster.alertmanager]
url = "https://alerts.example:9093/am"
token_env = "ALERTS_TOKEN"
[alert.ours.webhook]
url = "https://hooks.example/rekeyd"
secret_file = "/run/keys/webhook"
[alert.channel]
apps = ["bill*"]
[alert.channel.slack]
url_env = "SLACK_URL"
[alert.mail.smtp]
host = "mail.example"
user = "rekeyd"
password_file = "/run/keys/mail"
from = "rekeyd@acme.example"
to = ["on-call@acme.example", "team@acme.example"]
ca_file = "/etc/ssl/acme.pem"
"#;

fn file(name: &str, text: impl Into<String>) -> SourceFile {
    SourceFile {
        name: name.into(),
        text: text.into(),
    }
}

fn compiled(text: &str) -> Result<Policy, Vec<Fault>> {
    compile(&[file("rekeyd.toml", text)])
}

/// The sound policy with one text of it replaced by another.
fn with(from: &str, to: &str) -> String {
    let sound = [SERVICE, ORG, STORES, APP, LEGACY].concat();
    assert!(sound.contains(from), "the sound policy has no {from:?}");
    sound.replacen(from, to, 1)
}

/// The sound policy and more.
fn and(more: &str) -> String {
    [SERVICE, ORG, STORES, APP, LEGACY, more].concat()
}

fn report(files: &[SourceFile]) -> String {
    match compile(files) {
        Ok(_) => panic!("no fault was found"),
        Err(faults) => to_text(&faults),
    }
}
