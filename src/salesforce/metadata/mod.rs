//! The Metadata API over SOAP, as far as a Connected App's secret needs it (salesforce-metadata.md §1, §5.1).
//!
//! `xml` is a lossless tree, `component` a Connected App as such a tree, `diff` what a write changed besides the
//! secret, `envelope` what is sent, `answer` what comes back, `calls` the four operations.
//!
//! Not here: file deploys (`deploy`, zips), and any type but `ConnectedApp`.

mod answer;
mod calls;
mod component;
mod diff;
mod envelope;
mod xml;

pub(crate) use calls::{Described, Properties, describe, list, list_of, read, update};
pub(crate) use component::{Certificate, Component, pem};
pub(crate) use diff::diff;
pub(crate) use xml::legal;

/// The namespace of the Metadata API.
const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";
/// Of `xsi:type` and `xsi:nil`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Of the simple types.
const XSD: &str = "http://www.w3.org/2001/XMLSchema";
/// Of the envelope, SOAP 1.1.
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// For the property that holds for all readers.
#[cfg(test)]
pub(crate) mod hostile {
    use super::super::http::Reply;
    use super::answer::{response, saved};

    pub(crate) fn said(reply: &Reply) -> String {
        match response(reply) {
            Ok(response) => format!("{:?}", saved(&response, "Legacy_Loader")),
            Err(class) => format!("{class:?}"),
        }
    }
}
