//! `Debug` and `Display` of what holds a secret, and what is said of secrets that cannot be used.

use std::fmt::{Debug, Write};
use std::sync::Arc;
use std::time::Duration;

use rekeyd::clock::SystemClock;
use rekeyd::document::{Document, FieldNames, Stamp};
use rekeyd::engine::command::Command;
use rekeyd::policy::{SourceFile, compile, to_json, to_text};
use rekeyd::port::{Cutover, Minted, Outcome, Slot, Survey, VersionRef};
use rekeyd::random::SystemRandom;
use rekeyd::rotation::RotationId;
use rekeyd::salesforce::{
    JwtLogin, Org, OrgSettings, StagedSettings, StagedTarget, Timeouts, UpdateSettings, UpdateTarget,
};
use rekeyd::secret::{Credential, FingerprintKey, Secret};
use rekeyd::store::file::FileStore;
use rekeyd::store::path::StorePath;
use rekeyd::store::vault::{Auth, TIMEOUT, Tls, TokenSource, VaultConnection, VaultSettings};

use super::planted::AWKWARD;
use super::search::{Needle, Searcher};

/// Collects what things say of themselves.
#[derive(Default)]
struct Said(String);

impl Said {
    fn debug(&mut self, what: &impl Debug) {
        writeln!(self.0, "{what:?}\n{what:#?}").unwrap();
    }

    fn error(&mut self, fault: &dyn std::error::Error) {
        let mut cause = Some(fault);
        while let Some(fault) = cause {
            writeln!(self.0, "{fault}\n{fault:?}\n{fault:#?}").unwrap();
            cause = fault.source();
        }
    }

    fn assert_clean(&self) {
        assert!(self.0.len() > 500, "nothing was said");
        let found = Searcher::new(vec![Needle::new("the canary", AWKWARD)])
            .search("what was said", self.0.as_bytes());
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

fn secret() -> Secret {
    Secret::new(AWKWARD.to_owned())
}

fn pair() -> Credential {
    Credential {
        client_id: "an-id".into(),
        client_secret: secret(),
    }
}

fn document() -> Document {
    let stamp = Stamp {
        rotation: RotationId::from(uuid::Uuid::from_u128(7)),
        at: rekeyd::clock::Timestamp(0),
        org: "prod".into(),
        token_url: "https://acme.my.salesforce.com/services/oauth2/token".into(),
        base_uri: "https://acme.my.salesforce.com".into(),
        record: None,
    };
    Document::empty().with(&FieldNames::default(), &pair(), &stamp)
}

fn login(pem: Secret) -> OrgSettings {
    OrgSettings {
        name: "prod".into(),
        url: "http://127.0.0.1:9".into(),
        api_version: "66.0".into(),
        login: JwtLogin {
            client_id: "an-id".into(),
            username: "somebody@acme.example".into(),
            key_pem: pem,
            audience: None,
        },
        timeouts: Timeouts::default(),
    }
}

#[test]
fn what_holds_a_secret_does_not_show_it() {
    let mut said = Said::default();
    said.debug(&secret());
    said.debug(&pair());
    said.debug(&pair().corrupted());
    said.debug(&document());
    said.debug(&FingerprintKey::new(AWKWARD.repeat(2).into_bytes()));
    said.debug(&Slot {
        base: VersionRef("7".into()),
        value: Some(document()),
    });
    said.debug(&Survey {
        key: Some("an-id".into()),
        live: Some(pair()),
        staged: None,
        our_user: None,
        own_login: false,
        identity: None,
        modified: None,
        server_time: None,
        switched_off: false,
        obstacles: Vec::new(),
    });
    said.debug(&Outcome::Done(Minted {
        id: "888".into(),
        credential: Some(pair()),
        key: "an-id".into(),
    }));
    said.debug(&Cutover {
        staged: None,
        new: pair(),
        modified: None,
    });
    said.debug(&Command::Submit {
        app: "an-app".into(),
        pair: pair(),
        by: "a person".into(),
    });
    said.debug(&login(secret()));
    said.debug(&vault(secret()));
    said.debug(&TokenSource::Value(secret()));
    said.assert_clean();
}

fn vault(token: Secret) -> VaultSettings {
    VaultSettings {
        address: "http://127.0.0.1:9".parse().unwrap(),
        mount: "secret".into(),
        namespace: None,
        pending_prefix: "pending".into(),
        tls: Tls::default(),
        auth: Auth::Token(TokenSource::Value(token)),
        timeout: TIMEOUT,
    }
}

#[test]
fn what_cannot_be_used_is_not_repeated() {
    let mut said = Said::default();
    let json = serde_json::json!(AWKWARD);
    for text in [
        AWKWARD.to_owned(),
        format!("{{\"client_secret\": {json}"),
        format!("{{\"client_secret\": {json}, {json}: 1, }}"),
        format!("[{json}]"),
        json.to_string(),
    ] {
        said.error(&Document::parse(&text).unwrap_err());
    }
    for text in [
        format!("{{\"client_id\": {json}}}"),
        format!("{{\"client_id\": 1, \"client_secret\": {json}}}"),
    ] {
        let document = Document::parse(&text).unwrap();
        said.error(&document.credential(&FieldNames::default()).unwrap_err());
    }
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    for pem in [
        AWKWARD.to_owned(),
        format!("-----BEGIN PRIVATE KEY-----\n{AWKWARD}\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN RSA PRIVATE KEY-----\n{AWKWARD}"),
        format!("-----BEGIN {AWKWARD}-----\nAAAA\n-----END {AWKWARD}-----\n"),
    ] {
        let refused = Org::new(login(Secret::new(pem)), clock.clone(), random.clone());
        said.error(&refused.err().unwrap());
    }
    let directory = tempfile::tempdir().unwrap();
    let identity = directory.path().join("identity");
    for line in [AWKWARD.to_owned(), format!("AGE-SECRET-KEY-1{AWKWARD}")] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(&identity, line).unwrap();
        for path in [&identity, &directory.path().to_owned()] {
            let mode = if path.is_dir() { 0o700 } else { 0o600 };
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = StorePath::parse("an/app").unwrap();
        let refused = FileStore::open("local", directory.path(), &identity, &path);
        said.error(&refused.err().unwrap());
    }
    for path in [format!("a//{AWKWARD}"), format!("../{AWKWARD}")] {
        said.debug(&StorePath::parse(&path).is_ok());
    }
    said.assert_clean();
}

/// Texts of errors that a wrong setting makes, where the setting is a secret put in a wrong place.
#[test]
fn a_policy_with_a_secret_in_a_wrong_place_is_refused_without_it() {
    let mut said = Said::default();
    let value = serde_json::json!(AWKWARD);
    for line in [
        format!("client_secret = {value}"),
        format!("{value} = 1"),
        format!("org = {value}"),
        format!("max_age = {value}"),
        format!("schedule = {{ cron = {value}, zone = {value} }}"),
        format!("grace = '{AWKWARD}"),
        format!("stores = [{{ store = {value}, path = {value} }}]"),
    ] {
        let source = SourceFile {
            name: "rekeyd.toml".into(),
            text: format!("[app.x]\n{line}\n"),
        };
        let faults = compile(&[source]).unwrap_err();
        said.debug(&faults);
        said.0.push_str(&to_text(&faults));
        said.0.push_str(&to_json(&faults).to_string());
    }
    said.assert_clean();
}

/// A client that speaks to nobody: its errors, with a token in its hands.
#[tokio::test]
async fn a_client_without_a_server_complains_without_its_secrets() {
    use rekeyd::port::{Place, Store, Target};

    let mut said = Said::default();
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let pem = super::install::pem("PRIVATE KEY", der.as_ref());
    let org = Org::new(
        login(Secret::new(pem)),
        Arc::new(SystemClock),
        Arc::new(SystemRandom),
    )
    .unwrap();
    let staged = StagedSettings {
        name: "An_App".into(),
        consumer: None,
        client_credentials: true,
    };
    let update = UpdateSettings {
        name: "An_App".into(),
        certificate: None,
        client_credentials: true,
    };
    let order = Cutover {
        staged: Some("888000000000001AAA".into()),
        new: pair(),
        modified: None,
    };
    let targets: [Box<dyn Target>; 2] = [
        Box::new(StagedTarget::new(org.clone(), staged).unwrap()),
        Box::new(UpdateTarget::new(org, update).unwrap()),
    ];
    for target in targets {
        said.debug(&target.survey().await);
        said.debug(&target.mint().await);
        said.debug(&target.cutover(&order).await);
        said.debug(&target.undo(&pair()).await);
        said.debug(&target.probe(&pair()).await);
        said.debug(&target.probe_differentially(&pair()).await);
    }
    let rotation = RotationId::from(uuid::Uuid::from_u128(7));
    // One token that could stand in a header and one that could not.
    for token in [AWKWARD.replace('É', "E"), format!("{AWKWARD}\n")] {
        let settings = VaultSettings {
            timeout: Duration::from_secs(5),
            ..vault(Secret::new(token))
        };
        let connection = Arc::new(VaultConnection::new(settings, Arc::new(SystemClock)).unwrap());
        let path = StorePath::parse("an/app").unwrap();
        let store = rekeyd::store::vault::VaultStore::new("corp", connection, &path).unwrap();
        said.debug(&store.read(&Place::Current).await);
        said.debug(&store.obstacles(Duration::ZERO).await);
        said.debug(
            &store
                .put_pending(&VersionRef("0".into()), &document(), rotation)
                .await,
        );
        said.debug(
            &store
                .publish(&VersionRef("0".into()), &document(), rotation)
                .await,
        );
    }
    said.assert_clean();
}
