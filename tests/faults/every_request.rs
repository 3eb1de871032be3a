//! Every request of an undisturbed rotation, each met by every fault once.

use std::collections::BTreeMap;
use std::net::TcpListener;

use rekeyd::engine::lane::LaneEnd;
use rekeyd::rotation::{End, Event, Observation};
use rekeyd::sandbox::{Action, Rule};

use crate::crash::life::{Life, Over};
use crate::crash::world::Kind::File;
use crate::crash::world::Method::{Assisted, Regenerate, Staged, Update};
use crate::crash::world::{LATE_PROOF, Shape, World};

/// How a case came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Rotated without anybody.
    Alone,
    /// It was held for a while, and went on by itself.
    AfterAWhile,
    /// A person said `resume`, and then it was rotated.
    Resumed,
    /// It was refused before anything was changed; the old pair stays in force.
    Untouched,
}

fn status(code: u16, retry_after: Option<u64>) -> Action {
    Action::Status {
        code,
        body: String::new(),
        retry_after,
        applied: false,
    }
}

/// Half of the faults, so that two can be tried at once.
#[derive(Clone, Copy, Debug)]
enum Half {
    Broken,
    Answered,
}

/// Every fault of a half, with its name.
fn faults(half: Half, elsewhere: &str) -> Vec<(&'static str, Action)> {
    let broken = vec![
        ("dropped before", Action::DropBefore),
        ("dropped after", Action::DropAfter),
        ("a page", Action::Html { applied: false }),
        ("a page, applied", Action::Html { applied: true }),
        ("cut short", Action::Truncate),
        ("slow", Action::SlowBody { ms: 40 }),
        ("ten minutes late", Action::ApplyLate { seconds: 600 }),
    ];
    let answered = vec![
        ("500", status(500, None)),
        ("503", status(503, Some(30))),
        ("429", status(429, Some(90))),
        ("429, no time named", status(429, None)),
        ("fault in 500", soap_fault(500)),
        ("fault in 200", soap_fault(200)),
        ("session ended", Action::SessionExpired),
        ("limit", Action::LimitExceeded),
        ("401", status(401, None)),
        ("403", status(403, None)),
        ("404", status(404, None)),
        ("409", status(409, None)),
        (
            "redirected",
            Action::Redirect {
                to: elsewhere.to_owned(),
            },
        ),
    ];
    match half {
        Half::Broken => broken,
        Half::Answered => answered,
    }
}

/// In the form of the Metadata API, and of no consequence.
fn soap_fault(code: u16) -> Action {
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
                xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
                xmlns:sf=\"http://soap.sforce.com/2006/04/metadata\"><soapenv:Body><soapenv:Fault>\
                <faultcode>sf:UNKNOWN_EXCEPTION</faultcode><faultstring>UNKNOWN_EXCEPTION: An unexpected error \
                occurred.</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>";
    Action::Status {
        code,
        body: body.to_owned(),
        retry_after: None,
        applied: false,
    }
}

const WRITES: [&str; 5] = [
    "staged.post",
    "staged.patch",
    "staged.delete",
    "soap.updateMetadata",
    "soap.deploy",
];

fn rule(operation: &str, nth: u64, action: Action) -> Rule {
    Rule {
        operation: operation.to_owned(),
        app: None,
        nth,
        count: 1,
        action,
    }
}

/// An outage, a limit or a lost answer: nothing that a person could decide.
fn is_nobodys(fault: &str, operation: &str) -> bool {
    match fault {
        "403" | "404" | "409" | "redirected" => false,
        // At the token endpoint that is an answer about the client, and the list of versions takes no session.
        "401" => !operation.starts_with("token") && !["introspect", "versions"].contains(&operation),
        _ => true,
    }
}

async fn case(shape: &Shape, operation: &str, nth: u64, action: Action, name: &str) -> Way {
    let world = World::new(shape.clone()).await;
    if matches!(action, Action::SessionExpired | Action::Status { code: 401, .. }) {
        world.record.expect_a_dead_session();
    }
    world.org.fault(rule(operation, nth, action)).unwrap();
    let way = ends(&world, name).await;
    assert!(world.org.state().faults.is_empty(), "{name}: it met nothing");
    way
}

/// Runs the rotation to its end, with a person's `resume` where one is wanted.
pub async fn ends(world: &World, name: &str) -> Way {
    let way = comes_to(world, name).await;
    if world.shape.method == Assisted && way != Way::Untouched {
        world.asked_once(name);
    }
    way
}

async fn comes_to(world: &World, name: &str) -> Way {
    let lived = world.live(Life::briefly()).await;
    let held = |world: &World| {
        let mut events = world.record.events().into_iter();
        events.any(|(_, event)| matches!(event, Event::Held { .. }))
    };
    match &lived.over {
        Over::Ended(LaneEnd::Ended(End::Done { disproven: true })) => {
            world.new_is_everywhere(name).await;
            if held(world) { Way::AfterAWhile } else { Way::Alone }
        }
        Over::Busy => {
            world.is_unanswered(name, &lived.over);
            world.live(Life::resumed()).await;
            world.new_is_everywhere(name).await;
            Way::Resumed
        }
        Over::Ended(LaneEnd::Held) => {
            world.sound(name).await;
            let life = Life {
                first: Some(Observation::Resume {
                    by: "a person".into(),
                    take_over: None,
                }),
                ..Life::default()
            };
            let lived = world.live(life).await;
            let done = Over::Ended(LaneEnd::Ended(End::Done { disproven: true }));
            let history = world.history();
            assert_eq!(
                format!("{:?}", lived.over),
                format!("{done:?}"),
                "{name}: resumed\n{history}"
            );
            world.new_is_everywhere(name).await;
            Way::Resumed
        }
        Over::Ended(LaneEnd::Ended(_)) => {
            world.old_is_untouched(name).await;
            Way::Untouched
        }
        over => panic!("{name}: {over:?}\n{}", world.history()),
    }
}

async fn every_request(shape: Shape, half: Half) {
    let world = World::new(shape.clone()).await;
    let lived = world.live(Life::default()).await;
    world.rotated("undisturbed", &lived.over).await;
    let requests = world.org.state().counters;
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}/elsewhere", other.local_addr().unwrap());

    let mut ways: BTreeMap<&str, BTreeMap<Way, usize>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (operation, count) in &requests {
        for nth in 1..=*count {
            for (fault, action) in faults(half, &elsewhere) {
                // Every write is the first of its kind, and these differ only for a write, or by kind.
                let once = [
                    "slow",
                    "a page, applied",
                    "429, no time named",
                    "fault in 500",
                    "fault in 200",
                ];
                if nth > 1 && once.contains(&fault) {
                    continue;
                }
                if fault.starts_with("fault in") && !operation.starts_with("soap.") {
                    continue;
                }
                if fault == "ten minutes late" && !WRITES.contains(&operation.as_str()) {
                    continue;
                }
                let name = format!("{} {operation} no. {nth} {fault}", shape.name());
                let way = case(&shape, operation, nth, action, &name).await;
                // The one request that is never repeated by itself.
                let once = (operation.as_str(), nth, way) == ("soap.deploy", 1, Way::Resumed);
                if way != Way::Alone && is_nobodys(fault, operation) && !once {
                    wrong.push(format!("{name}: {way:?}"));
                }
                *ways.entry(fault).or_default().entry(way).or_default() += 1;
            }
        }
    }
    let cases: usize = ways.values().flat_map(BTreeMap::values).sum();
    let count: u64 = requests.values().sum();
    println!(
        "{} {half:?}: {cases} cases, {count} requests of {} kinds",
        shape.name(),
        requests.len()
    );
    for (fault, ways) in ways {
        println!("  {fault}: {ways:?}");
    }
    assert!(wrong.is_empty(), "a person was asked for:\n{}", wrong.join("\n"));
    assert!(other.accept().is_err(), "a redirect was followed");
}

#[tokio::test]
async fn staged_broken() {
    every_request(Shape::new(Staged, &[File]), Half::Broken).await;
}

#[tokio::test]
async fn staged_answered() {
    every_request(Shape::new(Staged, &[File]), Half::Answered).await;
}

#[tokio::test]
async fn regenerate_broken() {
    every_request(Shape::new(Regenerate, &[File]), Half::Broken).await;
}

#[tokio::test]
async fn regenerate_answered() {
    every_request(Shape::new(Regenerate, &[File]), Half::Answered).await;
}

#[tokio::test]
async fn update_broken() {
    every_request(Shape::new(Update, &[File]), Half::Broken).await;
}

#[tokio::test]
async fn update_answered() {
    every_request(Shape::new(Update, &[File]), Half::Answered).await;
}

/// An org in which nothing but the token endpoint tells whether the person has applied the pair.
#[tokio::test]
async fn assisted_broken() {
    every_request(Shape::new(Assisted, &[File]).with(&[LATE_PROOF]), Half::Broken).await;
}

#[tokio::test]
async fn assisted_answered() {
    every_request(Shape::new(Assisted, &[File]).with(&[LATE_PROOF]), Half::Answered).await;
}

/// An org that takes the pair before it is applied, and lets the old one live on: the primary key tells.
#[tokio::test]
async fn assisted_beside_broken() {
    let beside = Shape::new(Assisted, &[File]).with(&[("cutover_overlap_seconds", "300")]);
    every_request(beside, Half::Broken).await;
}

/// An answer of 100 MB is not read to its end.
#[tokio::test]
async fn huge() {
    let cases = [
        (Staged, "credential.get"),
        (Staged, "staged.post"),
        (Update, "soap.readMetadata"),
        (Assisted, "soap.readMetadata"),
    ];
    for (method, operation) in cases {
        let action = Action::Huge { bytes: 100 << 20 };
        let way = case(&Shape::new(method, &[File]), operation, 1, action, operation).await;
        assert_eq!(way, Way::Alone, "{operation}");
    }
    println!("{} answers of 100 MB", cases.len());
}
