//! A lossless, ordered tree of elements. Prefixes are resolved when it is read and chosen anew when written.

use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use quick_xml::{Writer, XmlVersion};
use zeroize::Zeroizing;

use super::super::wipe::Wiped;
use super::{METADATA, SOAP, XSD, XSI};
use crate::secret::Secret;

/// Deeper nesting is refused.
const DEEPEST: usize = 64;

/// An element.
#[derive(Clone)]
pub(crate) struct Element {
    pub(crate) space: Space,
    pub(crate) name: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) children: Vec<Node>,
}

/// What an element holds.
#[derive(Clone)]
pub(crate) enum Node {
    Element(Element),
    Text(Zeroizing<String>),
    /// The one text that is ours to keep.
    Secret(Secret),
}

/// An attribute that is not a namespace declaration.
#[derive(Clone)]
pub(crate) struct Attribute {
    space: Space,
    name: String,
    value: Zeroizing<String>,
}

/// A namespace.
#[derive(Clone, PartialEq, Eq)]
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

    /// Reads a document.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Element, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
        let mut reader = NsReader::from_str(text.trim_start_matches('\u{FEFF}'));
        let mut open: Vec<Element> = Vec::new();
        let mut root = None;
        loop {
            let event = reader.read_event().map_err(|_| Malformed)?;
            match event {
                Event::Start(start) => {
                    if open.len() == DEEPEST {
                        return Err(Malformed);
                    }
                    open.push(element(&reader, &start)?);
                }
                Event::Empty(start) => close(element(&reader, &start)?, &mut open, &mut root)?,
                Event::End(_) => {
                    let element = open.pop().ok_or(Malformed)?;
                    close(element, &mut open, &mut root)?;
                }
                Event::Text(text) => append(&mut open, &text.xml10_content())?,
                Event::CData(text) => append(&mut open, &text.xml10_content())?,
                Event::GeneralRef(name) => {
                    let resolved = name.resolve_char_ref().map_err(|_| Malformed)?;
                    match (resolved, &*name) {
                        (Some(c), _) => append(&mut open, c.encode_utf8(&mut [0; 4]))?,
                        (None, "lt") => append(&mut open, "<")?,
                        (None, "gt") => append(&mut open, ">")?,
                        (None, "amp") => append(&mut open, "&")?,
                        (None, "apos") => append(&mut open, "'")?,
                        (None, "quot") => append(&mut open, "\"")?,
                        (None, _) => return Err(Malformed),
                    }
                }
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                // No entity of anybody's making is expanded.
                Event::DocType(_) => return Err(Malformed),
                Event::Eof => break,
            }
        }
        if open.is_empty() {
            root.ok_or(Malformed)
        } else {
            Err(Malformed)
        }
    }

    /// Writes it with the prefixes that [`super::envelope`] declares.
    pub(crate) fn write(&self, writer: &mut Writer<Wiped>) -> std::io::Result<()> {
        let tag = self.space.qualified(&self.name);
        let mut start = BytesStart::new(tag.as_str());
        if let Space::Other(uri) = &self.space
            && known(uri).is_none()
        {
            start.push_attribute(("xmlns:x", uri.as_str()));
        }
        for (at, attribute) in self.attributes.iter().enumerate() {
            match &attribute.space {
                Space::Other(uri) if known(uri).is_none() => {
                    start.push_attribute((format!("xmlns:a{at}").as_str(), uri.as_str()));
                    let name = format!("a{at}:{}", attribute.name);
                    start.push_attribute((name.as_str(), attribute.value.as_str()));
                }
                space @ (Space::Metadata | Space::None | Space::Other(_)) => {
                    let name = space.qualified(&attribute.name);
                    start.push_attribute((name.as_str(), attribute.value.as_str()));
                }
            }
        }
        if self.children.is_empty() {
            return writer.write_event(Event::Empty(start));
        }
        writer.write_event(Event::Start(start))?;
        for child in &self.children {
            match child {
                Node::Element(element) => element.write(writer)?,
                Node::Text(text) => writer.write_event(Event::Text(BytesText::new(text)))?,
                Node::Secret(secret) => {
                    writer.write_event(Event::Text(BytesText::new(secret.expose())))?;
                }
            }
        }
        writer.write_event(Event::End(BytesEnd::new(tag.as_str())))
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

impl Space {
    fn of(resolved: &ResolveResult<'_>) -> Result<Space, Malformed> {
        match resolved {
            ResolveResult::Bound(space) if space.0 == METADATA => Ok(Space::Metadata),
            ResolveResult::Bound(space) => Ok(Space::Other(space.0.to_owned())),
            ResolveResult::Unbound => Ok(Space::None),
            ResolveResult::Unknown(_) => Err(Malformed),
        }
    }

    fn qualified(&self, name: &str) -> String {
        match self {
            Space::Metadata => format!("m:{name}"),
            Space::None => name.to_owned(),
            Space::Other(uri) => format!("{}:{name}", known(uri).unwrap_or("x")),
        }
    }
}

/// The prefix that the envelope declares for a namespace.
fn known(uri: &str) -> Option<&'static str> {
    match uri {
        XSI => Some("xsi"),
        XSD => Some("xsd"),
        SOAP => Some("soapenv"),
        _ => None,
    }
}

fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, Malformed> {
    let resolver = reader.resolver();
    let (resolved, name) = resolver.resolve_element(start.name());
    let mut element = Element {
        space: Space::of(&resolved)?,
        name: name.as_ref().to_owned(),
        attributes: Vec::new(),
        children: Vec::new(),
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| Malformed)?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (resolved, name) = resolver.resolve_attribute(attribute.key);
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|_| Malformed)?;
        if !legal(&value) {
            return Err(Malformed);
        }
        let mut attribute = Attribute {
            space: Space::of(&resolved)?,
            name: name.as_ref().to_owned(),
            value: Zeroizing::new(value.into_owned()),
        };
        if attribute.is_xsi("type") {
            attribute.value = Zeroizing::new(type_name(reader, &attribute.value)?);
        }
        element.attributes.push(attribute);
    }
    Ok(element)
}

/// A type's name carries a prefix of its document; it gets the one of ours.
fn type_name(reader: &NsReader<&[u8]>, value: &str) -> Result<String, Malformed> {
    let name = quick_xml::name::QName(value.trim());
    let (resolved, local) = reader.resolver().resolve_element(name);
    let space = match Space::of(&resolved)? {
        // Some servers leave the default namespace off where they mean it.
        Space::None => Space::Metadata,
        space @ (Space::Metadata | Space::Other(_)) => space,
    };
    Ok(space.qualified(local.as_ref()))
}

fn append(open: &mut [Element], text: &str) -> Result<(), Malformed> {
    let Some(element) = open.last_mut() else {
        return if text.trim().is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        };
    };
    if !legal(text) {
        return Err(Malformed);
    }
    if let Some(Node::Text(last)) = element.children.last_mut() {
        last.push_str(text);
    } else {
        element.children.push(Node::Text(Zeroizing::new(text.to_owned())));
    }
    Ok(())
}

fn close(mut element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), Malformed> {
    if element.elements().next().is_some() {
        // Space between elements is layout.
        element.children.retain(|node| match node {
            Node::Text(text) => !text.trim().is_empty(),
            Node::Element(_) | Node::Secret(_) => true,
        });
    }
    match open.last_mut() {
        Some(parent) => parent.children.push(Node::Element(element)),
        None if root.is_some() => return Err(Malformed),
        None => *root = Some(element),
    }
    Ok(())
}
