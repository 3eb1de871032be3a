//! The HTTP client for one server: whom it trusts, what it shows, which name it expects.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, Identity};
use zeroize::Zeroizing;

use super::auth::{Stamp, bytes, unusable};
use super::settings::Tls;
use crate::port::Fault;

impl Tls {
    /// The files that it reads.
    pub(super) fn files(&self) -> Vec<&PathBuf> {
        let client = self
            .client
            .iter()
            .flat_map(|client| [&client.certificate, &client.key]);
        self.ca_file.iter().chain(client).collect()
    }

    /// What files look like from outside.
    pub(super) async fn stamps(files: &[&PathBuf]) -> Vec<Option<Stamp>> {
        let mut stamps = Vec::with_capacity(files.len());
        for file in files {
            stamps.push(Stamp::of(file).await);
        }
        stamps
    }

    /// A client for the server at `host`.
    ///
    /// # Errors
    /// [`Fault::Unusable`], with the file.
    pub(super) async fn client(&self, host: &str, timeout: Duration) -> Result<Client, Fault> {
        let mut builder = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(Duration::from_secs(5)))
            // A redirected write would be a second one, and the token would go with it.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy();
        if let Some(path) = &self.ca_file {
            let what = "authorities'";
            let found = Certificate::from_pem_bundle(&bytes(what, path).await?);
            let found = found.ok().filter(|found| !found.is_empty());
            let Some(found) = found else {
                return Err(unusable(what, path, "holds no certificate in PEM"));
            };
            builder = builder.tls_certs_only(found);
        }
        if let Some(client) = &self.client {
            let certificate = bytes("client certificate", &client.certificate).await?;
            let pem = joined(&certificate, &bytes("client key", &client.key).await?);
            let identity = Identity::from_pem(&pem).map_err(|_| not_a_pair(&client.certificate))?;
            builder = builder.identity(identity);
        }
        if self.server_name.is_some() {
            builder = builder.dns_resolver(Elsewhere(host.to_owned()));
        }
        let built = builder.build();
        built.map_err(|_| match &self.client {
            Some(client) => not_a_pair(&client.certificate),
            None => Fault::Unusable("the store's TLS set-up cannot be used".into()),
        })
    }
}

/// One buffer of the right size: one that grows would leave a copy of the key behind.
fn joined(certificate: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = certificate.len().saturating_add(key.len()).saturating_add(1);
    let mut both = Zeroizing::new(Vec::with_capacity(length));
    both.extend_from_slice(certificate);
    both.push(b'\n');
    both.extend_from_slice(key);
    both
}

fn not_a_pair(certificate: &Path) -> Fault {
    unusable(
        "client certificate",
        certificate,
        "and its key file are no certificate and its key in PEM",
    )
}

/// Finds one host by whatever name, so that the name in the URL can be the one in the server's certificate.
struct Elsewhere(String);

impl Resolve for Elsewhere {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            // The port of the URL takes the place of this one.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
