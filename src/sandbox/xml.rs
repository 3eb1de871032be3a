//! XML as a small tree: what SOAP bodies and metadata components are read into and written from.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::name::{PrefixDeclaration, ResolveResult};
use quick_xml::{NsReader, Writer};

/// The namespace of the Metadata API.
pub(super) const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";
/// The namespace of SOAP 1.1 envelopes.
pub(super) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// The namespace of `xsi:type` and `xsi:nil`.
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const DEEPEST: usize = 32;

/// One element; text and children never mix in what is served here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) namespace: String,
    /// Local name of `xsi:type`.
    pub(super) xsi_type: Option<String>,
    pub(super) nil: bool,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn leaf(name: &str, text: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            text: text.into(),
            ..Self::default()
        }
    }

    pub(super) fn node(name: &str, children: Vec<Element>) -> Self {
        Self {
            name: name.to_owned(),
            children,
            ..Self::default()
        }
    }

    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(super) fn child_mut(&mut self, name: &str) -> Option<&mut Element> {
        self.children.iter_mut().find(|child| child.name == name)
    }

    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Puts `child` where the schema wants it: after every sibling whose name is not greater.
    pub(super) fn insert_in_order(&mut self, child: Element) {
        let place = self.children.partition_point(|sibling| {
            sibling.name == "fullName" || (child.name != "fullName" && sibling.name <= child.name)
        });
        self.children.insert(place, child);
    }

    /// Puts `child` in the place of every element of its name.
    pub(super) fn replace(&mut self, child: Element) {
        self.children.retain(|sibling| sibling.name != child.name);
        self.insert_in_order(child);
    }
}

/// Reads a document.
///
/// # Errors
/// A sentence for a fault, when it is not well-formed, too deep, or carries a document type.
pub(super) fn parse(bytes: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "content is not UTF-8".to_owned())?;
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let (resolved, event) = reader.read_resolved_event().map_err(|error| error.to_string())?;
        let namespace = match resolved {
            ResolveResult::Bound(namespace) => namespace.as_ref().to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(prefix) => return Err(format!("prefix {prefix} is not declared")),
        };
        match event {
            Event::Start(start) => {
                let element = started(&reader, &start, namespace)?;
                if open.len() >= DEEPEST {
                    return Err("nested too deeply".to_owned());
                }
                open.push(element);
            }
            Event::Empty(start) => {
                let element = started(&reader, &start, namespace)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Ok(element),
                }
            }
            Event::End(_) => {
                let mut done = open.pop().ok_or("an end without a start")?;
                if !done.children.is_empty() {
                    done.text.clear();
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Ok(done),
                }
            }
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text.xml_content(XmlVersion::Explicit1_0));
                }
            }
            Event::CData(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text.xml_content(XmlVersion::Explicit1_0));
                }
            }
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&reference)
                        .ok_or("an entity that is not predefined")?
                        .to_owned(),
                };
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&resolved);
                }
            }
            Event::DocType(_) => return Err("a document type is not allowed".to_owned()),
            Event::Eof => return Err("unexpected end of document".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn started(reader: &NsReader<&[u8]>, start: &BytesStart<'_>, namespace: String) -> Result<Element, String> {
    let mut element = Element {
        name: start.local_name().as_ref().to_owned(),
        namespace,
        ..Element::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute
            .key
            .as_namespace_binding()
            .is_some_and(|binding| binding != PrefixDeclaration::Default)
        {
            continue;
        }
        let (space, local) = reader.resolver().resolve_attribute(attribute.key);
        let ResolveResult::Bound(space) = space else {
            continue;
        };
        if space.as_ref() != XSI {
            continue;
        }
        let value = attribute.value.to_string();
        match local.as_ref() {
            "type" => {
                element.xsi_type = value.rsplit(':').next().map(str::to_owned);
            }
            "nil" => element.nil = value == "true" || value == "1",
            _ => {}
        }
    }
    Ok(element)
}

/// Writes a SOAP answer around one body element, in the Metadata namespace by default.
pub(super) fn envelope(body: &Element) -> Result<Vec<u8>, std::io::Error> {
    let mut writer = Writer::new(Vec::new());
    writer.write_event(Event::Decl(quick_xml::events::BytesDecl::new(
        "1.0",
        Some("UTF-8"),
        None,
    )))?;
    let mut start = BytesStart::new("soapenv:Envelope");
    start.push_attribute(("xmlns:soapenv", SOAP));
    start.push_attribute(("xmlns:xsi", XSI));
    start.push_attribute(("xmlns:sf", "http://soap.sforce.com/2006/04/metadata"));
    writer.write_event(Event::Start(start))?;
    writer.write_event(Event::Start(BytesStart::new("soapenv:Body")))?;
    write(&mut writer, body, true)?;
    writer.write_event(Event::End(BytesEnd::new("soapenv:Body")))?;
    writer.write_event(Event::End(BytesEnd::new("soapenv:Envelope")))?;
    Ok(writer.into_inner())
}

/// Writes a document of the Metadata namespace, as files of a package are.
pub(super) fn document(root: &Element) -> Result<Vec<u8>, std::io::Error> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 4);
    writer.write_event(Event::Decl(quick_xml::events::BytesDecl::new(
        "1.0",
        Some("UTF-8"),
        None,
    )))?;
    write(&mut writer, root, true)?;
    Ok(writer.into_inner())
}

fn write(writer: &mut Writer<Vec<u8>>, element: &Element, outermost: bool) -> Result<(), std::io::Error> {
    let mut start = BytesStart::new(element.name.as_str());
    // A fault's parts carry no namespace; everything else is qualified.
    if outermost && !element.name.contains(':') {
        start.push_attribute(("xmlns", METADATA));
    }
    if let Some(kind) = &element.xsi_type {
        start.push_attribute(("xsi:type", kind.as_str()));
    }
    if element.nil {
        start.push_attribute(("xsi:nil", "true"));
    }
    if element.children.is_empty() && element.text.is_empty() {
        writer.write_event(Event::Empty(start))?;
        return Ok(());
    }
    writer.write_event(Event::Start(start))?;
    if element.children.is_empty() {
        writer.write_event(Event::Text(BytesText::new(&element.text)))?;
    }
    for child in &element.children {
        write(writer, child, false)?;
    }
    writer.write_event(Event::End(BytesEnd::new(element.name.as_str())))?;
    Ok(())
}
