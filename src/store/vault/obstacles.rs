//! What would stop a rotation in this mount, asked without changing anything. Each finding says how to put it right.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::adapter::Version;
use super::connection::VaultConnection;
use super::retention::Retention;
use crate::port::Fault;

/// Which engine answers at a mount.
#[derive(Deserialize)]
struct Engine {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    options: Option<BTreeMap<String, String>>,
}

/// All obstacles. What hides the rest (a sealed server, another engine) is reported alone.
pub(super) async fn find(
    connection: &VaultConnection,
    current: &str,
    pending: &str,
    grace: Duration,
) -> Result<Vec<String>, Fault> {
    if let Some(found) = server(connection.health().await?) {
        return Ok(vec![found.into()]);
    }
    if let Some(found) = engine(connection).await? {
        return Ok(vec![found]);
    }
    let mut found = rights(connection, current, pending).await?;
    if !found.is_empty() {
        return Ok(found);
    }
    found.extend(retention(connection, current, pending, grace).await?);
    found.extend(deleted(connection, current).await?);
    Ok(found)
}

/// The states that `sys/health` tells by status. A standby passes writes on, but may answer reads from a state of its
/// own that lags behind what was just written, so nothing that is proven by reading holds there.
fn server(status: u16) -> Option<&'static str> {
    match status {
        429 | 473 => Some(
            "a standby server answered, which may lag behind: name the active one, such as a load balancer's address \
             that asks `sys/health` (200 is the active one), or in Kubernetes the service that ends in `-active`",
        ),
        472 => Some("the server is a disaster-recovery replica, which serves nothing: name the primary"),
        501 => Some("the server is not initialised: run `operator init` on it"),
        503 => Some("the server is sealed: unseal it"),
        530 => Some("the server has been removed from its cluster: name another"),
        _ => None,
    }
}

async fn engine(connection: &VaultConnection) -> Result<Option<String>, Fault> {
    let mount = &connection.settings().mount;
    let asked = format!("any right below `{mount}/`, which must be a mount,");
    let answer = connection.ask(connection.requests().engine()?, &asked).await;
    let answer = match answer {
        Err(Fault::Forbidden(text)) => return Ok(Some(format!("missing: {text}"))),
        other => other?,
    };
    let Some(engine) = answer.data::<Engine>() else {
        return Err(Fault::Unusable(format!(
            "what is mounted at `{mount}` cannot be told"
        )));
    };
    let version = engine.options.as_ref().and_then(|options| options.get("version"));
    Ok(match (engine.kind.as_str(), version.map(String::as_str)) {
        ("kv", Some("2")) => None,
        ("kv", _) => Some(format!(
            "`{mount}` is KV version 1, which keeps no earlier version and no compare-and-set: run `kv \
             enable-versioning {mount}`, or name another mount"
        )),
        _ => Some(format!("`{mount}` is no KV mount: name one of version 2")),
    })
}

async fn rights(connection: &VaultConnection, current: &str, pending: &str) -> Result<Vec<String>, Fault> {
    let mount = &connection.settings().mount;
    let needed: Vec<(String, &[&str])> = vec![
        (format!("{mount}/data/{current}"), &["create", "read", "update"]),
        (format!("{mount}/metadata/{current}"), &["read"]),
        (format!("{mount}/data/{pending}"), &["create", "read", "update"]),
        (format!("{mount}/metadata/{pending}"), &["read"]),
        (format!("{mount}/destroy/{pending}"), &["update"]),
        (format!("{mount}/config"), &["read"]),
        // To tell a dead token from a missing right, and to keep it alive. Policy `default` has both.
        ("auth/token/lookup-self".into(), &["read"]),
        ("auth/token/renew-self".into(), &["update"]),
    ];
    let paths: Vec<String> = needed.iter().map(|(path, _)| path.clone()).collect();
    let asked = "`update` on `sys/capabilities-self` (policy `default` has it)";
    let answer = connection
        .ask(connection.requests().capabilities(&paths)?, asked)
        .await;
    let answer = match answer {
        Err(Fault::Forbidden(text)) => return Ok(vec![format!("missing: {text}")]),
        other => other?,
    };
    let Some(granted) = answer.data::<BTreeMap<String, Vec<String>>>() else {
        return Err(Fault::Unusable("the rights of our token cannot be told".into()));
    };
    let has = |path: &str, right: &str| {
        let held = granted.get(path).into_iter().flatten();
        held.into_iter().any(|held| held == right || held == "root")
    };
    let missing = needed.iter().flat_map(|(path, rights)| {
        rights
            .iter()
            .filter(|right| !has(path, right))
            .map(move |right| format!("missing: `{right}` on `{path}`: add it to the policy of our token"))
    });
    Ok(missing.collect())
}

async fn retention(
    connection: &VaultConnection,
    current: &str,
    pending: &str,
    grace: Duration,
) -> Result<Vec<String>, Fault> {
    let mount = &connection.settings().mount;
    let requests = connection.requests();
    let asked = format!("`read` on `{mount}/config`");
    let of_mount = connection.ask(requests.config()?, &asked).await?;
    let of_mount: Retention = of_mount
        .data()
        .ok_or_else(|| Fault::Unusable(format!("the settings of `{mount}` cannot be told")))?;
    let mut found = Vec::new();
    for path in [current, pending] {
        let name = format!("{mount}/{path}");
        let asked = format!("`read` on `{mount}/metadata/{path}`");
        let answer = connection.ask(requests.metadata(path)?, &asked).await?;
        let of_path = if answer.is_absence() {
            Retention::default()
        } else {
            answer
                .data()
                .ok_or_else(|| Fault::Unusable(format!("the metadata of `{name}` cannot be told")))?
        };
        found.extend(of_path.obstacles(&of_mount, &name, grace));
    }
    Ok(found)
}

/// A current value that somebody deleted softly: publishing over it would hide that it can be had back.
async fn deleted(connection: &VaultConnection, current: &str) -> Result<Option<String>, Fault> {
    let mount = &connection.settings().mount;
    let asked = format!("`read` on `{mount}/data/{current}`");
    let answer = connection
        .ask(connection.requests().read(current, None)?, &asked)
        .await?;
    if answer.is_success() {
        return Ok(None);
    }
    let latest = answer.data::<Version>().map(|latest| latest.metadata);
    Ok(latest.filter(|latest| !latest.destroyed).map(|latest| {
        let version = latest.version;
        format!(
            "version {version} of `{mount}/{current}` has been deleted: run `kv undelete -mount={mount} \
             -versions={version} {current}`"
        )
    }))
}
