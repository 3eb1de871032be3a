//! What a write changed besides the secret: the component as read before it against the one read after.
//!
//! Only names of elements are reported, never what they hold.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::component::{Component, sort, squeezed};
use super::settings::{FLAGS, OauthSettings};
use super::xml::{Element, Node};

/// Scopes that a retrieve shows under another name (salesforce-metadata.md §1.1).
fn scope(name: &str) -> &str {
    match name {
        "OfflineAccess" => "RefreshToken",
        "Profile" | "Email" | "Address" | "Phone" => "Basic",
        other => other,
    }
}

/// Each difference as `oauthConfig.callbackUrl: changed`, `gone` or `new`. `supplied` says that the write
/// carried a certificate of the configuration's, which need not be what was there.
pub(crate) fn diff(before: &Component, after: &Component, supplied: bool) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before.tree(), after.tree(), supplied, &mut found);
    found
}

/// The same for the OAuth settings of an External Client App; that the flags differ is what the write was for.
pub(crate) fn diff_settings(before: &OauthSettings, after: &OauthSettings, supplied: bool) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before.tree(), after.tree(), supplied, &mut found);
    found
}

fn compare(path: &str, before: &Element, after: &Element, supplied: bool, found: &mut Vec<String>) {
    let names: BTreeSet<&str> = before
        .elements()
        .chain(after.elements())
        .map(|element| element.name.as_str())
        .collect();
    for name in names {
        let path = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        let (was, is) = (before.all(name), after.all(name));
        let (was, is): (Vec<_>, Vec<_>) = (was.collect(), is.collect());
        match (was.as_slice(), is.as_slice()) {
            _ if path == "oauthConfig.consumerSecret" || FLAGS.contains(&path.as_str()) => {}
            _ if path == "oauthConfig.scopes" => {
                if scopes(&was) != scopes(&is) {
                    found.push(format!("{path}: changed"));
                }
            }
            (_, []) => found.push(format!("{path}: gone")),
            (_, [_]) if is_certificate(&path) && supplied => {}
            ([], _) => found.push(format!("{path}: new")),
            ([was], [is]) if was.elements().next().is_some() || is.elements().next().is_some() => {
                compare(&path, was, is, supplied, found);
            }
            (was, is) => {
                if forms(was, &path) != forms(is, &path) {
                    found.push(format!("{path}: changed"));
                }
            }
        }
    }
}

fn is_certificate(path: &str) -> bool {
    matches!(path, "oauthConfig.certificate" | "certificate")
}

fn scopes(elements: &[&Element]) -> BTreeSet<String> {
    let texts = elements.iter().map(|element| element.text());
    texts.map(|text| scope(text.trim()).to_owned()).collect()
}

/// What repeats, in an order of its own.
fn forms(elements: &[&Element], path: &str) -> Vec<Zeroizing<String>> {
    let mut all: Vec<_> = elements
        .iter()
        .map(|element| {
            if is_certificate(path) {
                return squeezed(&element.text());
            }
            let mut element = (*element).clone();
            sort(&mut element);
            let mut form = Zeroizing::new(String::new());
            write(&element, &mut form);
            form
        })
        .collect();
    all.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    all
}

/// Unambiguous, because no text of XML holds a NUL.
fn write(element: &Element, form: &mut String) {
    for node in &element.children {
        match node {
            Node::Element(child) => {
                form.push_str(&child.name);
                form.push('\0');
                write(child, form);
                form.push('\0');
            }
            Node::Text(text) => form.push_str(text),
            Node::Secret(_) => {}
        }
    }
}
