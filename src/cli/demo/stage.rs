//! The files of the demo: keys made on the spot, the org's seed, the policy.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;

use super::Args;
use super::cast::{CAST, Kind};
use super::shelf::{self, Shelf};
use crate::cli::exit::Failure;
use crate::random::{Random, SystemRandom, uuid};
use crate::sandbox::{
    ClockMode, ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, LoginSeed, Rule, Seed,
};

const USER: &str = "rekeyd@demo.example";

/// What the demo works with.
pub struct Stage {
    pub directory: PathBuf,
    pub seed: Seed,
    pub shelves: Vec<Shelf>,
    login_client_id: String,
}

/// Makes the directory and everything in it but the policy, which names the org's address.
pub fn build(args: &Args) -> Result<Stage, Failure> {
    let directory = directory(args)?;
    let (private, public) = login_key()?;
    write(&directory.join("login.pem"), private.as_bytes())?;
    let mut key = [0_u8; 32];
    SystemRandom
        .fill(&mut key)
        .map_err(|fault| Failure::failed(fault.to_string()))?;
    write(&directory.join("journal.key"), &key)?;
    let shelves = shelf::build(&args.stores, &directory)?;
    let login_client_id = format!("3MVG9demo{}", "0".repeat(76));
    let login = LoginSeed {
        name: None,
        client_id: login_client_id.clone(),
        username: USER.into(),
        public_key: Some(public),
        public_key_file: None,
    };
    Ok(Stage {
        seed: seed(login)?,
        directory,
        shelves,
        login_client_id,
    })
}

impl Stage {
    /// Writes the policy for the org at `url`.
    pub fn write_policy(&self, url: &str) -> Result<PathBuf, Failure> {
        let shown = self.directory.display();
        let tables: Vec<&str> = self.shelves.iter().map(|shelf| shelf.table.as_str()).collect();
        let mut text = format!(
            r#"# Written by `rekeyd demo`. The budgets are small: a real org is given 15m and 10m.
[journal]
url = "sqlite:{shown}/journal.db"
key_file = "{shown}/journal.key"

[org.demo]
url = "{url}"
api_version = "66.0"
concurrency = 10
propagation = "3s"
request_lifetime = "2s"
stable_tries = 2
stable_spacing = "1s"
stable_span = "1s"
[org.demo.login.jwt]
client_id = "{}"
username = "{USER}"
key_file = "{shown}/login.pem"

{}
"#,
            self.login_client_id,
            tables.join("\n")
        );
        for app in &CAST {
            let table = match app.kind {
                Kind::ExternalClientApp if app.regenerates => format!(
                    "[app.{}.external_client_app]\nname = \"{}\"\nmethod = \"regenerate\"\ncertificate = \"none\"",
                    app.name, app.developer_name
                ),
                Kind::ExternalClientApp => format!(
                    "grace = \"{}\"\n[app.{}.external_client_app]\nname = \"{}\"\nallow_key_change = true",
                    app.grace, app.name, app.developer_name
                ),
                Kind::ConnectedApp => format!(
                    "[app.{}.connected_app]\nname = \"{}\"\nmethod = \"update\"\ncertificate = \"none\"",
                    app.name, app.developer_name
                ),
            };
            let place = Shelf::place(app.name);
            let stores = self.shelves.iter();
            let stores: Vec<String> = stores
                .map(|shelf| {
                    format!(
                        "{{ store = \"{}\", {} = \"{place}\" }}",
                        shelf.name, shelf.place_word
                    )
                })
                .collect();
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "\n[app.{0}]\norg = \"demo\"\nstores = [{1}]\n\
                 schedule = {{ every = \"90d\" }}\nfirst = \"now\"\nclient_credentials = true\n{table}\n",
                app.name,
                stores.join(", ")
            );
        }
        let path = self.directory.join("rekeyd.toml");
        write(&path, text.as_bytes())?;
        Ok(path)
    }
}

fn directory(args: &Args) -> Result<PathBuf, Failure> {
    let directory = match &args.directory {
        Some(directory) => {
            std::path::absolute(directory).map_err(|fault| Failure::failed(fault.kind().to_string()))?
        }
        None => {
            let id = uuid(&SystemRandom).map_err(|fault| Failure::failed(fault.to_string()))?;
            let short: String = id.simple().to_string().chars().take(8).collect();
            std::env::temp_dir().join(format!("rekeyd-demo-{short}"))
        }
    };
    let made = fs::DirBuilder::new().mode(0o700).create(&directory);
    made.map_err(|fault| Failure::failed(format!("{}: {}", directory.display(), fault.kind())))?;
    Ok(directory)
}

fn seed(login: LoginSeed) -> Result<Seed, Failure> {
    let wrong = |text: String| Failure::failed(format!("the demo's cast: {text}"));
    let mut seed = Seed {
        login: Some(login),
        ..Seed::default()
    };
    seed.clock.mode = ClockMode::Real;
    for app in &CAST {
        let switches: toml::Table = toml::from_str(app.switches).map_err(|fault| wrong(fault.to_string()))?;
        let run_as = Some(USER.to_owned());
        match app.kind {
            Kind::ExternalClientApp => seed.external_client_apps.push(ExternalClientAppSeed {
                name: app.developer_name.into(),
                client_credentials_user: run_as,
                consumers: vec![ConsumerSeed::default()],
                switches,
                ..ExternalClientAppSeed::default()
            }),
            Kind::ConnectedApp => seed.connected_apps.push(ConnectedAppSeed {
                name: app.developer_name.into(),
                client_credentials_user: run_as,
                switches,
                ..ConnectedAppSeed::default()
            }),
        }
        if let Some((operation, action)) = app.fault {
            let rule = serde_json::json!({
                "operation": operation, "app": app.developer_name, "action": { "kind": action }
            });
            let rule: Rule = serde_json::from_value(rule).map_err(|fault| wrong(fault.to_string()))?;
            seed.faults.push(rule);
        }
    }
    Ok(seed)
}

/// An RSA key pair in PEM: private (PKCS#8) and public.
fn login_key() -> Result<(String, String), Failure> {
    let failed = |_| Failure::failed("no RSA key could be made");
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(failed)?;
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).map_err(failed)?;
    Ok((
        pem("PRIVATE KEY", private.as_ref()),
        pem("PUBLIC KEY", public.as_ref()),
    ))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        lines.push_str(line);
        lines.push('\n');
        rest = more;
    }
    lines.push_str(&format!("-----END {label}-----\n"));
    lines
}

/// Writes a file that only its owner reads.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    let opened = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let written = opened.and_then(|mut file| file.write_all(bytes));
    written.map_err(|fault| Failure::failed(format!("{}: {}", path.display(), fault.kind())))
}
