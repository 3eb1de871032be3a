//! The calls that a rotation makes at each store of an app.

use super::calls::Calls;
use crate::policy::{AppPolicy, AwsStore, FileStore, Policy, StoreEntry, StorePolicy, VaultStore};

/// How we come by a token.
pub(super) fn login(calls: &mut Calls, app: &AppPolicy, policy: &Policy) {
    for (_, store) in stores(app, policy) {
        let StorePolicy::Vault(vault) = store else {
            continue;
        };
        match vault.auth.login_path() {
            Some(path) => {
                let note = "log in to the store; the token is reused, and renewed ahead of its end";
                calls.look("login", "POST", api(vault, &path), note);
            }
            None => {
                let note = "how long the store's token is good for, once";
                calls.look("login", "GET", api(vault, "auth/token/lookup-self"), note);
            }
        }
    }
}

/// What is read before anything is written, and again before the cutover.
pub(super) fn survey(calls: &mut Calls, step: &'static str, app: &AppPolicy, policy: &Policy) {
    for (entry, store) in stores(app, policy) {
        match store {
            StorePolicy::Vault(vault) => {
                let path = &entry.path;
                calls.look(step, "GET", data(vault, path), "current");
                calls.look(step, "GET", data(vault, &vault.pending_path(path)), "pending");
                let health = api(vault, "sys/health");
                calls.look(step, "GET", health, "the server is the active one, and unsealed");
                let mount = api(vault, &format!("sys/internal/ui/mounts/{}", vault.mount));
                calls.look(step, "GET", mount, "the engine is KV version 2");
                let rights = api(vault, "sys/capabilities-self");
                calls.look(step, "POST", rights, "every right is there; changes nothing");
                let config = api(vault, &format!("{}/config", vault.mount));
                calls.look(step, "GET", config, "versions are kept long enough");
                for path in [path, &vault.pending_path(path)] {
                    let metadata = api(vault, &format!("{}/metadata/{path}", vault.mount));
                    calls.look(step, "GET", metadata, "versions are kept long enough");
                }
            }
            StorePolicy::File(file) => {
                calls.look(step, "read", below(file, entry, "current"), "current");
                calls.look(step, "read", below(file, entry, "pending"), "pending");
            }
            StorePolicy::Aws(aws) => {
                let at = |action| secret(aws, entry, action);
                calls.look(step, "POST", at("GetSecretValue"), "current");
                let note = "pending; no rotation of AWS's own, no owner, no deletion, replicas in order";
                calls.look(step, "POST", at("DescribeSecret"), note);
            }
        }
    }
}

/// The new pair becomes *pending*.
pub(super) fn store(calls: &mut Calls, app: &AppPolicy, policy: &Policy) {
    for (entry, store) in stores(app, policy) {
        match store {
            StorePolicy::Vault(vault) => {
                let target = data(vault, &vault.pending_path(&entry.path));
                calls.change("store", "POST", target, "the new pair as pending, with cas");
            }
            StorePolicy::File(file) => {
                calls.change(
                    "store",
                    "write",
                    below(file, entry, "generations/{n}"),
                    "encrypted",
                );
                calls.change(
                    "store",
                    "rename",
                    below(file, entry, "pending"),
                    "the new pair as pending",
                );
            }
            StorePolicy::Aws(aws) => {
                let note = "the new pair under a private label";
                calls.change("store", "POST", secret(aws, entry, "PutSecretValue"), note);
                let note = "AWSPENDING to it, unless somebody holds that";
                calls.change(
                    "store",
                    "POST",
                    secret(aws, entry, "UpdateSecretVersionStage"),
                    note,
                );
            }
        }
    }
}

/// The new pair becomes *current*.
pub(super) fn publish(calls: &mut Calls, app: &AppPolicy, policy: &Policy) {
    for (entry, store) in stores(app, policy) {
        match store {
            StorePolicy::Vault(vault) => {
                let note = "the new pair as current, with cas";
                calls.change("publish", "POST", data(vault, &entry.path), note);
            }
            StorePolicy::File(file) => {
                let note = "encrypted, other keys of the value kept";
                calls.change("publish", "write", below(file, entry, "generations/{n}"), note);
                let note = "the new pair as current";
                calls.change("publish", "rename", below(file, entry, "current"), note);
            }
            StorePolicy::Aws(aws) => {
                let note = "AWSCURRENT to it, from the version that was read";
                calls.change(
                    "publish",
                    "POST",
                    secret(aws, entry, "UpdateSecretVersionStage"),
                    note,
                );
            }
        }
    }
}

/// *Pending* ends.
pub(super) fn clear(calls: &mut Calls, app: &AppPolicy, policy: &Policy) {
    for (entry, store) in stores(app, policy) {
        match store {
            StorePolicy::Vault(vault) => {
                let path = vault.pending_path(&entry.path);
                let target = api(vault, &format!("{}/destroy/{path}", vault.mount));
                calls.change("clear", "POST", target, "the pending version that we wrote");
            }
            StorePolicy::File(file) => {
                let note = "pending holds nothing";
                calls.change("clear", "rename", below(file, entry, "pending"), note);
            }
            StorePolicy::Aws(aws) => {
                for note in ["the private label goes", "AWSPENDING goes"] {
                    calls.change(
                        "clear",
                        "POST",
                        secret(aws, entry, "UpdateSecretVersionStage"),
                        note,
                    );
                }
            }
        }
    }
}

fn stores<'a>(
    app: &'a AppPolicy,
    policy: &'a Policy,
) -> impl Iterator<Item = (&'a StoreEntry, &'a StorePolicy)> {
    let entries = app.stores.iter();
    entries.filter_map(|entry| Some((entry, policy.stores.get(&entry.store)?)))
}

fn api(vault: &VaultStore, path: &str) -> String {
    format!("{}/v1/{path}", vault.address.as_str().trim_end_matches('/'))
}

fn data(vault: &VaultStore, path: &str) -> String {
    api(vault, &format!("{}/data/{path}", vault.mount))
}

fn below(file: &FileStore, entry: &StoreEntry, name: &str) -> String {
    format!("{}/apps/{}/{name}", file.directory.display(), entry.path)
}

fn secret(aws: &AwsStore, entry: &StoreEntry, action: &str) -> String {
    let endpoint = match &aws.endpoint_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("secretsmanager in {}", aws.region),
    };
    format!("{endpoint} {action} {}", entry.path)
}
