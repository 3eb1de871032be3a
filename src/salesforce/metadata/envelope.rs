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
    /// `listMetadata` of a type.
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
    /// `readMetadata` of one component of a type.
    ReadOf {
        /// The type.
        kind: &'static str,
        /// Its full name.
        name: String,
    },
    /// `deploy` of a package.
    Deploy {
        /// The zip in base64. Holds no secret.
        zip: String,
        /// Salesforce's own warnings do not fail it.
        ignore_warnings: bool,
        /// Nothing is applied.
        check_only: bool,
    },
    /// `checkDeployStatus`.
    DeployStatus {
        /// As `deploy` answered it.
        id: String,
    },
}

impl Operation {
    /// The call's name, for logs and answers.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Operation::Read(_) | Operation::ReadOf { .. } => "readMetadata",
            Operation::List { .. } => "listMetadata",
            Operation::Describe { .. } => "describeMetadata",
            Operation::Update(_) => "updateMetadata",
            Operation::Deploy { .. } => "deploy",
            Operation::DeployStatus { .. } => "checkDeployStatus",
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
            Operation::Read(_)
            | Operation::List { .. }
            | Operation::Describe { .. }
            | Operation::ReadOf { .. }
            | Operation::Deploy { .. }
            | Operation::DeployStatus { .. } => Ok(()),
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
        Operation::Read(name) => read(writer, "ConnectedApp", name),
        Operation::ReadOf { kind, name } => read(writer, kind, name),
        Operation::List { kind, version } => list(writer, kind, version),
        Operation::Deploy {
            zip,
            ignore_warnings,
            check_only,
        } => deploy(writer, zip, *ignore_warnings, *check_only),
        Operation::DeployStatus { id } => {
            leaf(writer, "m:asyncProcessId", id)?;
            leaf(writer, "m:includeDetails", "true")
        }
        Operation::Describe { version } => leaf(writer, "m:asOfVersion", version),
        Operation::Update(component) => component.write(writer),
    }
}

fn read(writer: &mut Writer<Wiped>, kind: &str, name: &str) -> std::io::Result<()> {
    leaf(writer, "m:type", kind)?;
    leaf(writer, "m:fullNames", name)
}

fn list(writer: &mut Writer<Wiped>, kind: &str, version: &str) -> std::io::Result<()> {
    nest(writer, "m:queries", |writer| leaf(writer, "m:type", kind))?;
    leaf(writer, "m:asOfVersion", version)
}

/// `testLevel` is left out, so that the org's own rule decides: a package without Apex runs no tests. The schema
/// wants one, but any word of it says more than that (salesforce-metadata.md §5.1).
fn deploy(
    writer: &mut Writer<Wiped>,
    zip: &str,
    ignore_warnings: bool,
    check_only: bool,
) -> std::io::Result<()> {
    leaf(writer, "m:ZipFile", zip)?;
    nest(writer, "m:DeployOptions", |writer| {
        let truth = |is: bool| if is { "true" } else { "false" };
        for (name, is) in [
            ("m:allowMissingFiles", false),
            ("m:autoUpdatePackage", false),
            ("m:checkOnly", check_only),
            ("m:ignoreWarnings", ignore_warnings),
            ("m:performRetrieve", false),
            ("m:purgeOnDelete", false),
            ("m:rollbackOnError", true),
            ("m:singlePackage", true),
        ] {
            leaf(writer, name, truth(is))?;
        }
        Ok(())
    })
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
