//! One External Client App: its consumers, the live pair, the staged slot (salesforce-oauth-rest.md §1).

use super::super::id::RecordId;
use super::super::metadata::{self, Certificate};
use super::super::org::Org;
use super::super::rest::{self, Ids};
use crate::doctor::observed::{ExternalSeen, Lack, Seen, SettingsSeen, SlotSeen, Subject};
use crate::port::Fault;

/// `soap`: our session is one that SOAP takes.
pub(super) async fn look(org: &Org, subject: &Subject, soap: bool) -> ExternalSeen {
    let mut seen = ExternalSeen {
        exists: Seen::unasked(),
        managed: Seen::unasked(),
        consumers: Seen::unasked(),
        consumer: Seen::unasked(),
        secret_shown: Seen::unasked(),
        settings: Seen::unasked(),
        slot: Seen::unasked(),
        key: None,
        identity: None,
        own_login: false,
    };
    let app = rest::app(org, &subject.name).await;
    seen.exists = app.as_ref().map(Option::is_some).map_err(Fault::clone).into();
    let Ok(Some(app)) = app else { return seen };
    if soap {
        seen.managed = managed(org, subject).await.into();
        seen.settings = settings(org, subject).await.into();
    }
    let rows = match rest::consumers(org, &app).await {
        Ok(rows) => rows,
        Err(fault) => {
            seen.consumers = fault.into();
            return seen;
        }
    };
    let named = rows.iter().filter_map(|row| {
        let name = row.name().unwrap_or("without a name");
        Some((row.id()?.as_str().to_owned(), name.to_owned()))
    });
    seen.consumers = Seen::Is(named.collect());
    match rest::choose(&rows, subject.consumer.as_deref()) {
        Ok((row, consumer)) => {
            seen.consumer = Seen::Is(());
            seen.key = row.key().map(str::to_owned);
            let ids = Ids { app, consumer };
            seen.identity = ids.identity(org).await.ok();
            credentials(org, ids, &mut seen).await;
        }
        Err(why) => seen.consumer = Seen::Not(Lack::Odd, why),
    }
    let slot = seen.slot.is().and_then(Option::as_ref);
    let keys = [seen.key.as_deref(), slot.map(|entry| entry.key.as_str())];
    seen.own_login = keys.into_iter().flatten().any(|key| org.is_own_login(key));
    seen
}

/// Whether it is somebody else's, by the Metadata API. Without that API it is not known, and no method that needs to know
/// would work.
async fn managed(org: &Org, subject: &Subject) -> Result<bool, Fault> {
    let own = org.described().await?.namespace.as_deref();
    let properties = metadata::list_of(org, "ExternalClientApplication", &subject.name).await?;
    Ok(properties.is_some_and(|properties| properties.managed(own)))
}

/// What is set there, and what a deploy of it would do.
async fn settings(org: &Org, subject: &Subject) -> Result<Option<SettingsSeen>, Fault> {
    if !org.described().await?.types.contains(metadata::OAUTH_SETTINGS) {
        return Ok(None);
    }
    let found = metadata::settings_of(org, &subject.name, None).await?;
    Ok(found.map(|(settings, _)| SettingsSeen {
        rotates_key: settings.rotates_key(),
        rotates_secret: settings.rotates_secret(),
        certificate: settings.certificate() != Certificate::Absent,
        certificate_masked: settings.certificate() == Certificate::Masked,
    }))
}

async fn credentials(org: &Org, ids: Ids, seen: &mut ExternalSeen) {
    let primary = rest::primary(org, &ids).await;
    if let Ok(row) = &primary {
        seen.key = row.key().map(str::to_owned);
    }
    // The pair is dropped here: only whether it was shown is kept.
    seen.secret_shown = primary.map(|row| row.credential().is_some()).into();
    let ours = org.user().await.ok().flatten();
    seen.slot = match rest::staged(org, &ids).await {
        Ok((rows, _)) => Seen::Is(rows.iter().find_map(rest::Row::entry).map(|entry| SlotSeen {
            by_us: ours.as_ref().map(RecordId::short) == entry.created_by.as_deref() && ours.is_some(),
            id: entry.id,
            key: entry.key,
            state: entry.state,
            expires: entry.expires_at,
        })),
        Err(fault) => fault.into(),
    };
}
