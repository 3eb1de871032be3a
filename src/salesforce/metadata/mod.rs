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

use super::http::Reply;
use crate::secret::Secret;

/// The namespace of the Metadata API.
const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";
/// Of `xsi:type` and `xsi:nil`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Of the simple types.
const XSD: &str = "http://www.w3.org/2001/XMLSchema";
/// Of the envelope, SOAP 1.1.
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// What is said of an answer, as if it were one to each call in turn.
pub(crate) fn said(reply: &Reply) -> Vec<String> {
    match answer::response(reply) {
        Ok(response) => vec![
            format!("{:?}", answer::saved(&response, "Legacy_Loader")),
            format!("{:?}", answer::deployed(&response)),
        ],
        Err(class) => vec![format!("{class:?}")],
    }
}

/// See [`super::heard::rewritten`].
pub(crate) fn rewritten(soap: &[u8], secret: &Secret) -> Option<Secret> {
    let envelope = xml::Element::parse(soap).ok()?;
    let call = envelope.child("Body")?.elements().next()?;
    let record = call.child("result").and_then(|result| result.child("records"));
    let component = Component::of(record.or_else(|| call.child("metadata"))?.clone())?;
    let whole = Box::new(component.with(secret, None));
    envelope::envelope(
        &Secret::new("session".to_owned()),
        &envelope::Operation::Update(whole),
    )
}
