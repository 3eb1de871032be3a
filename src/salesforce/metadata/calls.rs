//! The four operations, each one request.

use std::collections::BTreeSet;

use super::super::fault::{Area, Class, Failure};
use super::super::http::Reply;
use super::super::org::Org;
use super::answer::{response, saved};
use super::component::Component;
use super::envelope::{Operation, envelope};
use super::xml::Element;
use crate::clock::Timestamp;
use crate::port::{Fault, Outcome};

/// `FileProperties` of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties {
    pub(crate) id: Option<String>,
    pub(crate) modified: Option<String>,
    pub(crate) manageable: Option<String>,
    pub(crate) namespace: Option<String>,
}

impl Properties {
    /// Whether it belongs to a package of somebody else's, where `own` is the org's own namespace.
    pub(crate) fn managed(&self, own: Option<&str>) -> bool {
        let foreign = self.namespace.as_deref().is_some_and(|space| Some(space) != own);
        let state = self.manageable.as_deref().unwrap_or("unmanaged");
        // `released` and `beta` are what the developing org calls its own.
        foreign || !matches!(state, "unmanaged" | "released" | "beta")
    }
}

/// What the org says of its metadata.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    /// It knows Connected Apps.
    pub(crate) connected_app: bool,
    /// Every type that it knows.
    pub(crate) types: BTreeSet<String>,
    /// Its own namespace.
    pub(crate) namespace: Option<String>,
}

/// Reads one Connected App. `None` if there is none of this name.
pub(crate) async fn read(org: &Org, name: &str) -> Result<(Option<Component>, Option<Timestamp>), Fault> {
    let (element, date) = ask(org, Operation::Read(name.to_owned())).await?;
    let records = element
        .child("result")
        .into_iter()
        .flat_map(|result| result.all("records"));
    let mut components = records.filter_map(|record| Component::of(record.clone()));
    let component = components.find(|component| component.full_name().eq_ignore_ascii_case(name));
    Ok((component, date))
}

/// Finds one Connected App in the list of them all.
pub(crate) async fn list(org: &Org, name: &str) -> Result<Option<Properties>, Fault> {
    list_of(org, "ConnectedApp", name).await
}

/// The same for any type.
pub(crate) async fn list_of(org: &Org, kind: &'static str, name: &str) -> Result<Option<Properties>, Fault> {
    let version = org.version().await?;
    let (element, _) = ask(org, Operation::List { kind, version }).await?;
    let named = |entry: &&Element| {
        let full_name = entry.text_of("fullName");
        full_name.is_some_and(|full_name| full_name.eq_ignore_ascii_case(name))
    };
    Ok(element.all("result").find(named).map(|entry| Properties {
        id: entry.text_of("id"),
        modified: entry.text_of("lastModifiedDate"),
        manageable: entry.text_of("manageableState"),
        namespace: entry.text_of("namespacePrefix"),
    }))
}

/// Asks which types there are.
pub(crate) async fn describe(org: &Org) -> Result<Described, Fault> {
    let version = org.version().await?;
    let (element, _) = ask(org, Operation::Describe { version }).await?;
    let Some(result) = element.child("result") else {
        return Err(Fault::Unusable(
            "describeMetadata answered without a result".into(),
        ));
    };
    let types = result
        .all("metadataObjects")
        .filter_map(|kind| kind.text_of("xmlName"));
    let types: BTreeSet<String> = types.collect();
    Ok(Described {
        connected_app: types.contains("ConnectedApp"),
        types,
        namespace: result.text_of("organizationNamespace"),
    })
}

/// Writes one whole component.
pub(crate) async fn update(org: &Org, name: &str, whole: Element) -> Outcome<()> {
    let saved = match send(org, &Operation::Update(Box::new(whole))).await {
        Ok(reply) => response(&reply).and_then(|element| saved(&element, name)),
        Err(failure) => return failure.outcome(),
    };
    match saved {
        Ok(()) => Outcome::Done(()),
        Err(class) => class.outcome(Area::Metadata),
    }
}

async fn ask(org: &Org, operation: Operation) -> Result<(Element, Option<Timestamp>), Fault> {
    let reply = send(org, &operation).await.map_err(Failure::fault)?;
    let element = response(&reply).map_err(|class| class.fault(Area::Metadata))?;
    if element.name.strip_suffix("Response") != Some(operation.name()) {
        return Err(Fault::Unusable(format!(
            "{} got another call's answer",
            operation.name()
        )));
    }
    Ok((element, reply.date))
}

async fn send(org: &Org, operation: &Operation) -> Result<Reply, Failure> {
    let build = |token: &crate::secret::Secret| envelope(token, operation);
    let expired = |reply: &Reply| matches!(response(reply), Err(Class::Expired));
    org.soap(operation.name(), build, expired).await
}
