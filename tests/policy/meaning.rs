//! What a sound policy means once it is checked.

use std::time::Duration;

use chrono::{TimeZone, Utc};
use rekeyd::engine::tell::AppKind;
use rekeyd::policy::{
    AppPattern, AppPolicy, Certificate, Fields, Flow, Method, MetricsAccess, Permission, SignalPolicy,
    StorePolicy, Target, TokenSource, VaultAuth, compile,
};
use rekeyd::schedule::{First, Schedule};

use super::{APP, LEGACY, ORG, SERVICE, STORES, and, compiled, file, with};

const DAY: u64 = 86_400;

#[test]
fn the_shipped_example_is_sound() {
    let policy = match compiled(include_str!("../../config/rekeyd.toml")) {
        Ok(policy) => policy,
        Err(faults) => panic!("{}", rekeyd::policy::to_text(&faults)),
    };
    assert_eq!(policy.apps.keys().collect::<Vec<_>>(), ["billing-sync", "legacy"]);
}

/// A rotation's journaled policy and a card say what the app is, so that a remedy names the right place in Setup.
#[test]
fn the_kind_of_an_app_is_known_from_its_journaled_policy() {
    let policy = compiled(include_str!("../../config/rekeyd.toml")).unwrap();
    for (name, kind) in [
        ("billing-sync", AppKind::ExternalClientApp),
        ("legacy", AppKind::ConnectedApp),
    ] {
        let app = &policy.apps[name];
        assert_eq!(AppKind::of(&serde_json::to_value(app).unwrap()), Some(kind));
        assert_eq!(AppKind::named(app.target.kind()), Some(kind));
    }
}

/// The example says of what it sets to its default that it does, so the two may not drift apart.
#[test]
fn the_shipped_example_shows_the_defaults() {
    let shown = compiled(include_str!("../../config/rekeyd.toml")).unwrap();
    let bare = compiled(&and("")).unwrap();
    let (shown, bare) = (&shown.orgs["prod"], &bare.orgs["prod"]);
    assert_eq!(
        (shown.api_version, shown.concurrency),
        (bare.api_version, bare.concurrency)
    );
    assert_eq!(
        (shown.propagation, shown.request_lifetime),
        (bare.propagation, bare.request_lifetime)
    );
    assert_eq!(
        (&shown.stability, shown.cutover_timeout),
        (&bare.stability, bare.cutover_timeout)
    );
}

/// The sample that the design shows, with its ellipses filled in: every key of it is accepted.
#[test]
fn the_sample_of_the_design_is_sound() {
    let sample = r#"
[journal]
url = "sqlite:/var/lib/rekeyd/journal.db"
key_file = "/run/credentials/rekeyd.service/journal.key"
[api]
listen = "127.0.0.1:8440"
socket = "/run/rekeyd/rekeyd.sock"
[api.token.on-call]
sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
may = ["read", "rotate", "operate", "break-glass"]
[org.prod]
url = "https://acme.my.salesforce.com"
api_version = "66.0"
concurrency = 4
propagation = "15m"
request_lifetime = "10m"
[org.prod.login.jwt]
client_id = "3MVG9"
username = "rekeyd@acme.example"
key_file = "/run/credentials/rekeyd.service/salesforce.pem"
[store.corp.vault]
address = "https://vault.example:8200"
mount = "secret"
[store.corp.vault.auth.approle]
role_id = "7d2c"
secret_id_file = "/run/keys/secret-id"
[store.cloud.aws]
region = "eu-west-1"
endpoint_url = "http://127.0.0.1:4566"
[store.local.file]
directory = "/var/lib/rekeyd/secrets"
identity_file = "/run/credentials/rekeyd.service/store.key"
[app.billing-sync]
org = "prod"
stores = [{ store = "corp", path = "salesforce/billing-sync" }, { store = "cloud", name = "salesforce/billing-sync", fields = "salesforce-managed-external-secret" }]
schedule = { every = "90d", jitter = "30m" }
window = { cron = "0 2 * * SUN", duration = "3h", zone = "Europe/Paris" }
max_age = "120d"
grace = "7d"
[app.billing-sync.external_client_app]
name = "Billing_Sync"
consumer = "Main"
allow_key_change = true
[app.legacy]
org = "prod"
stores = [{ store = "local", path = "legacy" }]
schedule = { cron = "0 3 1 */3 *", zone = "UTC" }
[app.legacy.connected_app]
name = "Legacy_Loader"
method = "update"
certificate = "none"
[signal]
rotate = ["legacy"]
"#;
    let policy = match compiled(sample) {
        Ok(policy) => policy,
        Err(faults) => panic!("{}", rekeyd::policy::to_text(&faults)),
    };
    let api = policy.api.unwrap();
    assert_eq!(api.listen.unwrap().port(), 8440);
    let token = &api.tokens["on-call"];
    assert_eq!((token.sha256[0], token.sha256[31]), (0x9f, 0x08));
    assert!(token.may.contains(&Permission::BreakGlass));
    assert_eq!(policy.signal, SignalPolicy::Apps(["legacy".to_owned()].into()));
    assert!(matches!(&policy.stores["cloud"], StorePolicy::Aws(aws) if aws.region == "eu-west-1"));
    let billing = &policy.apps["billing-sync"];
    assert_eq!(billing.stores[1].fields, Fields::managed_external_secret());
    assert_eq!(billing.grace, Duration::from_secs(7 * DAY));
    assert_eq!(billing.timing.jitter, Duration::from_secs(1800));
    assert_eq!(billing.timing.max_age, Some(Duration::from_secs(120 * DAY)));
    let target = Target::ExternalClientApp {
        name: "Billing_Sync".into(),
        consumer: Some("Main".into()),
        allow_key_change: true,
    };
    assert_eq!(billing.target, target);
}

/// The key stays, nothing overlaps, and the certificate has to be spoken of.
#[test]
fn regenerate_needs_a_certificate_and_no_leave_to_change_the_key() {
    let text = with(
        "allow_key_change = true",
        "method = \"regenerate\"\ncertificate = \"none\"",
    );
    let text = text.replacen("grace = \"7d\"\n", "", 1);
    let policy = compiled(&text).unwrap();
    let billing = &policy.apps["billing"];
    assert_eq!(billing.methods, [Method::Regenerate]);
    assert_eq!(billing.certificate, Some(Certificate::None));
    assert_eq!(billing.grace, Duration::ZERO);
    let Target::ExternalClientApp { allow_key_change, .. } = &billing.target else {
        panic!("{:?}", billing.target)
    };
    assert!(!allow_key_change);
}

#[test]
fn what_is_not_said_has_a_safe_meaning() {
    let policy = compiled(&and("")).unwrap();
    let (billing, legacy) = (&policy.apps["billing"], &policy.apps["legacy"]);
    assert_eq!(
        (&billing.methods[..], &legacy.methods[..]),
        (&[Method::Staged][..], &[Method::Update][..])
    );
    assert_eq!(
        billing.timing.first,
        First::AfterInterval,
        "adopting an app must not rotate it"
    );
    assert_eq!(billing.grace, Duration::from_secs(7 * DAY));
    assert_eq!(legacy.grace, Duration::ZERO);
    assert_eq!(legacy.certificate, Some(Certificate::None));
    assert_eq!(legacy.cutover_timeout, Duration::from_secs(60));
    assert_eq!(billing.client_credentials, None);
    assert_eq!(policy.signal, SignalPolicy::Due);
    assert!(policy.api.is_none());
    let StorePolicy::Vault(vault) = &policy.stores["corp"] else {
        panic!("not a vault")
    };
    assert_eq!(vault.pending_path("sf/billing"), "rekeyd-pending/sf/billing");
    assert_eq!(
        vault.auth,
        VaultAuth::Token(TokenSource::Env("VAULT_TOKEN".into()))
    );
}

#[test]
fn an_app_may_be_more_patient_than_its_org() {
    let text = with(
        "[org.prod.login.jwt]",
        "cutover_timeout = \"90s\"\n[org.prod.login.jwt]",
    )
    .replace("schedule = { cron", "cutover_timeout = \"2m\"\nschedule = { cron");
    let policy = compiled(&text).unwrap();
    assert_eq!(policy.apps["legacy"].cutover_timeout, Duration::from_secs(120));
    assert_eq!(policy.apps["billing"].cutover_timeout, Duration::from_secs(90));
}

#[test]
fn files_are_merged_by_table() {
    let drop_in = LEGACY.replace("\"local\"", "\"corp\"");
    let files = [
        file("rekeyd.toml", [SERVICE, ORG].concat()),
        file("a.toml", STORES),
        file("b.toml", [APP, &drop_in].concat()),
    ];
    assert_eq!(compile(&files).unwrap().apps.len(), 2);
}

#[test]
fn a_first_rotation_can_have_a_date() {
    let midnight = Utc.with_ymd_and_hms(2027, 1, 31, 0, 0, 0).unwrap();
    for (written, meant) in [
        ("\"now\"", First::Now),
        ("\"after-interval\"", First::AfterInterval),
        ("\"2027-01-31\"", First::At(midnight)),
        ("2027-01-31", First::At(midnight)),
        ("\"2027-01-31T02:00:00+02:00\"", First::At(midnight)),
        ("2027-01-31T02:00:00+02:00", First::At(midnight)),
    ] {
        let policy = compiled(&with(
            "org = \"prod\"",
            &format!("org = \"prod\"\nfirst = {written}"),
        ))
        .unwrap();
        assert_eq!(policy.apps["billing"].timing.first, meant, "{written}");
    }
}

#[test]
fn several_consumers_of_one_app_are_several_apps() {
    let other = APP
        .replace("app.billing", "app.other")
        .replace("sf/billing", "sf/other");
    let both = [
        SERVICE,
        ORG,
        STORES,
        &format!("{APP}consumer = \"A\"\n"),
        &format!("{other}consumer = \"B\"\n"),
    ]
    .concat();
    assert!(compiled(&both).is_ok());
    assert!(compiled(&both.replace("consumer = \"B\"", "consumer = \"A\"")).is_err());
    assert!(
        compiled(&both.replace("consumer = \"B\"", "")).is_err(),
        "without a consumer it may be either"
    );
}

#[test]
fn orgs_are_told_apart_by_where_they_are() {
    let same = ORG.replace("org.prod", "org.alias").replace("acme.my", "ACME.my");
    let app = LEGACY
        .replace("app.legacy", "app.again")
        .replace("\"legacy\"", "\"again\"")
        .replace("\"prod\"", "\"alias\"");
    assert!(compiled(&and(&[same.as_str(), &app].concat())).is_err());
    let other = same.replace("ACME", "other");
    assert!(compiled(&and(&[other.as_str(), &app].concat())).is_ok());
}

#[test]
fn loopback_needs_no_tls() {
    for host in [
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://localhost:8080",
    ] {
        assert!(
            compiled(&with("https://acme.my.salesforce.com", host)).is_ok(),
            "{host}"
        );
    }
    for host in [
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
    ] {
        assert!(
            compiled(&with("https://acme.my.salesforce.com", host)).is_err(),
            "{host}"
        );
    }
}

#[test]
fn the_policy_of_an_app_survives_the_journal() {
    let text = with(
        "every = \"90d\" }",
        "every = \"90d\", jitter = \"5m\" }\nfirst = 2027-01-31\ntoken_url = \"https://x.example/t\"\n\
        window = { cron = \"0 2 * * SUN\", duration = \"3h\", zone = \"Europe/Paris\" }",
    );
    for app in compiled(&text).unwrap().apps.values() {
        let json = serde_json::to_string(app).unwrap();
        let read: AppPolicy = serde_json::from_str(&json).unwrap();
        assert_eq!(&read, app);
    }
    let whole = compiled(&text).unwrap();
    let read: rekeyd::policy::Policy = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
    assert_eq!(read, whole);
}

#[test]
fn method_and_certificate_may_stand_with_the_app() {
    let text = with("certificate = \"none\"", "").replace(
        "schedule = { cron",
        "method = [\"update\"]\ncertificate_file = \"/etc/c.pem\"\nschedule = { cron",
    );
    let policy = compiled(&text).unwrap();
    assert_eq!(
        policy.apps["legacy"].certificate,
        Some(Certificate::File("/etc/c.pem".into()))
    );
    assert!(matches!(policy.apps["legacy"].timing.schedule, Schedule::Cron(_)));
}

/// Every path that passes is one that the stores take.
#[test]
fn a_path_is_one_that_stores_take() {
    let long = "x".repeat(256);
    for wrong in ["", "/", "/x", "x/../y", "./x", "x\\\\y", "x\\ty", long.as_str()] {
        assert!(
            compiled(&with("path = \"legacy\"", &format!("path = \"{wrong}\""))).is_err(),
            "{wrong}"
        );
    }
    for (written, meant) in [("a//b/", "a/b"), ("team a/ü", "team a/ü"), ("..a", "..a")] {
        let policy = compiled(&with("path = \"legacy\"", &format!("path = \"{written}\""))).unwrap();
        assert_eq!(policy.apps["legacy"].stores[0].path, meant);
        assert!(rekeyd::store::path::StorePath::parse(meant).is_ok());
    }
}

/// Other machines reach the service over TLS, or where the operator says that it is well.
#[test]
fn where_the_service_may_listen() {
    let api = |text: &str| {
        let sample = format!("{}\n[api]\n{text}\n", SERVICE);
        compiled(&sample).map(|policy| policy.api.unwrap())
    };
    let tls = "[api.tls]\ncertificate_file = \"/run/tls.crt\"\nkey_file = \"/run/tls.key\"";
    for address in ["127.0.0.1:8440", "127.9.9.9:1", "[::1]:8440"] {
        assert!(api(&format!("listen = \"{address}\"")).is_ok(), "{address}");
    }
    for address in ["0.0.0.0:8440", "[::]:8440", "10.0.0.1:8440"] {
        let listen = format!("listen = \"{address}\"");
        assert!(api(&listen).is_err(), "{address}");
        assert!(api(&format!("insecure = false\n{listen}")).is_err(), "{address}");
        assert!(api(&format!("insecure = true\n{listen}")).is_ok(), "{address}");
        let with_tls = api(&format!("{listen}\n{tls}")).unwrap().tls.unwrap();
        assert_eq!(with_tls.key_file.to_str(), Some("/run/tls.key"));
        assert_eq!(with_tls.client_ca_file, None);
    }
    let bare = api("").unwrap();
    assert_eq!(
        (bare.metrics, bare.tls, bare.listen),
        (MetricsAccess::Token, None, None)
    );
    assert_eq!(api("metrics = \"open\"").unwrap().metrics, MetricsAccess::Open);
    let digest = "5e".repeat(32);
    let token = |apps: &str| {
        let text = format!("[api.token.x]\nsha256 = \"{digest}\"\nmay = [\"read\"]\n{apps}");
        api(&text).unwrap().tokens["x"].apps.clone()
    };
    assert_eq!(token(""), [AppPattern::all()]);
    let patterns = ["billing-*", "hr"].map(|pattern| AppPattern(pattern.into()));
    assert_eq!(token("apps = [\"billing-*\", \"hr\"]"), patterns);
}

#[test]
fn the_flow_of_an_app_and_the_budget_of_an_org() {
    let bare = compiled(&and("")).unwrap();
    assert_eq!(bare.orgs["prod"].api_budget, 90);
    assert_eq!(bare.apps["billing"].flow, None);
    for flow in Flow::ALL {
        let text = with(
            "org = \"prod\"",
            &format!("org = \"prod\"\nflow = \"{}\"", flow.word()),
        );
        assert_eq!(compiled(&text).unwrap().apps["billing"].flow, Some(flow));
    }
    let text = with(
        "[org.prod.login.jwt]",
        "api_budget = \"35%\"\n[org.prod.login.jwt]",
    );
    assert_eq!(compiled(&text).unwrap().orgs["prod"].api_budget, 35);
    for (from, to, wanted) in [
        (
            "org = \"prod\"",
            "org = \"prod\"\nflow = \"web-servr\"",
            "did you mean `web-server`?",
        ),
        (
            "[org.prod.login.jwt]",
            "api_budget = \"0.8\"\n[org.prod.login.jwt]",
            "write it like \"80%\"",
        ),
    ] {
        let said = rekeyd::policy::to_text(&compiled(&with(from, to)).unwrap_err());
        assert!(said.contains(wanted), "{said}");
    }
}

/// `doctor` gives a verdict on every method that a policy may name.
#[test]
fn no_method_is_left_out_of_the_list_of_all() {
    let text = with(
        "certificate = \"none\"",
        "certificate = \"none\"\nmethod = \"qqqqqq\"",
    );
    let said = rekeyd::policy::to_text(&compiled(&text).unwrap_err());
    let known = said.lines().find(|line| line.contains("known:")).unwrap();
    for way in rekeyd::doctor::Way::ALL {
        let word = way.word();
        let listed = Method::ALL.into_iter().any(|method| method.word() == word);
        assert_eq!(known.contains(&format!("`{word}`")), listed, "{word}: {known}");
    }
}
