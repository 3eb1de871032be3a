//! `[api]`: the address, the socket, TLS, and who may do what.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use super::scalar::{Complaint, boolean, file};
use super::{Node, Table};
use crate::policy::hint;
use crate::policy::mask::quoted;
use crate::policy::{ApiPolicy, ApiTls, ApiToken, AppPattern, MetricsAccess, Permission};

pub(crate) fn api(mut table: Table<'_>) -> Option<ApiPolicy> {
    let tls = table.optional("tls", tls);
    let insecure = table.or("insecure", false, boolean);
    // Whether it stands there: a broken one is its own fault, and no missing one.
    let closed = !matches!(tls, Some(None)) || insecure != Some(false);
    let listen = table.optional("listen", |node| listen(node, closed));
    let socket = table.optional("socket", file);
    let metrics = table.or("metrics", MetricsAccess::Token, |node| {
        node.parse(|text| match text {
            "token" => Ok(MetricsAccess::Token),
            "open" => Ok(MetricsAccess::Open),
            _ => Err(Complaint::from("`metrics` is \"token\" or \"open\"")
                .help("\"token\": a bearer that may read; \"open\": everybody who reaches the address")),
        })
    });
    let tokens = table.or("token", BTreeMap::new(), tokens);
    table.finish();
    Some(ApiPolicy {
        listen: listen?,
        socket: socket?,
        tls: tls?,
        metrics: metrics?,
        tokens: tokens?,
    })
}

/// Only the socket, whatever is wrong with the rest.
pub(crate) fn socket(mut table: Table<'_>) -> Option<PathBuf> {
    table.get("socket").and_then(|node| file(&node))
}

/// Tokens would travel in the clear: on one machine only, or where the operator says that it is well.
fn listen(node: &Node<'_>, closed: bool) -> Option<SocketAddr> {
    node.parse(|text| {
        let complaint = Complaint::from("`listen` is an address and a port");
        let address: SocketAddr = text
            .parse()
            .map_err(|_| complaint.help("such as \"127.0.0.1:8440\" or \"[::1]:8440\""))?;
        match closed || address.ip().is_loopback() {
            true => Ok(address),
            false => Err(
                Complaint::from("other machines reach this address, and tokens would travel in the clear").help(
                    "add [api.tls] with `certificate_file` and `key_file`, listen on 127.0.0.1, or, where the network \
                     itself is closed, write `insecure = true`",
                ),
            ),
        }
    })
}

fn tls(node: &Node<'_>) -> Option<ApiTls> {
    let mut table = node.table("[api.tls]".into())?;
    let certificate_file = table.required("certificate_file", file);
    let key_file = table.required("key_file", file);
    let client_ca_file = table.optional("client_ca_file", file);
    table.finish();
    Some(ApiTls {
        certificate_file: certificate_file?,
        key_file: key_file?,
        client_ca_file: client_ca_file?,
    })
}

fn tokens(node: &Node<'_>) -> Option<BTreeMap<String, ApiToken>> {
    let entries = node.table("[api.token.NAME]".into())?.entries();
    let read: Vec<_> = entries
        .iter()
        .map(|(name, node)| Some(((*name).to_owned(), token(name, node)?)))
        .collect();
    let tokens: BTreeMap<String, ApiToken> = read.into_iter().collect::<Option<_>>()?;
    let mut seen = BTreeMap::new();
    for (name, node) in &entries {
        let digest = tokens.get(*name).map(|token| token.sha256);
        if let Some(other) = digest.and_then(|digest| seen.insert(digest, *name)) {
            let message = format!("tokens {} and {} are the same", quoted(other), quoted(name));
            let help = "the history names a caller by the token: give each its own";
            node.fault(message, Some(help.into()));
            return None;
        }
    }
    Some(tokens)
}

fn token(name: &str, node: &Node<'_>) -> Option<ApiToken> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
        let help = "a name has 1 to 64 letters, digits, `-`, `_` or `.`: the history shows it";
        node.context
            .fault(&node.key, "", "this is no name for a token", Some(help.into()));
        return None;
    }
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
    let apps = table.or("apps", vec![AppPattern::all()], |node| {
        let read: Vec<_> = node.items()?.iter().map(|item| item.parse(pattern)).collect();
        let apps = read.into_iter().collect::<Option<Vec<_>>>()?;
        if apps.is_empty() {
            let help = "leave `apps` out for all of them";
            node.fault("a token that may do nothing with any app", Some(help.into()));
            return None;
        }
        Some(apps)
    });
    table.finish();
    Some(ApiToken {
        sha256: sha256?,
        may: may?,
        apps: apps?,
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

fn pattern(text: &str) -> Result<AppPattern, Complaint> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*');
    match !text.is_empty() && text.len() <= 64 && text.chars().all(good) {
        true => Ok(AppPattern(text.to_owned())),
        false => Err(
            Complaint::from("`apps` holds names of apps, in which `*` stands for anything")
                .help("such as \"billing-*\""),
        ),
    }
}
