//! `[journal]`, `[signal]`.

use std::path::PathBuf;

use toml::de::DeValue;

use super::scalar::{Complaint, file, line};
use super::{Node, Table};
use crate::policy::{JournalPolicy, SignalPolicy};

pub(crate) fn journal(mut table: Table<'_>) -> Option<JournalPolicy> {
    let database = table.required("url", sqlite);
    let key_file = table.required("key_file", file);
    table.finish();
    Some(JournalPolicy {
        database: database?,
        key_file: key_file?,
    })
}

/// Only where it is, whatever is wrong with the rest.
pub(crate) fn database(mut table: Table<'_>) -> Option<PathBuf> {
    table.get("url").and_then(|node| sqlite(&node))
}

fn sqlite(node: &Node<'_>) -> Option<PathBuf> {
    node.parse(|text| {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let complaint = Complaint::from("a journal in PostgreSQL is not in this version");
            return Err(complaint.help("use a file: \"sqlite:/var/lib/rekeyd/journal.db\""));
        }
        match text.strip_prefix("sqlite:") {
            // Two slashes would make the first directory a host name.
            Some(path) if path.starts_with('/') && !path.starts_with("//") && path.len() > 1 => {
                Ok(path.into())
            }
            _ => Err(Complaint::from("a journal is \"sqlite:\" and an absolute path")
                .help("such as \"sqlite:/var/lib/rekeyd/journal.db\"")),
        }
    })
}

/// `[signal]`, and where each app that it names stands.
pub(crate) fn signal<'a>(mut table: Table<'a>) -> Option<(SignalPolicy, Vec<Node<'a>>)> {
    let found = table.or("rotate", (SignalPolicy::Due, Vec::new()), |node| {
        match node.value {
            DeValue::String(_) => node.parse(|text| match text {
                "due" => Ok((SignalPolicy::Due, Vec::new())),
                _ => Err(Complaint::from("`rotate` is \"due\" or an array of apps")),
            }),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                let items = node.items()?;
                let names: Vec<_> = items.iter().map(line).collect();
                Some((
                    SignalPolicy::Apps(names.into_iter().collect::<Option<_>>()?),
                    items,
                ))
            }
        }
    });
    table.finish();
    found
}
