//! The certificates that this machine trusts: without them no server can be, and a client's own words do not say so.

use crate::policy::{Fault, Policy, StorePolicy};

/// What to do where TLS is wanted and there are none.
pub(super) fn missing(policy: &Policy) -> Option<Fault> {
    if !wanted(policy) {
        return None;
    }
    // What the daemon builds too. Nothing is sent.
    let built = reqwest::Client::builder().no_proxy().build();
    built.err().map(|_fault| Fault {
        message: "this machine has no root certificates, so no server can be trusted".into(),
        places: Vec::new(),
        help: Some(
            "install them (the package ca-certificates of Debian, Ubuntu, Fedora and Alpine), or name a file or a \
             directory of them in SSL_CERT_FILE or SSL_CERT_DIR"
                .into(),
        ),
    })
}

/// Something is spoken to over TLS, and not only with authorities that the policy names.
fn wanted(policy: &Policy) -> bool {
    let orgs = policy.orgs.values().any(|org| org.url.scheme() == "https");
    let stores = policy.stores.values().any(|store| match store {
        StorePolicy::Vault(vault) => vault.address.scheme() == "https" && vault.ca_file.is_none(),
        StorePolicy::Aws(aws) => {
            let clear = |url: &url::Url| url.scheme() == "http";
            !aws.endpoint_url.as_ref().is_some_and(clear)
        }
        StorePolicy::File(_) => false,
    });
    orgs || stores || !policy.alerts.is_empty()
}
