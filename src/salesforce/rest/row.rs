//! One credential in an answer: a consumer, its primary pair, or a staged entry.

use serde::Deserialize;
use serde_json::Value;

use super::super::id::RecordId;
use super::super::json::{OneOrMany, SecretText};
use crate::clock::Timestamp;
use crate::port::StagedEntry;
use crate::secret::{Credential, Secret};

/// As documented, and as other clients have met it: `key` or `consumerKey`, alone, in an array or in a wrapper.
/// Both names are fields of their own, since one answer may use both.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    consumer_key: Option<String>,
    #[serde(default)]
    secret: Option<SecretText>,
    #[serde(default)]
    consumer_secret: Option<SecretText>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    created_by: Value,
    #[serde(default)]
    created_date: Value,
    #[serde(default)]
    expiration_date: Value,
    #[serde(default)]
    staged_credentials: Option<OneOrMany<Row>>,
    #[serde(default)]
    consumers: Option<OneOrMany<Row>>,
    #[serde(default)]
    next_page_url: Option<String>,
}

/// All credentials of an answer, and whether it names a next page.
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    pub(crate) more: bool,
}

/// `None` if it is not JSON of such a shape. Why not is dropped: the reason would repeat the body.
pub(crate) fn rows(body: &[u8]) -> Option<Rows> {
    let mut all = Rows {
        rows: Vec::new(),
        more: false,
    };
    let outer: OneOrMany<Row> = serde_json::from_slice(body).ok()?;
    for mut row in outer.0 {
        all.more |= row.next_page_url.as_deref().is_some_and(|url| !url.is_empty());
        match (row.staged_credentials.take(), row.consumers.take()) {
            (Some(inner), _) | (None, Some(inner)) => all.rows.extend(inner.0),
            (None, None) if row.id.is_some() || row.key().is_some() => all.rows.push(row),
            (None, None) => {}
        }
    }
    Some(all)
}

impl Row {
    pub(crate) fn id(&self) -> Option<RecordId> {
        RecordId::parse(self.id.as_deref()?)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn key(&self) -> Option<&str> {
        let key = self.key.as_deref().or(self.consumer_key.as_deref())?;
        let fits = !key.is_empty() && key.len() <= 512 && key.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(key)
    }

    pub(crate) fn state(&self) -> String {
        self.state.as_deref().unwrap_or_default().to_ascii_lowercase()
    }

    /// The pair; `None` if the secret is absent, empty or masked.
    pub(crate) fn credential(&self) -> Option<Credential> {
        let secret = [&self.secret, &self.consumer_secret];
        let secret = secret.into_iter().flatten().find(|text| !masked(&text.0))?;
        Some(Credential {
            client_id: self.key()?.to_owned(),
            client_secret: secret.0.clone(),
        })
    }

    /// As an entry of the staged slot; `None` without an id or a key.
    pub(crate) fn entry(&self) -> Option<StagedEntry> {
        Some(StagedEntry {
            id: self.id()?.as_str().to_owned(),
            key: self.key()?.to_owned(),
            state: self.state(),
            created_by: user(&self.created_by),
            created_at: time(&self.created_date),
            expires_at: time(&self.expiration_date),
        })
    }
}

/// Whether what stands for a secret is not one: secrets are letters and digits (salesforce-metadata.md §2.1,
/// with what practice adds), masks are stars, dots, words in brackets or one character repeated.
fn masked(secret: &Secret) -> bool {
    let text = secret.expose();
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return true;
    };
    let plausible = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '=');
    !text.chars().all(plausible) || characters.all(|c| c.eq_ignore_ascii_case(&first))
}

/// A user, by id or as an object that has one; the part of the id that identifies.
fn user(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value.get("id")?.as_str())?;
    RecordId::parse(text).map(|id| id.short().to_owned())
}

fn time(value: &Value) -> Option<Timestamp> {
    if let Some(millis) = value.as_i64() {
        return Some(Timestamp(millis));
    }
    let text = value.as_str()?;
    chrono::DateTime::parse_from_rfc3339(text)
        .or_else(|_| chrono::DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .ok()
        .map(|at| at.to_utc().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_told_from_secrets() {
        for mask in [
            "",
            "*",
            "********",
            "••••",
            "(hidden)",
            "xxxxxxxx",
            "abcd****",
            "not available",
        ] {
            assert!(masked(&Secret::new(mask.into())), "{mask}");
        }
        for secret in ["1234567890123456789", "9f86d081884c7d659a2feaa0c55ad015", "aB_1"] {
            assert!(!masked(&Secret::new(secret.into())), "{secret}");
        }
    }

    #[test]
    fn every_shape_in_use_is_read() {
        let row = r#"{"id":"888000000000001AAA","key":"3MVG9","secret":"s3cret","state":"Active"}"#;
        let other = r#"{"id":"888000000000001AAA","consumerKey":"3MVG9","consumerSecret":"s3cret"}"#;
        for body in [
            row.to_owned(),
            other.to_owned(),
            format!("[{row}]"),
            format!(r#"{{"stagedCredentials":[{row}],"url":"/x"}}"#),
            format!(r#"{{"stagedCredentials":{row}}}"#),
            format!(r#"{{"consumers":[{other}],"nextPageUrl":null}}"#),
        ] {
            let all = rows(body.as_bytes()).unwrap();
            assert_eq!(all.rows.len(), 1, "{body}");
            let pair = all.rows[0].credential().unwrap();
            assert_eq!(
                (pair.client_id.as_str(), pair.client_secret.expose()),
                ("3MVG9", "s3cret")
            );
            assert!(all.rows[0].entry().is_some());
        }
        for body in [
            "[]",
            "{}",
            r#"{"stagedCredentials":[]}"#,
            r#"{"stagedCredentials":null,"url":"x"}"#,
        ] {
            assert!(rows(body.as_bytes()).unwrap().rows.is_empty(), "{body}");
        }
        assert!(rows(b"<html>").is_none());
    }

    #[test]
    fn dates_come_in_three_forms() {
        let at = Some(Timestamp(1_772_359_200_123));
        for value in [
            "\"2026-03-01T10:00:00.123Z\"",
            "\"2026-03-01T10:00:00.123+0000\"",
            "1772359200123",
        ] {
            assert_eq!(time(&serde_json::from_str(value).unwrap()), at, "{value}");
        }
    }
}
