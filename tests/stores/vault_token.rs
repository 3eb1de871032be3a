//! The token dies, is replaced, or may not do enough.

use rekeyd::port::{Fault, Outcome, Place, Refusal, Store};
use rekeyd::secret::Secret;
use rekeyd::store::vault::{Auth, TokenSource, VaultSettings};
use reqwest::Method;
use serde_json::json;

use super::vault_contract::{POLICY, VaultWorld, settings, store, world};
use super::world::{World, document, holds, publish, rotation, version};

async fn revoke(world: &VaultWorld, token: &str) {
    let (status, _) = world
        .bao
        .root(Method::POST, "auth/token/revoke", Some(json!({ "token": token })))
        .await;
    assert_eq!(status, 204);
}

#[tokio::test]
async fn a_revoked_token_is_our_login_and_not_a_missing_right() {
    let world = world().await;
    let token = world.bao.token(POLICY, false).await;
    let store = store(settings(&world.bao.address(), &token), &world.path);
    let base = publish(&store, &version("0"), 1).await;
    revoke(&world, &token).await;
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Unauthorized(_)), "{fault:?}");
    let outcome = store.publish(&base, &document(2), rotation(2)).await;
    assert!(
        matches!(outcome, Outcome::NotNow(Fault::Unauthorized(_))),
        "{outcome:?}"
    );
    assert!(!format!("{fault:?}{outcome:?}").contains(&token));
}

#[tokio::test]
async fn a_replaced_token_file_is_read_again() {
    let world = world().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let first = world.bao.token(POLICY, false).await;
    let second = world.bao.token(POLICY, false).await;
    std::fs::write(&file, format!("{first}\n")).unwrap();
    let store = world.store(VaultSettings {
        auth: Auth::Token(TokenSource::File(file.clone())),
        ..world.settings()
    });
    let base = publish(&store, &version("0"), 1).await;
    revoke(&world, &first).await;
    std::fs::write(&file, format!("{second}\n")).unwrap();
    let base = publish(&store, &base, 2).await;
    assert_eq!(holds(&store, Place::Current).await, Some(2));

    // Replaced so that the file looks the same: the refusal is what tells, and a read goes on at once.
    let third = world.bao.token(POLICY, false).await;
    let before = std::fs::metadata(&file).unwrap().modified().unwrap();
    let replace = |token: &str| {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        let written = std::fs::File::options().append(true).open(&file).unwrap();
        written.set_modified(before).unwrap();
    };
    replace(&third);
    revoke(&world, &second).await;
    assert_eq!(holds(&store, Place::Current).await, Some(2));
    let fourth = world.bao.token(POLICY, false).await;
    replace(&fourth);
    revoke(&world, &third).await;
    // A write is not sent twice within one effect; it was not applied, and the next one works.
    let outcome = store.publish(&base, &document(3), rotation(3)).await;
    assert!(
        matches!(outcome, Outcome::NotNow(Fault::Unavailable(_))),
        "{outcome:?}"
    );
    publish(&store, &base, 3).await;
}

#[tokio::test]
async fn a_token_file_that_is_no_token_is_named_and_never_quoted() {
    let world = world().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let store = world.store(VaultSettings {
        auth: Auth::Token(TokenSource::File(file.clone())),
        ..world.settings()
    });
    for content in [
        None,
        Some(&b""[..]),
        Some(b"  \n"),
        Some(b"can\nary"),
        Some(b"canary\xff"),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let fault = store.read(&Place::Current).await.unwrap_err();
        let Fault::Unusable(text) = &fault else {
            panic!("{fault:?}");
        };
        assert!(
            text.contains(file.to_str().unwrap()) && !text.contains("ary"),
            "{text}"
        );
        let outcome = store.publish(&version("0"), &document(1), rotation(1)).await;
        assert!(matches!(outcome, Outcome::NotNow(_)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let world = world().await;
    let reads = format!(
        r#"path "secret/data/{}" {{ capabilities = ["read"] }}"#,
        world.path
    );
    let token = world.bao.token(&reads, true).await;
    publish(&*world.open(), &version("0"), 1).await;
    let store = store(settings(&world.bao.address(), &token), &world.path);
    assert_eq!(holds(&store, Place::Current).await, Some(1));
    match store.publish(&version("1"), &document(2), rotation(2)).await {
        Outcome::Refused(Refusal::Permission(text)) => {
            assert!(text.contains(&format!("secret/data/{}", world.path)), "{text}");
        }
        other => panic!("{other:?}"),
    }
    match store.read(&Place::Pending).await.unwrap_err() {
        Fault::Forbidden(text) => assert!(
            text.contains(&format!("`read` on `secret/data/rekeyd-pending/{}`", world.path)),
            "{text}"
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(holds(&*world.open(), Place::Current).await, Some(1));
}

#[tokio::test]
async fn nothing_shows_the_token() {
    let world = world().await;
    let settings = VaultSettings {
        auth: Auth::Token(TokenSource::Value(Secret::new("s.canary".into()))),
        ..world.settings()
    };
    assert!(!format!("{settings:?}").contains("canary"));
    let fault = world.store(settings).read(&Place::Current).await.unwrap_err();
    assert!(!format!("{fault:?}").contains("canary"));
}
