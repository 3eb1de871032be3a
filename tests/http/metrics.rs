//! The metrics: what each is made of, and that Prometheus' own tool finds nothing wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rekeyd::api::metrics::{Seen, SinkStats, families, text};
use rekeyd::clock::Timestamp;
use rekeyd::engine::board::{AppCard, Cards, LiveCheck, OrgCard};
use rekeyd::engine::ledger::Ledgers;
use rekeyd::engine::note::Note;
use rekeyd::engine::service::ServiceNote;
use rekeyd::policy::{SourceFile, compile};
use rekeyd::rotation::{Capabilities, Effect, End, Event, Limits, ProbeReport, RotationId, Subject, Verdict};
use rekeyd::secret::{Credential, FingerprintKey, Secret};

const DAY: i64 = 86_400_000;

/// What `deploy/` and people's dashboards build on.
const NAMES: [&str; 29] = [
    "rekeyd_app_acceptance_seconds",
    "rekeyd_app_attempts_failed",
    "rekeyd_app_credential_created_timestamp_seconds",
    "rekeyd_app_current_accepted",
    "rekeyd_app_deadline_timestamp_seconds",
    "rekeyd_app_last_success_timestamp_seconds",
    "rekeyd_app_live_check_timestamp_seconds",
    "rekeyd_app_next_due_timestamp_seconds",
    "rekeyd_app_outage_seconds",
    "rekeyd_app_overdue",
    "rekeyd_app_rotations_total",
    "rekeyd_app_state",
    "rekeyd_build_info",
    "rekeyd_clock_jumps_total",
    "rekeyd_heartbeat_timestamp_seconds",
    "rekeyd_org_api_requests_limit",
    "rekeyd_org_api_requests_used",
    "rekeyd_org_login_refused",
    "rekeyd_org_logins_total",
    "rekeyd_org_secrets_switch_open",
    "rekeyd_org_secrets_switch_open_since_timestamp_seconds",
    "rekeyd_org_up",
    "rekeyd_outbox_delivered_total",
    "rekeyd_outbox_failed_total",
    "rekeyd_outbox_letters",
    "rekeyd_outbox_oldest_timestamp_seconds",
    "rekeyd_policy_reload_successful",
    "rekeyd_policy_reload_timestamp_seconds",
    "rekeyd_store_up",
];

/// Prometheus' own tool finds nothing wrong.
pub fn promtool(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/deb/usr/bin/promtool");
    assert!(path.exists(), "run tests/tools/install first");
    let mut command = Command::new(path);
    command.args(["check", "metrics"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}

fn id(number: u128) -> RotationId {
    RotationId::from(uuid::Uuid::from_u128(number))
}

/// The timing of an app that is due every 90 days, and too old after 120.
fn card() -> AppCard {
    let text = r#"
[journal]
url = "sqlite:/j"
key_file = "/k"
[org.prod]
url = "http://127.0.0.1:1"
[org.prod.login.jwt]
client_id = "x"
username = "u@x.example"
key_file = "/l"
[store.local.file]
directory = "/s"
identity_file = "/i"
[app.billing]
org = "prod"
stores = [{ store = "local", path = "billing" }]
schedule = { every = "90d" }
max_age = "120d"
[app.billing.external_client_app]
name = "B"
allow_key_change = true
"#;
    let file = SourceFile {
        name: "m.toml".into(),
        text: text.into(),
    };
    let policy = compile(&[file]).unwrap();
    AppCard {
        timing: Some(policy.apps["billing"].timing.clone()),
        ..crate::house::card()
    }
}

fn proof(verdict: Verdict) -> ProbeReport {
    ProbeReport {
        verdict,
        probe: "introspect".into(),
        host: "h".into(),
        answer: "200".into(),
        at: Timestamp(0),
    }
}

/// A journal of one app: adopted on day 1, rotated without overlap on day 10, and a try that the org ignored on day 20.
fn notes() -> Vec<(i64, Option<RotationId>, Note)> {
    let keys = FingerprintKey::new(vec![7; 32]).unwrap();
    let pair = keys.fingerprint(&Credential {
        client_id: "i".into(),
        client_secret: Secret::new("s".into()),
    });
    let adopted = Note::Adopted {
        pair,
        since: None,
        found: "in every store".into(),
        proof: proof(Verdict::Accepted),
    };
    let started = Note::Started {
        method: "update".into(),
        caps: Capabilities::update(),
        limits: Limits::default(),
        stores: vec!["local".into()],
        reason: "due".into(),
        by: "schedule".into(),
        policy: serde_json::Value::Null,
        key: None,
    };
    let step = |step| Note::Step { step };
    let cutover = Event::Intended {
        effect: Effect::Cutover,
    };
    let accepted = Event::Probed {
        subject: Subject::New,
        pair: proof(Verdict::Accepted),
        beside: None,
    };
    vec![
        (DAY, None, adopted),
        (10 * DAY, Some(id(1)), started.clone()),
        (10 * DAY + 1_000, Some(id(1)), step(cutover)),
        (10 * DAY + 3_500, Some(id(1)), step(accepted)),
        (10 * DAY + 6_000, Some(id(1)), step(Event::Rotated)),
        (
            10 * DAY + 9_000,
            Some(id(1)),
            step(Event::Ended {
                end: End::Done { disproven: true },
            }),
        ),
        (20 * DAY, Some(id(2)), started),
        (
            20 * DAY + 1_000,
            Some(id(2)),
            step(Event::Ended { end: End::Ignored }),
        ),
    ]
}

fn ledgers() -> Ledgers {
    let mut ledgers = Ledgers::default();
    for (place, (at, rotation, note)) in notes().into_iter().enumerate() {
        let billing = ledgers.apps.entry("billing".into()).or_default();
        billing.add(Timestamp(at), rotation, &note);
        // What the org ignored did not happen here.
        if place < 6 {
            let calm = ledgers.apps.entry("calm".into()).or_default();
            calm.add(Timestamp(at), rotation, &note);
        }
    }
    let service = &mut ledgers.service;
    service.add(Timestamp(5_000), &ServiceNote::ClockJumped { by_ms: 90_000 });
    service.add(Timestamp(6_000), &ServiceNote::Reloaded { apps: 1 });
    service.add(Timestamp(7_000), &ServiceNote::ReloadRefused { why: "x".into() });
    let org = "prod".to_owned();
    service.add(
        Timestamp(8_000),
        &ServiceNote::LoginRefused { org, why: "x".into() },
    );
    // Turned on in an org that has left the policy, and on and off again in one that has not.
    for (at, org, on) in [
        (9_000, "prod", true),
        (9_500, "prod", false),
        (10_000, "gone", true),
    ] {
        let org = org.to_owned();
        service.add(Timestamp(at), &ServiceNote::SwitchSet { org, on });
    }
    ledgers
}

fn cards() -> Cards {
    let check = |at, accepted, store_up| LiveCheck {
        at: Timestamp(at),
        accepted,
        store_up,
    };
    let live = |app: &str, store: &str| (app.to_owned(), store.to_owned());
    Cards {
        apps: BTreeMap::from([
            ("billing".to_owned(), card()),
            ("calm".to_owned(), card()),
            ("new".to_owned(), card()),
        ]),
        orgs: BTreeMap::from([(
            "prod".to_owned(),
            OrgCard {
                at: Some(Timestamp(21 * DAY)),
                up: true,
                api: Some((1234, 15_000)),
                logins: (7, 2),
            },
        )]),
        live: BTreeMap::from([
            (live("billing", "local"), check(21 * DAY, Some(true), true)),
            (live("billing", "corp"), check(20 * DAY, None, false)),
            (live("new", "corp"), check(21 * DAY, None, true)),
        ]),
        heartbeat: Some(Timestamp(21 * DAY)),
        draining: false,
    }
}

fn lines(seen: &Seen<'_>) -> (Vec<String>, String) {
    let text = text(families(seen)).unwrap();
    (text.lines().map(str::to_owned).collect(), text)
}

#[test]
fn everything_is_there_and_promtool_finds_nothing_wrong() {
    let (ledgers, cards) = (ledgers(), cards());
    let sinks = [SinkStats {
        sink: "on \"call\"\\\n".into(),
        letters: 3,
        oldest: Some(Timestamp(5 * DAY)),
        delivered: 4,
        failed: 5,
    }];
    let seen = Seen {
        ledgers: &ledgers,
        cards: &cards,
        sinks: &sinks,
        now: Timestamp(21 * DAY),
    };
    let (lines, text) = lines(&seen);
    promtool(&text);
    let names: BTreeSet<&str> = families(&seen).iter().map(|family| family.name).collect();
    assert_eq!(names, BTreeSet::from(NAMES));
    for line in [
        "# TYPE rekeyd_app_rotations_total counter",
        "rekeyd_app_last_success_timestamp_seconds{app=\"billing\",org=\"prod\"} 864006.0",
        "rekeyd_app_credential_created_timestamp_seconds{app=\"billing\",org=\"prod\"} 864006.0",
        "rekeyd_app_deadline_timestamp_seconds{app=\"billing\",org=\"prod\"} 11232006.0",
        "rekeyd_app_attempts_failed{app=\"billing\",org=\"prod\"} 1.0",
        "rekeyd_app_rotations_total{app=\"billing\",org=\"prod\",outcome=\"rotated\"} 1.0",
        "rekeyd_app_rotations_total{app=\"billing\",org=\"prod\",outcome=\"ignored\"} 1.0",
        "rekeyd_app_rotations_total{app=\"billing\",org=\"prod\",outcome=\"undone\"} 0.0",
        "rekeyd_app_outage_seconds{app=\"billing\",org=\"prod\"} 5.0",
        "rekeyd_app_acceptance_seconds{app=\"billing\",org=\"prod\"} 2.5",
        "rekeyd_app_overdue{app=\"billing\",org=\"prod\"} 0.0",
        "rekeyd_app_state{app=\"billing\",org=\"prod\",state=\"stopped\"} 1.0",
        "rekeyd_app_state{app=\"billing\",org=\"prod\",state=\"idle\"} 0.0",
        "rekeyd_app_state{app=\"calm\",org=\"prod\",state=\"idle\"} 1.0",
        "rekeyd_app_next_due_timestamp_seconds{app=\"calm\",org=\"prod\"} 8640006.0",
        "rekeyd_app_state{app=\"new\",org=\"prod\",state=\"unadopted\"} 1.0",
        "rekeyd_app_current_accepted{app=\"billing\",org=\"prod\",store=\"local\"} 1.0",
        "rekeyd_app_live_check_timestamp_seconds{app=\"billing\",org=\"prod\",store=\"corp\"} 1728000.0",
        "rekeyd_org_up{org=\"prod\"} 1.0",
        "rekeyd_org_api_requests_used{org=\"prod\"} 1234.0",
        "rekeyd_org_api_requests_limit{org=\"prod\"} 15000.0",
        "rekeyd_org_logins_total{org=\"prod\",outcome=\"accepted\"} 7.0",
        "rekeyd_org_logins_total{org=\"prod\",outcome=\"refused\"} 2.0",
        "rekeyd_org_login_refused{org=\"prod\"} 1.0",
        "rekeyd_org_secrets_switch_open{org=\"prod\"} 0.0",
        "rekeyd_org_secrets_switch_open{org=\"gone\"} 1.0",
        "rekeyd_org_secrets_switch_open_since_timestamp_seconds{org=\"gone\"} 10.0",
        // The last look at the store counts, whichever app it was for.
        "rekeyd_store_up{store=\"corp\"} 1.0",
        "rekeyd_policy_reload_successful 0.0",
        "rekeyd_policy_reload_timestamp_seconds 6.0",
        "rekeyd_clock_jumps_total 1.0",
        "rekeyd_heartbeat_timestamp_seconds 1814400.0",
        "rekeyd_outbox_letters{sink=\"on \\\"call\\\"\\\\\\n\"} 3.0",
    ] {
        assert!(lines.iter().any(|other| other == line), "no {line} in\n{text}");
    }
    // It is stopped: nobody knows when the next one is due. Nor does anybody know whether that pair is accepted.
    for absent in [
        "rekeyd_app_next_due_timestamp_seconds{app=\"billing\"",
        "rekeyd_app_current_accepted{app=\"billing\",org=\"prod\",store=\"corp\"",
        "rekeyd_app_last_success_timestamp_seconds{app=\"new\"",
        "rekeyd_org_secrets_switch_open_since_timestamp_seconds{org=\"prod\"",
    ] {
        assert!(!text.contains(absent), "{absent} in\n{text}");
    }
}

#[test]
fn what_is_not_known_is_absent() {
    let (ledgers, cards) = (Ledgers::default(), Cards::default());
    let seen = Seen {
        ledgers: &ledgers,
        cards: &cards,
        sinks: &[],
        now: Timestamp(DAY),
    };
    let names: Vec<&str> = families(&seen).iter().map(|family| family.name).collect();
    assert_eq!(
        names,
        [
            "rekeyd_build_info",
            "rekeyd_policy_reload_successful",
            "rekeyd_clock_jumps_total"
        ]
    );
    let (_, text) = lines(&seen);
    promtool(&text);
}

#[test]
fn time_moves_what_is_due_and_what_is_overdue() {
    let (mut ledgers, cards) = (ledgers(), cards());
    let lift = Note::HoldLifted { by: "a test".into() };
    let ledger = ledgers.apps.get_mut("billing").unwrap();
    ledger.add(Timestamp(22 * DAY), None, &lift);
    let at = |now| {
        let seen = Seen {
            ledgers: &ledgers,
            cards: &cards,
            sinks: &[],
            now: Timestamp(now),
        };
        let value = |name: &str| {
            let all = families(&seen);
            let family = all.iter().find(|family| family.name == name)?;
            let of = |sample: &&rekeyd::api::metrics::Sample| sample.labels[0].1 == "billing";
            family.samples.iter().find(of).map(|sample| sample.value)
        };
        (
            value("rekeyd_app_next_due_timestamp_seconds"),
            value("rekeyd_app_overdue"),
        )
    };
    let due = Duration::from_secs(100 * 86_400 + 6).as_secs_f64();
    assert_eq!(at(30 * DAY), (Some(due), Some(0.0)));
    assert_eq!(at(110 * DAY), (Some(due), Some(0.0)));
    assert_eq!(at(131 * DAY), (Some(due), Some(1.0)));
}
