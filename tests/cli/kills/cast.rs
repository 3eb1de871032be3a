//! The apps of each world: every method, and the orgs that make one of them harder.

use std::fs;
use std::path::Path;

use rekeyd::sandbox::{ClockMode, ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, LoginSeed, Seed};

use super::choice::Choice;
use crate::bench::{Bench, LOGIN_ID, USER, login_key};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Staged,
    Regenerate,
    Update,
    Assisted,
}

impl Method {
    pub fn word(self) -> &'static str {
        match self {
            Method::Staged => "staged",
            Method::Regenerate => "regenerate",
            Method::Update => "update",
            Method::Assisted => "assisted",
        }
    }

    /// Of an External Client App; otherwise of a Connected App, whose secret no API shows.
    pub fn is_external(self) -> bool {
        match self {
            Method::Staged | Method::Regenerate => true,
            Method::Update | Method::Assisted => false,
        }
    }

    /// Old and new are both accepted while the store changes.
    pub fn overlaps(self) -> bool {
        self == Method::Staged
    }
}

pub struct App {
    pub name: &'static str,
    pub method: Method,
    /// Switches of the org for it.
    switches: &'static str,
    /// A staged secret cannot be read again, so what a kill loses is made once more.
    pub masked: bool,
}

const fn app(name: &'static str, method: Method, switches: &'static str) -> App {
    App {
        name,
        method,
        switches,
        masked: false,
    }
}

pub const MASKED: &str = "masked";
pub const FLAGGED: &str = "flagged";
pub const BY_HAND: &str = "byhand";

pub const APPS: [App; 6] = [
    app("plain", Method::Staged, ""),
    App {
        masked: true,
        ..app(MASKED, Method::Staged, "staged_secret = \"masked\"")
    },
    app("late", Method::Staged, "staged_proves_before_cutover = false"),
    app(FLAGGED, Method::Regenerate, ""),
    app("inplace", Method::Update, "in_place_secret = \"applies\""),
    app(BY_HAND, Method::Assisted, ""),
];

/// The org.
pub fn org(choice: &Choice) -> Seed {
    let mut seed = Seed {
        login: Some(LoginSeed {
            client_id: LOGIN_ID.into(),
            username: USER.into(),
            public_key: Some(login_key().public_key_pem()),
            ..LoginSeed::default()
        }),
        ..Seed::default()
    };
    seed.clock.mode = ClockMode::Real;
    seed.switches.deploy_seconds = choice.deploy_seconds;
    seed.faults.extend(choice.lost.clone());
    for app in &APPS {
        let switches: toml::Table = toml::from_str(app.switches).unwrap();
        match app.method.is_external() {
            true => seed.external_client_apps.push(ExternalClientAppSeed {
                name: app.name.into(),
                client_credentials_user: Some(USER.into()),
                consumers: vec![ConsumerSeed::default()],
                switches,
                ..ExternalClientAppSeed::default()
            }),
            false => seed.connected_apps.push(ConnectedAppSeed {
                name: app.name.into(),
                client_credentials_user: Some(USER.into()),
                switches,
                ..ConnectedAppSeed::default()
            }),
        }
    }
    seed
}

pub fn policy(bench: &Bench, org: &str) -> String {
    let written = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let (head, _) = written.split_once("[app.").unwrap();
    assert!(head.contains(org) && Path::new(&bench.path("secrets")).is_dir());
    // On a busy machine a request may take a second.
    let mut text = head.replace("propagation = \"2s\"", "propagation = \"3s\"");
    text = text.replace("request_lifetime = \"1s\"", "request_lifetime = \"4s\"");
    for App { name, method, .. } in &APPS {
        let (before, table, after) = match method {
            Method::Staged => (
                "grace = \"0s\"\n",
                "external_client_app",
                "allow_key_change = true",
            ),
            Method::Regenerate => ("", "external_client_app", "certificate = \"none\""),
            Method::Update => ("", "connected_app", "certificate = \"none\""),
            Method::Assisted => ("", "connected_app", "allow_key_change = true"),
        };
        text += &format!(
            "[app.{name}]\norg = \"test\"\nstores = [{{ store = \"local\", path = \"{name}\" }}]\n\
             schedule = {{ every = \"90d\" }}\nfirst = \"now\"\ncool_down = \"0s\"\nclient_credentials = true\n\
             {before}[app.{name}.{table}]\nname = \"{name}\"\nmethod = \"{}\"\n{after}\n",
            method.word()
        );
    }
    text
}
