//! `[journal]`, `[api]`, `[signal]`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use toml::de::DeValue;

use super::scalar::{Complaint, file, line};
use super::{Node, Table};
use crate::policy::hint;
use crate::policy::mask::quoted;
use crate::policy::{ApiPolicy, ApiToken, JournalPolicy, Permission, SignalPolicy};

pub(crate) fn journal(mut table: Table<'_>) -> Option<JournalPolicy> {
    let database = table.required("url", database);
    let key_file = table.required("key_file", file);
    table.finish();
    Some(JournalPolicy {
        database: database?,
        key_file: key_file?,
    })
}

fn database(node: &Node<'_>) -> Option<PathBuf> {
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

pub(crate) fn api(mut table: Table<'_>) -> Option<ApiPolicy> {
    let listen = table.optional("listen", |node| {
        node.parse(|text| {
            let complaint = Complaint::from("`listen` is an address and a port");
            text.parse()
                .map_err(|_| complaint.help("such as \"127.0.0.1:8440\" or \"[::1]:8440\""))
        })
    });
    let socket = table.optional("socket", file);
    let tokens = table.or("token", BTreeMap::new(), |node| {
        let tokens = node.table("[api.token.NAME]".into())?.entries();
        let read: Vec<_> = tokens
            .iter()
            .map(|(name, node)| Some(((*name).to_owned(), token(name, node)?)))
            .collect();
        read.into_iter().collect()
    });
    table.finish();
    Some(ApiPolicy {
        listen: listen?,
        socket: socket?,
        tokens: tokens?,
    })
}

fn token(name: &str, node: &Node<'_>) -> Option<ApiToken> {
    let mut table = node.table(format!("[api.token.{name}]"))?;
    let sha256 = table.required("sha256", |node| node.parse(digest));
    let may = table.required("may", |node| {
        let read: Vec<_> = node.items()?.iter().map(|item| item.parse(permission)).collect();
        let may = read.into_iter().collect::<Option<BTreeSet<_>>>()?;
        if may.is_empty() {
            node.fault("a token that may do nothing", Some("name at least `read`".into()));
            return None;
        }
        Some(may)
    });
    table.finish();
    Some(ApiToken {
        sha256: sha256?,
        may: may?,
    })
}

fn digest(text: &str) -> Result<[u8; 32], Complaint> {
    let complaint = || {
        Complaint::from("`sha256` is 64 hexadecimal digits")
            .help("the digest of the token, never the token: printf %s \"$TOKEN\" | sha256sum")
    };
    let mut digest = [0_u8; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(complaint());
    }
    for (index, byte) in digest.iter_mut().enumerate() {
        let pair = text.get(index * 2..index * 2 + 2).ok_or_else(complaint)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| complaint())?;
    }
    Ok(digest)
}

fn permission(text: &str) -> Result<Permission, Complaint> {
    const WORDS: [(&str, Permission); 4] = [
        ("read", Permission::Read),
        ("rotate", Permission::Rotate),
        ("operate", Permission::Operate),
        ("break-glass", Permission::BreakGlass),
    ];
    WORDS
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, permission)| *permission)
        .ok_or_else(|| {
            Complaint::from(format!("there is no permission {}", quoted(text))).help(format!(
                "known: {}",
                hint::one_of(WORDS.iter().map(|(word, _)| *word))
            ))
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
