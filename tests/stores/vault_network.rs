//! The network between us and Vault fails: what was never sent is *not now*, what may have arrived is *unknown*, and a
//! read then tells. Each write is sent once, whatever comes.

use std::time::Duration;

use rekeyd::document::FieldNames;
use rekeyd::port::{Fault, Outcome, Place, Store};
use rekeyd::store::vault::VaultSettings;
use reqwest::Method;

use super::vault_contract::{VaultWorld, store, world};
use super::world::{World, document, done, holds, publish, put_pending, read, rotation, version};
use crate::support::openbao::{OpenBao, ROOT};
use crate::support::proxy::{Fate, Proxy, Seen};

fn write(seen: &Seen) -> bool {
    seen.method == "POST"
}

fn through(proxy: &Proxy, world: &VaultWorld) -> VaultSettings {
    VaultSettings {
        address: proxy.address().parse().unwrap(),
        ..world.settings()
    }
}

fn writes(proxy: &Proxy) -> usize {
    proxy.seen().iter().filter(|seen| write(seen)).count()
}

fn answer(status: &str, body: &str) -> Fate {
    let length = body.len();
    Fate::Instead(
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .into_bytes(),
    )
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_unknown_and_a_read_tells() {
    let applied = [
        Fate::CutAfter,
        Fate::Truncate(40),
        Fate::Truncate(400),
        Fate::Stall,
    ];
    let fates = applied.into_iter().map(|fate| (fate, true));
    for (fate, lands) in fates.chain([(Fate::CutBefore, false), (Fate::Late, false)]) {
        let world = world().await;
        let proxy = Proxy::start(world.bao.socket()).await;
        let store = world.store(VaultSettings {
            timeout: Duration::from_millis(700),
            ..through(&proxy, &world)
        });
        let base = publish(&store, &version("0"), 1).await;
        proxy.once(fate.clone(), write);
        let outcome = store.publish(&base, &document(2), rotation(2)).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{fate:?}: {outcome:?}");
        assert_eq!(writes(&proxy), 2, "{fate:?}");
        let slot = read(&store, Place::Current).await;
        let seen = slot.value.unwrap().rotation(&FieldNames::default());
        if lands {
            assert_eq!((slot.base, seen), (version("2"), Some(rotation(2))), "{fate:?}");
        } else {
            assert_eq!((slot.base, seen), (base, Some(rotation(1))), "{fate:?}");
        }
    }
}

/// Nobody waits for it any more, and `cas` is all that stands in its way.
#[tokio::test]
async fn a_late_write_is_stopped_by_what_was_written_since() {
    let world = world().await;
    let proxy = Proxy::start(world.bao.socket()).await;
    let store = world.store(through(&proxy, &world));
    let base = publish(&store, &version("0"), 1).await;
    proxy.once(Fate::Late, write);
    let outcome = store.publish(&base, &document(2), rotation(2)).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    publish(&*world.open(), &base, 3).await;
    let answers = proxy.release().await;
    assert!(answers[0].starts_with(b"HTTP/1.1 400"));
    assert_eq!(read(&store, Place::Current).await.base, version("2"));
    assert_eq!(holds(&store, Place::Current).await, Some(3));
}

#[tokio::test]
async fn ending_and_setting_aside_are_unknown_too_and_can_be_repeated() {
    for fate in [Fate::CutBefore, Fate::CutAfter] {
        let world = world().await;
        let proxy = Proxy::start(world.bao.socket()).await;
        let store = world.store(through(&proxy, &world));
        let pending = put_pending(&store, &version("0"), 1).await;
        proxy.once(fate.clone(), write);
        let outcome = store.quarantine(&pending, rotation(1)).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
        done(store.quarantine(&pending, rotation(1)).await);
        assert_eq!(holds(&store, Place::Pending).await, None);
        proxy.once(fate, write);
        let outcome = store.clear_pending(&pending).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
        done(store.clear_pending(&pending).await);
        assert_eq!(holds(&store, Place::PendingVersion(pending)).await, None);
    }
}

#[tokio::test]
async fn answers_of_something_in_between_decide_nothing() {
    let world = world().await;
    let proxy = Proxy::start(world.bao.socket()).await;
    let store = world.store(through(&proxy, &world));
    let base = publish(&store, &version("0"), 1).await;
    // It would do for an answer to either, were it not for its size.
    let huge = format!(
        r#"{{"data":{{"version":2,"data":{{"canary":"{}"}},"metadata":{{"version":2}}}}}}"#,
        "x".repeat(5 * 1024 * 1024)
    );
    let cases = [
        answer("200 OK", "<html>canary</html>"),
        answer("200 OK", r#"{"data":{"canary":1}}"#),
        answer("204 No Content", ""),
        answer("400 Bad Request", "<html>canary</html>"),
        answer("403 Forbidden", "<html>canary</html>"),
        answer("404 Not Found", "canary"),
        answer("500 Internal Server Error", r#"{"errors":["canary"]}"#),
        answer("502 Bad Gateway", "<html>canary</html>"),
        answer("503 Service Unavailable", "<html>canary</html>"),
        Fate::Instead(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"data\":".to_vec()),
        Fate::Instead(b"canary\r\n\r\n".to_vec()),
        answer("200 OK", &huge),
    ];
    for fate in cases {
        let shown = format!("{fate:?}").chars().take(80).collect::<String>();
        proxy.once(fate.clone(), write);
        let outcome = store.publish(&base, &document(2), rotation(2)).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{shown}: {outcome:?}");
        assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
        proxy.once(fate, |seen| seen.method == "GET");
        let fault = store.read(&Place::Current).await.unwrap_err();
        assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
    }
    // A redirect is not followed, neither with the value nor with the token.
    let elsewhere = Proxy::start(world.bao.socket()).await;
    let location = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}/v1/secret/data/x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        elsewhere.address()
    );
    proxy.once(Fate::Instead(location.into_bytes()), write);
    let outcome = store.publish(&base, &document(2), rotation(2)).await;
    assert!(
        matches!(outcome, Outcome::NotNow(Fault::Unavailable(_))),
        "{outcome:?}"
    );
    assert!(elsewhere.seen().is_empty());
    assert_eq!(holds(&store, Place::Current).await, Some(1));
    publish(&store, &base, 2).await;
}

#[tokio::test]
async fn what_could_not_be_sent_is_not_now() {
    let world = world().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let store = world.store(VaultSettings {
        address: address.parse().unwrap(),
        ..world.settings()
    });
    let unavailable = |outcome: &Outcome<()>| matches!(outcome, Outcome::NotNow(Fault::Unavailable(_)));
    match store.publish(&version("0"), &document(1), rotation(1)).await {
        Outcome::NotNow(Fault::Unavailable(text)) => assert!(text.contains("no connection"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(unavailable(&store.clear_pending(&version("1")).await));
    assert!(unavailable(&store.quarantine(&version("1"), rotation(1)).await));
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Unavailable(_)), "{fault:?}");
    let fault = store.obstacles(Duration::ZERO).await.unwrap_err();
    assert!(matches!(fault, Fault::Unavailable(_)), "{fault:?}");
}

#[tokio::test]
async fn a_sealed_server_is_not_now_and_an_obstacle() {
    let bao = OpenBao::start().await;
    let sealed = store(super::vault_contract::settings(&bao.address(), ROOT), "app");
    let base = publish(&sealed, &version("0"), 1).await;
    assert_eq!(bao.root(Method::PUT, "sys/seal", None).await.0, 204);
    match sealed.publish(&base, &document(2), rotation(2)).await {
        Outcome::NotNow(Fault::Unavailable(text)) => assert!(text.contains("sealed"), "{text}"),
        other => panic!("{other:?}"),
    }
    let fault = sealed.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Unavailable(_)), "{fault:?}");
    let found = sealed.obstacles(Duration::ZERO).await.unwrap();
    assert_eq!(found, ["the server is sealed: unseal it"]);
}

/// The server's own rate limit, on the one path.
#[tokio::test]
async fn a_throttled_write_is_not_now_and_waits() {
    let bao = OpenBao::start().await;
    let limited = store(super::vault_contract::settings(&bao.address(), ROOT), "app");
    let quota = serde_json::json!({ "path": "secret/data/app", "rate": 1, "interval": "1h" });
    let set = bao
        .root(Method::POST, "sys/quotas/rate-limit/one", Some(quota))
        .await;
    assert_eq!(set.0, 204, "{set:?}");
    let base = publish(&limited, &version("0"), 1).await;
    match limited.publish(&base, &document(2), rotation(2)).await {
        Outcome::NotNow(Fault::Throttled { wait, .. }) => assert_eq!(wait, Duration::from_secs(1)),
        other => panic!("{other:?}"),
    }
    // Where the server says how long, that counts.
    let says = serde_json::json!({ "enable_rate_limit_response_headers": true });
    let set = bao.root(Method::POST, "sys/quotas/config", Some(says)).await;
    assert_eq!(set.0, 204, "{set:?}");
    match limited.publish(&base, &document(2), rotation(2)).await {
        Outcome::NotNow(Fault::Throttled { wait, .. }) => {
            assert!(
                wait > Duration::from_secs(3000) && wait <= Duration::from_secs(3600),
                "{wait:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    let fault = limited.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Throttled { .. }), "{fault:?}");
}
