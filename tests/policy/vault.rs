//! `[store.X.vault]`: every way to log in, TLS, and what the environment may say where the policy is silent.

use std::path::PathBuf;

use insta::assert_snapshot;
use rekeyd::policy::{
    ClientCertificate, Environment, Fault, Policy, StorePolicy, TokenSource, VaultAuth, VaultStore,
    compile_in, to_text,
};

use super::{compiled, file, report, with};

const TOKEN: &str = "[store.corp.vault.auth.token]\nenv = \"VAULT_TOKEN\"";
const ADDRESS: &str = "address = \"https://vault.example:8200\"\n";

/// The sound policy with another login.
fn auth(table: &str) -> String {
    with(TOKEN, table)
}

/// The sound policy with more about the server.
fn also(lines: &str) -> String {
    with(ADDRESS, &format!("{ADDRESS}{lines}\n"))
}

macro_rules! seen {
    ($($name:ident: $text:expr;)*) => {
        $(
            #[test]
            fn $name() {
                assert_snapshot!(concat!("vault_", stringify!($name)), report(&[file("rekeyd.toml", $text)]));
            }
        )*
    };
}

seen! {
    two_logins: auth("[store.corp.vault.auth.approle]\n[store.corp.vault.auth.jwt]");
    unknown_login: auth("[store.corp.vault.auth.userpass]\nusername = \"rekeyd\"");
    approle_of_nothing: auth("[store.corp.vault.auth.approle]\nwraped = true");
    secret_id_in_the_policy: auth("[store.corp.vault.auth.approle]\nrole_id = \"7d2c\"\nsecret_id = \"hunter2\"");
    secret_id_in_place_of_its_file: auth("[store.corp.vault.auth.approle]\nrole_id = \"7d2c\"\nsecret_id_file = \"hunter2\"");
    wrapped_in_words: auth("[store.corp.vault.auth.approle]\nrole_id = \"7d2c\"\nsecret_id_file = \"/run/s\"\nwrapped = \"yes\"");
    kubernetes_without_a_role: auth("[store.corp.vault.auth.kubernetes]");
    jwt_in_the_policy: auth("[store.corp.vault.auth.jwt]\njwt = \"eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl\"");
    jwt_file_of_no_place: auth("[store.corp.vault.auth.jwt]\njwt_file = \"token.jwt\"");
    login_mounted_elsewhere: auth("[store.corp.vault.auth.kubernetes]\nrole = \"rekeyd\"\nmount = \"../sys\"");
    certificate_login_without_one: auth("[store.corp.vault.auth.cert]\nrole = \"rekeyd\"");
    certificate_without_its_key: also("client_certificate_file = \"/run/c.pem\"");
    key_without_its_certificate: also("client_key_file = \"/run/k.pem\"");
    key_in_place_of_its_file: also("client_certificate_file = \"/run/c.pem\"\nclient_key_file = \"hunter2\"");
    authority_of_no_place: also("ca_file = \"ca.pem\"");
    server_name_an_address: also("tls_server_name = \"10.0.0.7\"");
    tls_of_no_use: with(ADDRESS, "address = \"http://127.0.0.1:8200\"\nca_file = \"/etc/ca.pem\"\ntls_server_name = \"vault\"\n");
    no_address: with(ADDRESS, "");
    no_login: with(&format!("{TOKEN}\n"), "");
    verification_switched_off: also("tls_skip_verify = true");
}

fn store(policy: Policy) -> VaultStore {
    match policy.stores.into_iter().find(|(name, _)| name == "corp") {
        Some((_, StorePolicy::Vault(vault))) => *vault,
        other => panic!("{other:?}"),
    }
}

fn sound(text: &str) -> VaultStore {
    match compiled(text) {
        Ok(policy) => store(policy),
        Err(faults) => panic!("{}", to_text(&faults)),
    }
}

#[test]
fn every_login_and_its_defaults() {
    let here = |path: &str| PathBuf::from(path);
    let cases = [
        (
            "[store.corp.vault.auth.approle]\nrole_id = \"7d2c\"\nsecret_id_file = \"/run/s\"",
            VaultAuth::Approle {
                mount: "approle".into(),
                role_id: "7d2c".into(),
                secret_id_file: here("/run/s"),
                wrapped: false,
            },
        ),
        (
            "[store.corp.vault.auth.kubernetes]\nrole = \"rekeyd\"",
            VaultAuth::Kubernetes {
                mount: "kubernetes".into(),
                role: "rekeyd".into(),
                jwt_file: here("/var/run/secrets/kubernetes.io/serviceaccount/token"),
            },
        ),
        (
            "[store.corp.vault.auth.jwt]\nmount = \"ci/gitlab/\"\njwt_file = \"/run/jwt\"",
            // A mount is written without slashes at its ends.
            VaultAuth::Jwt {
                mount: "ci/gitlab".into(),
                role: None,
                jwt_file: here("/run/jwt"),
            },
        ),
        (
            "[store.corp.vault.auth.token]\nfile = \"/run/token\"",
            VaultAuth::Token(TokenSource::File(here("/run/token"))),
        ),
    ];
    for (table, wanted) in cases {
        let found = sound(&auth(table));
        assert_eq!(found.auth, wanted);
        assert_eq!(
            (found.client, found.ca_file, found.tls_server_name),
            (None, None, None)
        );
    }
    let tls = "ca_file = \"/etc/ca.pem\"\nclient_certificate_file = \"/run/c.pem\"\nclient_key_file = \
               \"/run/k.pem\"\ntls_server_name = \"vault.internal\"";
    let cert = "[store.corp.vault.auth.cert]\nmount = \"pki-login\"";
    let found = sound(&also(tls).replace(TOKEN, cert));
    let client = ClientCertificate {
        certificate_file: here("/run/c.pem"),
        key_file: here("/run/k.pem"),
    };
    assert_eq!(
        (found.ca_file, found.client),
        (Some(here("/etc/ca.pem")), Some(client))
    );
    assert_eq!(found.tls_server_name.as_deref(), Some("vault.internal"));
    assert_eq!(found.auth.login_path().as_deref(), Some("auth/pki-login/login"));
}

fn environment() -> Environment {
    Environment {
        vault_addr: Some("https://other.example:8200".into()),
        vault_namespace: Some("team/a/".into()),
        vault_cacert: Some("/etc/other.pem".into()),
        vault_token: true,
    }
}

fn within(text: &str, environment: &Environment) -> Result<VaultStore, Vec<Fault>> {
    compile_in(&[file("rekeyd.toml", text)], environment).map(store)
}

#[test]
fn the_environment_describes_one_server_as_a_whole() {
    // A store that names its server takes nothing.
    let named = within(&with("", ""), &environment()).unwrap();
    assert_eq!(named.address.as_str(), "https://vault.example:8200/");
    assert_eq!((named.namespace, named.ca_file), (None, None));
    let no_login = with(&format!("{TOKEN}\n"), "");
    assert!(within(&no_login, &environment()).is_err());

    // One that does not takes all that it does not say itself.
    let silent = with(ADDRESS, "").replace(&format!("{TOKEN}\n"), "");
    let found = within(&silent, &environment()).unwrap();
    assert_eq!(found.address.as_str(), "https://other.example:8200/");
    assert_eq!(found.namespace.as_deref(), Some("team/a"));
    assert_eq!(found.ca_file, Some(PathBuf::from("/etc/other.pem")));
    assert_eq!(
        found.auth,
        VaultAuth::Token(TokenSource::Env("VAULT_TOKEN".into()))
    );
    let said = with(ADDRESS, "namespace = \"mine\"\nca_file = \"/etc/mine.pem\"\n")
        .replace(TOKEN, "[store.corp.vault.auth.token]\nfile = \"/run/token\"");
    let found = within(&said, &environment()).unwrap();
    assert_eq!(found.namespace.as_deref(), Some("mine"));
    assert_eq!(found.ca_file, Some(PathBuf::from("/etc/mine.pem")));
    assert_eq!(
        found.auth,
        VaultAuth::Token(TokenSource::File("/run/token".into()))
    );
    let only = Environment {
        vault_addr: environment().vault_addr,
        ..Environment::default()
    };
    let found = within(&with(ADDRESS, ""), &only).unwrap();
    assert_eq!((found.namespace, found.ca_file), (None, None));
}

/// Two names for one place are found, whoever names it.
#[test]
fn the_environment_makes_no_second_place_of_one() {
    let twice = with(ADDRESS, "").replace(
        "[store.local.file]",
        "[store.again.vault]\naddress = \"https://other.example:8200\"\nmount = \"secret\"\nnamespace = \"team/a\"\n\
         auth.token.env = \"T\"\n[store.local.file]",
    );
    let twice = twice.replace(
        "store = \"local\", path = \"legacy\"",
        "store = \"again\", path = \"sf/billing\"",
    );
    let faults = within(&twice, &environment()).unwrap_err();
    assert!(
        to_text(&faults).contains("publish to one path"),
        "{}",
        to_text(&faults)
    );
}

#[test]
fn what_is_wrong_in_the_environment_is_said_and_not_repeated() {
    let wrong = Environment {
        vault_addr: Some("https://rekeyd:pa55-w0rd@vault.example".into()),
        vault_namespace: Some("../up".into()),
        vault_cacert: Some("hunter2".into()),
        vault_token: false,
    };
    let silent = with(ADDRESS, "").replace(&format!("{TOKEN}\n"), "");
    let text = to_text(&within(&silent, &wrong).unwrap_err());
    assert!(
        !text.contains("pa55") && !text.contains("hunter2") && !text.contains("../up"),
        "{text}"
    );
    assert_snapshot!("vault_environment_of_no_use", text);
    let plain = Environment {
        vault_addr: Some("http://vault.example:8200".into()),
        ..environment()
    };
    assert_snapshot!(
        "vault_environment_without_tls",
        to_text(&within(&silent, &plain).unwrap_err())
    );
}
