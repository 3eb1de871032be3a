//! From `[store.X.vault]` to the settings of its adapter.

use crate::policy::{self, VaultAuth};
use crate::secret::Secret;
use crate::store::vault::{Auth, ClientFiles, Login, Method, TIMEOUT, Tls, TokenSource, VaultSettings};

/// # Errors
/// What is wrong, without the store's name.
pub(super) fn settings(policy: &policy::VaultStore) -> Result<VaultSettings, String> {
    Ok(VaultSettings {
        address: policy.address.clone(),
        mount: policy.mount.clone(),
        namespace: policy.namespace.clone(),
        pending_prefix: policy.pending_prefix.clone(),
        tls: Tls {
            ca_file: policy.ca_file.clone(),
            client: policy.client.as_ref().map(|client| ClientFiles {
                certificate: client.certificate_file.clone(),
                key: client.key_file.clone(),
            }),
            server_name: policy.tls_server_name.clone(),
        },
        auth: auth(&policy.auth)?,
        timeout: TIMEOUT,
    })
}

fn auth(policy: &VaultAuth) -> Result<Auth, String> {
    let (mount, method) = match policy {
        VaultAuth::Token(source) => return token(source).map(Auth::Token),
        VaultAuth::Approle {
            mount,
            role_id,
            secret_id_file,
            wrapped,
        } => (
            mount,
            Method::AppRole {
                role_id: role_id.clone(),
                secret_id_file: secret_id_file.clone(),
                wrapped: *wrapped,
            },
        ),
        VaultAuth::Kubernetes {
            mount,
            role,
            jwt_file,
        } => (
            mount,
            Method::Jwt {
                role: Some(role.clone()),
                jwt_file: jwt_file.clone(),
            },
        ),
        VaultAuth::Jwt {
            mount,
            role,
            jwt_file,
        } => (
            mount,
            Method::Jwt {
                role: role.clone(),
                jwt_file: jwt_file.clone(),
            },
        ),
        VaultAuth::Cert { mount, role } => (mount, Method::Certificate { role: role.clone() }),
    };
    Ok(Auth::Login(Login {
        mount: mount.clone(),
        method,
    }))
}

fn token(source: &policy::TokenSource) -> Result<TokenSource, String> {
    match source {
        policy::TokenSource::File(path) => Ok(TokenSource::File(path.clone())),
        policy::TokenSource::Env(name) => match std::env::var(name) {
            Ok(token) if !token.is_empty() => Ok(TokenSource::Value(Secret::new(token))),
            Ok(_) | Err(_) => Err(format!("the environment has no {name}")),
        },
    }
}
