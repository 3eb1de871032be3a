//! Which parts of a document may be shown in a fault.
//!
//! It fails closed. Shown are: punctuation, words that the schema or the document's own tables name, and values of
//! known keys that do not look like a secret. Everything else becomes `*`, byte for byte, so that a span still fits:
//! the value of an unknown key (`client_secret`, but `client_secrte` as well), whatever does not parse, comments.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Keys whose values name things and are no secrets.
const SHOWN: &[&str] = &[
    "address",
    "allow_key_change",
    "api_budget",
    "api_version",
    "app_id",
    "apps",
    "audience",
    "base_uri",
    "catch_up_spacing",
    "certificate",
    "client_credentials",
    "concurrency",
    "consumer",
    "consumer_id",
    "consumer_secrets_switch",
    "cool_down",
    "create",
    "cron",
    "cutover_timeout",
    "duration",
    "endpoint_url",
    "every",
    "fields",
    "first",
    "flow",
    "from",
    "grace",
    "insecure",
    "host",
    "jitter",
    "kms_key_id",
    "least",
    "listen",
    "live_check",
    "max_age",
    "may",
    "method",
    "metrics",
    "mount",
    "name",
    "namespace",
    "org",
    "path",
    "pending_prefix",
    "plain_http",
    "port",
    "profile",
    "propagation",
    "region",
    "replica_regions",
    "request_lifetime",
    "role",
    "rotate",
    "rotated_at",
    "rotation_id",
    "stable_spacing",
    "stable_span",
    "stable_tries",
    "store",
    "tls",
    "tls_server_name",
    "to",
    "token_url",
    "url",
    "user",
    "username",
    "wrapped",
    "zone",
];

/// Keys whose values say where something is kept: shown where they have that shape, since the likeliest slip is to
/// write the secret itself.
const PATHS: &[&str] = &[
    "ca_file",
    "certificate_file",
    "client_ca_file",
    "client_certificate_file",
    "client_key_file",
    "credentials_file",
    "directory",
    "file",
    "identity_file",
    "jwt_file",
    "key_file",
    "password_file",
    "routing_key_file",
    "secret_file",
    "secret_id_file",
    "socket",
    "token_file",
    "url_file",
];

/// Keys and table names that have no shown value of their own.
const WORDS: &[&str] = &[
    "alert",
    "alertmanager",
    "api",
    "app",
    "approle",
    "auth",
    "aws",
    "cert",
    "client_id",
    "client_secret",
    "connected_app",
    "env",
    "external_client_app",
    "journal",
    "jwt",
    "kubernetes",
    "login",
    "pagerduty",
    "password",
    "password_env",
    "role_id",
    "routing_key_env",
    "schedule",
    "secret_env",
    "sha256",
    "signal",
    "slack",
    "smtp",
    "stores",
    "tags",
    "tls",
    "token",
    "token_env",
    "url_env",
    "vault",
    "webhook",
    "window",
];

/// Whether a text could be a credential. Errs towards yes.
pub(super) fn looks_secret(text: &str) -> bool {
    const MARKS: &[&str] = &[
        "-----BEGIN",
        "AGE-SECRET-KEY-",
        "hvs.",
        "hvb.",
        "hvr.",
        "s.",
        "b.",
        "ghp_",
        "AKIA",
    ];
    if text
        .split_whitespace()
        .any(|word| MARKS.iter().any(|mark| word.starts_with(mark)))
    {
        return true;
    }
    if let Some((_, rest)) = text.split_once("://")
        && rest
            .split(['/', '?', '#'])
            .next()
            .is_some_and(|authority| authority.contains('@'))
    {
        return true;
    }
    // Marks that passwords have, and no name, path, time or zone that belongs here.
    let odd = |c: char| !c.is_ascii() || "&<>\"'%$!^|;~\\".contains(c);
    let is_word = !text.contains(char::is_whitespace);
    if is_word && text.len() >= 16 && text.contains(odd) && text.contains(|c: char| c.is_ascii_digit()) {
        return true;
    }
    text.split(|c: char| !in_run(c)).any(random)
}

/// A user name has an `@` and a long, readable front; random text is one long run of mixed letters and digits.
fn random(run: &str) -> bool {
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    (run.len() >= 16 && digits == run.len()) || (run.len() >= 20 && digits > 0)
}

fn in_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | '!')
}

/// A sentence for a person, without the runs in it that could be a credential: the names of tables stand in many, and
/// somebody may have pasted one there.
pub(super) fn scrubbed(sentence: &str) -> String {
    let pieces = sentence.split_inclusive(|c: char| !in_run(c));
    pieces
        .map(|piece| {
            let run = piece.trim_end_matches(|c: char| !in_run(c));
            match piece.strip_prefix(run) {
                Some(rest) if random(run) => format!("…{rest}"),
                Some(_) | None => piece.to_owned(),
            }
        })
        .collect()
}

/// A value for a message: in backquotes, unless it could be a credential or is no single short line.
pub(super) fn quoted(text: &str) -> String {
    let plain = text.len() <= 80 && !text.chars().any(|c| c.is_control() || c == '`');
    if plain && !looks_secret(text) {
        format!("`{text}`")
    } else {
        "this".into()
    }
}

/// Whether a value of this key may be shown.
fn may_show(key: &str, value: &str) -> bool {
    if looks_secret(value) {
        return false;
    }
    if key == "env" || key.ends_with("_env") {
        return value
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    }
    // With an `@` it is no host, and what stands before that may be a password.
    if key == "host" {
        return !value.contains('@');
    }
    if PATHS.contains(&key) {
        return value.starts_with('/');
    }
    SHOWN.contains(&key)
}

/// The document with everything hidden that is not known to be harmless. `tree` was read from `understood`, which is
/// `text` with its broken lines blanked; the result has the length and the line breaks of `text`.
pub(super) fn mask(text: &str, understood: &str, tree: &DeTable<'_>) -> String {
    let mut spans = Spans::default();
    spans.table("", tree);
    let mut masked = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut position = 0;
    while let Some(byte) = bytes.get(position) {
        if let Some((end, shown)) = spans.at(position) {
            // A value was judged by what was understood, so only that may be shown.
            let shown = shown && text.get(position..end) == understood.get(position..end);
            for byte in bytes.get(position..end).unwrap_or_default() {
                masked.push(if shown || matches!(byte, b'\n' | b'\r') {
                    *byte
                } else {
                    b'*'
                });
            }
            position = end;
            continue;
        }
        let word = bare_word(bytes, position);
        if word > position {
            let shown = text.get(position..word).is_some_and(|word| spans.knows(word));
            masked.extend(
                bytes
                    .get(position..word)
                    .unwrap_or_default()
                    .iter()
                    .map(|b| if shown { *b } else { b'*' }),
            );
            position = word;
            continue;
        }
        if *byte == b'#' {
            let rest = bytes.get(position..).unwrap_or_default();
            let length = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            masked.extend(std::iter::repeat_n(b' ', length));
            position += length;
            continue;
        }
        let harmless = byte.is_ascii_whitespace() || b"=[]{},.\"'".contains(byte);
        masked.push(if harmless { *byte } else { b'*' });
        position += 1;
    }
    // Only whole shown spans are copied and every other byte is ASCII, so this never has to replace anything.
    String::from_utf8_lossy(&masked).into_owned()
}

/// What was understood: where values and keys stand, sorted by their start, and the names of tables.
#[derive(Default)]
struct Spans {
    values: std::collections::BTreeMap<usize, (usize, bool)>,
    names: BTreeSet<String>,
}

impl Spans {
    fn table(&mut self, within: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let shown = !looks_secret(name);
            if shown {
                self.names.insert(name.into());
            }
            self.add(key.span(), shown);
            // The URL of a Slack webhook is a secret; all others are to have none in them.
            let key = if (within, name) == ("slack", "url") {
                ""
            } else {
                name
            };
            self.value(key, value.get_ref(), value.span());
        }
    }

    fn value(&mut self, key: &str, value: &DeValue<'_>, span: Range<usize>) {
        match value {
            DeValue::Table(table) => self.table(key, table),
            DeValue::Array(items) => {
                for item in items.iter() {
                    self.value(key, item.get_ref(), item.span());
                }
            }
            DeValue::String(text) => self.add(span, may_show(key, text)),
            DeValue::Integer(number) => self.add(span, may_show(key, number.as_str())),
            DeValue::Float(number) => self.add(span, may_show(key, number.as_str())),
            DeValue::Boolean(_) | DeValue::Datetime(_) => self.add(span, may_show(key, "")),
        }
    }

    fn add(&mut self, span: Range<usize>, shown: bool) {
        if span.end > span.start {
            self.values.insert(span.start, (span.end, shown));
        }
    }

    fn at(&self, position: usize) -> Option<(usize, bool)> {
        self.values.get(&position).copied()
    }

    fn knows(&self, word: &str) -> bool {
        self.names.contains(word) || [SHOWN, PATHS, WORDS].iter().any(|list| list.contains(&word))
    }
}

fn bare_word(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    from + rest.iter().position(|b| !word(b)).unwrap_or(rest.len())
}
