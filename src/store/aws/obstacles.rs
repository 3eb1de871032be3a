//! What would stop a rotation of this secret, from its description. Each finding says how to put it right. Pure.
//!
//! Whether we may put values and move labels cannot be asked without doing it. Storing the pending value does both,
//! right before Salesforce is touched.

use super::labels::Described;

/// AWS keeps about a hundred versions; labelled ones it cannot delete.
const MOST_LABELLED: usize = 80;

/// Why nothing may be written to this secret; `None`: nothing speaks against it.
pub(super) fn refusal(secret: &str, seen: &Described, region: &str) -> Option<String> {
    if seen.scheduled_for_deletion {
        return Some(format!(
            "`{secret}` is scheduled for deletion: run `aws secretsmanager restore-secret --secret-id {secret}`"
        ));
    }
    if let Some(service) = &seen.owning_service {
        // An answer's text, so only what a service's name has.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '/');
        let name: String = service.chars().filter(|c| plain(*c)).take(64).collect();
        return Some(format!(
            "`{secret}` is in the care of the AWS service `{name}`: let it rotate it, or name another secret"
        ));
    }
    if seen.rotation_enabled {
        return Some(format!(
            "AWS's own rotation of `{secret}` is on: run `aws secretsmanager cancel-rotate-secret --secret-id {secret}`"
        ));
    }
    let home = seen.primary_region.as_deref().filter(|home| *home != region)?;
    let home: String = home
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    Some(format!(
        "`{secret}` is a replica here, which takes no write: name its primary region, `{home}`, as `region`"
    ))
}

/// Everything in the way.
pub(super) fn of(secret: &str, seen: &Described, region: &str) -> Vec<String> {
    let mut found: Vec<String> = refusal(secret, seen, region).into_iter().collect();
    found.extend(replicas(seen, "Failed").map(|region| {
        format!(
            "`{secret}` could not be replicated to {region}: see `aws secretsmanager describe-secret --secret-id \
             {secret}`, then run `replicate-secret-to-regions` anew, or `remove-regions-from-replication`"
        )
    }));
    if seen.labels.len() > MOST_LABELLED {
        found.push(format!(
            "`{secret}` has {} versions with labels, and AWS keeps about 100: remove those that nobody needs with `aws \
             secretsmanager update-secret-version-stage --secret-id {secret} --version-stage LABEL \
             --remove-from-version-id VERSION`",
            seen.labels.len()
        ));
    }
    found
}

/// A replica that is still being made.
pub(super) fn under_way(secret: &str, seen: &Described) -> Option<String> {
    let region = replicas(seen, "InProgress").next()?;
    Some(format!("`{secret}` is being replicated to {region}"))
}

/// The regions of the replicas in this status.
fn replicas<'a>(seen: &'a Described, status: &'static str) -> impl Iterator<Item = String> + 'a {
    let with = seen.replicas.iter().filter(move |(_, found)| found == status);
    with.map(|(region, _)| {
        let plain = region.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-');
        plain.collect()
    })
}

/// It is not there, and is not to be created.
pub(super) fn absent(secret: &str) -> String {
    format!("there is no secret `{secret}`: create it, or set `create = true` in the store's table")
}

/// It has no version yet.
pub(super) fn versionless(secret: &str) -> String {
    format!(
        "`{secret}` holds no value yet, and the first one becomes current at once: adopt the app first (`rekeyd submit`)"
    )
}
