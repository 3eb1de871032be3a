//! The table of what fits: every open switch of an org, pairwise, by kind of app and method: what `doctor` says, and what
//! a rotation that is tried all the same comes to.
//!
//! No method that is called open may be refused, and none that is called closed may succeed. The table is a snapshot, so
//! that it can be read, and so that a verdict that changes is seen.

use std::fmt::Write;
use std::sync::LazyLock;
use std::time::Duration;

use rekeyd::doctor::observed::Known;
use rekeyd::doctor::{MethodVerdict, Standing};
use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::examine;
use rekeyd::engine::ledger::{AppLedger, Ledgers};
use rekeyd::rotation::{Ask, End};
use rekeyd::sandbox::{Act, ConnectedAppSeed, Seed};
use rekeyd::secret::{Credential, Secret};
use serde_json::{Map, Value};

use super::switches::{self, Switch};
use super::world::{Engine, HOUR, World, pair};

/// What is open about an org, and about its apps. What closes a method is rarer in the rows than what does not.
static OPEN: LazyLock<Vec<Switch>> = LazyLock::new(|| {
    // No verdict rests on these: only a rotation shows what they come to, which `tests/crash/switches.rs` looks at.
    let without = [
        "flag_by_deploy",
        "flag_by_update",
        "flag_shown",
        "flag_empties_slot",
        "deploy_seconds",
        "cc_without_run_as",
        "cc_flow_off",
        "basic_auth",
        "session_seconds",
    ];
    let instead: [Switch; 2] = [
        ("token_format", &["\"opaque\"", "\"opaque\"", "\"jwt\""]),
        ("secret_api_enabled", &["true", "true", "false"]),
    ];
    let mut open = switches::all_but(&without, &instead);
    open.push(("secret_optional", &["false", "true"]));
    open.push(("managed", &["false", "false", "true"]));
    open
});

type Row = Vec<usize>;

/// One app in the org and one method for it.
struct Way {
    /// Its name in the policy.
    app: &'static str,
    /// Its name in the org.
    name: &'static str,
    external: bool,
    method: &'static str,
    /// What the policy says besides.
    says: &'static str,
}

const fn way(
    app: &'static str,
    name: &'static str,
    external: bool,
    method: &'static str,
    says: &'static str,
) -> Way {
    Way {
        app,
        name,
        external,
        method,
        says,
    }
}

const WAYS: [Way; 5] = [
    way("app-0", "App0", true, "staged", "allow_key_change = true"),
    way("app-1", "App1", true, "regenerate", "certificate = \"none\""),
    way("app-2", "App2", true, "assisted", "allow_key_change = true"),
    way("legacy-0", "Legacy0", false, "update", "certificate = \"none\""),
    way(
        "legacy-1",
        "Legacy1",
        false,
        "assisted",
        "allow_key_change = true",
    ),
];

impl Way {
    fn number(&self) -> usize {
        self.app.chars().last().unwrap().to_digit(10).unwrap() as usize
    }

    fn pair(&self) -> (String, String) {
        match self.external {
            true => pair(self.number()),
            false => {
                let number = self.number();
                let secret = "secret0of0legacy0secret0of0legacy";
                (format!("3MVG9enginelegacy{number}"), format!("{secret}{number}"))
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self.external {
            true => "External Client App",
            false => "Connected App",
        }
    }

    fn policy(&self) -> String {
        let Way {
            app,
            name,
            method,
            says,
            ..
        } = self;
        let table = if self.external {
            "external_client_app"
        } else {
            "connected_app"
        };
        let grace = if *method == "staged" {
            "grace = \"0s\"\n"
        } else {
            ""
        };
        format!(
            "[app.{app}]\norg = \"prod\"\nstores = [{{ store = \"one\", path = \"{app}\" }}, {{ store = \"two\", path = \
             \"{app}\" }}]\nschedule = {{ every = \"90d\" }}\nfirst = \"after-interval\"\n{grace}[app.{app}.{table}]\nname = \
             \"{name}\"\nmethod = \"{method}\"\n{says}\n"
        )
    }
}

fn seed(seed: &mut Seed, row: &Row) {
    let mut switches = Map::new();
    let chosen = |at: usize| -> Value { serde_json::from_str(OPEN[at].1[row[at]]).unwrap() };
    for (at, (switch, _)) in OPEN.iter().enumerate() {
        match *switch {
            "secret_optional" | "managed" => {}
            _ => {
                switches.insert((*switch).to_owned(), chosen(at));
            }
        }
    }
    switches.insert("propagation_seconds".into(), 30.into());
    seed.switches = seed.switches.with(&switches).unwrap();
    let flag = |name: &str| {
        let at = OPEN.iter().position(|(switch, _)| *switch == name).unwrap();
        chosen(at) == Value::Bool(true)
    };
    for way in WAYS.iter().filter(|way| !way.external) {
        let (key, secret) = way.pair();
        seed.connected_apps.push(ConnectedAppSeed {
            name: way.name.into(),
            consumer_key: Some(key),
            consumer_secret: Some(secret),
            secret_optional: flag("secret_optional"),
            managed: flag("managed"),
            ..ConnectedAppSeed::default()
        });
    }
    for app in &mut seed.external_client_apps {
        app.secret_optional = flag("secret_optional");
        app.managed = flag("managed");
    }
}

/// The values that are not the likeliest.
fn words(row: &Row) -> String {
    let others = row.iter().enumerate().filter(|(_, value)| **value != 0);
    let words: Vec<String> = others
        .filter(|(at, value)| OPEN[*at].1[**value] != OPEN[*at].1[0])
        .map(|(at, value)| format!("{}={}", OPEN[at].0, OPEN[at].1[*value].trim_matches('"')))
        .collect();
    match words.is_empty() {
        true => "the likeliest org".into(),
        false => words.join(" "),
    }
}

/// What a rotation came to, in one word; `None` while it is neither done nor stuck.
fn outcome(ledger: &AppLedger) -> Option<String> {
    let run = ledger.run.as_ref()?;
    match run.state.end() {
        Some(End::Done { .. }) => Some("rotated".into()),
        Some(end) => Some(end.word().to_owned()),
        None if run.state.is_rotated() => Some("rotated".into()),
        None => run.state.hold().map(|_| "held".into()),
    }
}

struct Line {
    way: &'static Way,
    verdict: MethodVerdict,
    outcome: String,
}

async fn examine_and_try(row: &Row) -> Vec<Line> {
    let world = World::seeded(3, |all| seed(all, row)).await;
    let text: String = WAYS.iter().map(Way::policy).collect();
    let policy = world.policy_of(
        "live_check = \"0s\"\npropagation = \"2m\"\nstable_spacing = \"10s\"",
        &text,
    );
    for way in &WAYS {
        for store in ["one", "two"] {
            world.give(&policy, way.app, store, &way.pair()).await;
        }
    }
    let engine = world.start(&policy).await;
    let mut lines = Vec::new();
    let apps = rekeyd::app::build(&policy, &Ledgers::default(), &engine.house)
        .ok()
        .unwrap();
    for way in &WAYS {
        let managed = &apps[way.app];
        let org = examine::org(&managed.exam).await;
        let report = examine::app(
            &managed.seat,
            &managed.exam,
            &org,
            managed.limits.grace,
            Known::default(),
        )
        .await;
        let chosen = report.chosen.unwrap().method;
        let verdict = report
            .methods
            .into_iter()
            .find(|verdict| verdict.method == chosen)
            .unwrap();
        lines.push(Line {
            way,
            verdict,
            outcome: String::new(),
        });
    }
    // An app that cannot be adopted is refused a rotation, which is an outcome as well.
    engine
        .pass(Duration::from_secs(120), Duration::from_secs(20))
        .await;
    for line in &mut lines {
        let app = line.way.app;
        let ask = Command::Rotate {
            app: app.to_owned(),
            reason: "a try".into(),
            by: "a test".into(),
            ignore_window: true,
            key: None,
        };
        line.outcome = match engine.ask(ask).await {
            Reply::Started(_) => {
                let over = |ledgers: &Ledgers| outcome(&ledgers.apps[app]);
                let step = Duration::from_secs(10);
                // By this clock a request takes long where the machine is busy.
                let limit = engine.now() + 24 * HOUR;
                let mut found = None;
                while engine.now() < limit && found.is_none() {
                    engine.pass(6 * step, step).await;
                    in_setup(&world, &engine, line.way).await;
                    found = over(&engine.ledgers.lock().unwrap());
                }
                found.unwrap_or_else(|| "waits".into())
            }
            Reply::Done(_)
            | Reply::Refused { .. }
            | Reply::Held { .. }
            | Reply::UnderWay { .. }
            | Reply::CoolingDown { .. }
            | Reply::Radius(_)
            | Reply::Revoking { .. }
            | Reply::Unknown(_) => "not adopted".into(),
        };
        for store in ["one", "two"] {
            let (key, secret) = world.read(&policy, app, store).await;
            // Whatever it came to, what readers get works.
            assert!(
                world.org.accepts(&key, &secret).is_some(),
                "{app} in store {store}: {}\n{}",
                line.outcome,
                words(row)
            );
        }
    }
    engine.stop_in_time().await;
    lines
}

/// A person does what they are asked for.
async fn in_setup(world: &World, engine: &Engine<'_>, way: &Way) {
    let asked = {
        let ledgers = engine.ledgers.lock().unwrap();
        let run = ledgers.apps[way.app].running();
        run.filter(|run| run.state.asks()).and_then(|run| run.state.asked)
    };
    let (app, by) = (way.name.to_owned(), None);
    match asked.map(|asked| asked.what) {
        Some(Ask::Pair) => {
            // What was generated before, and turned away because nobody could judge it then, is still there.
            world.org.act(Act::Stage { app, by }).ok();
            let state = world.org.state();
            let consumer = &state.app(way.name).unwrap().consumers[0];
            let made = consumer.pairs.iter().max_by_key(|pair| pair.generation).unwrap();
            let pair = Credential {
                client_id: made.client_id.clone(),
                client_secret: Secret::new(made.client_secret.clone()),
            };
            let (app, by) = (way.app.to_owned(), "a person".to_owned());
            engine.ask(Command::Submit { app, pair, by }).await;
        }
        Some(Ask::Apply) => {
            let state = world.org.state();
            let consumer = &state.app(way.name).unwrap().consumers[0];
            let made = consumer.pairs.iter().map(|pair| pair.generation).max();
            // Once: a second time might swap them back.
            if made != Some(consumer.primary) {
                world.org.act(Act::Promote { app, by }).unwrap();
                let (app, by) = (way.app.to_owned(), "a person".to_owned());
                let take_over = None;
                engine.ask(Command::Resume { app, by, take_over }).await;
            }
        }
        None => {}
    }
}

#[tokio::test]
async fn no_open_method_is_refused_and_no_closed_one_works() {
    let rows = switches::pairwise(&OPEN);
    let mut table = String::new();
    let mut wrong = Vec::new();
    let mut counts = [0_usize; 3];
    for (number, row) in rows.iter().enumerate() {
        writeln!(table, "{:>2}  {}", number + 1, words(row)).unwrap();
        for line in examine_and_try(row).await {
            let Line {
                way,
                verdict,
                outcome,
            } = line;
            let app = way.kind();
            let standing = verdict.standing;
            let because = match verdict.because.is_empty() {
                true => String::new(),
                false => format!(" ({})", verdict.because.join(", ")),
            };
            let said = format!(
                "{app}, {}: {}{because} → {outcome}",
                verdict.method,
                standing.word()
            );
            writeln!(table, "      {said}").unwrap();
            let fits = match standing {
                Standing::Open => outcome == "rotated",
                Standing::Closed => outcome != "rotated",
                Standing::Unknown => true,
            };
            counts[standing as usize] += 1;
            if !fits {
                wrong.push(format!("{}: {said}\n  {}", number + 1, verdict.why));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n\n{table}", wrong.join("\n"));
    assert!(
        counts.iter().all(|count| *count > 2),
        "a table that shows little: {counts:?}"
    );
    insta::assert_snapshot!("fitness", table);
}
