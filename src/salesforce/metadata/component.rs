//! A Connected App, whole, as an org returned it.
//!
//! It is a tree and not a struct because a write replaces the component: an element that we do not know, of a
//! newer release, must go back as it came (salesforce-metadata.md §1.1, §1.2).

use zeroize::Zeroizing;

use super::xml::{Attribute, Element, Node, Space};
use crate::secret::Secret;

/// A Connected App. Never holds its secret.
#[derive(Clone)]
pub(crate) struct Component(Element);

/// What a read shows of the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// There is none, or it cannot be seen.
    Absent,
    /// It is there and can be sent back.
    Readable,
    /// There is one, masked: sending it back would destroy it.
    Masked,
}

impl Component {
    /// A record of `readMetadata`; `None` for the empty one that stands for a name that does not exist.
    pub(crate) fn of(mut record: Element) -> Option<Component> {
        record.text_of("fullName")?;
        if let Some(oauth) = child_mut(&mut record, "oauthConfig") {
            // No org returns it. If one did, it would be the old one.
            oauth.children.retain(|node| !is(node, "consumerSecret"));
        }
        Some(Component(record))
    }

    pub(super) fn tree(&self) -> &Element {
        &self.0
    }

    /// Its name, with the namespace of its package if it has one.
    pub(crate) fn full_name(&self) -> String {
        self.0.text_of("fullName").unwrap_or_default()
    }

    /// It is an OAuth app at all.
    pub(crate) fn has_oauth(&self) -> bool {
        self.0.child("oauthConfig").is_some()
    }

    /// The consumer key, where the org shows it.
    pub(crate) fn consumer_key(&self) -> Option<String> {
        self.0.child("oauthConfig")?.text_of("consumerKey")
    }

    /// A switch of its OAuth settings; what is not there is off.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let shown = self.0.child("oauthConfig").and_then(|oauth| oauth.text_of(name));
        shown.as_deref() == Some("true")
    }

    /// What it shows of its certificate.
    pub(crate) fn certificate(&self) -> Certificate {
        let shown = self
            .0
            .child("oauthConfig")
            .and_then(|oauth| oauth.child("certificate"));
        match shown.map(Element::text) {
            None => Certificate::Absent,
            Some(text) if pem(&text) => Certificate::Readable,
            Some(_) => Certificate::Masked,
        }
    }

    /// The whole component to send, in the order of the schema, with this secret and, if given, this
    /// certificate instead of what was read. Everything else is as read.
    pub(crate) fn with(&self, secret: &Secret, certificate: Option<&str>) -> Element {
        let mut whole = self.0.clone();
        "metadata".clone_into(&mut whole.name);
        whole.space = Space::Metadata;
        whole.attributes.retain(|attribute| !attribute.is_xsi("type"));
        whole.attributes.push(Attribute::kind("ConnectedApp"));
        if child_mut(&mut whole, "oauthConfig").is_none() {
            let mut oauth = Element::leaf("oauthConfig", "");
            oauth.children.clear();
            whole.children.push(Node::Element(oauth));
        }
        if let Some(oauth) = child_mut(&mut whole, "oauthConfig") {
            let mut element = Element::leaf("consumerSecret", "");
            element.children = vec![Node::Secret(secret.clone())];
            oauth.children.push(Node::Element(element));
            if let Some(pem) = certificate {
                oauth.children.retain(|node| !is(node, "certificate"));
                oauth
                    .children
                    .push(Node::Element(Element::leaf("certificate", pem)));
            }
        }
        sort(&mut whole);
        whole
    }
}

/// Whether a text is a certificate in PEM, by its frame.
pub(crate) fn pem(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("-----BEGIN CERTIFICATE-----") && text.ends_with("-----END CERTIFICATE-----")
}

pub(super) fn is(node: &Node, name: &str) -> bool {
    match node {
        Node::Element(element) => element.name == name,
        Node::Text(_) | Node::Secret(_) => false,
    }
}

fn child_mut<'a>(element: &'a mut Element, name: &str) -> Option<&'a mut Element> {
    element.children.iter_mut().find_map(|node| match node {
        Node::Element(child) if child.name == name => Some(child),
        Node::Element(_) | Node::Text(_) | Node::Secret(_) => None,
    })
}

/// The order of the schema: `fullName`, then by code point; what repeats stays as it stood.
pub(super) fn sort(element: &mut Element) {
    for node in &mut element.children {
        if let Node::Element(child) = node {
            sort(child);
        }
    }
    if element.elements().count() == element.children.len() {
        element.children.sort_by(|a, b| rank(a).cmp(&rank(b)));
    }
}

fn rank(node: &Node) -> (bool, &str) {
    match node {
        Node::Element(element) => (element.name != "fullName", &element.name),
        Node::Text(_) | Node::Secret(_) => (true, ""),
    }
}

/// A text with all space taken out: PEM is the same however its lines are broken.
pub(super) fn squeezed(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.split_whitespace().collect())
}
