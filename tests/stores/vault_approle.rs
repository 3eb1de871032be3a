//! Login by AppRole on a real server, and how seldom it is done.

use std::path::PathBuf;
use std::time::Duration;

use rekeyd::port::{Fault, Outcome, Place, Store};
use rekeyd::store::vault::{Method, VaultSettings};
use reqwest::Method as Verb;
use serde_json::{Value, json};

use super::login::{Desk, reads, refused};
use super::world::{document, done, holds, publish, put_pending, rotation, version};
use crate::support::proxy::Fate;

struct AppRole {
    desk: Desk,
    role_id: String,
    file: PathBuf,
}

impl AppRole {
    async fn new(role: Value) -> AppRole {
        let desk = Desk::new("approle").await;
        let path = format!("auth/{}/role/app", desk.mount);
        desk.root(Verb::POST, &path, desk.role(role)).await;
        let answer = desk
            .root(Verb::GET, &format!("{path}/role-id"), Value::Null)
            .await;
        let role_id = answer["data"]["role_id"].as_str().unwrap().to_owned();
        let file = desk.file("secret-id", "none-yet");
        let role = AppRole { desk, role_id, file };
        role.give(&role.secret_id().await);
        role
    }

    async fn secret_id(&self) -> String {
        let path = format!("auth/{}/role/app/secret-id", self.desk.mount);
        let answer = self.desk.root(Verb::POST, &path, json!({})).await;
        answer["data"]["secret_id"].as_str().unwrap().to_owned()
    }

    /// A token that unwraps to a new secret id.
    async fn wrapped(&self) -> String {
        let path = format!("auth/{}/role/app/secret-id", self.desk.mount);
        let answer = self.desk.bao.wrapped(&path).await;
        answer["wrap_info"]["token"].as_str().unwrap().to_owned()
    }

    fn give(&self, secret_id: &str) {
        self.desk.file("secret-id", secret_id);
    }

    fn settings(&self, wrapped: bool) -> VaultSettings {
        self.desk.login(Method::AppRole {
            role_id: self.role_id.clone(),
            secret_id_file: self.file.clone(),
            wrapped,
        })
    }
}

#[tokio::test]
async fn one_login_serves_a_rotation() {
    let role = AppRole::new(json!({})).await;
    let store = role.desk.open(role.settings(false));
    assert_eq!(
        store.obstacles(Duration::ZERO).await.unwrap(),
        Vec::<String>::new()
    );
    let pending = put_pending(&store, &version("0"), 1).await;
    publish(&store, &version("0"), 1).await;
    done(store.clear_pending(&pending).await);
    assert_eq!(holds(&store, Place::Current).await, Some(1));
    assert_eq!(role.desk.logins(), 1);
    let secret_id = std::fs::read_to_string(&role.file).unwrap();
    role.desk
        .urls_are_clean(&[secret_id.trim(), &role.role_id, "secret-1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_at_once_shares_one_login() {
    let role = AppRole::new(json!({})).await;
    let store = std::sync::Arc::new(role.desk.open(role.settings(false)));
    let asking = (0..12).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { reads(&*store).await })
    });
    for ended in futures_util::future::join_all(asking).await {
        ended.unwrap();
    }
    assert_eq!(role.desk.logins(), 1);
}

#[tokio::test]
async fn a_token_revoked_mid_rotation_heals_by_one_login() {
    let role = AppRole::new(json!({})).await;
    let store = role.desk.open(role.settings(false));
    let base = publish(&store, &version("0"), 1).await;
    let pending = put_pending(&store, &version("0"), 2).await;
    role.desk.revoke_all().await;
    // A write is not sent twice within one effect: it was not applied, and the next one works.
    let outcome = store.publish(&base, &document(2), rotation(2)).await;
    assert!(
        matches!(outcome, Outcome::NotNow(Fault::Unavailable(_))),
        "{outcome:?}"
    );
    let base = publish(&store, &base, 2).await;
    assert_eq!((base, role.desk.logins()), (version("2"), 2));
    // A read goes on at once.
    role.desk.revoke_all().await;
    assert_eq!(holds(&store, Place::Current).await, Some(2));
    done(store.clear_pending(&pending).await);
    assert_eq!(role.desk.logins(), 3);
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_before_a_growing_pause_is_over() {
    let role = AppRole::new(json!({})).await;
    // The server's own answer to many refusals, which would stand in the way at the end of this.
    let path = format!("sys/auth/{}/tune", role.desk.mount);
    let wish = json!({ "user_lockout_config": { "lockout_disable": true } });
    role.desk.root(Verb::POST, &path, wish).await;
    role.give("wrong-secret-id");
    let store = role.desk.open(role.settings(false));
    for (advance, logins) in [
        (0, 1),
        (59, 1),
        (1, 2),
        (60, 2),
        (59, 2),
        (1, 3),
        (239, 3),
        (1, 4),
    ] {
        role.desk.clock.advance(advance);
        for _ in 0..3 {
            let text = refused(&store).await;
            assert!(
                text.contains("secret-id") && text.contains("is used up"),
                "{text}"
            );
            assert!(!text.contains("wrong-secret"), "{text}");
        }
        let outcome = store.publish(&version("0"), &document(1), rotation(1)).await;
        assert!(
            matches!(outcome, Outcome::NotNow(Fault::Unauthorized(_))),
            "{outcome:?}"
        );
        assert_eq!(role.desk.logins(), logins, "after {advance} s more");
    }
    // Never longer than a quarter of an hour.
    role.desk.clock.advance(24 * 3600);
    refused(&store).await;
    role.desk.clock.advance(24 * 3600);
    refused(&store).await;
    role.desk.clock.advance(899);
    refused(&store).await;
    assert_eq!(role.desk.logins(), 6);
    // What is put right is tried at once.
    role.give(&role.secret_id().await);
    publish(&store, &version("0"), 1).await;
    assert_eq!(role.desk.logins(), 7);
}

#[tokio::test]
async fn a_login_without_an_answer_is_tried_again_soon() {
    let role = AppRole::new(json!({})).await;
    let store = role.desk.open(role.settings(false));
    role.desk
        .proxy
        .once(Fate::CutBefore, |seen| seen.path.ends_with("/login"));
    for _ in 0..2 {
        let fault = store.read(&Place::Current).await.unwrap_err();
        assert!(matches!(fault, Fault::Unavailable(_)), "{fault:?}");
    }
    assert_eq!(role.desk.logins(), 1);
    role.desk.clock.advance(2);
    reads(&store).await;
    assert_eq!(role.desk.logins(), 2);
}

#[tokio::test]
async fn a_throttled_login_waits_as_long_as_it_is_told() {
    let role = AppRole::new(json!({})).await;
    let store = role.desk.open(role.settings(false));
    let answer = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 37\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    role.desk.proxy.once(Fate::Instead(answer.to_vec()), |seen| {
        seen.path.ends_with("/login")
    });
    for (advance, left) in [(0, 37), (30, 7)] {
        role.desk.clock.advance(advance);
        match store.read(&Place::Current).await.unwrap_err() {
            Fault::Throttled { wait, .. } => assert_eq!(wait, Duration::from_secs(left)),
            other => panic!("{other:?}"),
        }
    }
    role.desk.clock.advance(7);
    reads(&store).await;
    assert_eq!(role.desk.logins(), 2);
}

#[tokio::test]
async fn a_wrapped_secret_id_is_unwrapped_once_and_kept() {
    let role = AppRole::new(json!({})).await;
    let wrapping = role.wrapped().await;
    role.give(&wrapping);
    let store = role.desk.open(role.settings(true));
    publish(&store, &version("0"), 1).await;
    for _ in 0..2 {
        role.desk.revoke_all().await;
        assert_eq!(holds(&store, Place::Current).await, Some(1));
    }
    assert_eq!((role.desk.logins(), role.desk.count("/unwrap")), (3, 1));

    // A new process has to be given a new one, and says so.
    let next = role.desk.open(role.settings(true));
    let text = refused(&next).await;
    assert!(
        text.contains("has been used before") && text.contains("destroy it"),
        "{text}"
    );
    assert!(!text.contains(&wrapping), "{text}");
    assert_eq!(role.desk.logins(), 3);
    let another = role.wrapped().await;
    role.give(&another);
    assert_eq!(holds(&next, Place::Current).await, Some(1));
    // And so has a running one whose secret id was replaced: at its next login.
    role.desk.revoke_all().await;
    role.give(&role.wrapped().await);
    assert_eq!(holds(&store, Place::Current).await, Some(1));
    assert_eq!(role.desk.count("/unwrap"), 4);
    role.desk.urls_are_clean(&[&wrapping, &another]);
}

#[tokio::test]
async fn a_wrapping_token_of_something_else_is_named() {
    let role = AppRole::new(json!({})).await;
    let answer = role.desk.bao.wrapped("sys/wrapping/wrap").await;
    role.give(answer["wrap_info"]["token"].as_str().unwrap());
    let store = role.desk.open(role.settings(true));
    match store.read(&Place::Current).await.unwrap_err() {
        Fault::Unusable(text) => assert!(
            text.contains("no secret id") && text.contains("-wrap-ttl"),
            "{text}"
        ),
        other => panic!("{other:?}"),
    }
}

/// Other policies of a *role* reach only tokens made afterwards.
#[tokio::test]
async fn rights_given_to_the_role_later_are_found() {
    let role = AppRole::new(
        json!({ "token_policies": ["default"], "token_ttl": "2h", "token_no_default_policy": false }),
    )
    .await;
    let store = role.desk.open(role.settings(false));
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Forbidden(_)), "{fault:?}");
    let path = format!("auth/{}/role/app", role.desk.mount);
    role.desk
        .root(Verb::POST, &path, role.desk.role(json!({ "token_ttl": "1h" })))
        .await;
    // Not at once: a right that is simply missing must not cost a login each time.
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Forbidden(_)), "{fault:?}");
    assert_eq!(role.desk.logins(), 1);
    role.desk.clock.advance(300);
    reads(&store).await;
    assert_eq!(role.desk.logins(), 2);
}

/// It cannot be told from a dead token, so it costs logins: few.
#[tokio::test]
async fn a_token_that_may_do_nothing_costs_few_logins() {
    let role = AppRole::new(json!({ "token_policies": ["nothing"] })).await;
    let store = role.desk.open(role.settings(false));
    for _ in 0..5 {
        let text = refused(&store).await;
        assert!(text.contains("lookup-self"), "{text}");
    }
    assert_eq!(role.desk.logins(), 1);
    role.desk.clock.advance(60);
    refused(&store).await;
    assert_eq!(role.desk.logins(), 2);
}

#[tokio::test]
async fn no_such_method_is_named() {
    let role = AppRole::new(json!({})).await;
    let mut settings = role.settings(false);
    if let rekeyd::store::vault::Auth::Login(login) = &mut settings.auth {
        login.mount = "nowhere".into();
    }
    let text = refused(&role.desk.open(settings)).await;
    assert!(text.contains("`auth/nowhere`"), "{text}");
}
