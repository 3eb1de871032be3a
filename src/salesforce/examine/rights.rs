//! The permissions of our own user, from `UserPermissionAccess`, whose one row is about whoever asks.
//!
//! A permission that this org has never heard of makes the whole query fail. So they are asked for in two groups, the old
//! ones and the new ones, and what a group does not tell stays unknown.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::fault::{self, Area, Class, Failure};
use super::super::org::{Call, Org};
use crate::port::Fault;

/// By age.
const GROUPS: [&[&str]; 2] = [
    &[
        "ModifyMetadata",
        "ModifyAllData",
        "CustomizeApplication",
        "ManageRemoteAccess",
    ],
    &["ExternalClientAppDeveloper", "ViewClientSecret"],
];

#[derive(Deserialize)]
struct Found {
    records: Vec<Map<String, Value>>,
}

/// By API name; only those that the org tells.
pub(super) async fn rights(org: &Org) -> Result<BTreeMap<String, bool>, Fault> {
    let mut rights = BTreeMap::new();
    for group in GROUPS {
        for record in ask(org, group).await? {
            for name in group {
                let told = record.get(&format!("Permissions{name}")).and_then(Value::as_bool);
                rights.extend(told.map(|has| ((*name).to_owned(), has)));
            }
        }
    }
    Ok(rights)
}

async fn ask(org: &Org, group: &[&str]) -> Result<Vec<Map<String, Value>>, Fault> {
    let fields: Vec<String> = group.iter().map(|name| format!("Permissions{name}")).collect();
    let query = format!("SELECT {} FROM UserPermissionAccess", fields.join(", "));
    let mut call = Call::get("read permissions", "/query".into());
    call.query.push(("q", query));
    let reply = org.rest(&call).await.map_err(Failure::fault)?;
    match fault::read(&reply) {
        // What is not legible tells nothing, and nothing rests on it alone.
        Ok(body) => {
            Ok(serde_json::from_slice::<Found>(body).map_or_else(|_| Vec::new(), |found| found.records))
        }
        Err(Class::Invalid(_) | Class::Permission(_) | Class::Missing(_) | Class::Unsupported(_)) => {
            Ok(Vec::new())
        }
        Err(class) => Err(class.fault(Area::Credentials)),
    }
}
