//! `[store.X.vault]`, and what of it the environment may say instead.

use std::path::PathBuf;

use url::Url;

use super::scalar::{
    Complaint, boolean, file, file_text, host_name, line, origin, origin_text, store_path, store_path_text,
    variable,
};
use super::store::only;
use super::{Node, Table};
use crate::policy::vault::{PENDING_PREFIX, SERVICE_ACCOUNT_TOKEN};
use crate::policy::{ClientCertificate, TokenSource, VaultAuth, VaultStore};

const METHODS: [&str; 5] = ["token", "approle", "kubernetes", "jwt", "cert"];
const SOURCES: [&str; 2] = ["file", "env"];

/// The variable that the usual programs read.
const TOKEN: &str = "VAULT_TOKEN";

pub(super) fn vault(name: &str, mut table: Table<'_>) -> Option<VaultStore> {
    let environment = table.context.environment.clone();
    let found = table.optional("address", origin);
    let here = matches!(found, Some(None)) && environment.vault_addr.is_some();
    let address = match found {
        Some(None) if here => from(&table, "VAULT_ADDR", &environment.vault_addr, origin_text).flatten(),
        Some(None) => {
            let help = "name the server, or set VAULT_ADDR where rekeyd is started".to_owned();
            table.lacks(
                &["address"],
                format!("{} has no `address`", table.what),
                Some(help),
            );
            None
        }
        given => given.flatten(),
    };
    let mount = table.required("mount", store_path);
    let mut namespace = table.optional("namespace", store_path);
    if here && namespace == Some(None) {
        namespace = from(
            &table,
            "VAULT_NAMESPACE",
            &environment.vault_namespace,
            store_path_text,
        );
    }
    let pending_prefix = table.or("pending_prefix", PENDING_PREFIX.to_owned(), store_path);
    let mut ca_file = table.optional("ca_file", file);
    if here && ca_file == Some(None) {
        ca_file = from(&table, "VAULT_CACERT", &environment.vault_cacert, file_text);
    }
    let tls_server_name = table.optional("tls_server_name", host_name);
    let client = client(&mut table);
    if let Some(address) = &address {
        without_tls(&mut table, address);
    }
    let auth = match table.get("auth") {
        Some(node) => auth(name, &node),
        None if here && environment.vault_token => Some(VaultAuth::Token(TokenSource::Env(TOKEN.into()))),
        None => {
            let help = here.then(|| format!("add [store.{name}.vault.auth.…], or set {TOKEN} as well"));
            table.lacks(&["auth"], format!("{} has no `auth`", table.what), help);
            None
        }
    };
    if matches!((&auth, &client), (Some(VaultAuth::Cert { .. }), Some(None))) {
        let keys = ["client_certificate_file", "client_key_file"];
        let help = "a login by certificate shows the one of the connection".to_owned();
        table.lacks(
            &keys,
            format!("{} has no client certificate", table.what),
            Some(help),
        );
        table.finish();
        return None;
    }
    table.finish();
    Some(VaultStore {
        address: address?,
        mount: mount?,
        namespace: namespace?,
        pending_prefix: pending_prefix?,
        ca_file: ca_file?,
        client: client?,
        tls_server_name: tls_server_name?,
        auth: auth?,
    })
}

/// What a variable says; `None` after a fault, which does not repeat it: the variable may hold anything.
fn from<T>(
    table: &Table<'_>,
    name: &str,
    said: &Option<String>,
    read: impl Fn(&str, &str) -> Result<T, Complaint>,
) -> Option<Option<T>> {
    let Some(text) = said else {
        return Some(None);
    };
    match read(name, text) {
        Ok(value) => Some(Some(value)),
        Err(complaint) => {
            let message = format!("in the environment, {}", complaint.message);
            let label = format!("says nothing itself, so {name} counts");
            table.context.fault(&table.at, &label, message, complaint.help);
            None
        }
    }
}

/// Both files, or neither.
fn client(table: &mut Table<'_>) -> Option<Option<ClientCertificate>> {
    let certificate = table.optional("client_certificate_file", file)?;
    let key = table.optional("client_key_file", file)?;
    let (missing, there) = match (certificate, key) {
        (None, None) => return Some(None),
        (Some(certificate_file), Some(key_file)) => {
            return Some(Some(ClientCertificate {
                certificate_file,
                key_file,
            }));
        }
        (Some(_), None) => ("client_key_file", "client_certificate_file"),
        (None, Some(_)) => ("client_certificate_file", "client_key_file"),
    };
    table.lacks(
        &[missing],
        format!("{} has `{there}` and no `{missing}`", table.what),
        None,
    );
    None
}

/// What TLS is told is of no use where there is none.
fn without_tls(table: &mut Table<'_>, address: &Url) {
    if address.scheme() == "https" {
        return;
    }
    for key in [
        "ca_file",
        "client_certificate_file",
        "client_key_file",
        "tls_server_name",
    ] {
        if let Some(node) = table.get(key) {
            let context = table.context;
            let help = "write `https://`, or leave it out".to_owned();
            context.fault(
                &node.key,
                "",
                format!("`{key}` is of no use with `http://`"),
                Some(help),
            );
        }
    }
}

fn auth(name: &str, node: &Node<'_>) -> Option<VaultAuth> {
    let table = node.table(format!("[store.{name}.vault.auth]"))?;
    let (method, node) = only(table, METHODS)?;
    let mut table = node.table(format!("[store.{name}.vault.auth.{method}]"))?;
    if method == "token" {
        return token(table);
    }
    let mount = table.or("mount", method.to_owned(), store_path);
    match method {
        "approle" => {
            let role_id = table.required("role_id", line);
            let secret_id_file = table.required("secret_id_file", file);
            let wrapped = table.or("wrapped", false, boolean);
            table.finish();
            Some(VaultAuth::Approle {
                mount: mount?,
                role_id: role_id?,
                secret_id_file: secret_id_file?,
                wrapped: wrapped?,
            })
        }
        "kubernetes" => {
            let role = table.required("role", line);
            let jwt_file = table.or("jwt_file", PathBuf::from(SERVICE_ACCOUNT_TOKEN), file);
            table.finish();
            Some(VaultAuth::Kubernetes {
                mount: mount?,
                role: role?,
                jwt_file: jwt_file?,
            })
        }
        "jwt" => {
            let role = table.optional("role", line);
            let jwt_file = table.required("jwt_file", file);
            table.finish();
            Some(VaultAuth::Jwt {
                mount: mount?,
                role: role?,
                jwt_file: jwt_file?,
            })
        }
        _ => {
            let role = table.optional("role", line);
            table.finish();
            Some(VaultAuth::Cert {
                mount: mount?,
                role: role?,
            })
        }
    }
}

fn token(table: Table<'_>) -> Option<VaultAuth> {
    let (source, node) = only(table, SOURCES)?;
    let source = match source {
        "file" => TokenSource::File(file(&node)?),
        _ => TokenSource::Env(variable(&node)?),
    };
    Some(VaultAuth::Token(source))
}
