//! A token is renewed ahead of its end, and replaced where that is refused or no longer helps.

use rekeyd::port::{Fault, Place, Store};
use rekeyd::secret::Secret;
use rekeyd::store::vault::{Auth, Method, TokenSource, VaultStore};
use reqwest::Method as Verb;
use serde_json::{Value, json};

use super::login::{Desk, reads};
use crate::support::proxy::Fate;

const RENEWAL: &str = "/renew-self";

async fn approle(role: Value) -> (Desk, VaultStore) {
    let desk = Desk::new("approle").await;
    let path = format!("auth/{}/role/app", desk.mount);
    desk.root(Verb::POST, &path, desk.role(role)).await;
    let role_id = desk
        .root(Verb::GET, &format!("{path}/role-id"), Value::Null)
        .await;
    let secret_id = desk
        .root(Verb::POST, &format!("{path}/secret-id"), json!({}))
        .await;
    let store = desk.open(desk.login(Method::AppRole {
        role_id: role_id["data"]["role_id"].as_str().unwrap().into(),
        secret_id_file: desk.file("secret-id", secret_id["data"]["secret_id"].as_str().unwrap()),
        wrapped: false,
    }));
    reads(&store).await;
    assert_eq!((desk.logins(), desk.count(RENEWAL)), (1, 0));
    (desk, store)
}

#[tokio::test]
async fn two_thirds_of_the_way_a_token_is_renewed_also_while_nobody_asks() {
    let (desk, store) = approle(json!({})).await;
    desk.clock.advance(39);
    reads(&store).await;
    assert_eq!(desk.count(RENEWAL), 0);
    for renewals in 1..=3 {
        desk.clock.advance(if renewals == 1 { 1 } else { 40 });
        desk.until(renewals, RENEWAL).await;
        reads(&store).await;
        assert_eq!((desk.logins(), desk.count(RENEWAL)), (1, renewals));
    }
}

#[tokio::test]
async fn where_the_longest_life_is_near_another_token_is_made() {
    let (desk, store) = approle(json!({})).await;
    let path = format!("auth/{}/role/app", desk.mount);
    let shorter = desk.role(json!({ "token_max_ttl": "30s", "token_ttl": "30s" }));
    desk.root(Verb::POST, &path, shorter).await;
    desk.clock.advance(40);
    desk.until(1, RENEWAL).await;
    reads(&store).await;
    assert_eq!(desk.logins(), 1);
    // What is left is less than what was granted first: at two thirds of that it is not asked for more.
    desk.clock.advance(20);
    desk.until(2, "/login").await;
    reads(&store).await;
    assert_eq!((desk.logins(), desk.count(RENEWAL)), (2, 1));
}

#[tokio::test]
async fn a_refused_renewal_is_answered_by_a_login() {
    let (desk, store) = approle(json!({})).await;
    desk.revoke_all().await;
    desk.clock.advance(40);
    desk.until(2, "/login").await;
    reads(&store).await;
    assert_eq!((desk.logins(), desk.count(RENEWAL)), (2, 1));
}

#[tokio::test]
async fn a_renewal_without_an_answer_leaves_the_token_in_use() {
    let (desk, store) = approle(json!({})).await;
    desk.proxy
        .once(Fate::CutBefore, |seen| seen.path.ends_with(RENEWAL));
    desk.clock.advance(40);
    desk.until(1, RENEWAL).await;
    reads(&store).await;
    desk.clock.advance(2);
    desk.until(2, RENEWAL).await;
    reads(&store).await;
    assert_eq!(desk.logins(), 1);
}

#[tokio::test]
async fn a_batch_token_is_replaced_since_it_cannot_be_renewed() {
    let (desk, store) = approle(json!({ "token_type": "batch" })).await;
    desk.clock.advance(40);
    desk.until(2, "/login").await;
    reads(&store).await;
    assert_eq!((desk.logins(), desk.count(RENEWAL)), (2, 0));
}

/// A login that fails ahead of the end does not take the token away that there is; one after the end is told.
#[tokio::test]
async fn until_its_end_a_token_serves_though_no_other_can_be_made() {
    let (desk, store) = approle(json!({ "token_type": "batch" })).await;
    desk.file("secret-id", "wrong");
    desk.clock.advance(40);
    desk.until(2, "/login").await;
    reads(&store).await;
    reads(&store).await;
    assert_eq!(desk.logins(), 2);
    desk.clock.advance(20);
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Unauthorized(_)), "{fault:?}");
    assert_eq!(desk.logins(), 2, "the pause is not over");
}

async fn given(wish: Value) -> (Desk, Auth) {
    let desk = Desk::new("token").await;
    let mut whole = json!({ "policies": ["rekeyd"], "no_default_policy": true, "no_parent": true });
    for (key, value) in wish.as_object().unwrap() {
        whole[key] = value.clone();
    }
    let made = desk.root(Verb::POST, "auth/token/create", whole).await;
    let token = made["auth"]["client_token"].as_str().unwrap();
    let file = desk.file("token", token);
    (desk, Auth::Token(TokenSource::File(file)))
}

#[tokio::test]
async fn a_periodic_token_that_was_given_is_kept_alive() {
    let (desk, auth) = given(json!({ "period": "60s" })).await;
    let store = desk.open(desk.with(auth));
    reads(&store).await;
    for renewals in 1..=2 {
        desk.clock.advance(41);
        desk.until(renewals, RENEWAL).await;
        reads(&store).await;
        assert_eq!(desk.count(RENEWAL), renewals);
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_to_its_end_and_then_told() {
    let (desk, auth) = given(json!({ "ttl": "60s", "renewable": false })).await;
    let store = desk.open(desk.with(auth));
    reads(&store).await;
    desk.clock.advance(50);
    reads(&store).await;
    let token = std::fs::read_to_string(desk.path_of("token")).unwrap();
    let wish = json!({ "token": token.trim() });
    desk.root(Verb::POST, "auth/token/revoke", wish).await;
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Unauthorized(_)), "{fault:?}");
    assert_eq!(desk.count(RENEWAL), 0);
    desk.urls_are_clean(&[token.trim()]);
}

/// The root token of a development server, for one.
#[tokio::test]
async fn a_token_without_an_end_is_left_alone() {
    let desk = Desk::new("token").await;
    let root = Secret::new(crate::support::openbao::ROOT.into());
    let store = desk.open(desk.with(Auth::Token(TokenSource::Value(root))));
    reads(&store).await;
    desk.clock.advance(400 * 86400);
    reads(&store).await;
    assert_eq!((desk.count(RENEWAL), desk.count("/lookup-self")), (0, 1));
}
