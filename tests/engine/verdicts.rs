//! What follows from what was seen, without an org: the pure part of `doctor`.

use std::collections::{BTreeMap, BTreeSet};

use rekeyd::doctor::observed::{
    AppSeen, ComponentSeen, ConnectedSeen, ExternalSeen, Kind, Known, Lack, LoginSeen, OrgAsked, OrgSeen,
    Proof, Seen, SettingsSeen, StoreSeen, Subject,
};
use rekeyd::doctor::{self, AppReport, Means, Standing};
use rekeyd::policy::Flow;

const METHODS: [&str; 4] = ["staged", "regenerate", "update", "assisted"];

fn words() -> Vec<String> {
    METHODS.map(str::to_owned).into()
}

fn subject(kind: Kind, flow: Option<Flow>) -> Subject {
    Subject {
        app: "loader".into(),
        org: "prod".into(),
        kind,
        name: "Loader".into(),
        consumer: None,
        listed: words(),
        known: words(),
        opens_switch: false,
        flow,
        certificate_given: false,
    }
}

fn sound_org() -> OrgSeen {
    let types = ["ConnectedApp", "ExtlClntAppGlobalOauthSettings"];
    OrgSeen {
        newest: Seen::Is(66),
        login: Seen::Is(LoginSeen {
            org: Some("00D000000000001EAA".into()),
            jwt: false,
        }),
        rights: Seen::Is(BTreeMap::from([("ModifyMetadata".to_owned(), true)])),
        types: Seen::Is(BTreeSet::from(types.map(str::to_owned))),
        switch: Seen::Is(true),
        api: Some((1, 100)),
    }
}

fn sound_connected() -> ConnectedSeen {
    ConnectedSeen {
        component: Seen::Is(Some(ComponentSeen {
            oauth: true,
            certificate_masked: false,
            certificate: false,
            own_login: false,
            secret_optional: false,
            client_credentials: false,
        })),
        managed: Seen::Is(false),
        twin: Seen::Is(None),
        credentials: Seen::Is(false),
    }
}

fn sound_external() -> ExternalSeen {
    ExternalSeen {
        exists: Seen::Is(true),
        managed: Seen::Is(false),
        consumers: Seen::Is(vec![("888000000000001AAA".into(), "Loader".into())]),
        consumer: Seen::Is(()),
        secret_shown: Seen::Is(true),
        settings: Seen::Is(Some(SettingsSeen {
            rotates_key: false,
            rotates_secret: Some(false),
            certificate: false,
            certificate_masked: false,
        })),
        slot: Seen::Is(None),
        key: Some("3MVG9".into()),
        identity: None,
        own_login: false,
    }
}

fn judge(subject: &Subject, org: &OrgSeen, app: AppSeen, known: &Known) -> AppReport {
    let asked = OrgAsked {
        name: "prod".into(),
        version: 66,
        budget: 90,
        opens_switch: subject.opens_switch,
        known: words(),
    };
    let org = doctor::org(&asked, org);
    let stores = [StoreSeen {
        name: "corp".into(),
        obstacles: Seen::Is(Vec::new()),
        holds: Seen::Is(true),
    }];
    doctor::app(
        subject,
        &org,
        &app,
        &stores,
        &Proof::Tells("introspect".into()),
        known,
    )
}

fn standing(report: &AppReport, method: &str) -> Standing {
    let verdict = report.methods.iter().find(|verdict| verdict.method == method);
    verdict.unwrap().standing
}

#[test]
fn each_kind_of_app_has_its_methods() {
    let known = Known::default();
    let external = AppSeen::External(Box::new(sound_external()));
    let report = judge(&subject(Kind::External, None), &sound_org(), external, &known);
    for method in ["staged", "regenerate", "assisted"] {
        assert_eq!(standing(&report, method), Standing::Open, "{method}: {report:#?}");
    }
    assert_eq!(report.methods.len(), 3);
    let connected = AppSeen::Connected(sound_connected());
    let report = judge(&subject(Kind::Connected, None), &sound_org(), connected, &known);
    assert_eq!(standing(&report, "update"), Standing::Unknown);
    assert_eq!(standing(&report, "assisted"), Standing::Open);
    assert_eq!(report.methods.len(), 2);
    // What only a change can tell comes after what is known to be open.
    assert_eq!(report.chosen.unwrap().method, "assisted");
    assert!(report.advice.is_some());
}

/// What one app of an org has taught counts for all, and says how it is known.
#[test]
fn a_trial_decides_about_changes_in_place() {
    let seen = || AppSeen::Connected(sound_connected());
    for (applies, wanted, advised) in [(true, Standing::Open, false), (false, Standing::Closed, true)] {
        let known = Known {
            in_place: Some((applies, "app trial".into())),
            ..Known::default()
        };
        let report = judge(&subject(Kind::Connected, None), &sound_org(), seen(), &known);
        assert_eq!(standing(&report, "update"), wanted);
        assert_eq!(report.advice.is_some(), advised);
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.says.contains("app trial"))
        );
    }
}

/// After a migration the policy is to follow, and nothing is advised twice.
#[test]
fn a_migrated_app_is_known_by_its_key() {
    for (same, closed) in [(Some(true), true), (Some(false), false), (None, false)] {
        let seen = ConnectedSeen {
            twin: Seen::Is(Some(same)),
            ..sound_connected()
        };
        let app = AppSeen::Connected(seen);
        let report = judge(
            &subject(Kind::Connected, None),
            &sound_org(),
            app,
            &Known::default(),
        );
        assert_eq!(
            standing(&report, "update") == Standing::Closed,
            closed,
            "{same:?}"
        );
        assert_eq!(
            standing(&report, "assisted") == Standing::Closed,
            closed,
            "{same:?}"
        );
        assert_eq!(report.advice.is_some(), same == Some(false), "{same:?}");
        let says_how = report
            .findings
            .iter()
            .filter_map(|finding| finding.remedy.as_ref());
        let says_how = says_how.filter(|remedy| remedy.contains("[app.loader.external_client_app]"));
        assert_eq!(says_how.count() > 0, same != Some(false), "{same:?}");
    }
}

#[test]
fn a_flow_says_what_a_rotation_means() {
    let words = [
        (Flow::WebServer, "refresh tokens"),
        (Flow::Pkce, "built in"),
        (Flow::JwtBearer, "`iss`"),
        (Flow::ClientCredentials, "each login shows the secret"),
        (Flow::Device, "device flow"),
    ];
    for (flow, wanted) in words {
        let app = AppSeen::External(Box::new(sound_external()));
        let report = judge(
            &subject(Kind::External, Some(flow)),
            &sound_org(),
            app,
            &Known::default(),
        );
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.says.contains(wanted)),
            "{flow:?}"
        );
        // JWT bearer lives by a certificate that a write of the component may wipe.
        let wanted = match flow {
            Flow::JwtBearer => Standing::Closed,
            Flow::WebServer | Flow::Pkce | Flow::ClientCredentials | Flow::Device => Standing::Open,
        };
        assert_eq!(standing(&report, "regenerate"), wanted, "{flow:?}");
        assert_eq!(standing(&report, "staged"), Standing::Open, "{flow:?}");
    }
}

/// An outage closes nothing, and opens nothing.
#[test]
fn what_was_not_seen_is_unknown() {
    fn away<T>() -> Seen<T> {
        Seen::Not(Lack::Later, "no answer in time".into())
    }
    let org = OrgSeen {
        newest: away(),
        login: away(),
        rights: away(),
        types: away(),
        switch: away(),
        api: None,
    };
    let external = ExternalSeen {
        exists: away(),
        managed: away(),
        consumers: away(),
        consumer: away(),
        secret_shown: away(),
        settings: away(),
        slot: away(),
        key: None,
        identity: None,
        own_login: false,
    };
    let connected = ConnectedSeen {
        component: away(),
        managed: away(),
        twin: away(),
        credentials: away(),
    };
    for (kind, seen) in [
        (Kind::External, AppSeen::External(Box::new(external))),
        (Kind::Connected, AppSeen::Connected(connected)),
    ] {
        let report = judge(&subject(kind, None), &org, seen, &Known::default());
        for verdict in report
            .methods
            .iter()
            .filter(|verdict| verdict.method != "assisted")
        {
            assert_eq!(verdict.standing, Standing::Unknown, "{verdict:?}");
        }
        assert!(report.is_doubtful() || report.chosen.as_ref().unwrap().method == "assisted");
        let closes = report
            .findings
            .iter()
            .find(|finding| matches!(finding.means, Means::Closes(_)));
        assert_eq!(closes, None);
    }
}

/// Off, as Salesforce's baseline has it: with the policy's word it closes nothing, without it the remedy names the key.
#[test]
fn a_switch_that_is_off_closes_what_needs_it_unless_rekeyd_may_open_it() {
    let org = OrgSeen {
        switch: Seen::Is(false),
        ..sound_org()
    };
    let dark = || ExternalSeen {
        consumers: Seen::Not(Lack::Switched, "403".into()),
        consumer: Seen::unasked(),
        secret_shown: Seen::unasked(),
        slot: Seen::unasked(),
        key: None,
        ..sound_external()
    };
    let mut subject = subject(Kind::External, None);
    let report = judge(
        &subject,
        &org,
        AppSeen::External(Box::new(dark())),
        &Known::default(),
    );
    for method in ["staged", "regenerate"] {
        assert_eq!(standing(&report, method), Standing::Closed);
    }
    let remedies = &report.methods[0].remedies;
    let key = "consumer_secrets_switch = \"open-for-rotation\"` in [org.prod]";
    assert!(remedies.iter().any(|remedy| remedy.contains(key)), "{remedies:?}");

    subject.opens_switch = true;
    let report = judge(
        &subject,
        &org,
        AppSeen::External(Box::new(dark())),
        &Known::default(),
    );
    for method in ["staged", "regenerate"] {
        assert_eq!(standing(&report, method), Standing::Unknown);
    }
    assert!(!report.wants_a_person() && !report.is_doubtful());
    assert!(
        report.methods[0]
            .why
            .contains("cannot be read while the org's switch")
    );

    // Without the right to turn it on it is of no use.
    let poor = OrgSeen {
        rights: Seen::Is(BTreeMap::from([("ModifyMetadata".to_owned(), false)])),
        ..org
    };
    let report = judge(
        &subject,
        &poor,
        AppSeen::External(Box::new(dark())),
        &Known::default(),
    );
    assert_eq!(standing(&report, "staged"), Standing::Closed);
}

/// What the next deploy of its OAuth settings would do is known before anybody deploys them.
#[test]
fn flags_and_certificates_of_the_oauth_settings_are_told() {
    let with = |settings: SettingsSeen, given: bool| {
        let subject = Subject {
            certificate_given: given,
            ..subject(Kind::External, None)
        };
        let app = ExternalSeen {
            settings: Seen::Is(Some(settings)),
            ..sound_external()
        };
        judge(
            &subject,
            &sound_org(),
            AppSeen::External(Box::new(app)),
            &Known::default(),
        )
    };
    let plain = || SettingsSeen {
        rotates_key: false,
        rotates_secret: None,
        certificate: false,
        certificate_masked: false,
    };
    let says = |report: &AppReport, code: &str| report.findings.iter().any(|finding| finding.code == code);

    let report = with(plain(), false);
    assert_eq!(standing(&report, "regenerate"), Standing::Open);
    assert!(!says(&report, "rotate-secret-flag") && !says(&report, "certificate"));

    let left = SettingsSeen {
        rotates_secret: Some(true),
        ..plain()
    };
    let report = with(left, false);
    assert!(says(&report, "rotate-secret-flag"));
    assert_eq!(standing(&report, "regenerate"), Standing::Open);

    let key = SettingsSeen {
        rotates_key: true,
        ..plain()
    };
    assert_eq!(standing(&with(key, false), "regenerate"), Standing::Closed);

    let masked = || SettingsSeen {
        certificate: true,
        certificate_masked: true,
        ..plain()
    };
    assert_eq!(standing(&with(masked(), false), "regenerate"), Standing::Closed);
    let report = with(masked(), true);
    assert!(says(&report, "certificate"));
    assert_eq!(standing(&report, "regenerate"), Standing::Open);
    assert_eq!(standing(&report, "staged"), Standing::Open);
}

/// What belongs to a package: what is closed, and why.
#[test]
fn a_managed_app_is_its_publisher_s() {
    let app = ExternalSeen {
        managed: Seen::Is(true),
        ..sound_external()
    };
    let external = subject(Kind::External, None);
    let report = judge(
        &external,
        &sound_org(),
        AppSeen::External(Box::new(app)),
        &Known::default(),
    );
    assert_eq!(standing(&report, "regenerate"), Standing::Closed);
    assert_eq!(
        standing(&report, "staged"),
        Standing::Unknown,
        "only a change can tell"
    );
    let because = |report: &AppReport, method: &str| {
        let verdict = report.methods.iter().find(|verdict| verdict.method == method);
        verdict.unwrap().because.clone()
    };
    assert_eq!(because(&report, "regenerate"), ["managed"]);
    assert_eq!(because(&report, "staged"), ["managed-slot"]);
    let app = ConnectedSeen {
        managed: Seen::Is(true),
        ..sound_connected()
    };
    let connected = subject(Kind::Connected, None);
    let report = judge(
        &connected,
        &sound_org(),
        AppSeen::Connected(app),
        &Known::default(),
    );
    assert_eq!(standing(&report, "update"), Standing::Closed);
    assert!(because(&report, "update").contains(&"managed".to_owned()));
}
