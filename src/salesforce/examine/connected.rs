//! One Connected App: its metadata, its package, and what stands beside it (salesforce-metadata.md §1, §2).

use super::super::id::RecordId;
use super::super::metadata::{self, Certificate, Component};
use super::super::org::Org;
use super::super::rest;
use crate::doctor::observed::{ComponentSeen, ConnectedSeen, Seen, Subject};
use crate::port::Fault;

/// `soap`: our session is one that SOAP takes.
pub(super) async fn look(org: &Org, subject: &Subject, soap: bool) -> ConnectedSeen {
    let name = &subject.name;
    if !soap {
        return ConnectedSeen {
            component: Seen::unasked(),
            managed: Seen::unasked(),
            twin: twin(org, name, None).await.into(),
            credentials: Seen::unasked(),
        };
    }
    let component = metadata::read(org, name).await.map(|(component, _)| component);
    let key = component
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .and_then(Component::consumer_key);
    let seen = component.map(|component| component.map(|component| of(org, &component)));
    let properties = metadata::list(org, name).await;
    let id = properties.as_ref().ok().and_then(Option::as_ref);
    let id = id.and_then(|properties| RecordId::parse(properties.id.as_deref()?));
    ConnectedSeen {
        component: seen.into(),
        managed: managed(org, properties).await.into(),
        twin: twin(org, name, key.as_deref()).await.into(),
        credentials: match id {
            Some(id) => match rest::consumers(org, &id).await {
                Ok(_) => Seen::Is(true),
                Err(fault) => fault.into(),
            },
            None => Seen::unasked(),
        },
    }
}

fn of(org: &Org, component: &Component) -> ComponentSeen {
    ComponentSeen {
        oauth: component.has_oauth(),
        certificate_masked: component.certificate() == Certificate::Masked,
        certificate: component.certificate() != Certificate::Absent,
        own_login: component.consumer_key().is_some_and(|key| org.is_own_login(&key)),
        secret_optional: component.flag("isConsumerSecretOptional"),
        client_credentials: component.flag("isClientCredentialEnabled"),
    }
}

async fn managed(org: &Org, properties: Result<Option<metadata::Properties>, Fault>) -> Result<bool, Fault> {
    let own = org.described().await?.namespace.as_deref();
    Ok(properties?.is_some_and(|properties| properties.managed(own)))
}

/// An External Client App of the same name, which a migration leaves (salesforce-metadata.md §2.3 E), and whether it has
/// the same consumer key.
async fn twin(org: &Org, name: &str, key: Option<&str>) -> Result<Option<Option<bool>>, Fault> {
    // Where an org serves Connected Apps too, their list gives the app itself: ids of the other kind begin with `0x`
    // (salesforce-oauth-rest.md §1).
    let found = rest::app(org, name).await?;
    let Some(app) = found.filter(|id| id.as_str().starts_with("0x")) else {
        return Ok(None);
    };
    let rows = rest::consumers(org, &app).await.ok();
    Ok(Some(match (key, rows) {
        (Some(key), Some(rows)) => Some(rows.iter().any(|row| row.key() == Some(key))),
        (Some(_), None) | (None, Some(_) | None) => None,
    }))
}
