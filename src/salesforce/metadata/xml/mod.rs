//! A lossless, ordered tree of elements. Prefixes are resolved when it is read and chosen anew when written.

mod read;
#[cfg(test)]
mod tests;
mod write;

use zeroize::Zeroizing;

use super::{METADATA, SOAP, XSD, XSI};
use crate::secret::Secret;

/// An element.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Element {
    pub(crate) space: Space,
    pub(crate) name: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) children: Vec<Node>,
}

/// What an element holds.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Node {
    Element(Element),
    Text(Zeroizing<String>),
    /// The one text that is ours to keep.
    Secret(Secret),
}

/// An attribute that is not a namespace declaration.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Attribute {
    space: Space,
    name: String,
    value: Zeroizing<String>,
}

/// A namespace.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Space {
    /// Of the Metadata API.
    Metadata,
    /// None at all.
    None,
    /// Any other.
    Other(String),
}

/// The text is not XML that we take. Says nothing about what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Whether a text may stand in XML 1.0 at all.
pub(crate) fn legal(text: &str) -> bool {
    text.chars()
        .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..))
}

impl Element {
    /// An element of the Metadata API with a text.
    pub(crate) fn leaf(name: &str, text: &str) -> Element {
        Element {
            space: Space::Metadata,
            name: name.to_owned(),
            attributes: Vec::new(),
            children: vec![Node::Text(Zeroizing::new(text.to_owned()))],
        }
    }

    /// The child elements.
    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) | Node::Secret(_) => None,
        })
    }

    /// The child elements of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements().filter(move |element| element.name == name)
    }

    /// The first child element of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|element| element.name == name)
    }

    /// Its text, all pieces together.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        let mut all = Zeroizing::new(String::new());
        for node in &self.children {
            match node {
                Node::Text(text) => all.push_str(text),
                Node::Element(_) | Node::Secret(_) => {}
            }
        }
        all
    }

    /// The text of the first child of this name, without the space around it; `None` if there is none.
    pub(crate) fn text_of(&self, name: &str) -> Option<String> {
        let text = self.child(name)?.text();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl Attribute {
    /// `xsi:type` naming a type of the Metadata API.
    pub(crate) fn kind(name: &str) -> Attribute {
        Attribute {
            space: Space::Other(XSI.to_owned()),
            name: "type".to_owned(),
            value: Zeroizing::new(format!("m:{name}")),
        }
    }

    /// Whether it is the `xsi` attribute of this name.
    pub(crate) fn is_xsi(&self, name: &str) -> bool {
        self.space == Space::Other(XSI.to_owned()) && self.name == name
    }
}
