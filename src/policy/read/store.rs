//! `[store.X]`: one table inside it says of which kind it is.

use std::collections::BTreeMap;

use super::scalar::{boolean, file, line, origin};
use super::vault::vault;
use super::{Node, Table};
use crate::policy::hint;
use crate::policy::{AwsCreate, AwsStore, FileStore, StorePolicy};

const KINDS: [&str; 3] = ["vault", "file", "aws"];

/// Which kind a store is, also where something else in it is wrong.
pub(crate) fn kind_of(table: &Table<'_>) -> Option<&'static str> {
    let entries = table.entries();
    KINDS
        .into_iter()
        .find(|kind| entries.iter().any(|(name, _)| name == kind))
}

pub(crate) fn store(name: &str, table: Table<'_>) -> Option<StorePolicy> {
    let (kind, node) = only(table, KINDS)?;
    let inner = node.table(format!("[store.{name}.{kind}]"))?;
    match kind {
        "vault" => vault(name, inner).map(|vault| StorePolicy::Vault(Box::new(vault))),
        "file" => directory(inner).map(StorePolicy::File),
        _ => aws(inner).map(StorePolicy::Aws),
    }
}

/// The one of several keys that is there; more or fewer is a fault. Finishes the table.
pub(super) fn only<'a, const N: usize>(
    mut table: Table<'a>,
    keys: [&'static str; N],
) -> Option<(&'static str, Node<'a>)> {
    let found: Vec<_> = keys
        .into_iter()
        .filter_map(|key| Some((key, table.get(key)?)))
        .collect();
    let choice = hint::one_of(keys);
    match found.as_slice() {
        [(key, node)] => {
            table.finish();
            return Some((key, node.clone()));
        }
        // An unknown key was meant to be the one, and says so.
        [] if table.entries().is_empty() => {
            table.lacks(&keys, format!("{} needs {choice}", table.what), None)
        }
        [] => {}
        [(_, first), (_, second), ..] => table.context.fault_at(
            &[(&second.key, "the second one"), (&first.key, "the first one")],
            format!("{} is one of {choice}", table.what),
            None,
        ),
    }
    table.finish();
    None
}

fn directory(mut table: Table<'_>) -> Option<FileStore> {
    let directory = table.required("directory", file);
    let identity_file = table.required("identity_file", file);
    table.finish();
    Some(FileStore {
        directory: directory?,
        identity_file: identity_file?,
    })
}

fn aws(mut table: Table<'_>) -> Option<AwsStore> {
    let region = table.required("region", region);
    let endpoint_url = table.optional("endpoint_url", origin);
    let profile = table.optional("profile", line);
    let credentials_file = table.optional("credentials_file", file);
    let wanted = table.or("create", false, boolean);
    let create = creation(&mut table, wanted, region.as_deref());
    table.finish();
    Some(AwsStore {
        region: region?,
        endpoint_url: endpoint_url?,
        profile: profile?,
        credentials_file: credentials_file?,
        create: create?,
    })
}

fn region(node: &Node<'_>) -> Option<String> {
    node.parse(|text| {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let region = !text.is_empty() && text.bytes().all(good);
        if region {
            Ok(text.to_owned())
        } else {
            Err("a region is written like \"eu-west-1\"".into())
        }
    })
}

/// What a created secret is given, which means something only where one may be created.
fn creation(table: &mut Table<'_>, wanted: Option<bool>, home: Option<&str>) -> Option<Option<AwsCreate>> {
    let given: Vec<Node<'_>> = ["tags", "kms_key_id", "replica_regions"]
        .into_iter()
        .filter_map(|key| table.get(key))
        .collect();
    let tags = table.or("tags", BTreeMap::new(), tags);
    let kms_key_id = table.optional("kms_key_id", line);
    let replica_regions = table.or("replica_regions", Vec::new(), |node| {
        let items = node.items()?;
        let found: Vec<_> = items.iter().filter_map(|item| replica(item, home)).collect();
        (found.len() == items.len()).then_some(found)
    });
    if wanted == Some(false) {
        for node in &given {
            let message = format!("`{}` is for a secret that rekeyd creates", node.name);
            node.fault(message, Some("add `create = true`, or leave it out".into()));
        }
        return given.is_empty().then_some(None);
    }
    Some(Some(AwsCreate {
        tags: tags?,
        kms_key_id: kms_key_id?,
        replica_regions: replica_regions?,
    }))
    .filter(|_| wanted.is_some())
}

fn replica(node: &Node<'_>, home: Option<&str>) -> Option<String> {
    let found = region(node)?;
    if home == Some(found.as_str()) {
        node.fault("a secret is not replicated to the region that it is in", None);
        return None;
    }
    Some(found)
}

fn tags(node: &Node<'_>) -> Option<BTreeMap<String, String>> {
    let table = node.table("`tags`".into())?;
    let entries = table.entries();
    let found: BTreeMap<String, String> = entries
        .iter()
        .filter_map(|(key, node)| {
            if key.to_ascii_lowercase().starts_with("aws:") {
                node.fault("tags that begin with `aws:` are for AWS alone", None);
                return None;
            }
            Some(((*key).to_owned(), line(node)?))
        })
        .collect();
    (found.len() == entries.len()).then_some(found)
}
