//! The binary: a service that alerts while some of its sinks are dead, and the command that tries the sinks.

use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

use rekeyd::clock::{Clock, SystemClock};
use rekeyd::sandbox::{
    ClockMode, ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, LoginSeed, RunningSandbox, Sandbox,
    Seed,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::bench::{Bench, LOGIN_ID, USER, login_key, private};
use crate::recorder::{Recorder, Request};
use crate::service::Service;

const LEGACY_ID: &str = "3MVG9legacylegacy";
const LEGACY_SECRET: &str = "CANARYlegacy0123456789";
const WEBHOOK_KEY: &str = "whsec_Q0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZ";

struct Stage {
    bench: Bench,
    org: RunningSandbox,
    recorder: Recorder,
    /// Takes connections and never says anything.
    _tarpit: TcpListener,
    runtime: Runtime,
}

fn stage() -> Stage {
    let mut seed = Seed {
        login: Some(LoginSeed {
            client_id: LOGIN_ID.into(),
            username: USER.into(),
            public_key: Some(login_key().public_key_pem()),
            ..LoginSeed::default()
        }),
        connected_apps: vec![ConnectedAppSeed {
            name: "Legacy".into(),
            consumer_key: Some(LEGACY_ID.into()),
            consumer_secret: Some(LEGACY_SECRET.into()),
            ..ConnectedAppSeed::default()
        }],
        external_client_apps: vec![ExternalClientAppSeed {
            name: "Billing".into(),
            consumers: vec![ConsumerSeed::default()],
            ..ExternalClientAppSeed::default()
        }],
        ..Seed::default()
    };
    seed.clock.mode = ClockMode::Real;
    seed.switches = serde_json::from_value(
        serde_json::json!({ "in_place_secret": "applies", "staged_proves_before_cutover": false }),
    )
    .unwrap();
    let runtime = Runtime::new().unwrap();
    let org = runtime.block_on(Sandbox::start(&seed)).unwrap();
    let recorder = runtime.block_on(Recorder::start());
    let tarpit = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = Bench::at(org.base_url());
    private(&bench.path("webhook.key"), format!("{WEBHOOK_KEY}\n").as_bytes());
    private(&bench.path("pagerduty.key"), b"CANARYpagerduty\n");
    let slack = format!("http://{}/CANARYslack", tarpit.local_addr().unwrap());
    private(&bench.path("slack.url"), slack.as_bytes());
    Stage {
        bench,
        org,
        recorder,
        _tarpit: tarpit,
        runtime,
    }
}

impl Stage {
    /// Adds to the policy as it was at first.
    fn policy(&self, more: &str) {
        let path = self.bench.path("rekeyd.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let base = text.split("# alerts\n").next().unwrap().to_owned();
        std::fs::write(path, format!("{base}# alerts\n{more}")).unwrap();
    }

    fn hook(&self) -> String {
        format!(
            "[alert.hook.webhook]\nurl = \"{}\"\nsecret_file = \"{}\"\n",
            self.recorder.url("/hook"),
            self.bench.path("webhook.key").display()
        )
    }

    /// One that never answers and one that is not there.
    fn dead(&self) -> String {
        format!(
            "[alert.tarpit.slack]\nurl_file = \"{}\"\n[alert.closed.pagerduty]\nurl = \"http://127.0.0.1:9/v2\"\n\
             routing_key_file = \"{}\"\n",
            self.bench.path("slack.url").display(),
            self.bench.path("pagerduty.key").display()
        )
    }

    /// Waits until the hook was told so; the whole of what it was told.
    fn told(&self, path: &str, kind: &str, incident: &str) -> Value {
        let all = || -> Vec<Value> { self.recorder.at(path).iter().map(Request::json).collect() };
        let is_it = |told: &Value| told["type"] == kind && told["data"]["incident"] == incident;
        let found = self.wait(|| all().into_iter().find(is_it));
        found.unwrap_or_else(|| panic!("never {kind} {incident}: {:#?}", all()))
    }

    /// Looks until there is something, or for long enough.
    fn wait<T>(&self, look: impl Fn() -> Option<T>) -> Option<T> {
        self.runtime.block_on(async {
            let looking = async {
                let mut tick = tokio::time::interval(Duration::from_millis(20));
                loop {
                    tick.tick().await;
                    if let Some(found) = look() {
                        return found;
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(40), looking).await.ok()
        })
    }
}

fn reload(service: &Service) {
    service.signal(rustix::process::Signal::HUP);
}

#[test]
fn a_service_alerts_while_some_of_its_sinks_are_dead() {
    let stage = stage();
    stage.policy(&format!("{}{}", stage.hook(), stage.dead()));
    let mut service = Service::start(&stage.bench);
    let opened = stage.told("/hook", "incident.opened", "rekeyd/legacy/unadopted");
    assert_eq!(opened["data"]["org"], "test");
    assert!(
        opened["data"]["command"]
            .as_str()
            .unwrap()
            .contains("`rekeyd submit legacy`")
    );
    let pair = format!("{LEGACY_ID}\n{LEGACY_SECRET}\n");
    stage.bench.run_with_input(&["submit", "legacy"], &pair).ends(0);
    stage.told("/hook", "incident.resolved", "rekeyd/legacy/unadopted");

    // Neither waits for the dead ones.
    let begun = SystemClock.now();
    service.wait_for(&["billing", "adopted"]);
    stage.bench.run(&["rotate", "billing"]).ends(0);
    stage.bench.run(&["rotate", "legacy"]).ends(0);
    let took = SystemClock.now().since(begun);
    assert!(took < Duration::from_secs(18), "two rotations took {took:?}");

    // A policy that is refused, and one more sink with the next.
    stage.policy("nonsense = \n");
    reload(&service);
    let refused = stage.told("/hook", "incident.opened", "rekeyd/service:/reload-refused");
    assert!(
        refused["data"]["command"]
            .as_str()
            .unwrap()
            .contains("`rekeyd check`")
    );
    let second = stage
        .hook()
        .replace("alert.hook", "alert.second")
        .replace("/hook", "/second");
    stage.policy(&format!("{}{second}{}", stage.hook(), stage.dead()));
    stage
        .bench
        .run(&["hold", "billing", "--reason", "audit week"])
        .ends(0);
    stage.told("/hook", "incident.opened", "rekeyd/billing/held");
    reload(&service);
    stage.told("/hook", "incident.resolved", "rekeyd/service:/reload-refused");
    stage.told("/second", "incident.opened", "rekeyd/billing/held");

    // Killed, with something to say that was not said: the next start says it.
    stage.recorder.answers(503, Vec::new(), Vec::new());
    stage.bench.run(&["resume", "billing"]).ends(0);
    service.wait_for(&["alert not delivered", "hook"]);
    service.signal(rustix::process::Signal::KILL);
    let (_, mut log) = service.end();
    stage.recorder.answers(200, Vec::new(), Vec::new());
    let before = stage.recorder.at("/hook").len();
    let service = Service::start(&stage.bench);
    let more = stage.wait(|| (stage.recorder.at("/hook").len() > before).then_some(()));
    assert!(more.is_some(), "what was not said was forgotten");
    let last = stage.recorder.at("/hook").pop().unwrap().json();
    assert_eq!(
        (&last["type"], &last["data"]["incident"]),
        (&"incident.resolved".into(), &"rekeyd/billing/held".into())
    );
    service.terminate();
    let (code, more) = service.end();
    log.push_str(&more);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("alert not delivered"), "{log}");
    let mut journal = Vec::new();
    for name in ["journal.db", "journal.db-wal"] {
        if let Ok(mut file) = std::fs::File::open(stage.bench.path(name)) {
            file.read_to_end(&mut journal).unwrap();
        }
    }
    for secret in ["CANARY", "Q0FOQVJZ"] {
        assert!(!log.contains(secret), "{secret} in {log}");
        let found = journal
            .windows(secret.len())
            .any(|bytes| bytes == secret.as_bytes());
        assert!(!found, "{secret} in the journal");
        for request in stage.recorder.at("/hook") {
            assert!(!String::from_utf8_lossy(&request.body).contains(secret));
        }
    }
    stage.bench.run(&["history", "--verify"]).ends(0);
    drop(stage.org);
}

#[test]
fn the_command_tries_every_sink_without_a_daemon() {
    let stage = stage();
    let ran = stage.bench.run(&["alert", "test"]).ends(1);
    assert!(ran.err.contains("no [alert.NAME]"), "{}", ran.err);
    stage.policy(&format!("{}{}", stage.hook(), stage.dead()));
    let ran = stage.bench.run(&["alert", "test", "hook"]).ends(0);
    assert_eq!(ran.out, "hook (webhook): ok\n");
    let types: Vec<Value> = stage
        .recorder
        .at("/hook")
        .iter()
        .map(|request| request.json()["type"].clone())
        .collect();
    assert_eq!(types, ["incident.opened", "incident.resolved"]);
    let ran = stage.bench.run(&["alert", "test", "closed"]).ends(1);
    assert_eq!(ran.out, "closed (pagerduty): FAILED: no connection\n");
    let ran = stage.bench.run(&["alert", "test", "nobody"]).ends(1);
    assert!(ran.err.contains("no sink nobody"), "{}", ran.err);
    let ran = stage.bench.run(&["--json", "alert", "test"]).ends(1);
    let sinks = ran.json()["sinks"].clone();
    let ok: Vec<(&str, bool)> = sinks
        .as_array()
        .unwrap()
        .iter()
        .map(|sink| (sink["sink"].as_str().unwrap(), sink["ok"].as_bool().unwrap()))
        .collect();
    assert_eq!(ok, [("closed", false), ("hook", true), ("tarpit", false)]);
    assert!(!ran.out.contains("CANARY") && !ran.err.contains("CANARY"));
}

#[test]
fn what_a_policy_names_for_its_sinks_is_checked() {
    let stage = stage();
    stage.policy(&format!("{}{}", stage.hook(), stage.dead()));
    stage.bench.run(&["check"]).ends(0);
    std::fs::remove_file(stage.bench.path("webhook.key")).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(stage.bench.path("slack.url"), open).unwrap();
    let ran = stage.bench.run(&["check"]).ends(78);
    for part in [
        "[alert.hook.webhook] secret_file",
        "[alert.tarpit.slack] url_file",
        "open to others",
    ] {
        assert!(ran.out.contains(part), "no {part} in {}", ran.out);
    }
    // A secret that is none is found at the start, and not shown.
    std::fs::set_permissions(
        stage.bench.path("slack.url"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    private(&stage.bench.path("webhook.key"), b"whsec_CANARY");
    let ran = stage.bench.run(&["run"]).ends(78);
    assert!(
        ran.err.contains("[alert.hook.webhook]: its secret is not"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("CANARY"), "{}", ran.err);
}
