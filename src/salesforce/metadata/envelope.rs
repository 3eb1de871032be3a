//! What is sent: one SOAP envelope per call (salesforce-metadata.md §5.1).

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use zeroize::Zeroizing;

use super::super::wipe::Wiped;
use super::xml::Element;
use super::{METADATA, SOAP, XSD, XSI};
use crate::secret::Secret;

/// The body of one call.
pub(crate) enum Operation {
    /// `readMetadata` of one Connected App.
    Read(String),
    /// `listMetadata` of the Connected Apps.
    List {
        /// The name of the type.
        kind: &'static str,
        /// `NN.0`
        version: String,
    },
    /// `describeMetadata`.
    Describe {
        /// `NN.0`
        version: String,
    },
    /// `updateMetadata` of one whole component.
    Update(Box<Element>),
}

impl Operation {
    /// The call's name, for logs and answers.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Operation::Read(_) => "readMetadata",
            Operation::List { .. } => "listMetadata",
            Operation::Describe { .. } => "describeMetadata",
            Operation::Update(_) => "updateMetadata",
        }
    }
}

/// The whole request. `None` only if a writer into memory failed.
pub(crate) fn envelope(session: &Secret, operation: &Operation) -> Option<Secret> {
    let mut writer = Writer::new(Wiped(Zeroizing::new(Vec::with_capacity(16 * 1024))));
    write(&mut writer, session, operation).ok()?;
    let mut bytes = writer.into_inner().0;
    String::from_utf8(std::mem::take(&mut *bytes))
        .ok()
        .map(Secret::new)
}

fn write(writer: &mut Writer<Wiped>, session: &Secret, operation: &Operation) -> std::io::Result<()> {
    let mut envelope = BytesStart::new("soapenv:Envelope");
    envelope.push_attribute(("xmlns:soapenv", SOAP));
    envelope.push_attribute(("xmlns:xsi", XSI));
    envelope.push_attribute(("xmlns:xsd", XSD));
    envelope.push_attribute(("xmlns:m", METADATA));
    writer.write_event(Event::Start(envelope))?;
    nest(writer, "soapenv:Header", |writer| {
        nest(writer, "m:SessionHeader", |writer| {
            leaf(writer, "m:sessionId", session.expose())
        })?;
        match operation {
            Operation::Update(_) => nest(writer, "m:AllOrNoneHeader", |writer| {
                leaf(writer, "m:allOrNone", "true")
            }),
            Operation::Read(_) | Operation::List { .. } | Operation::Describe { .. } => Ok(()),
        }
    })?;
    nest(writer, "soapenv:Body", |writer| {
        nest(writer, &format!("m:{}", operation.name()), |writer| {
            body(writer, operation)
        })
    })?;
    writer.write_event(Event::End(BytesEnd::new("soapenv:Envelope")))
}

fn body(writer: &mut Writer<Wiped>, operation: &Operation) -> std::io::Result<()> {
    match operation {
        Operation::Read(name) => {
            leaf(writer, "m:type", "ConnectedApp")?;
            leaf(writer, "m:fullNames", name)
        }
        Operation::List { kind, version } => {
            nest(writer, "m:queries", |writer| leaf(writer, "m:type", kind))?;
            leaf(writer, "m:asOfVersion", version)
        }
        Operation::Describe { version } => leaf(writer, "m:asOfVersion", version),
        Operation::Update(component) => component.write(writer),
    }
}

fn nest(
    writer: &mut Writer<Wiped>,
    name: &str,
    inner: impl FnOnce(&mut Writer<Wiped>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    writer.write_event(Event::Start(BytesStart::new(name)))?;
    inner(writer)?;
    writer.write_event(Event::End(BytesEnd::new(name)))
}

fn leaf(writer: &mut Writer<Wiped>, name: &str, text: &str) -> std::io::Result<()> {
    nest(writer, name, |writer| {
        writer.write_event(Event::Text(BytesText::new(text)))
    })
}
