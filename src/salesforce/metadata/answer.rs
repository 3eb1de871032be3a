//! What comes back: a response element, a fault, or something else (salesforce-metadata.md §5.3).

use super::super::fault::{self, Class, classify, html};
use super::super::http::{Body, Reply};
use super::xml::Element;
use crate::port::Fault;

/// The response element of a call, or what the answer means instead. A fault counts at any status, because it
/// usually comes with 500 and proves more than the status does.
pub(crate) fn response(reply: &Reply) -> Result<Element, Class> {
    let bytes = match &reply.body {
        Body::Whole(bytes) => bytes.as_slice(),
        Body::Cut(_) => return Err(by_status(reply)),
    };
    let Some(body) = Element::parse(bytes).ok().and_then(soap_body) else {
        return Err(match reply.status {
            200..=299 if !html(bytes) => Class::Garbled(format!("{}, not legible as SOAP", reply.status)),
            _ => by_status(reply),
        });
    };
    match body.elements().next() {
        Some(fault) if fault.name == "Fault" => Err(soap_fault(fault)),
        Some(response) if matches!(reply.status, 200..=299) => Ok(response.clone()),
        Some(_) | None => Err(by_status(reply)),
    }
}

fn soap_body(envelope: Element) -> Option<Element> {
    (envelope.name == "Envelope").then_some(())?;
    envelope.child("Body").cloned()
}

fn by_status(reply: &Reply) -> Class {
    match fault::read(reply) {
        Ok(_) => Class::Garbled(format!("{}, not an answer to the call", reply.status)),
        Err(class) => class,
    }
}

fn soap_fault(fault: &Element) -> Class {
    let text = fault.text_of("faultstring").unwrap_or_default();
    let code = fault.text_of("faultcode").unwrap_or_default();
    let code = code.rsplit(':').next().unwrap_or_default();
    let before_colon = text.split(':').next().unwrap_or_default().trim();
    // A generic code, `Client` or `Server`, leaves the real one to the text.
    let known = classify("SOAP fault", code, &text).or_else(|| classify("SOAP fault", before_colon, &text));
    known.unwrap_or_else(|| Class::Perhaps {
        text: "SOAP fault of an unknown kind".into(),
        wait: None,
    })
}

/// What one `SaveResult` says of the component `name`.
pub(crate) fn saved(response: &Element, name: &str) -> Result<(), Class> {
    let garbled = |what: &str| Err(Class::Garbled(format!("updateMetadata answered {what}")));
    let Some(result) = response.child("result") else {
        return garbled("without a result");
    };
    let named = result.text_of("fullName");
    if named.is_some_and(|named| !named.eq_ignore_ascii_case(name)) {
        return garbled("about another component");
    }
    match result.text_of("success").as_deref() {
        Some("true" | "1") => Ok(()),
        Some("false" | "0") => Err(refused(result)),
        Some(_) | None => garbled("without saying whether it succeeded"),
    }
}

/// How a deploy stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deployed {
    /// It waits for its turn, or runs.
    Running,
    /// Applied, it says.
    Succeeded,
    /// Failed and rolled back; why, by class.
    Failed(Class),
}

/// What `checkDeployStatus` says. `done` is the end, and `success` decides it (salesforce-metadata.md §5.1).
pub(crate) fn deployed(response: &Element) -> Result<Deployed, Fault> {
    let illegible = |what: &str| Err(Fault::Unavailable(format!("checkDeployStatus answered {what}")));
    let Some(result) = response.child("result") else {
        return illegible("without a result");
    };
    match (
        result.text_of("done").as_deref(),
        result.text_of("success").as_deref(),
    ) {
        (Some("false" | "0"), _) => Ok(Deployed::Running),
        (Some("true" | "1"), Some("true" | "1")) => Ok(Deployed::Succeeded),
        (Some("true" | "1"), Some("false" | "0")) => Ok(Deployed::Failed(failed(result))),
        (_, _) => illegible("without saying how it stands"),
    }
}

fn failed(result: &Element) -> Class {
    let message = result.text_of("errorMessage").unwrap_or_default();
    let code = result.text_of("errorStatusCode").unwrap_or_default();
    let whole = classify("deploy", &code, &message);
    let details = result.child("details");
    let failures = details
        .into_iter()
        .flat_map(|details| details.all("componentFailures"));
    let warning = |failure: &&Element| failure.text_of("problemType").as_deref() == Some("Warning");
    let failures: Vec<&Element> = failures.collect();
    if failures.iter().any(warning) {
        return Class::Invalid("deploy failed for a warning".into());
    }
    let problems = failures
        .iter()
        .map(|failure| failure.text_of("problem").unwrap_or_default());
    // Problems have no code of their own, but some begin with one.
    let mut classes = problems.filter_map(|problem| {
        let code = problem.split([':', ' ']).next().unwrap_or_default();
        classify("deploy", code, &problem)
    });
    let failed = classes.next().or(whole);
    // It ended and was rolled back, so nothing about it is in doubt.
    match failed {
        Some(Class::Perhaps { text, .. }) => Class::Invalid(text),
        Some(class) => class,
        None => Class::Invalid("deploy failed for a reason that is not known to rekeyd".into()),
    }
}

fn refused(result: &Element) -> Class {
    let classes = result.all("errors").map(|error| {
        let code = error.text_of("statusCode").unwrap_or_default();
        let message = error.text_of("message").unwrap_or_default();
        let class = classify("updateMetadata", &code, &message);
        let rolled_back = code == "ALL_OR_NONE_OPERATION_ROLLED_BACK";
        let unknown =
            || Class::Invalid("updateMetadata refused for a reason that is not known to rekeyd".into());
        (rolled_back, class.unwrap_or_else(unknown))
    });
    let mut classes: Vec<_> = classes.collect();
    // The doubtful outweighs the refused, and the cause outweighs the roll-back that follows from it.
    classes.sort_by_key(|(rolled_back, class)| (!matches!(class, Class::Perhaps { .. }), *rolled_back));
    let first = classes.into_iter().next().map(|(_, class)| class);
    first.unwrap_or_else(|| Class::Invalid("updateMetadata failed without a reason".into()))
}
