//! The five requests, for one secret.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_secretsmanager::types::{ReplicaRegionType, StatusType, Tag};
use zeroize::Zeroizing;

use super::connection::{AwsConnection, Sent, once};
use super::fault::Failed;
use super::labels::{CURRENT, Described};
use super::settings::Creation;
use crate::document::{Document, Malformed};
use crate::port::Fault;

/// Asks about, and changes, one secret.
pub(super) struct Requests {
    connection: Arc<AwsConnection>,
    secret: String,
}

/// Which version is asked for.
#[derive(Clone, Copy)]
pub(super) enum Which<'a> {
    Current,
    Id(&'a str),
}

/// A version with its value.
pub(super) struct Version {
    pub(super) id: String,
    pub(super) labels: Vec<String>,
    pub(super) value: Result<Document, Malformed>,
}

impl Requests {
    pub(super) fn new(connection: Arc<AwsConnection>, secret: &str) -> Self {
        Requests {
            connection,
            secret: secret.to_owned(),
        }
    }

    pub(super) fn connection(&self) -> &AwsConnection {
        &self.connection
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    fn asked(&self, action: &str) -> String {
        format!("`secretsmanager:{action}` on `{}`", self.secret)
    }

    /// The secret without its value; `None`: there is none.
    pub(super) async fn describe(&self) -> Result<Option<Described>, Fault> {
        let sent = Sent::default();
        let request = self.connection.client().await.describe_secret();
        let answer = request
            .secret_id(&self.secret)
            .customize()
            .interceptor(sent.clone())
            .send()
            .await;
        let asked = self.asked("DescribeSecret");
        let answer = match self.connection.judge(answer, &asked, &sent).await {
            Ok(answer) => answer,
            Err(Failed::Absent(_)) => return Ok(None),
            Err(failed) => return Err(failed.fault()),
        };
        let labels = answer.version_ids_to_stages.into_iter().flatten();
        let replicas = answer.replication_status.into_iter().flatten().map(|replica| {
            let status = replica.status.as_ref().map_or("unknown", StatusType::as_str);
            (replica.region.unwrap_or_default(), status.to_owned())
        });
        Ok(Some(Described {
            labels: labels
                .map(|(version, labels)| (version, BTreeSet::from_iter(labels)))
                // AWS leaves them out; not every compatible server does.
                .filter(|(_, labels)| !labels.is_empty())
                .collect(),
            rotation_enabled: answer.rotation_enabled.unwrap_or(false),
            owning_service: answer.owning_service.filter(|service| !service.is_empty()),
            scheduled_for_deletion: answer.deleted_date.is_some(),
            primary_region: answer.primary_region,
            replicas: replicas.collect(),
        }))
    }

    /// One version; `None`: it is not there, or the secret is not.
    pub(super) async fn get(&self, which: Which<'_>) -> Result<Option<Version>, Fault> {
        let sent = Sent::default();
        let request = self
            .connection
            .client()
            .await
            .get_secret_value()
            .secret_id(&self.secret);
        let request = match which {
            Which::Current => request.version_stage(CURRENT),
            Which::Id(version) => request.version_id(version),
        };
        let answer = request.customize().interceptor(sent.clone()).send().await;
        let asked = self.asked("GetSecretValue");
        let mut answer = match self.connection.judge(answer, &asked, &sent).await {
            Ok(answer) => answer,
            Err(Failed::Absent(_)) => return Ok(None),
            Err(failed) => return Err(failed.fault()),
        };
        let Some(id) = answer.version_id.take() else {
            return Err(Fault::Unusable(format!(
                "{asked} was answered without a version id"
            )));
        };
        let value = answer.secret_string.take().map(Zeroizing::new);
        Ok(Some(Version {
            id,
            labels: answer.version_stages.take().unwrap_or_default(),
            // A binary value is none of ours.
            value: value.map_or(Err(Malformed::NotAnObject), |text| Document::parse(&text)),
        }))
    }

    /// A new version under one label. On a secret without versions it becomes current as well.
    pub(super) async fn put(&self, token: &str, label: &str, value: &Document) -> Result<(), Failed> {
        let sent = Sent::default();
        let request = self.connection.client().await.put_secret_value();
        let answer = request
            .secret_id(&self.secret)
            .client_request_token(token)
            .secret_string(value.text().as_str())
            .version_stages(label)
            .customize()
            .interceptor(sent.clone())
            .config_override(once())
            .send()
            .await;
        let asked = self.asked("PutSecretValue");
        self.connection.judge(answer, &asked, &sent).await.map(|_| ())
    }

    /// Moves, adds (`from` nobody) or removes (`to` nobody) a label.
    pub(super) async fn relabel(
        &self,
        label: &str,
        to: Option<&str>,
        from: Option<&str>,
    ) -> Result<(), Failed> {
        let sent = Sent::default();
        let request = self.connection.client().await.update_secret_version_stage();
        let answer = request
            .secret_id(&self.secret)
            .version_stage(label)
            .set_move_to_version_id(to.map(str::to_owned))
            .set_remove_from_version_id(from.map(str::to_owned))
            .customize()
            .interceptor(sent.clone())
            .config_override(once())
            .send()
            .await;
        let asked = self.asked("UpdateSecretVersionStage");
        self.connection.judge(answer, &asked, &sent).await.map(|_| ())
    }

    /// A new secret with its first version, which is current; its id as answered.
    pub(super) async fn create(
        &self,
        token: &str,
        value: &Document,
        with: &Creation,
    ) -> Result<Option<String>, Failed> {
        let sent = Sent::default();
        let tags = with
            .tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        let tags: Vec<Tag> = tags.collect();
        let regions = with
            .replica_regions
            .iter()
            .map(|region| ReplicaRegionType::builder().region(region).build());
        let regions: Vec<ReplicaRegionType> = regions.collect();
        let request = self.connection.client().await.create_secret();
        let answer = request
            .name(&self.secret)
            .client_request_token(token)
            .secret_string(value.text().as_str())
            .set_kms_key_id(with.kms_key_id.clone())
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_add_replica_regions((!regions.is_empty()).then_some(regions))
            .customize()
            .interceptor(sent.clone())
            .config_override(once())
            .send()
            .await;
        let asked = self.asked("CreateSecret");
        let answer = self.connection.judge(answer, &asked, &sent).await?;
        Ok(answer.version_id)
    }
}
