//! The Metadata API over SOAP, as far as the secret of a client app needs it (salesforce-metadata.md §1, §3, §5.1).
//!
//! `xml` is a lossless tree, `component` a Connected App as such a tree, `settings` the OAuth settings of an External
//! Client App, `org_settings` those of the org for all of them, and `package` the zip that they are deployed in, `diff` what a write changed besides the secret,
//! `envelope` what is sent, `answer` what comes back, `calls` the operations.
//!
//! Not here: deploys over REST, and any other type.

mod answer;
mod calls;
mod component;
mod diff;
mod envelope;
mod org_settings;
mod package;
mod settings;
mod xml;

pub(crate) use answer::Deployed;
pub(crate) use calls::{
    Described, Properties, check, deploy, deploy_status, describe, list, list_of, list_settings, read,
    read_org_settings, settings_of, update,
};
pub(crate) use component::{Certificate, Component, pem};
pub(crate) use diff::{diff, diff_settings};
pub(crate) use org_settings::{ORG_SETTINGS_NAME, OrgSettings};
pub(crate) use package::{new_connected_app, package};
pub(crate) use settings::{OAUTH_SETTINGS, OauthSettings};
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
