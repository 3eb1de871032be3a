//! `[store.X]`: one table inside it says of which kind it is.

use super::scalar::{file, origin};
use super::vault::vault;
use super::{Node, Table};
use crate::policy::hint;
use crate::policy::{AwsStore, FileStore, StorePolicy};

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
    let region = table.required("region", |node| {
        node.parse(|text| {
            let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            let region = !text.is_empty() && text.bytes().all(good);
            if region {
                Ok(text.to_owned())
            } else {
                Err("a region is written like \"eu-west-1\"".into())
            }
        })
    });
    let endpoint_url = table.optional("endpoint_url", origin);
    table.finish();
    Some(AwsStore {
        region: region?,
        endpoint_url: endpoint_url?,
    })
}
