//! Snapshots of faults as the operator sees them.

use insta::assert_snapshot;

use super::{APP, LEGACY, ORG, SERVICE, STORES, and, file, report, with};

/// One snapshot of what is said about one document.
macro_rules! seen {
    ($($name:ident: $text:expr;)*) => {
        $(
            #[test]
            fn $name() {
                assert_snapshot!(stringify!($name), report(&[file("rekeyd.toml", $text)]));
            }
        )*
    };
}

seen! {
    empty_file: "";
    unknown_table: and("[orgs.x]\nurl = 1\n");
    unknown_key_with_a_close_one: with("every = \"90d\"", "evry = \"90d\"");
    unknown_key_of_an_org: with("[org.prod.login.jwt]", "colour = \"blue\"\n[org.prod.login.jwt]");
    wrong_types: with("url = \"https://acme.my.salesforce.com\"", "url = 7\nconcurrency = \"four\"\nstable_tries = 0");
    missing_keys: and("[app.bare]\n[org.bare]\n[store.bare]\n");
    not_toml_unquoted: with("org = \"prod\"", "org = prod");
    not_toml_and_what_is_behind_it: with("org = \"prod\"", "org \"prod\"").replace("every", "evry");
    not_toml_broken_header: with("[store.local.file]", "[store.local.file\n");
    not_toml_unclosed_string: with("mount = \"secret\"", "mount = \"secret");
    duplicate_key: with("org = \"prod\"", "org = \"prod\"\norg = \"dev\"");
    duplicate_table: and("[app.legacy]\norg = \"prod\"\n");
    plain_http: with("https://acme.my.salesforce.com", "http://acme.my.salesforce.com");
    shared_login_host: with("https://acme.my.salesforce.com", "https://login.salesforce.com");
    url_with_a_path: with("https://acme.my.salesforce.com", "https://acme.my.salesforce.com/services");
    url_with_a_password: with("https://vault.example:8200", "https://rekeyd:pa55-w0rd@vault.example:8200");
    old_api_version: with("[org.prod.login.jwt]", "api_version = \"58.0\"\n[org.prod.login.jwt]");
    no_login: with("[org.prod.login.jwt]", "[org.prod.login.password]");
    relative_path: with("key_file = \"/run/keys/journal\"", "key_file = \"keys/journal\"");
    postgres_journal: with("sqlite:/var/lib/rekeyd/journal.db", "postgres://db.example/rekeyd");
    token_in_the_policy: with("[store.corp.vault.auth.token]\nenv = \"VAULT_TOKEN\"",
        "auth.token = \"hvs.CAESIJlU2Vq9ZZZZ\"");
    secret_in_the_policy: with("allow_key_change = true", "allow_key_change = true\nclient_secret = \"hunter2\"");
    password_in_the_policy: with("username =", "password = \"hunter2\"\nusername =");
    secret_in_place_of_a_file: with("\"/run/keys/salesforce.pem\"", "\"hunter2\"");
    secret_in_place_of_a_variable: with("\"VAULT_TOKEN\"", "\"hunter2\"");
    unknown_org: with("org = \"prod\"", "org = \"prd\"");
    unknown_store: with("store = \"local\"", "store = \"vault\"");
    store_of_two_kinds: and("[store.two.vault]\n[store.two.file]\n");
    store_of_an_unknown_kind: and("[store.s3.bucket]\nname = \"x\"\n");
    name_in_place_of_path: with("path = \"sf/billing\"", "name = \"sf/billing\"");
    path_out_of_the_store: with("path = \"legacy\"", "path = \"../legacy\"");
    one_path_for_two_apps: with("store = \"local\", path = \"legacy\"", "store = \"corp\", path = \"sf//billing/\"");
    one_path_by_two_names: and("[store.again.vault]\naddress = \"https://VAULT.example:8200/\"\nmount = \"secret\"\n\
        auth.token.env = \"T\"\n").replace("store = \"local\", path = \"legacy\"", "store = \"again\", path = \"sf/billing\"");
    path_of_pending_values: with("path = \"sf/billing\"", "path = \"rekeyd-pending/sf/billing\"");
    nowhere_to_publish: with("[{ store = \"local\", path = \"legacy\" }]", "[]");
    fields_with_one_name: with("path = \"legacy\"", "path = \"legacy\", fields = { client_id = \"x\", client_secret = \"x\" }");
    unknown_preset: with("path = \"legacy\"", "path = \"legacy\", fields = \"aws\"");
    one_app_twice: and(&APP.replace("app.billing", "app.again").replace("sf/billing", "sf/again").replace("Billing\"", "BILLING\""));
    neither_kind_of_app: and("[app.none]\norg = \"prod\"\nstores = [{ store = \"corp\", path = \"none\" }]\n\
        schedule = { every = \"30d\" }\n");
    both_kinds_of_app: and("[app.billing.connected_app]\nname = \"Billing\"\n");
    label_in_place_of_a_name: with("name = \"Billing\"", "name = \"Billing Sync\"");
    key_change_not_allowed: with("allow_key_change = true", "");
    key_change_refused: with("allow_key_change = true", "allow_key_change = false");
    no_word_on_the_certificate: with("certificate = \"none\"", "");
    certificate_of_no_use: with("allow_key_change = true", "allow_key_change = true\ncertificate = \"none\"");
    method_of_a_later_version: with("allow_key_change = true", "allow_key_change = true\nmethod = [\"staged\", \"successor\"]");
    regenerate_without_a_word_on_the_certificate: with("allow_key_change = true", "method = \"regenerate\"");
    regenerate_of_a_connected_app: with("certificate = \"none\"", "certificate = \"none\"\nmethod = \"regenerate\"");
    method_of_the_other_kind: with("certificate = \"none\"", "certificate = \"none\"\nmethod = \"staged\"");
    method_misspelt: with("certificate = \"none\"", "certificate = \"none\"\nmethod = \"updat\"");
    method_twice: with("org = \"prod\"", "org = \"prod\"\nmethod = [\"staged\", \"staged\"]");
    grace_without_overlap: with("schedule = { cron", "grace = \"1d\"\nschedule = { cron");
    grace_longer_than_salesforce_keeps: with("org = \"prod\"", "org = \"prod\"\ngrace = \"31d\"");
    grace_as_long_as_the_interval: with("every = \"90d\" }", "every = \"7d\" }\ngrace = \"7d\"");
    usual_grace_as_long_as_the_interval: with("every = \"90d\"", "cron = \"0 2 * * MON,FRI\", zone = \"UTC\"");
    max_age_shorter_than_the_interval: with("org = \"prod\"", "org = \"prod\"\nmax_age = \"60d\"");
    jitter_longer_than_the_interval: with("every = \"90d\"", "every = \"90d\", jitter = \"91d\"");
    duration_in_words: with("every = \"90d\"", "every = \"90 days\"");
    schedule_of_neither: with("every = \"90d\"", "");
    schedule_of_both: with("every = \"90d\"", "every = \"90d\", cron = \"@daily\", zone = \"UTC\"");
    zone_with_every: with("every = \"90d\"", "every = \"90d\", zone = \"UTC\"");
    cron_without_a_zone: with(", zone = \"UTC\"", "");
    zone_misspelt: with("zone = \"UTC\"", "zone = \"Europe/Pariss\"");
    cron_of_six_fields: with("0 3 1 */3 *", "0 0 3 1 */3 *");
    cron_out_of_range: with("0 3 1 */3 *", "0 24 1 */3 *");
    cron_of_quartz: with("0 3 1 */3 *", "0 3 ? * MON#2");
    cron_that_never_comes: with("0 3 1 */3 *", "0 3 30 2 *");
    window_that_the_schedule_misses: with("schedule = { cron",
        "window = { cron = \"0 2 * * SUN\", duration = \"30m\", zone = \"UTC\" }\nschedule = { cron");
    first_of_another_form: with("org = \"prod\"", "org = \"prod\"\nfirst = \"tomorrow\"");
    first_without_an_offset: with("org = \"prod\"", "org = \"prod\"\nfirst = 2027-01-31T02:00:00");
    token_digest_and_permission: and("[api.token.on-call]\nsha256 = \"abc\"\nmay = [\"read\", \"revoke\"]\n");
    listen_without_a_port: and("[api]\nlisten = \"127.0.0.1\"\n");
    listen_for_all_in_the_clear: and("[api]\nlisten = \"0.0.0.0:8440\"\n");
    tls_without_a_key: and("[api]\nlisten = \"0.0.0.0:8440\"\n[api.tls]\ncertificate_file = \"/run/tls.crt\"\n");
    token_patterns_and_metrics: and(&format!(
        "[api]\nmetrics = \"all\"\n[api.token.a]\nsha256 = \"{0}\"\nmay = [\"read\"]\napps = [\"b?lling\"]\n\
         [api.token.b]\nsha256 = \"{0}\"\nmay = [\"read\"]\napps = []\n",
        "5e".repeat(32)
    ));
    tokens_that_are_one: and(&format!(
        "[api.token.a]\nsha256 = \"{0}\"\nmay = [\"read\"]\n[api.token.d]\nsha256 = \"{0}\"\nmay = [\"read\"]\n",
        "5e".repeat(32)
    ));
    token_of_no_name: and("[api.token.\"b c\"]\nsha256 = \"\"\n");
    signal_for_an_unknown_app: and("[signal]\nrotate = [\"billing\", \"legcy\"]\n");
    comments_are_not_shown: with("every = \"90d\" }", "every = 90 } # for the org of last year");
    bad_name: and("[org.\"a b\"]\nurl = \"x\"\n");
}

#[test]
fn table_in_two_files() {
    let main = [SERVICE, ORG, STORES, APP].concat();
    let files = [
        file("rekeyd.toml", main),
        file("policy.d/10-legacy.toml", LEGACY),
        file(
            "policy.d/20-mine.toml",
            "[app.legacy]\norg = \"prod\"\n[journal]\nurl = \"sqlite:/tmp/x\"\n",
        ),
    ];
    assert_snapshot!(report(&files));
}

#[test]
fn every_fault_of_every_file_at_once() {
    let files = [
        file(
            "rekeyd.toml",
            with("mount = \"secret\"", "mont = \"secret\"").replace("/run/keys/journal", "journal"),
        ),
        file(
            "policy.d/more.toml",
            "[app.third]\norg = \"dev\"\nstores = []\nschedule = { every = \"0s\" }\ngrace = 7\n",
        ),
    ];
    assert_snapshot!(report(&files));
}

#[test]
fn as_json() {
    let files = [file(
        "rekeyd.toml",
        with("every = \"90d\"", "evry = \"90d\"").replace(
            "\"prod\"\nstores = [{ store = \"l",
            "\"prd\"\nstores = [{ store = \"l",
        ),
    )];
    let faults = rekeyd::policy::compile(&files).unwrap_err();
    let json = serde_json::to_string_pretty(&rekeyd::policy::to_json(&faults)).unwrap();
    assert_snapshot!(json);
}
