//! The operations, each one request.

use std::collections::BTreeSet;

use super::super::fault::{Area, Class, Failure};
use super::super::http::Reply;
use super::super::org::Org;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::id::RecordId;
use super::answer::{Deployed, deployed, response, saved};
use super::component::Component;
use super::envelope::{Operation, envelope};
use super::org_settings::{ORG_SETTINGS, ORG_SETTINGS_NAME, OrgSettings};
use super::settings::{OAUTH_SETTINGS, OauthSettings};
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
    Ok(element.all("result").find(named).map(properties))
}

fn properties(entry: &Element) -> Properties {
    Properties {
        id: entry.text_of("id"),
        modified: entry.text_of("lastModifiedDate"),
        manageable: entry.text_of("manageableState"),
        namespace: entry.text_of("namespacePrefix"),
    }
}

/// Every `ExtlClntAppGlobalOauthSettings` of the org, by full name.
pub(crate) async fn list_settings(org: &Org) -> Result<Vec<(String, Properties)>, Fault> {
    let (kind, version) = (OAUTH_SETTINGS, org.version().await?);
    let (element, _) = ask(org, Operation::List { kind, version }).await?;
    let named = |entry: &Element| Some((entry.text_of("fullName")?, properties(entry)));
    Ok(element.all("result").filter_map(named).collect())
}

/// The settings that belong to an app. Their name is a convention and no rule, so what they say of themselves counts
/// (salesforce-metadata.md §3). `known` is the name that was theirs the last time.
pub(crate) async fn settings_of(
    org: &Org,
    app: &str,
    known: Option<&str>,
) -> Result<Option<(OauthSettings, Properties)>, Fault> {
    let mut listed = list_settings(org).await?;
    // The likely ones first: each is one request.
    listed.sort_by_key(|(name, _)| (known != Some(name), !name.starts_with(app)));
    for (name, properties) in listed {
        let (settings, _) = read_settings(org, &name).await?;
        let theirs =
            |settings: &OauthSettings| settings.app().is_some_and(|one| one.eq_ignore_ascii_case(app));
        if let Some(settings) = settings.filter(theirs) {
            return Ok(Some((settings, properties)));
        }
    }
    Ok(None)
}

/// Reads one `ExtlClntAppGlobalOauthSettings`.
pub(crate) async fn read_settings(
    org: &Org,
    name: &str,
) -> Result<(Option<OauthSettings>, Option<Timestamp>), Fault> {
    let (records, date) = records_of(org, OAUTH_SETTINGS, name).await?;
    let mut found = records.into_iter().filter_map(OauthSettings::of);
    Ok((
        found.find(|settings| settings.full_name().eq_ignore_ascii_case(name)),
        date,
    ))
}

/// Reads the org's own settings for External Client Apps. `None` if it shows none.
pub(crate) async fn read_org_settings(org: &Org) -> Result<Option<OrgSettings>, Fault> {
    let (records, _) = records_of(org, ORG_SETTINGS, ORG_SETTINGS_NAME).await?;
    Ok(records.into_iter().find_map(OrgSettings::of))
}

async fn records_of(
    org: &Org,
    kind: &'static str,
    name: &str,
) -> Result<(Vec<Element>, Option<Timestamp>), Fault> {
    let name = name.to_owned();
    let (element, date) = ask(org, Operation::ReadOf { kind, name }).await?;
    let results = element.child("result").into_iter();
    let records = results.flat_map(|result| result.all("records")).cloned();
    Ok((records.collect(), date))
}

/// Hands a package in. The answer is an id; what becomes of it is for [`deploy_status`] to say.
pub(crate) async fn deploy(org: &Org, zip: &[u8], ignore_warnings: bool) -> Outcome<String> {
    hand_in(org, zip, ignore_warnings, false).await
}

/// Has a package judged. Nothing of it is applied.
pub(crate) async fn check(org: &Org, zip: &[u8]) -> Outcome<String> {
    hand_in(org, zip, false, true).await
}

async fn hand_in(org: &Org, zip: &[u8], ignore_warnings: bool, check_only: bool) -> Outcome<String> {
    let zip = STANDARD.encode(zip);
    let operation = Operation::Deploy {
        zip,
        ignore_warnings,
        check_only,
    };
    let answered = match send(org, &operation).await {
        Ok(reply) => response(&reply),
        Err(failure) => return failure.outcome(),
    };
    let id = match answered {
        Ok(element) => element.child("result").and_then(|result| result.text_of("id")),
        Err(class) => return class.outcome(Area::Metadata),
    };
    match id.filter(|id| RecordId::parse(id).is_some()) {
        Some(id) => Outcome::Done(id),
        None => Outcome::Unknown("deploy answered without an id".into()),
    }
}

/// How a deploy stands.
pub(crate) async fn deploy_status(org: &Org, id: &str) -> Result<Deployed, Fault> {
    let operation = Operation::DeployStatus { id: id.to_owned() };
    let reply = send(org, &operation).await.map_err(Failure::fault)?;
    match response(&reply) {
        Ok(element) => deployed(&element),
        // An id that the org does not know any more: statuses are kept for 30 days.
        Err(Class::Invalid(text) | Class::Missing(text)) => Err(Fault::NotFound(text)),
        Err(class) => Err(class.fault(Area::Metadata)),
    }
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
