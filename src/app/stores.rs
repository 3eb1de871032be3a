//! A store of the policy, opened for one app.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::vault;
use crate::cli::exit::Failure;
use crate::clock::{Clock, Timestamp};
use crate::document::FieldNames;
use crate::engine::seat::StoreSeat;
use crate::policy::app::{Fields, StoreEntry};
use crate::policy::store::StorePolicy;
use crate::policy::{self, Policy};
use crate::port;
use crate::store::aws::{self, AwsConnection, AwsSettings, AwsStore, Creation, Credentials};
use crate::store::file::FileStore;
use crate::store::path::StorePath;
use crate::store::vault::{VaultConnection, VaultStore};

/// The connections to servers, one for each store of the policy, shared by its apps.
#[derive(Default)]
pub(super) struct Connections {
    vaults: BTreeMap<String, Arc<VaultConnection>>,
    clouds: BTreeMap<String, Arc<AwsConnection>>,
}

impl Connections {
    /// # Errors
    /// [`Failure`] (78): a path, a file or a setting is wrong. Nothing is asked of the store.
    pub(super) fn seat(
        &mut self,
        policy: &Policy,
        entry: &StoreEntry,
        clock: &Arc<dyn Clock>,
    ) -> Result<StoreSeat, Failure> {
        let wrong = |text: String| Failure::config(format!("store {}: {text}", entry.store));
        let path = StorePath::parse(&entry.path).map_err(|fault| wrong(fault.to_string()))?;
        let store: Arc<dyn port::Store> = match policy.stores.get(&entry.store) {
            Some(StorePolicy::File(settings)) => {
                let opened =
                    FileStore::open(&entry.store, &settings.directory, &settings.identity_file, &path);
                Arc::new(opened.map_err(|fault| wrong(fault.to_string()))?)
            }
            Some(StorePolicy::Vault(settings)) => {
                let connection = self.vault(&entry.store, settings, clock).map_err(wrong)?;
                let opened = VaultStore::new(&entry.store, connection, &path);
                Arc::new(opened.map_err(|fault| wrong(fault.to_string()))?)
            }
            Some(StorePolicy::Aws(settings)) => {
                let connection = self
                    .clouds
                    .entry(entry.store.clone())
                    .or_insert_with(|| Arc::new(AwsConnection::new(aws_settings(settings), clock.clone())));
                let stamp = &entry.fields.rotated_at;
                Arc::new(AwsStore::new(&entry.store, connection.clone(), &path, stamp))
            }
            None => return Err(wrong("the policy has no such store".into())),
        };
        Ok(StoreSeat {
            store,
            names: names(&entry.fields),
        })
    }

    fn vault(
        &mut self,
        name: &str,
        settings: &policy::VaultStore,
        clock: &Arc<dyn Clock>,
    ) -> Result<Arc<VaultConnection>, String> {
        if let Some(connection) = self.vaults.get(name) {
            return Ok(connection.clone());
        }
        let built = VaultConnection::new(vault::settings(settings)?, clock.clone());
        let connection = Arc::new(built.map_err(|fault| fault.to_string())?);
        self.vaults.insert(name.to_owned(), connection.clone());
        Ok(connection)
    }
}

fn aws_settings(policy: &policy::AwsStore) -> AwsSettings {
    let profile = policy.profile.clone();
    AwsSettings {
        region: policy.region.clone(),
        endpoint_url: policy.endpoint_url.clone(),
        credentials: match policy.credentials_file.clone() {
            Some(path) => Credentials::File { path, profile },
            None => Credentials::Chain { profile },
        },
        create: policy.create.as_ref().map(|create| Creation {
            tags: create.tags.clone(),
            kms_key_id: create.kms_key_id.clone(),
            replica_regions: create.replica_regions.clone(),
        }),
        timeout: aws::TIMEOUT,
    }
}

fn names(fields: &Fields) -> FieldNames {
    FieldNames {
        client_id: fields.client_id.clone(),
        client_secret: fields.client_secret.clone(),
        token_url: fields.token_url.clone(),
        org: fields.org.clone(),
        base_uri: fields.base_uri.clone(),
        app_id: fields.app_id.clone(),
        consumer_id: fields.consumer_id.clone(),
        rotated_at: fields.rotated_at.clone(),
        rotation_id: fields.rotation_id.clone(),
    }
}

/// Notes in the store's own log, where it keeps one, that somebody reads an app's value by hand.
///
/// # Errors
/// [`Failure`] (1): then nothing may be shown. As [`super::open_store`] otherwise.
pub async fn record_access(
    policy: &Policy,
    app: &str,
    store: &str,
    (who, why): (&str, &str),
    at: Timestamp,
) -> Result<(), Failure> {
    let entries = policy.apps.get(app).map(|app| app.stores.as_slice());
    let entry = entries
        .unwrap_or_default()
        .iter()
        .find(|entry| entry.store == store);
    let (Some(entry), Some(StorePolicy::File(settings))) = (entry, policy.stores.get(store)) else {
        // The others log on their own side who asks them for what.
        return Ok(());
    };
    let failed = |text: String| Failure::failed(format!("store {store}: {text}"));
    let path = StorePath::parse(&entry.path).map_err(|fault| failed(fault.to_string()))?;
    FileStore::open(store, &settings.directory, &settings.identity_file, &path)
        .map_err(|fault| failed(fault.to_string()))?
        .record_access(who, why, at)
        .await
        .map_err(|fault| failed(fault.to_string()))
}
