//! No text makes the reader panic, and no secret comes out of it again.

use proptest::prelude::*;
use rekeyd::policy::{Fault, compile, to_json, to_text};

use super::{and, compiled, file};

const CANARY: &str = "Zq7-canary_Zq7";

fn shown(faults: &[Fault]) -> String {
    format!("{}{}{faults:?}", to_text(faults), to_json(faults))
}

/// Every way to write a secret that somebody might try, on a line of its own or inside one that is needed.
#[test]
fn no_secret_is_echoed() {
    let slips = [
        "[app.x]\nclient_secret = \"CANARY\"\n",
        "[app.x]\nclient_secret = 'CANARY'\n",
        "[app.x]\n\"client_secret\" = \"CANARY\"\n",
        "[app.x]\nclient_secret = \"\"\"\nCANARY\nCANARY\"\"\"\n",
        "[app.x]\nclient_secret = CANARY\n",
        "[app.x]\nclient_secret = \"CANARY\n",
        "[app.x]\nclient_secret \"CANARY\"\n",
        "[app.x]\nclient_secret: CANARY\n",
        "[app.x]\nclient_secret = [\"CANARY\", 7]\n",
        "[app.x]\nclient_secret = { value = \"CANARY\" }\n",
        "[app.x]\nclient_secret.value = \"CANARY\"\n",
        "[app.x]\nclient_secrte = \"CANARY\"\n",
        "[app.x]\nstores = [{ store = \"corp\", path = \"x\", password = \"CANARY\" }]\n",
        "[app.x]\norg = 7 # CANARY\n",
        "[app.x]\norg = 7\nurl = \"https://user:CANARY@host\"\n",
        "[app.x]\ntoken_url = \"https://user:CANARY@host\"\n",
        "[org.x]\nlogin.password = \"CANARY\"\n",
        "[org.x.login.jwt]\nkey_file = \"CANARY\"\n",
        "[org.x.login.jwt]\nkey_file = \"-----BEGIN RSA PRIVATE KEY-----\\nCANARY\"\n",
        "[org.x.login.jwt]\nkey_file = \"\"\"-----BEGIN RSA PRIVATE KEY-----\nCANARY\n-----END\"\"\"\n",
        "[org.x.login.jwt]\nkey_file = \"\"\"\nCANARY\\q\n\"\"\"\n",
        "[app.x]\norg = \"\"\"\nx\nhvs.CANARY\\q\n\"\"\"\n",
        "[app.x]\norg = \"\"\"\nx\nCANARY\\q\n\"\"\"\n",
        "[store.x]\nvault = \"CANARY\"\n",
        "[store.x.vault]\nauth = \"CANARY\"\n",
        "[store.x.vault]\nauth.token = \"CANARY\"\n",
        "[store.x.vault]\nauth.token.env = \"CANARY\"\n",
        "[store.x.vault]\nauth.token.file = \"CANARY\"\n",
        "[store.x.vault]\nauth.token.value = \"CANARY\"\n",
        "[store.x.vault.auth.approle]\nrole_id = 7\nsecret_id = \"CANARY\"\n",
        "[store.x.vault.auth.approle]\nsecret_id_file = \"CANARY\"\n",
        "[api.token.x]\nsha256 = \"CANARY\"\n",
        "[api.token.x]\ntoken = \"CANARY\"\nmay = []\n",
        "[alert.x.pagerduty]\nrouting_key = \"CANARY\"\n",
        "[alert.x.pagerduty]\nrouting_key_file = \"CANARY\"\n",
        "[alert.x.pagerduty]\nrouting_key_env = \"CANARY\"\n",
        "[alert.x.slack]\nurl = \"CANARY\"\n",
        "[alert.x.slack]\nurl = \"https://hooks.example/services/T0/B0/1q2w3e4r5t6zCANARY7u8i9o0p\"\n",
        "[alert.x.slack]\nurl_env = \"https://hooks.example/CANARY\"\n",
        "[alert.x.slack]\nurl_file = \"https://hooks.example/CANARY\"\n",
        "[alert.x.webhook]\nsecret = \"whsec_CANARY\"\n",
        "[alert.x.webhook]\nsecret_env = \"whsec_CANARY\"\n",
        "[alert.x.alertmanager]\nurl = \"https://u:CANARY@host\"\n",
        "[alert.x.alertmanager]\ntoken = \"CANARY\"\n",
        "[alert.x.smtp]\npassword = \"CANARY\"\n",
        "[alert.x.smtp]\nhost = \"u:CANARY@host\"\n",
        "[journal2]\nurl = \"postgres://u:CANARY@db/x\"\n",
        "CANARY\n",
        "= \"CANARY\"\n",
        "[[CANARY\n",
    ];
    for slip in slips {
        let faults = compiled(&and(&slip.replace("CANARY", CANARY))).expect_err(slip);
        assert!(!shown(&faults).contains("Zq7"), "{slip}\n{}", to_text(&faults));
    }
}

/// Where a name is expected, a readable word is shown, since it is what helps; a credential is not readable.
#[test]
fn what_looks_like_a_credential_is_hidden_everywhere() {
    for secret in [
        "hvs.CAESIJlU2Vq9",
        "5FD42A6B1F03E9C8D77B5FD42A6B1F03E9C8D77B5FD42A6B1F03E9C8D77B1234",
        "8472910563847291056",
        "AGE-SECRET-KEY-1QQQQ",
        "kX9vB2nM4pQ7rT1wY5zA8cE3gH6jL0d",
    ] {
        for key in [
            "org",
            "method",
            "certificate",
            "grace",
            "first",
            "token_url",
            "name",
            "schedule",
            "stores",
            "max_age",
        ] {
            let faults = compiled(&and(&format!("[app.x]\n{key} = \"{secret}\"\n"))).unwrap_err();
            assert!(!shown(&faults).contains(secret), "{key}\n{}", to_text(&faults));
        }
        let faults = compiled(&and(&format!("[app.x]\n\"{secret}\" = 1\n"))).unwrap_err();
        assert!(!shown(&faults).contains(secret), "{}", to_text(&faults));
        // Nor as the name of a table, where it is a name that a table may have: those with a mark say what they are.
        let name = secret.replace("hvs.CAESIJlU2Vq9", "app-CAESIJlU2Vq9CAESIJlU2Vq9");
        for table in ["app", "org", "store", "alert"] {
            let slip = format!("[{table}.{name}]\nbad = 1\n[{table}.x-{name}_y]\norg = \"none\"\n");
            let faults = compiled(&and(&slip)).unwrap_err();
            let hidden = name
                .trim_start_matches("app-")
                .trim_start_matches("AGE-SECRET-KEY-");
            assert!(
                hidden.len() < 16 || !shown(&faults).contains(hidden),
                "{}",
                to_text(&faults)
            );
        }
    }
}

/// What is echoed is one short readable line: no escape sequence reaches a terminal, no essay a log.
#[test]
fn only_plain_names_are_echoed() {
    let long = "long-name ".repeat(100);
    for name in ["\\u001b[31mred", "two\\nlines", "back`quote", long.as_str()] {
        let text = format!("[app.x]\nmethod = \"{name}\"\n\"{name}\" = 1\n");
        let faults = compiled(&and(&text.replace("method", "[app.x.connected_app]\nmethod"))).unwrap_err();
        for fault in faults {
            let plain = fault.message.chars().all(|c| !c.is_control()) && fault.message.len() < 200;
            assert!(plain && !fault.message.contains("back`"), "{:?}", fault.message);
        }
    }
}

#[test]
fn a_huge_file_is_refused_and_not_quoted() {
    let faults = compiled(&"#".repeat(2 * 1024 * 1024)).unwrap_err();
    assert!(to_text(&faults).len() < 2_000, "{}", to_text(&faults).len());
}

#[test]
fn a_file_of_nothing_but_slips_ends() {
    for line in ["[x\n", "a b\n", "a = \"\n", "a = 1\n", "a = [\n", "\"\"\"\n"] {
        let faults = compiled(&line.repeat(20_000)).unwrap_err();
        assert!(
            !faults.is_empty() && faults.len() <= 200,
            "{line:?}: {}",
            faults.len()
        );
    }
}

#[test]
fn a_deep_file_ends() {
    for open in ["[", "{ a = ", "a."] {
        assert!(compiled(&format!("x = {}", open.repeat(20_000))).is_err());
    }
}

fn sound() -> String {
    [include_str!("../../config/rekeyd.toml"), "\n# €\n"].concat()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_text_ends_in_a_policy_or_in_faults(text in any::<String>(), more in "[\\[\\]{}=\",.'#a-z \n\"]{0,200}") {
        for text in [text, more] {
            let faults = compile(&[file("x", text)]);
            prop_assert!(faults.is_err_and(|faults| !faults.is_empty() && !to_text(&faults).is_empty()));
        }
    }

    /// Bytes of a sound policy are cut out, doubled, or replaced by something that means something in TOML.
    #[test]
    fn a_damaged_policy_ends_in_a_policy_or_in_faults(
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, "[\\[\\]{}=\",.'#€0x \n-]{0,3}"), 1..5),
    ) {
        let mut text = sound();
        for (index, length, with) in damage {
            let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let start = index.index(ends.len());
            let end = ends[(start + length).min(ends.len() - 1)];
            text.replace_range(ends[start]..end, &with);
        }
        if let Err(faults) = compile(&[file("x", text)]) {
            prop_assert!(!faults.is_empty());
            prop_assert!(!to_text(&faults).is_empty());
        }
    }

    /// A line with a secret under a wrong key, put anywhere into a policy that is broken elsewhere too.
    #[test]
    fn no_damage_brings_a_secret_out(
        line in any::<prop::sample::Index>(),
        broken in any::<prop::sample::Index>(),
        junk in "[\\[\\]{}=\",.'# a]{0,4}",
        form in prop::sample::select(vec![
            "client_secret = \"CANARY\"", "token = 'CANARY'", "x = { password = \"CANARY\" }", "secret = CANARY",
            "secret \"CANARY", "secret = \"\"\"CANARY", "# CANARY", "api_key = [\"a\", \"CANARY\"]",
        ]),
    ) {
        let text = sound();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let at = broken.index(lines.len());
        lines[at].push_str(&junk);
        lines.insert(line.index(lines.len()), form.replace("CANARY", CANARY));
        if let Err(faults) = compile(&[file("x", lines.join("\n"))]) {
            prop_assert!(!shown(&faults).contains("Zq7"), "{}", to_text(&faults));
        }
    }
}
