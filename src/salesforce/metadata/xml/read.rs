//! Reading: names are resolved, layout is dropped, everything else is kept. No entity of anybody's making.

use quick_xml::XmlVersion;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use zeroize::Zeroizing;

use super::{Attribute, Element, METADATA, Malformed, Node, Space, legal};

/// Deeper nesting is refused.
const DEEPEST: usize = 64;

impl Element {
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
}

impl Space {
    fn of(resolved: &ResolveResult<'_>) -> Result<Space, Malformed> {
        match resolved {
            // The resolver keeps it as it was written, references and all.
            ResolveResult::Bound(space) => match unescape(space.0) {
                Ok(uri) if uri == METADATA => Ok(Space::Metadata),
                Ok(uri) if legal(&uri) => Ok(Space::Other(uri.into_owned())),
                Ok(_) | Err(_) => Err(Malformed),
            },
            ResolveResult::Unbound => Ok(Space::None),
            ResolveResult::Unknown(_) => Err(Malformed),
        }
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
