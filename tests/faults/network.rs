//! What only a network or something in between does, to each kind of request of a rotation once: at the org, and at each
//! store that is spoken to over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rekeyd::clock::Clock;

use super::every_request::{Way, ends};
use crate::crash::life::Life;
use crate::crash::world::Kind::{Aws, Bao, File};
use crate::crash::world::Method::{Assisted, Regenerate, Staged, Update};
use crate::crash::world::{LATE_PROOF, Shape, World};
use crate::support::aws::action;
use crate::support::proxy::{Fate, Proxy, Seen};

/// In front of which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Org,
    Vault,
    Cloud,
}

impl At {
    fn proxy(self, world: &World) -> &Proxy {
        match self {
            At::Org => &world.org_proxy,
            At::Vault => &world.bao_proxy,
            At::Cloud => &world.cloud_proxy,
        }
    }

    /// Requests of one kind differ by ids and values only.
    fn kind(self, seen: &Seen) -> String {
        if self == At::Cloud {
            return action(&seen.body).to_owned();
        }
        let body = String::from_utf8_lossy(&seen.body);
        let said = [
            "grant_type=urn",
            "grant_type=client_credentials",
            "grant_type=authorization_code",
            "readMetadata",
            "updateMetadata",
            "deploy>",
            "checkDeployStatus",
        ];
        let said = said.into_iter().find(|word| body.contains(word)).unwrap_or("");
        let path = seen.path.split('?').next().unwrap_or("");
        let parts = path.split('/').map(|part| {
            // Ids, and the numbers of this test's paths.
            match part.len() >= 15
                || part.parse::<u64>().is_ok()
                || part.contains('-') && part.starts_with("0")
            {
                true => "*",
                false => part,
            }
        });
        format!("{} {} {said}", seen.method, parts.collect::<Vec<_>>().join("/"))
    }
}

fn answer(status: &str, more: &str, body: &str) -> Fate {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n{body}");
    Fate::Instead(text.into_bytes())
}

/// Each with whether nothing about it is a person's to decide.
fn everywhere() -> Vec<(&'static str, Fate, bool)> {
    vec![
        ("timeout before", Fate::Silent { applied: false }, true),
        ("timeout after", Fate::Silent { applied: true }, true),
        ("reset", Fate::Reset, true),
        ("slow drip", Fate::Drip, true),
        ("wrong type", Fate::Retyped, true),
    ]
}

/// What `every_request` has the org do, done by something in front of a store. Each request that is cut before, after or in
/// the middle of its answer is in `tests/crash/lost.rs`.
fn at_a_store() -> Vec<(&'static str, Fate, bool)> {
    let page = "<html><body>Please sign in</body></html>";
    let html = "content-type: text/html\r\n";
    let errors = r#"{"errors":["as the test wishes"]}"#;
    let elsewhere = "location: http://127.0.0.1:9/elsewhere\r\n";
    let mut all = everywhere();
    all.extend([
        ("a page", answer("200 OK", html, page), true),
        ("401", answer("401 Unauthorized", html, page), false),
        ("403", answer("403 Forbidden", "", errors), false),
        ("404", answer("404 Not Found", html, page), false),
        ("409", answer("409 Conflict", html, page), false),
        ("429", answer("429 Too Many Requests", "", errors), true),
        (
            "429, in 90 s",
            answer("429 Too Many Requests", "retry-after: 90\r\n", errors),
            true,
        ),
        ("500", answer("500 Internal Server Error", "", errors), true),
        ("503", answer("503 Service Unavailable", html, page), true),
        (
            "redirected",
            answer("307 Temporary Redirect", elsewhere, ""),
            false,
        ),
    ]);
    all
}

/// A kind of request, and after how many others it came first.
async fn kinds(shape: &Shape, at: At) -> Vec<(String, usize)> {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    world.rotated("undisturbed", &lived.over).await;
    let mut known = BTreeSet::new();
    let seen = at.proxy(&world).seen();
    let kinds = seen
        .iter()
        .enumerate()
        .map(|(number, seen)| (at.kind(seen), number));
    kinds.filter(|(kind, _)| known.insert(kind.clone())).collect()
}

/// What a case was.
struct Case {
    name: String,
    kind: String,
    nobodys: bool,
    way: Way,
}

#[derive(Default)]
struct Table(Vec<Case>);

impl Table {
    /// A person may only be asked where a person can decide.
    fn check(&self, shape: &Shape, at: At) {
        let mut ways: BTreeMap<Way, usize> = BTreeMap::new();
        let mut wrong = Vec::new();
        for case in &self.0 {
            *ways.entry(case.way).or_default() += 1;
            // The one request that is never repeated by itself.
            let once = case.kind.contains("deploy>") && case.way == Way::Resumed;
            if case.nobodys && !once && matches!(case.way, Way::Resumed | Way::Untouched) {
                wrong.push(format!("{}: {:?}", case.name, case.way));
            }
        }
        println!(
            "{} {at:?}: {} cases of a network: {ways:?}",
            shape.name(),
            self.0.len()
        );
        assert!(wrong.is_empty(), "a person was asked for:\n{}", wrong.join("\n"));
    }
}

async fn met(shape: &Shape, at: At, faults: Vec<(&'static str, Fate, bool)>) {
    let mut table = Table::default();
    let kinds = kinds(shape, at).await;
    for (kind, _) in &kinds {
        for (fault, fate, nobodys) in &faults {
            let name = format!("{} {at:?} {kind}: {fault}", shape.name());
            let world = World::new(shape.clone()).await;
            if matches!(*fault, "401" | "403") {
                // Another login, and the same request again.
                world.record.expect_a_dead_session();
            }
            let wanted = kind.clone();
            at.proxy(&world)
                .once(fate.clone(), move |seen| at.kind(seen) == wanted);
            let way = ends(&world, &name).await;
            table.0.push(Case {
                name,
                kind: kind.clone(),
                nobodys: *nobodys,
                way,
            });
        }
    }
    table.check(shape, at);
}

/// Nobody listens when a request is made, until half a minute later.
async fn refused(shape: &Shape, at: At) {
    let mut table = Table::default();
    for (kind, number) in kinds(shape, at).await {
        let name = format!("{} {at:?} {kind}: connection refused", shape.name());
        let world = Arc::new(World::new(shape.clone()).await);
        let other = world.clone();
        let door = async move {
            at.proxy(&other).shut_after(number).await;
            let later = other.clock.now() + Duration::from_secs(30);
            other.clock.sleep_until(later).await;
            at.proxy(&other).open();
        };
        let (way, ()) = tokio::join!(ends(&world, &name), door);
        table.0.push(Case {
            name,
            kind,
            nobodys: true,
            way,
        });
    }
    table.check(shape, at);
}

async fn of_the_org(shape: Shape) {
    met(&shape, At::Org, everywhere()).await;
    refused(&shape, At::Org).await;
}

#[tokio::test]
async fn staged() {
    of_the_org(Shape::new(Staged, &[File])).await;
}

#[tokio::test]
async fn update() {
    of_the_org(Shape::new(Update, &[File])).await;
}

#[tokio::test]
async fn regenerate() {
    of_the_org(Shape::new(Regenerate, &[File])).await;
}

#[tokio::test]
async fn assisted() {
    of_the_org(Shape::new(Assisted, &[File]).with(&[LATE_PROOF])).await;
}

async fn of_a_store(shape: Shape, at: At) {
    met(&shape, at, at_a_store()).await;
    refused(&shape, at).await;
}

#[tokio::test]
async fn vault() {
    of_a_store(Shape::new(Staged, &[Bao]), At::Vault).await;
}

#[tokio::test]
async fn assisted_vault() {
    of_a_store(Shape::new(Assisted, &[Bao]).with(&[LATE_PROOF]), At::Vault).await;
}

#[tokio::test]
async fn cloud() {
    of_a_store(Shape::new(Staged, &[Aws]), At::Cloud).await;
}

#[tokio::test]
async fn assisted_cloud() {
    of_a_store(Shape::new(Assisted, &[Aws]).with(&[LATE_PROOF]), At::Cloud).await;
}

/// An answer of 100 MB from something in front of a store is not read to its end.
#[tokio::test]
async fn huge() {
    for (shape, at) in [
        (Shape::new(Staged, &[Bao]), At::Vault),
        (Shape::new(Staged, &[Aws]), At::Cloud),
    ] {
        for (kind, _) in kinds(&shape, at).await.into_iter().take(2) {
            let name = format!("{} {kind}: 100 MB", shape.name());
            let world = World::new(shape.clone()).await;
            let fate = answer(
                "200 OK",
                "content-type: application/json\r\n",
                &"x".repeat(100 << 20),
            );
            at.proxy(&world).once(fate, move |seen| at.kind(seen) == kind);
            let way = ends(&world, &name).await;
            assert!(matches!(way, Way::Alone | Way::AfterAWhile), "{name}: {way:?}");
        }
    }
}
