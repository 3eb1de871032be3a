//! Writing: with the prefixes that the envelope declares, and others declared where they stand.

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

use super::super::super::wipe::Wiped;
use super::{Element, Node, SOAP, Space, XSD, XSI};

/// Of `xml:lang` and `xml:space`. No other prefix may stand for it, and it need not be declared.
pub(super) const XML: &str = "http://www.w3.org/XML/1998/namespace";

impl Element {
    /// Writes it with the prefixes that the envelope declares.
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

impl Space {
    pub(super) fn qualified(&self, name: &str) -> String {
        match self {
            Space::Metadata => format!("m:{name}"),
            Space::None => name.to_owned(),
            Space::Other(uri) => format!("{}:{name}", known(uri).unwrap_or("x")),
        }
    }
}

/// The prefix that the envelope, or XML itself, declares for a namespace.
fn known(uri: &str) -> Option<&'static str> {
    match uri {
        XSI => Some("xsi"),
        XSD => Some("xsd"),
        SOAP => Some("soapenv"),
        XML => Some("xml"),
        _ => None,
    }
}
