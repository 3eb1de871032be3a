//! The SDK's client for one region, made on first use, and again when our credentials are refused: a file or a token
//! may hold others by then.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{Builder, Config, ConfigBag, Intercept, Region, RuntimeComponents};
use aws_sdk_secretsmanager::error::{BoxError, ProvideErrorMetadata, SdkError};
use tokio::sync::Mutex;

use super::fault::{Failed, failed};
use super::settings::{AwsSettings, Credentials};
use crate::clock::Clock;
use crate::port::Fault;

/// How often a read is tried within one call.
const TRIES: u32 = 3;

const CONNECT: Duration = Duration::from_secs(5);

/// One region, shared by the apps that have a secret there.
pub struct AwsConnection {
    settings: AwsSettings,
    clock: Arc<dyn Clock>,
    client: Mutex<Option<Client>>,
}

/// Has a request gone as far as the wire? What fails before that was certainly not sent.
#[derive(Clone, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

impl AwsConnection {
    /// Sends nothing and reads nothing yet.
    pub fn new(settings: AwsSettings, clock: Arc<dyn Clock>) -> Self {
        AwsConnection {
            settings,
            clock,
            client: Mutex::new(None),
        }
    }

    pub(super) fn settings(&self) -> &AwsSettings {
        &self.settings
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(super) async fn client(&self) -> Client {
        let mut client = self.client.lock().await;
        if let Some(client) = client.as_ref() {
            return client.clone();
        }
        let made = self.make().await;
        *client = Some(made.clone());
        made
    }

    /// What became of a request, and what is to be done about our credentials if it is them.
    pub(super) async fn judge<T, E: ProvideErrorMetadata>(
        &self,
        answer: Result<T, SdkError<E>>,
        asked: &str,
        sent: &Sent,
    ) -> Result<T, Failed> {
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let failed = failed(&error, asked, sent.0.load(Ordering::Relaxed));
        if matches!(failed, Failed::NotNow(Fault::Unauthorized(_))) {
            *self.client.lock().await = None;
        }
        Err(failed)
    }

    #[expect(
        deprecated,
        reason = "what replaces the names of profile files is in a crate that nothing else here needs"
    )]
    async fn make(&self) -> Client {
        let AwsSettings {
            region,
            endpoint_url,
            credentials,
            timeout,
            ..
        } = &self.settings;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT.min(*timeout))
            .operation_attempt_timeout(*timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES));
        if let Some(url) = endpoint_url {
            loader = loader.endpoint_url(url.as_str());
        }
        match credentials {
            Credentials::Chain { profile: None } => {}
            Credentials::Chain { profile: Some(name) } => loader = loader.profile_name(name),
            Credentials::File { path, profile } => {
                use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
                let files = ProfileFiles::builder().with_file(ProfileFileKind::Credentials, path);
                let mut provider = ProfileFileCredentialsProvider::builder().profile_files(files.build());
                if let Some(name) = profile {
                    provider = provider.profile_name(name);
                }
                loader = loader.credentials_provider(provider.build());
            }
        }
        Client::new(&loader.load().await)
    }
}

/// The settings of a request that changes something: it is sent once.
pub(super) fn once() -> Builder {
    Config::builder().retry_config(RetryConfig::disabled())
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent")
    }
}

impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "sent"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::Relaxed);
        Ok(())
    }
}
