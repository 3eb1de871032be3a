//! The files and variables that a policy names: there, readable, and closed to others.
//!
//! Nothing of what is in them is looked at but whether there is anything, and nothing of it is said. Not here:
//! whether a key fits (the adapters find out when they load it).

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::cli::config::plain;
use crate::cli::roots;
use crate::policy::{
    Certificate, Fault, Login, Policy, SinkPolicy, SmtpPolicy, StorePolicy, TokenSource, VaultAuth,
    VaultStore,
};
use crate::secret::FingerprintKey;
use crate::secret::file::{self, FileFault};

/// What is wrong with what the policy names, in the policy's order.
pub fn faults(policy: &Policy) -> Vec<Fault> {
    let mut faults = Vec::new();
    let journal = &policy.journal;
    let shortest = FingerprintKey::SHORTEST as u64;
    faults.extend(secret_file("[journal] key_file", &journal.key_file, shortest));
    faults.extend(directory("[journal] url", journal.database.parent()));
    if let Some(socket) = policy.api.as_ref().and_then(|api| api.socket.as_ref()) {
        faults.extend(directory("[api] socket", socket.parent()));
    }
    if let Some(tls) = policy.api.as_ref().and_then(|api| api.tls.as_ref()) {
        faults.extend(public_file("[api.tls] certificate_file", &tls.certificate_file));
        faults.extend(secret_file("[api.tls] key_file", &tls.key_file, 1));
        let roots = tls.client_ca_file.as_ref();
        faults.extend(roots.and_then(|path| public_file("[api.tls] client_ca_file", path)));
    }
    faults.extend(roots::missing(policy));
    for (name, org) in &policy.orgs {
        let Login::Jwt {
            key_file,
            certificate_file,
            ..
        } = &org.login;
        faults.extend(secret_file(
            &format!("[org.{name}.login.jwt] key_file"),
            key_file,
            1,
        ));
        if let Some(path) = certificate_file {
            let key = format!("[org.{name}.login.jwt] certificate_file");
            faults.extend(public_file(&key, path));
        }
    }
    for (name, store) in &policy.stores {
        faults.extend(of_store(name, store));
    }
    for (name, app) in &policy.apps {
        if let Some(Certificate::File(path)) = &app.certificate {
            let key = format!("[app.{name}] certificate_file");
            faults.extend(public_file(&key, path));
        }
    }
    for (name, alert) in &policy.alerts {
        faults.extend(of_sink(name, &alert.sink));
    }
    faults
}

fn of_sink(name: &str, sink: &SinkPolicy) -> Vec<Fault> {
    let (secret, key, ca) = match sink {
        SinkPolicy::Pagerduty {
            routing_key, ca_file, ..
        } => (Some(routing_key), "routing_key", ca_file),
        SinkPolicy::Alertmanager { token, ca_file, .. } => (token.as_ref(), "token", ca_file),
        SinkPolicy::Webhook { secret, ca_file, .. } => (Some(secret), "secret", ca_file),
        SinkPolicy::Slack { url, ca_file } => (Some(url), "url", ca_file),
        SinkPolicy::Smtp(SmtpPolicy { login, ca_file, .. }) => {
            (login.as_ref().map(|(_, password)| password), "password", ca_file)
        }
    };
    let here = format!("[alert.{name}.{}]", sink.kind());
    let secret = secret.and_then(|source| match source {
        TokenSource::File(path) => secret_file(&format!("{here} {key}_file"), path, 1),
        TokenSource::Env(variable) => variable_set(&format!("{here} {key}_env"), variable),
    });
    let ca = ca
        .as_deref()
        .and_then(|path| public_file(&format!("{here} ca_file"), path));
    secret.into_iter().chain(ca).collect()
}

fn of_store(name: &str, store: &StorePolicy) -> Vec<Fault> {
    match store {
        StorePolicy::File(file) => {
            let key = format!("[store.{name}.file]");
            let found = [
                closed_directory(&format!("{key} directory"), &file.directory),
                secret_file(&format!("{key} identity_file"), &file.identity_file, 1),
            ];
            found.into_iter().flatten().collect()
        }
        StorePolicy::Vault(settings) => vault(name, settings),
        StorePolicy::Aws(aws) => {
            let key = format!("[store.{name}.aws] credentials_file");
            let path = aws.credentials_file.as_deref();
            path.and_then(|path| secret_file(&key, path, 1))
                .into_iter()
                .collect()
        }
    }
}

/// Group and others.
const OTHERS: u32 = 0o077;

fn vault(name: &str, vault: &VaultStore) -> Vec<Fault> {
    let key = format!("[store.{name}.vault");
    let mut found = Vec::new();
    if let Some(path) = &vault.ca_file {
        found.extend(public_file(&format!("{key}] ca_file"), path));
    }
    if let Some(client) = &vault.client {
        let certificate = &client.certificate_file;
        found.extend(public_file(
            &format!("{key}] client_certificate_file"),
            certificate,
        ));
        found.extend(secret_file(
            &format!("{key}] client_key_file"),
            &client.key_file,
            1,
        ));
    }
    found.extend(match &vault.auth {
        VaultAuth::Token(TokenSource::File(path)) => secret_file(&format!("{key}.auth.token] file"), path, 1),
        VaultAuth::Token(TokenSource::Env(variable)) => {
            variable_set(&format!("{key}.auth.token] env"), variable)
        }
        VaultAuth::Approle { secret_id_file, .. } => {
            secret_file(&format!("{key}.auth.approle] secret_id_file"), secret_id_file, 1)
        }
        // What projects a service account's token decides on its mode, and usually lets everybody in the pod read it.
        VaultAuth::Kubernetes { jwt_file, .. } => {
            public_file(&format!("{key}.auth.kubernetes] jwt_file"), jwt_file)
        }
        VaultAuth::Jwt { jwt_file, .. } => public_file(&format!("{key}.auth.jwt] jwt_file"), jwt_file),
        VaultAuth::Cert { .. } => None,
    });
    found
}

fn fault(key: &str, what: String, help: &str) -> Fault {
    Fault {
        message: format!("{key}: {what}"),
        places: Vec::new(),
        help: Some(help.to_owned()),
    }
}

/// A file with at least `least` bytes in it that nobody else can read.
fn secret_file(key: &str, path: &Path, least: u64) -> Option<Fault> {
    let shown = path.display();
    match file::open(path) {
        Ok(file) => holds(key, path, file, least).err(),
        Err(FileFault::Unreadable(error)) => Some(unreadable(key, path, &error)),
        Err(open @ FileFault::Open { .. }) => Some(fault(
            key,
            format!("{shown} is {open}"),
            &format!("chmod 600 '{shown}', and think of what it holds as known"),
        )),
        Err(other @ FileFault::NotAFile) => Some(fault(key, format!("{shown} is {other}"), "name a file")),
    }
}

/// A file with something in it that anybody may read.
fn public_file(key: &str, path: &Path) -> Option<Fault> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) => return Some(unreadable(key, path, &error)),
    };
    if !found.is_file() {
        let what = format!("{} is {}", path.display(), FileFault::NotAFile);
        return Some(fault(key, what, "name a file"));
    }
    match File::open(path) {
        Ok(file) => holds(key, path, file, 1).err(),
        Err(error) => Some(unreadable(key, path, &error)),
    }
}

/// Read and counted, not believed: what the kernel serves as a file may have no length.
fn holds(key: &str, path: &Path, file: File, least: u64) -> Result<(), Fault> {
    let shown = path.display();
    let count = std::io::copy(&mut file.take(least), &mut std::io::sink());
    let count = count.map_err(|error| unreadable(key, path, &error))?;
    if count >= least {
        return Ok(());
    }
    let what = format!("{shown} holds too little: at least {least} bytes are wanted");
    let help = match least {
        1 => "it is empty".to_owned(),
        _ => format!("head -c {least} /dev/urandom > '{shown}' makes one"),
    };
    Err(fault(key, what, &help))
}

fn unreadable(key: &str, path: &Path, error: &std::io::Error) -> Fault {
    let what = format!("{} cannot be read: {}", path.display(), plain(error));
    fault(key, what, "create it, readable by the user that rekeyd runs as")
}

fn directory(key: &str, path: Option<&Path>) -> Option<Fault> {
    let path = path?;
    let help = "create it, writable by the user that rekeyd runs as, and by nobody else";
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            Some(fault(key, format!("{} is not a directory", path.display()), help))
        }
        Ok(found) if found.mode() & 0o002 != 0 => {
            let what = format!(
                "anybody can write to {} (mode {:04o})",
                path.display(),
                found.mode() & 0o7777
            );
            Some(fault(key, what, help))
        }
        Ok(_) => None,
        Err(error) => {
            let what = format!("{} cannot be used: {}", path.display(), plain(&error));
            Some(fault(key, what, help))
        }
    }
}

/// A directory that nobody else can look into either.
fn closed_directory(key: &str, path: &Path) -> Option<Fault> {
    let help = format!("run `mkdir -m 700 '{0}'`, or `chmod go= '{0}'`", path.display());
    let found = directory(key, Some(path)).map(|found| Fault {
        help: Some(help.clone()),
        ..found
    });
    found.or_else(|| {
        let mode = fs::metadata(path).ok()?.mode() & 0o7777;
        let what = format!("{} is open to others (mode {mode:04o})", path.display());
        (mode & OTHERS != 0).then(|| fault(key, what, &help))
    })
}

fn variable_set(key: &str, name: &str) -> Option<Fault> {
    match std::env::var_os(name) {
        Some(value) if !value.is_empty() => None,
        Some(_) | None => {
            let what = format!("the environment variable {name} is not set");
            Some(fault(
                key,
                what,
                "set it in the environment that rekeyd is started in",
            ))
        }
    }
}
