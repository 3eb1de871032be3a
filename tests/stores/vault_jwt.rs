//! Login by JWT and by Kubernetes service account. The Kubernetes side is a stub that OpenBao asks over TLS; the login
//! itself is OpenBao's own.

use std::path::PathBuf;

use rcgen::KeyPair;
use rekeyd::clock::{Clock, SystemClock};
use rekeyd::port::Place;
use rekeyd::store::vault::{Method, VaultSettings};
use reqwest::Method as Verb;
use serde_json::{Value, json};

use super::login::{Desk, reads, refused};
use super::token_review::{TokenReview, service_account_token, signed};
use super::world::{holds, publish, version};
use crate::support::pki::Pki;

fn claims(audience: &str, number: u64) -> Value {
    let now = SystemClock.now().0 / 1000;
    json!({
        "iss": "ci", "sub": "rekeyd", "aud": audience, "iat": now, "exp": now + 600, "jti": number.to_string()
    })
}

fn by(desk: &Desk, role: Option<&str>, jwt_file: PathBuf) -> VaultSettings {
    desk.login(Method::Jwt {
        role: role.map(str::to_owned),
        jwt_file,
    })
}

#[tokio::test]
async fn a_jwt_is_shown_and_read_again_for_each_login() {
    let desk = Desk::new("jwt").await;
    let key = KeyPair::generate().unwrap();
    let config = json!({
        "jwt_validation_pubkeys": [key.public_key_pem()], "jwt_supported_algs": ["ES256"], "default_role": "app"
    });
    desk.root(Verb::POST, &format!("auth/{}/config", desk.mount), config)
        .await;
    let role = desk.role(json!({ "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["openbao"] }));
    desk.root(Verb::POST, &format!("auth/{}/role/app", desk.mount), role)
        .await;

    let first = signed(&key, claims("openbao", 1));
    let store = desk.open(by(&desk, Some("app"), desk.file("jwt", &first)));
    publish(&store, &version("0"), 1).await;
    let second = signed(&key, claims("openbao", 2));
    desk.file("jwt", &second);
    desk.revoke_all().await;
    assert_eq!(holds(&store, Place::Current).await, Some(1));
    let logins: Vec<_> = desk
        .proxy
        .seen()
        .into_iter()
        .filter(|seen| seen.path.ends_with("/login"))
        .collect();
    let shown: Vec<Value> = logins
        .iter()
        .map(|seen| serde_json::from_slice(&seen.body).unwrap())
        .collect();
    assert_eq!(
        shown,
        [
            json!({ "jwt": first, "role": "app" }),
            json!({ "jwt": second, "role": "app" })
        ]
    );
    // The mount's own default.
    reads(&desk.open(by(&desk, None, desk.path_of("jwt")))).await;

    let stranger = KeyPair::generate().unwrap();
    for wrong in [
        signed(&key, claims("elsewhere", 3)),
        signed(&stranger, claims("openbao", 4)),
        "no.j.wt".into(),
    ] {
        let store = desk.open(by(&desk, Some("app"), desk.file("wrong", &wrong)));
        let text = refused(&store).await;
        assert!(
            text.contains("the role `app`") && text.contains("audience"),
            "{text}"
        );
        assert!(!text.contains(&wrong), "{text}");
    }
    desk.urls_are_clean(&[&first, &second]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_account_logs_in_and_its_token_is_replaced_under_way() {
    let desk = Desk::new("kubernetes").await;
    let (pki, key) = (Pki::new("cluster"), KeyPair::generate().unwrap());
    let cluster = TokenReview::start(&pki).await;
    let config = json!({
        "kubernetes_host": format!("https://{}", cluster.address), "kubernetes_ca_cert": pki.ca(),
        "token_reviewer_jwt": service_account_token(&key, 0), "disable_local_ca_jwt": true,
    });
    desk.root(Verb::POST, &format!("auth/{}/config", desk.mount), config)
        .await;
    let role = desk.role(json!({
        "bound_service_account_names": ["rekeyd"], "bound_service_account_namespaces": ["ops"]
    }));
    desk.root(Verb::POST, &format!("auth/{}/role/app", desk.mount), role)
        .await;

    let first = service_account_token(&key, 1);
    *cluster.accepts.lock().unwrap() = first.clone();
    let store = desk.open(by(&desk, Some("app"), desk.file("sa", &first)));
    publish(&store, &version("0"), 1).await;
    assert_eq!(cluster.reviews.lock().unwrap().len(), 1);

    // The kubelet writes another, and the cluster no longer takes the first.
    let second = service_account_token(&key, 2);
    *cluster.accepts.lock().unwrap() = second.clone();
    desk.revoke_all().await;
    let text = refused(&store).await;
    assert!(text.contains("service account"), "{text}");
    desk.file("sa", &second);
    assert_eq!(holds(&store, Place::Current).await, Some(1));
    let reviewed: Vec<_> = cluster
        .reviews
        .lock()
        .unwrap()
        .iter()
        .map(|seen| seen["spec"]["token"].clone())
        .collect();
    assert_eq!(reviewed, [first.as_str(), &first, &second]);
    assert_eq!(desk.logins(), 3);
    desk.urls_are_clean(&[&first, &second]);
}
