//! A network and a service that fail: what was sent once stays once, and each class of fault has its name.

use std::time::Duration;

use rekeyd::port::{Fault, Outcome, Place, Refusal, Store};
use rekeyd::store::aws::{AwsSettings, AwsStore, Credentials};

use super::aws_world::{AwsWorld, stub_world};
use super::world::{World, conflict, document, done, holds, publish, put_pending, read, rotation, version};
use crate::support::aws::stub::is_read;
use crate::support::aws::{action, credentials, fresh_name};
use crate::support::proxy::{Fate, Proxy, Seen};

/// The store behind a proxy, with a secret that holds a value.
async fn behind() -> (AwsWorld, Proxy, AwsStore) {
    let world = stub_world().await;
    world.adopted().await;
    let proxy = Proxy::start(world.stub().socket()).await;
    let store = world.store(AwsSettings {
        endpoint_url: Some(proxy.address().parse().unwrap()),
        timeout: Duration::from_secs(2),
        ..world.settings()
    });
    (world, proxy, store)
}

fn is(wanted: &'static str) -> impl Fn(&Seen) -> bool + Send + 'static {
    move |seen| name(seen) == wanted
}

fn name(seen: &Seen) -> &'static str {
    action(&seen.body)
}

fn changes(proxy: &Proxy) -> usize {
    proxy.seen().iter().filter(|seen| !is_read(name(seen))).count()
}

fn fates() -> Vec<Fate> {
    vec![
        Fate::CutBefore,
        Fate::CutAfter,
        Fate::Truncate(20),
        Fate::Stall,
        Fate::Instead(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 9\r\n\r\n<h1>no</h1".to_vec()),
        Fate::Instead(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\n<h1>".to_vec()),
    ]
}

/// Nobody can know whether a label moved: unknown, sent once, and the label itself tells.
#[tokio::test]
async fn a_lost_move_is_unknown_and_the_label_tells() {
    for fate in fates() {
        let (_world, proxy, store) = behind().await;
        let old = read(&store, Place::Current).await.base;
        let put = store.put_pending(&version("0"), &document(2), rotation(2)).await;
        assert!(matches!(put, Outcome::Partly(_)), "{put:?}");
        let before = changes(&proxy);
        proxy.once(fate.clone(), is("UpdateSecretVersionStage"));
        let outcome = store.put_pending(&version("0"), &document(2), rotation(2)).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{fate:?}: {outcome:?}");
        assert_eq!(changes(&proxy), before + 1, "{fate:?} was sent again");
        let taken = matches!(fate, Fate::CutAfter | Fate::Truncate(_) | Fate::Stall);
        let slot = read(&store, Place::Pending).await;
        assert_eq!(slot.value.is_some(), taken, "{fate:?}");
        let pending = match taken {
            true => slot.base,
            false => done(store.put_pending(&version("0"), &document(2), rotation(2)).await),
        };

        proxy.once(fate.clone(), is("UpdateSecretVersionStage"));
        let outcome = store.publish(&old, &document(2), rotation(2)).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{fate:?}: {outcome:?}");
        let current = read(&store, Place::Current).await.base;
        assert_eq!(current == pending, taken, "{fate:?}");
        if !taken {
            assert_eq!(
                done(store.publish(&old, &document(2), rotation(2)).await),
                pending
            );
        }
    }
}

/// A value that may or may not be kept where nobody looks has changed no place: not now, and its token tells.
#[tokio::test]
async fn a_lost_put_is_not_now_and_the_token_tells() {
    for fate in fates() {
        let (world, proxy, store) = behind().await;
        proxy.once(fate.clone(), is("PutSecretValue"));
        let outcome = store.put_pending(&version("0"), &document(2), rotation(2)).await;
        assert!(
            matches!(outcome, Outcome::NotNow(Fault::Unavailable(_))),
            "{fate:?}: {outcome:?}"
        );
        assert_eq!(changes(&proxy), 1, "{fate:?} was sent again");
        let kept = world.stub().labels(&world.name).len() == 2;
        let next = store.put_pending(&version("0"), &document(2), rotation(2)).await;
        assert_eq!(matches!(next, Outcome::Done(_)), kept, "{fate:?}: {next:?}");
        assert_eq!(world.stub().labels(&world.name).len(), 2, "{fate:?}");
    }
}

/// A first value that may be current is unknown, and current tells.
#[tokio::test]
async fn a_lost_creation_is_unknown_and_current_tells() {
    for fate in [Fate::CutBefore, Fate::CutAfter] {
        let world = stub_world().await;
        let proxy = Proxy::start(world.stub().socket()).await;
        let store = world.store(AwsSettings {
            endpoint_url: Some(proxy.address().parse().unwrap()),
            ..world.settings()
        });
        proxy.once(fate.clone(), is("CreateSecret"));
        let outcome = store.publish(&version("0"), &document(1), rotation(1)).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{fate:?}: {outcome:?}");
        let taken = matches!(fate, Fate::CutAfter);
        assert_eq!(holds(&store, Place::Current).await, taken.then_some(1));
    }
}

/// What lands late finds the label with another version, or its token in use.
#[tokio::test]
async fn late_requests_change_nothing() {
    let (world, proxy, store) = behind().await;
    let old = read(&store, Place::Current).await.base;
    proxy.once(Fate::Late, is("PutSecretValue"));
    let put = store.put_pending(&version("0"), &document(2), rotation(2)).await;
    assert!(matches!(put, Outcome::NotNow(_)), "{put:?}");
    let put = store.put_pending(&version("0"), &document(2), rotation(2)).await;
    assert!(matches!(put, Outcome::Partly(_)), "{put:?}");
    proxy.once(Fate::Late, is("UpdateSecretVersionStage"));
    let moved = store.put_pending(&version("0"), &document(2), rotation(2)).await;
    assert!(matches!(moved, Outcome::Unknown(_)), "{moved:?}");
    let pending = done(store.put_pending(&version("0"), &document(2), rotation(2)).await);
    proxy.once(Fate::Late, is("UpdateSecretVersionStage"));
    let published = store.publish(&old, &document(2), rotation(2)).await;
    assert!(matches!(published, Outcome::Unknown(_)), "{published:?}");
    done(store.publish(&old, &document(2), rotation(2)).await);
    let third = super::aws_world::Whole(store);
    let next = put_pending(&third, &pending, 3).await;
    let last = publish(&third, &pending, 3).await;
    assert_eq!(last, next);
    let before = world.stub().labels(&world.name);
    assert_eq!(proxy.release().await.len(), 3);
    assert_eq!(world.stub().labels(&world.name), before);
    assert_eq!(holds(&third, Place::Current).await, Some(3));
}

/// An unpublished value that was ended leaves its label with what is current: a late move finds it held.
#[tokio::test]
async fn a_late_move_after_the_end_is_refused() {
    let (world, proxy, store) = behind().await;
    let put = store.put_pending(&version("0"), &document(2), rotation(2)).await;
    assert!(matches!(put, Outcome::Partly(_)));
    proxy.once(Fate::Late, is("UpdateSecretVersionStage"));
    let moved = store.put_pending(&version("0"), &document(2), rotation(2)).await;
    assert!(matches!(moved, Outcome::Unknown(_)));
    let pending = done(store.put_pending(&version("0"), &document(2), rotation(2)).await);
    done(super::aws_world::Whole(store).clear_pending(&pending).await);
    let before = world.stub().labels(&world.name);
    proxy.release().await;
    assert_eq!(world.stub().labels(&world.name), before);
    assert!(read(&*world.open(), Place::Pending).await.value.is_none());
}

#[tokio::test]
async fn throttling_waits_and_a_server_error_is_unknown() {
    let (world, _proxy, store) = behind().await;
    let old = read(&store, Place::Current).await.base;
    let whole = super::aws_world::Whole(store);
    put_pending(&whole, &version("0"), 2).await;
    let store = &whole.0;
    world
        .stub()
        .fail_once("UpdateSecretVersionStage", 400, "ThrottlingException");
    let outcome = store.publish(&old, &document(2), rotation(2)).await;
    assert!(
        matches!(&outcome, Outcome::NotNow(Fault::Throttled { wait, .. }) if !wait.is_zero()),
        "{outcome:?}"
    );
    world
        .stub()
        .fail_once("UpdateSecretVersionStage", 500, "InternalServiceError");
    let outcome = store.publish(&old, &document(2), rotation(2)).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    // Reads are tried again, and not for ever.
    let asked = world.stub().asked().len();
    world
        .stub()
        .fail_once("GetSecretValue", 500, "InternalServiceError");
    assert_eq!(holds(store, Place::Current).await, Some(1000));
    assert_eq!(world.stub().asked().len(), asked + 2);
    for _ in 0..3 {
        world
            .stub()
            .fail_once("GetSecretValue", 400, "ThrottlingException");
    }
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Throttled { .. }), "{fault:?}");
    done(store.publish(&old, &document(2), rotation(2)).await);
}

/// A refused move that nothing explains: reads may be behind, so it is not taken for somebody's doing.
#[tokio::test]
async fn an_unexplained_refusal_is_not_now() {
    let (world, _proxy, store) = behind().await;
    let old = read(&store, Place::Current).await.base;
    let whole = super::aws_world::Whole(store);
    put_pending(&whole, &version("0"), 2).await;
    world
        .stub()
        .fail_once("UpdateSecretVersionStage", 400, "InvalidParameterException");
    let outcome = whole.publish(&old, &document(2), rotation(2)).await;
    assert!(
        matches!(outcome, Outcome::NotNow(Fault::Unavailable(_))),
        "{outcome:?}"
    );
    done(whole.publish(&old, &document(2), rotation(2)).await);
    conflict(whole.publish(&old, &document(2), rotation(2)).await);
}

#[tokio::test]
async fn nobody_there_is_not_now() {
    let world = stub_world().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let settings = AwsSettings {
        endpoint_url: Some(format!("http://127.0.0.1:{port}").parse().unwrap()),
        ..world.settings()
    };
    let store = world.store(settings);
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(
        matches!(&fault, Fault::Unavailable(text) if text.contains("no connection")),
        "{fault:?}"
    );
    let outcome = store.publish(&version("0"), &document(1), rotation(1)).await;
    assert!(
        matches!(outcome, Outcome::NotNow(Fault::Unavailable(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let world = stub_world().await;
    let settings = AwsSettings {
        credentials: Credentials::File {
            path: world.home.path().join("nothing-here"),
            profile: None,
        },
        ..world.settings()
    };
    let store = world.store(settings);
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(
        matches!(&fault, Fault::Unauthorized(text) if text.contains("no AWS credentials")),
        "{fault:?}"
    );
    assert_eq!(world.stub().asked(), Vec::new());
}

/// A token that ends in the middle: not now, and the file's next content is read.
#[tokio::test]
async fn credentials_that_end_are_read_again() {
    let (world, _proxy, store) = behind().await;
    let put = store.put_pending(&version("0"), &document(2), rotation(2)).await;
    assert!(matches!(put, Outcome::Partly(_)));
    world.stub().know_only("AKIDANOTHERONE");
    let outcome = store.put_pending(&version("0"), &document(2), rotation(2)).await;
    assert!(
        matches!(outcome, Outcome::NotNow(Fault::Unauthorized(_))),
        "{outcome:?}"
    );
    credentials(world.home.path(), "AKIDANOTHERONE");
    done(store.put_pending(&version("0"), &document(2), rotation(2)).await);
    world
        .stub()
        .fail_once("GetSecretValue", 400, "ExpiredTokenException");
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(matches!(fault, Fault::Unauthorized(_)), "{fault:?}");
    assert_eq!(holds(&store, Place::Current).await, Some(1000));
}

/// The server was away for a while: the same store goes on.
#[tokio::test]
async fn two_apps_of_one_store_are_kept_apart() {
    let mut world = stub_world().await;
    world.adopted().await;
    let first = world.open();
    world.name = fresh_name();
    let second = world.open();
    publish(&*second, &version("0"), 7).await;
    assert_eq!(holds(&*first, Place::Current).await, Some(1000));
    assert_eq!(holds(&*second, Place::Current).await, Some(7));
}

/// An answer that holds what it should not is never repeated.
#[tokio::test]
async fn no_message_quotes_an_answer() {
    let (world, proxy, store) = behind().await;
    let body = r#"{"__type":"secret-canary!","Message":"secret-canary"}"#;
    for status in ["400 Bad", "403 No", "500 Oops", "200 OK"] {
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        proxy.once(Fate::Instead(answer.clone().into()), is("GetSecretValue"));
        let said = format!("{:?}", store.read(&Place::Current).await.map(|slot| slot.base));
        assert!(!said.contains("canary"), "{said}");
        proxy.once(Fate::Instead(answer.into()), is("PutSecretValue"));
        let said = format!(
            "{:?}",
            store.put_pending(&version("0"), &document(2), rotation(2)).await
        );
        assert!(!said.contains("canary"), "{said}");
    }
    world
        .stub()
        .fail_once("UpdateSecretVersionStage", 400, "AccessDeniedException");
    let old = read(&store, Place::Current).await.base;
    let whole = super::aws_world::Whole(store);
    let outcome = whole.publish(&old, &document(2), rotation(2)).await;
    let Outcome::Refused(Refusal::Permission(text)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(text.contains("secretsmanager:UpdateSecretVersionStage") && !text.contains("as told"));
}
