//! `doctor`: an org with everything right, and one with everything wrong; nothing is changed in either.

use insta::assert_snapshot;
use rekeyd::sandbox::{
    Act, ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, LoginSeed, RunningSandbox, Sandbox, Seed,
    UserSeed,
};
use tokio::runtime::Runtime;

use crate::bench::{Bench, LOGIN_ID, USER, login_key};

const SECRET: &str = "CANARYlegacy0123456789";

struct Clinic {
    bench: Bench,
    org: RunningSandbox,
    _runtime: Runtime,
}

/// An org with the bench's two apps, as `change` leaves its seed.
fn clinic(change: impl FnOnce(&mut Seed)) -> Clinic {
    let mut seed = Seed {
        org_id: Some("00D000000000001EAA".into()),
        random: Some("doctor".into()),
        login: Some(LoginSeed {
            client_id: LOGIN_ID.into(),
            username: USER.into(),
            public_key: Some(login_key().public_key_pem()),
            ..LoginSeed::default()
        }),
        connected_apps: vec![ConnectedAppSeed {
            name: "Legacy".into(),
            consumer_key: Some("3MVG9CANARYlegacy".into()),
            consumer_secret: Some(SECRET.into()),
            ..ConnectedAppSeed::default()
        }],
        external_client_apps: vec![ExternalClientAppSeed {
            name: "Billing".into(),
            consumers: vec![ConsumerSeed {
                name: None,
                key: Some("3MVG9CANARYbilling".into()),
                secret: Some("CANARYbilling0123456789".into()),
            }],
            ..ExternalClientAppSeed::default()
        }],
        ..Seed::default()
    };
    seed.clock.mode = rekeyd::sandbox::ClockMode::Real;
    change(&mut seed);
    let runtime = Runtime::new().unwrap();
    let org = runtime.block_on(Sandbox::start(&seed)).unwrap();
    let bench = Bench::at(org.base_url());
    Clinic {
        bench,
        org,
        _runtime: runtime,
    }
}

impl Clinic {
    /// Puts a pair where consumers read it.
    fn give(&self, app: &str, id: &str, secret: &str) {
        let text = std::fs::read_to_string(self.bench.path("rekeyd.toml")).unwrap();
        let name = "rekeyd.toml".to_owned();
        let policy = rekeyd::policy::compile(&[rekeyd::policy::SourceFile { name, text }]).unwrap();
        let seat = rekeyd::app::open_store(&policy, app, None).ok().unwrap();
        let mut fields = serde_json::Map::new();
        fields.insert("client_id".into(), id.into());
        fields.insert("client_secret".into(), secret.into());
        let value = rekeyd::document::Document::from_object(fields);
        self._runtime.block_on(async {
            let slot = seat.store.read(&rekeyd::port::Place::Current).await.unwrap();
            let id = rekeyd::rotation::RotationId::from(uuid::Uuid::from_u128(1));
            let outcome = seat.store.publish(&slot.base, &value, id).await;
            assert!(matches!(outcome, rekeyd::port::Outcome::Done(_)), "{outcome:?}");
        });
    }

    /// Runs it, sees that neither the org nor the bench was changed and that nothing secret was said, and makes the
    /// words the same on every run.
    fn examine(&self, args: &[&str], code: i32) -> String {
        let (before, files) = (holdings(&self.org), self.bench.listing());
        let ran = self.bench.run(args).ends(code);
        assert_eq!(before, holdings(&self.org), "doctor changed the org");
        let asked = self.org.state().counters;
        let unknown = asked.keys().find(|name| !READS.contains(&name.as_str()));
        assert_eq!(unknown, None, "not one that only reads");
        let deploys = self.org.state().deploys;
        assert!(
            deploys.iter().all(|deploy| deploy.check_only),
            "not one that is only judged"
        );
        assert_eq!(files, self.bench.listing(), "doctor changed a file");
        assert!(
            !ran.out.contains("CANARY") && !ran.err.contains("CANARY"),
            "{}{}",
            ran.out,
            ran.err
        );
        assert_eq!(ran.err, "");
        steady(&ran.out)
    }
}

/// What the org may be asked by something that changes nothing.
const READS: [&str; 15] = [
    "credential.get",
    "credential.list",
    "introspect",
    "query",
    "soap.checkDeployStatus",
    "soap.deploy",
    "soap.describeMetadata",
    "soap.listMetadata",
    "soap.readMetadata",
    "staged.list",
    "token.jwt_bearer",
    "usage.users",
    "token.refresh_token",
    "usage",
    "versions",
];

/// All apps with their credentials, but for how often a pair was judged.
fn holdings(org: &RunningSandbox) -> String {
    let mut apps = org.state().apps;
    for consumer in apps.iter_mut().flat_map(|app| &mut app.consumers) {
        consumer.pairs.iter_mut().for_each(|pair| pair.judged = 0);
    }
    serde_json::to_string(&apps).unwrap()
}

/// Moments and what is left to chance, blotted out.
fn steady(text: &str) -> String {
    let mut words = Vec::new();
    for line in text.lines() {
        let line: Vec<String> = line
            .split(' ')
            .map(|word| {
                let bare = word.trim_end_matches([';', ',', '`']);
                let end = &word[bare.len()..];
                match bare {
                    _ if bare.len() == 24 && bare.ends_with('Z') => format!("MOMENT{end}"),
                    _ => word.to_owned(),
                }
            })
            .collect();
        words.push(line.join(" "));
    }
    words.join("\n")
}

#[test]
fn a_healthy_org() {
    let clinic = clinic(|_| {});
    clinic.give("billing", "3MVG9CANARYbilling", "CANARYbilling0123456789");
    clinic.give("legacy", "3MVG9CANARYlegacy", SECRET);
    assert_snapshot!("doctor_healthy", clinic.examine(&["doctor"], 0));
    let json: serde_json::Value =
        serde_json::from_str(&clinic.examine(&["doctor", "billing", "--json"], 0)).unwrap();
    assert_eq!(json["apps"].as_array().unwrap().len(), 1);
    assert_eq!(json["apps"][0]["methods"][0]["standing"], "open", "{json}");
    assert_eq!(json["apps"][0]["chosen"]["method"], "staged");
    clinic.bench.run(&["doctor", "nobody"]).ends(1);
}

/// Each of these closes something by itself.
#[test]
fn an_org_with_everything_wrong() {
    let clinic = clinic(|seed| {
        seed.users = vec![UserSeed {
            username: USER.into(),
            permissions: Some(vec![
                "ExternalClientAppDeveloper".into(),
                "ViewClientSecret".into(),
            ]),
        }];
        seed.switches = serde_json::from_value(serde_json::json!({ "token_format": "jwt" })).unwrap();
        seed.daily_api_requests = 20;
    });
    let app = "Billing".to_owned();
    clinic.org.act(Act::Stage { app, by: None }).unwrap();
    clinic.give("billing", "3MVG9CANARYbilling", "CANARYanother0123456789");
    assert_snapshot!("doctor_everything_wrong", clinic.examine(&["doctor"], 3));
}

/// A switch that is off, several consumers, an app that is not there, our own login, and a migration half done.
#[test]
fn each_fault_says_its_remedy() {
    let clinic = clinic(|seed| {
        let external = |name: &str| ExternalClientAppSeed {
            name: name.into(),
            ..ExternalClientAppSeed::default()
        };
        let mut portal = external("Portal");
        portal.switches.insert("secret_api_enabled".into(), false.into());
        let mut desk = external("Desk");
        desk.consumers = vec![ConsumerSeed::default(), ConsumerSeed::default()];
        seed.external_client_apps
            .extend([portal, desk, external("Legacy")]);
    });
    let mut more = String::new();
    for (app, name) in [
        ("portal", "Portal"),
        ("desk", "Desk"),
        ("gone", "Gone"),
        ("login", "Rekeyd_Login"),
    ] {
        more += &format!(
            "[app.{app}]\norg = \"test\"\nstores = [{{ store = \"local\", path = \"{app}\" }}]\nschedule = {{ every = \
             \"90d\" }}\nflow = \"jwt-bearer\"\n[app.{app}.external_client_app]\nname = \"{name}\"\nallow_key_change = \
             true\n"
        );
    }
    std::fs::create_dir(clinic.bench.path("policy.d")).unwrap();
    clinic.bench.write("policy.d/more.toml", &more);
    for (app, code, wanted) in [
        (
            "portal",
            3,
            "Allow access to External Client App consumer secrets via REST API",
        ),
        (
            "desk",
            3,
            "set `consumer` in [app.desk.external_client_app] to one of 888",
        ),
        ("gone", 3, "there is no External Client App `Gone`"),
        ("login", 3, "it is the app that rekeyd itself logs in with"),
        (
            "legacy",
            3,
            "an External Client App `Legacy` exists beside it, with another consumer key",
        ),
        ("portal", 3, "no secret is in use"),
    ] {
        let said = clinic.examine(&["doctor", app], code);
        assert!(said.contains(wanted), "{app}: no {wanted:?} in\n{said}");
    }
}

/// Metadata out of reach, an app of somebody else's, and a wrong secret that is taken for the right one.
#[test]
fn apps_that_no_program_can_rotate() {
    let clinic = clinic(|seed| {
        seed.users = vec![UserSeed {
            username: USER.into(),
            permissions: Some(vec![
                "ExternalClientAppDeveloper".into(),
                "ViewClientSecret".into(),
            ]),
        }];
        let vacuous = serde_json::json!({ "secret_optional_is_vacuous": true });
        seed.switches = serde_json::from_value(vacuous).unwrap();
        seed.external_client_apps[0].secret_optional = true;
        seed.external_client_apps[0].managed = true;
    });
    clinic.give("billing", "3MVG9CANARYbilling", "CANARYbilling0123456789");
    clinic.give("legacy", "3MVG9CANARYlegacy", SECRET);
    let said = clinic.examine(&["doctor"], 3);
    for wanted in [
        "the org accepts a wrong secret of this app like the right one",
        "the Metadata API is closed to rekeyd's user",
        "Modify Metadata Through Metadata API Functions",
        "method   staged: closed, because of proof",
    ] {
        assert!(said.contains(wanted), "no {wanted:?} in\n{said}");
    }
}

/// The verdict on a deploy that is not applied, where there is a Connected App to ask for.
#[test]
fn whether_connected_apps_can_be_created() {
    for (can, wanted) in [
        (false, "new Connected Apps cannot be created here"),
        (true, "new Connected Apps can be created here"),
    ] {
        let clinic = clinic(|seed| seed.switches.connected_app_creation = can);
        clinic.give("legacy", "3MVG9CANARYlegacy", SECRET);
        let said = clinic.examine(&["doctor", "legacy"], 0);
        assert!(said.contains(wanted), "no {wanted:?} in\n{said}");
        assert_eq!(clinic.org.state().deploys.len(), 1);
    }
}

/// Off, as Salesforce's baseline has it: the remedy names both ways.
#[test]
fn a_switch_that_is_off_has_two_remedies() {
    let clinic = clinic(|seed| seed.switches.secret_api_enabled = false);
    clinic.give("billing", "3MVG9CANARYbilling", "CANARYbilling0123456789");
    let said = clinic.examine(&["doctor", "billing"], 3);
    for wanted in [
        "WRONG    secrets-switch: `Allow access to External Client App consumer secrets via REST API` is off",
        "Setup, External Client App Settings: turn it on",
        "`consumer_secrets_switch = \"open-for-rotation\"` in [org.test]",
    ] {
        assert!(said.contains(wanted), "no {wanted:?} in\n{said}");
    }
}

/// An org that does not answer is no finding about it.
#[test]
fn an_org_that_is_away() {
    let bench = Bench::new();
    let ran = bench.run(&["doctor", "billing"]).ends(1);
    assert!(ran.out.contains("our own login was not to be had"), "{}", ran.out);
    assert!(ran.out.contains("method   staged: unknown"), "{}", ran.out);
}

/// The policy takes a consumer's name and its id for two, and Salesforce does not.
#[test]
fn two_apps_that_are_one_consumer_are_told_and_neither_can_be_rotated() {
    let clinic = clinic(|seed| {
        let app = &mut seed.external_client_apps[0];
        app.consumers[0].name = Some("first".into());
        let (name, key, secret) = ("second", "3MVG9CANARYsecond", "CANARYsecond0123456789");
        app.consumers.push(ConsumerSeed {
            name: Some(name.into()),
            key: Some(key.into()),
            secret: Some(secret.into()),
        });
    });
    let id = clinic.org.state().app("Billing").unwrap().consumers[0].id.clone();
    let text = std::fs::read_to_string(clinic.bench.path("rekeyd.toml")).unwrap();
    let app = |name: &str, consumer: &str| {
        format!(
            "[app.{name}]\norg = \"test\"\nstores = [{{ store = \"local\", path = \"{name}\" }}]\nschedule = {{ every = \
             \"90d\" }}\n[app.{name}.external_client_app]\nname = \"Billing\"\nconsumer = \
             \"{consumer}\"\nallow_key_change = true\n"
        )
    };
    let apps = [app("billing", "first"), app("same", &id), app("other", "second")].concat();
    let (head, _) = text.split_once("[app.billing]").unwrap();
    clinic.bench.write("rekeyd.toml", &format!("{head}{apps}"));
    clinic.give("billing", "3MVG9CANARYbilling", "CANARYbilling0123456789");
    clinic.give("same", "3MVG9CANARYbilling", "CANARYbilling0123456789");
    clinic.give("other", "3MVG9CANARYsecond", "CANARYsecond0123456789");
    let json = clinic.bench.run(&["doctor", "--json"]).ends(3).json();
    for report in json["apps"].as_array().unwrap() {
        let of_twins = |finding: &&serde_json::Value| finding["code"] == "one-owner";
        let findings = report["findings"].as_array().unwrap();
        let says: Vec<&str> = findings
            .iter()
            .filter(of_twins)
            .map(|finding| finding["says"].as_str().unwrap())
            .collect();
        let staged = report["methods"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["method"] == "staged");
        let standing = staged.unwrap()["standing"].as_str().unwrap();
        match report["app"].as_str().unwrap() {
            "other" => assert_eq!((says.len(), standing), (0, "open"), "{report}"),
            app => {
                let twin = if app == "same" {
                    "[app.billing]"
                } else {
                    "[app.same]"
                };
                assert!(says.len() == 1 && says[0].contains(twin), "{app}: {says:?}");
                assert_eq!(standing, "closed", "{report}");
                assert_eq!(report["chosen"]["standing"], "closed");
            }
        }
    }
}
