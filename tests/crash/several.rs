//! Several stores: one fails after another has published. The next passes heal it, and in between each reader gets what
//! the documents say.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rekeyd::port::Place;
use rekeyd::rotation::Effect;
use reqwest::Method as Verb;
use serde_json::json;

use super::life::Life;
use super::world::Kind::{Bao, File};
use super::world::Method::{Staged, Update};
use super::world::{NAME, Shape, World};
use crate::support::proxy::{Fate, Seen};

/// What befalls the second store, first met at its publishing.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Sealed,
    Throttled,
    AnswersLost,
    /// Reads too.
    Away,
    /// And another token given after two tries.
    TokenRevoked,
}

fn instead(status: &str, body: &str) -> Fate {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nretry-after: 20\r\nconnection: close\r\n\r\n{body}"
    );
    Fate::Instead(answer.into_bytes())
}

fn publishes(seen: &Seen) -> bool {
    seen.method == "POST" && seen.path.contains("/data/") && !seen.path.contains("rekeyd-pending")
}

async fn begins(world: &World, trouble: Trouble, first: &str) {
    for _ in 0..3 {
        match trouble {
            Trouble::Sealed => {
                let sealed = instead("503 Service Unavailable", r#"{"errors":["Vault is sealed"]}"#);
                world.bao_proxy.once(sealed, publishes);
            }
            Trouble::Throttled => {
                let said = r#"{"errors":["request path rate limit quota exceeded"]}"#;
                world
                    .bao_proxy
                    .once(instead("429 Too Many Requests", said), publishes);
            }
            Trouble::AnswersLost => world.bao_proxy.once(Fate::CutAfter, publishes),
            Trouble::Away => world.bao_proxy.once(Fate::CutBefore, |_| true),
            Trouble::TokenRevoked => {}
        }
    }
    if matches!(trouble, Trouble::TokenRevoked) {
        let wish = json!({ "token": first });
        let (status, _) = world.bao.root(Verb::POST, "auth/token/revoke", Some(wish)).await;
        assert_eq!(status, 204);
    }
}

async fn healed(shape: Shape, trouble: Trouble) {
    let case = format!("{} {trouble:?}", shape.name());
    let world = Arc::new(World::new(shape).await);
    let all = r#"path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }"#;
    let (first, second) = (world.bao.token(all, true).await, world.bao.token(all, true).await);
    let file = world.home.path().join("token");
    fs::write(&file, &first).unwrap();
    let tries = Arc::new(AtomicUsize::new(0));
    let between = Arc::new(AtomicUsize::new(0));
    let (outside, counting, seen) = (world.clone(), tries.clone(), between.clone());
    let life = Life {
        dress: Box::new(move |mut around| {
            let (world, file) = (outside.clone(), file.clone());
            let (first, second) = (first.clone(), second.clone());
            let (tries, between) = (counting.clone(), seen.clone());
            around.before = Some(Arc::new(move |effect| {
                let (world, file) = (world.clone(), file.clone());
                let (first, second) = (first.clone(), second.clone());
                let (tries, between) = (tries.clone(), between.clone());
                Box::pin(async move {
                    if effect != Effect::Publish(1) {
                        return;
                    }
                    match tries.fetch_add(1, Ordering::SeqCst) {
                        0 => begins(&world, trouble, &first).await,
                        2 => fs::write(file, second).unwrap(),
                        _ => {}
                    }
                    between.fetch_add(usize::from(differ(&world).await), Ordering::SeqCst);
                })
            }));
            around
        }),
        ..Life::default()
    };
    let lived = world.live(life).await;
    world.rotated(&case, &lived.over).await;
    let (tries, between) = (tries.load(Ordering::SeqCst), between.load(Ordering::SeqCst));
    // An answer that was lost after it took is found by looking.
    let least = if matches!(trouble, Trouble::AnswersLost) {
        1
    } else {
        2
    };
    assert!(
        tries >= least,
        "{case}: published at the {tries}. try\n{}",
        world.history()
    );
    println!("{case}: healed at try {tries}; {between} times the stores were seen to differ");
}

/// One store gives the new pair and the other still the old one: both accepted, or, without overlap, the new one only.
async fn differ(world: &World) -> bool {
    let primary = world.watch.primary();
    let (one, two) = (
        world.watch.at(0, &Place::Current).await.unwrap(),
        world.watch.at(1, &Place::Current).await.unwrap(),
    );
    assert_eq!(two, world.watch.old, "the second store is ahead");
    if one == two {
        return false;
    }
    assert_eq!(one, primary);
    let accepted = |pair: &(String, String)| world.org.accepts(&pair.0, &pair.1).is_some();
    assert!(accepted(&one), "{NAME}");
    assert_eq!(accepted(&two), world.watch.overlap);
    true
}

async fn every_trouble(shape: Shape) {
    for trouble in [
        Trouble::Sealed,
        Trouble::Throttled,
        Trouble::AnswersLost,
        Trouble::Away,
        Trouble::TokenRevoked,
    ] {
        healed(shape.clone(), trouble).await;
    }
}

#[tokio::test]
async fn with_overlap() {
    every_trouble(Shape::new(Staged, &[File, Bao])).await;
}

#[tokio::test]
async fn without_overlap() {
    every_trouble(Shape::new(Update, &[File, Bao])).await;
}
