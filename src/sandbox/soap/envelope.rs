//! The SOAP envelope of a request: its headers, and the one element of its body.

use crate::sandbox::xml::{self, Element};

/// The calls that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Method {
    Read,
    Update,
    List,
    Describe,
    Deploy,
    DeployStatus,
    Retrieve,
    RetrieveStatus,
    Other,
}

/// A request, read.
#[derive(Clone)]
pub(in crate::sandbox) struct Envelope {
    session_id: Option<String>,
    pub(super) all_or_none: bool,
    pub(super) body: Element,
}

impl Envelope {
    /// Reads a request's body.
    ///
    /// # Errors
    /// A sentence for a fault.
    pub(in crate::sandbox) fn read(bytes: &[u8]) -> Result<Self, String> {
        let root = xml::parse(bytes)?;
        if root.name != "Envelope" || root.namespace != xml::SOAP {
            return Err("expected a SOAP 1.1 envelope".to_owned());
        }
        let body = root
            .child("Body")
            .and_then(|body| body.children.first())
            .ok_or("an empty body")?;
        if body.namespace != xml::METADATA {
            return Err(format!(
                "No operation available for request {{{}}}{}",
                body.namespace, body.name
            ));
        }
        let header = root.child("Header");
        let of = |name: &str| header.and_then(|header| header.child(name));
        Ok(Self {
            session_id: of("SessionHeader")
                .filter(|header| header.namespace == xml::METADATA)
                .and_then(|header| header.text_of("sessionId"))
                .map(|text| text.trim().to_owned()),
            all_or_none: of("AllOrNoneHeader").and_then(|header| header.text_of("allOrNone")) == Some("true"),
            body: body.clone(),
        })
    }

    pub(in crate::sandbox) fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    pub(in crate::sandbox) fn method(&self) -> Method {
        match self.body.name.as_str() {
            "readMetadata" => Method::Read,
            "updateMetadata" => Method::Update,
            "listMetadata" => Method::List,
            "describeMetadata" => Method::Describe,
            "deploy" => Method::Deploy,
            "checkDeployStatus" => Method::DeployStatus,
            "retrieve" => Method::Retrieve,
            "checkRetrieveStatus" => Method::RetrieveStatus,
            _ => Method::Other,
        }
    }

    /// The first component's name, whichever way the call gives it.
    pub(in crate::sandbox) fn first_name(&self) -> Option<&str> {
        let metadata = self
            .body
            .child("metadata")
            .and_then(|component| component.text_of("fullName"));
        metadata.or_else(|| self.body.text_of("fullNames"))
    }
}
