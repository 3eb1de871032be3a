//! Rules between tables: no two apps may work on one thing.

use std::collections::BTreeMap;

use super::org::OrgPolicy;
use super::read::{AppDraft, At, Context};
use super::store::StorePolicy;
use super::{StoreEntry, Target};

/// What an app is at Salesforce: org, kind, name.
type Identity = (String, &'static str, String);

/// An app that was seen before: its consumer, where it stands, its name here.
type Seen<'a> = (Option<&'a str>, &'a At, &'a str);

/// Two apps on one app of one org. Orgs are told apart by where they are, not by what they are called here.
pub(super) fn same_target(context: &Context, apps: &[AppDraft], orgs: &BTreeMap<String, OrgPolicy>) {
    let mut seen: BTreeMap<Identity, Vec<Seen<'_>>> = BTreeMap::new();
    for app in apps {
        let (Some((org, _)), Some((target, at))) = (&app.org, &app.target) else {
            continue;
        };
        let host = orgs
            .get(org)
            .map_or_else(|| org.clone(), |org| org.url.to_string());
        // Salesforce does not tell developer names apart by case.
        let identity = (host, target.kind(), target.name().to_ascii_lowercase());
        let consumer = match target {
            Target::ExternalClientApp { consumer, .. } => consumer.as_deref(),
            Target::ConnectedApp { .. } => None,
        };
        let others = seen.entry(identity).or_default();
        // Without a consumer it is the only one, whatever the other app calls it.
        let same = |other: &Option<&str>| consumer.is_none() || other.is_none() || *other == consumer;
        if let Some((_, first, name)) = others.iter().find(|(other, _, _)| same(other)) {
            context.fault_at(
                &[(at, "the second one"), (first, "the first one")],
                format!("[app.{}] and [app.{name}] are one app at Salesforce", app.name),
                Some("each credential has one owner; several consumers are told apart by `consumer`".into()),
            );
        }
        others.push((consumer, at, &app.name));
    }
}

/// Where a value lies, whatever the store is called here.
fn backend(name: &str, stores: &BTreeMap<String, StorePolicy>) -> String {
    match stores.get(name) {
        Some(StorePolicy::Vault(vault)) => {
            format!(
                "vault {} {} {}",
                vault.address,
                vault.namespace.as_deref().unwrap_or_default(),
                vault.mount
            )
        }
        Some(StorePolicy::File(file)) => {
            let parts: Vec<_> = file
                .directory
                .components()
                .map(|part| part.as_os_str().to_string_lossy())
                .collect();
            format!("file {}", parts.join("/"))
        }
        Some(StorePolicy::Aws(aws)) => {
            let endpoint = aws.endpoint_url.as_ref().map(ToString::to_string);
            format!("aws {} {}", aws.region, endpoint.unwrap_or_default())
        }
        None => format!("unknown {name}"),
    }
}

/// Two entries on one path, or one inside the place where pending values lie.
pub(super) fn same_path(context: &Context, apps: &[AppDraft], stores: &BTreeMap<String, StorePolicy>) {
    let mut seen: BTreeMap<(String, String), (&At, &str)> = BTreeMap::new();
    for (app, entry, at) in entries(apps) {
        let key = (backend(&entry.store, stores), entry.path.clone());
        if let Some((first, name)) = seen.get(&key) {
            let message = if *name == app.name {
                format!("[app.{name}] publishes twice to one path")
            } else {
                format!("[app.{name}] and [app.{}] publish to one path", app.name)
            };
            context.fault_at(&[(at, "the second one"), (first, "the first one")], message, None);
            continue;
        }
        seen.insert(key, (at, &app.name));
    }
    for (app, entry, at) in entries(apps) {
        let here = backend(&entry.store, stores);
        // Two names for one mount may have two prefixes: neither may be published under.
        let prefixes = stores.iter().filter_map(|(name, store)| match store {
            StorePolicy::Vault(vault) if backend(name, stores) == here => Some(vault.pending_prefix.as_str()),
            StorePolicy::Vault(_) | StorePolicy::File(_) | StorePolicy::Aws(_) => None,
        });
        for prefix in prefixes {
            let inside = entry.path == prefix
                || entry
                    .path
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest.starts_with('/'));
            if inside {
                let help = format!("choose a path outside \"{prefix}/\", or another `pending_prefix`");
                context.fault(
                    at,
                    "",
                    format!("[app.{}] publishes where pending values lie", app.name),
                    Some(help),
                );
                break;
            }
        }
    }
}

fn entries(apps: &[AppDraft]) -> impl Iterator<Item = (&AppDraft, &StoreEntry, &At)> {
    apps.iter()
        .flat_map(|app| app.stores.iter().map(move |(entry, at)| (app, entry, at)))
}
