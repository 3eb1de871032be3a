//! `[org.X]`.

use std::time::Duration;

use super::scalar::{Complaint, duration, file, line, number, origin, some_duration, url};
use super::{Node, Table};
use crate::policy::org::SecretsSwitch;
use crate::policy::{ApiVersion, Login, OrgPolicy, Stability};

const MINUTE: u64 = 60;

/// Leaves a tenth of the day's requests to those that the org's own users need.
const USUAL_BUDGET: u32 = 90;

pub(crate) fn org(name: &str, mut table: Table<'_>) -> Option<OrgPolicy> {
    let url = table.required("url", my_domain);
    let api_version = table.optional("api_version", |node| {
        node.parse(|text| text.parse().map_err(<Complaint as From<&str>>::from))
    });
    let concurrency = table.or("concurrency", 4, number(1..=100));
    let propagation = table.or("propagation", Duration::from_secs(15 * MINUTE), duration);
    let request_lifetime = table.or("request_lifetime", Duration::from_secs(10 * MINUTE), duration);
    let cutover_timeout = table.or("cutover_timeout", Duration::from_secs(MINUTE), some_duration);
    let tries = table.or("stable_tries", 3, number(1..=100));
    let spacing = table.or("stable_spacing", Duration::from_secs(10), duration);
    let span = table.or("stable_span", Duration::from_secs(30), duration);
    let live_check = table.or("live_check", Duration::from_secs(15 * MINUTE), duration);
    let api_budget = table.or("api_budget", USUAL_BUDGET, share);
    let catch_up_spacing = table.or("catch_up_spacing", Duration::from_secs(10), duration);
    let switch = table.or("consumer_secrets_switch", SecretsSwitch::Leave, secrets_switch);
    let audience = table.optional("audience", |node| url_as_written(node));
    let login = table.required("login", |node| login(name, node));
    table.finish();
    Some(OrgPolicy {
        name: name.to_owned(),
        url: url?,
        api_version: api_version?.unwrap_or(ApiVersion::USUAL),
        concurrency: concurrency?,
        propagation: propagation?,
        request_lifetime: request_lifetime?,
        stability: Stability {
            tries: tries?,
            spacing: spacing?,
            span: span?,
        },
        cutover_timeout: cutover_timeout?,
        live_check: live_check?,
        api_budget: api_budget?,
        catch_up_spacing: catch_up_spacing?,
        consumer_secrets_switch: switch?,
        login: login?,
        audience: audience?,
    })
}

/// `"open-for-rotation"`.
fn secrets_switch(node: &Node<'_>) -> Option<SecretsSwitch> {
    node.parse(|text| {
        let mut words = SecretsSwitch::WORDS.into_iter();
        let found = words.find(|(word, _)| *word == text).map(|(_, switch)| switch);
        found.ok_or_else(|| {
            Complaint::from("this is nothing that can be done about the org's switch for consumer secrets").help(
                "\"open-for-rotation\" has rekeyd turn it on through the Metadata API while a rotation needs it, and off \
                 again; \"leave\" is the default",
            )
        })
    })
}

/// `"80%"`.
fn share(node: &Node<'_>) -> Option<u32> {
    node.parse(|text| {
        let number = text.strip_suffix('%').and_then(|number| number.parse().ok());
        let share = number.filter(|share| (1..=100).contains(share));
        share
            .ok_or_else(|| Complaint::from("this is no share").help("write it like \"80%\", from 1% to 100%"))
    })
}

/// Credentials work at the My Domain only (salesforce-oauth-rest.md, section 2), so the shared hosts are refused here.
fn my_domain(node: &Node<'_>) -> Option<url::Url> {
    let url = origin(node)?;
    if matches!(
        url.host_str(),
        Some("login.salesforce.com" | "test.salesforce.com")
    ) {
        let help = "write the org's own My Domain, such as \"https://acme.my.salesforce.com\"";
        node.fault("this host is shared by all orgs", Some(help.into()));
        return None;
    }
    Some(url)
}

/// An audience is compared as text, so it may not gain the slash that a parsed URL has.
fn url_as_written(node: &Node<'_>) -> Option<String> {
    url(node)?;
    Some(node.string()?.trim_end_matches('/').to_owned())
}

fn login(org: &str, node: &Node<'_>) -> Option<Login> {
    let mut table = node.table(format!("[org.{org}.login]"))?;
    let login = table.required("jwt", |node| {
        let mut table = node.table(format!("[org.{org}.login.jwt]"))?;
        let client_id = table.required("client_id", line);
        let username = table.required("username", line);
        let key_file = table.required("key_file", file);
        let certificate_file = table.optional("certificate_file", file);
        table.finish();
        Some(Login::Jwt {
            client_id: client_id?,
            username: username?,
            key_file: key_file?,
            certificate_file: certificate_file?,
        })
    });
    table.finish();
    login
}
