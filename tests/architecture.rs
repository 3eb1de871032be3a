//! Holds the import rule of ARCHITECTURE.md: who may name whom, and what the pure rooms may not know.
//!
//! Reads the sources as text: every `crate::ROOM` outside comments counts, wherever it stands.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read the sources has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Room → the rooms that it may name. `cli`, `app` and `daemon` stand on top.
const MAY: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("secret", &[]),
    ("random", &["secret"]),
    ("telemetry", &[]),
    ("document", &["clock", "rotation", "secret"]),
    ("schedule", &["clock"]),
    ("policy", &["schedule"]),
    ("doctor", &["clock", "policy"]),
    ("rotation", &["clock", "secret"]),
    ("port", &["clock", "doctor", "document", "rotation", "secret"]),
    (
        "salesforce",
        &[
            "clock", "doctor", "document", "port", "random", "rotation", "secret",
        ],
    ),
    (
        "store",
        &["clock", "document", "port", "random", "rotation", "secret"],
    ),
    ("journal", &["clock", "port", "random", "rotation"]),
    (
        "engine",
        &[
            "clock", "doctor", "document", "port", "random", "rotation", "schedule", "secret",
        ],
    ),
    (
        "api",
        &[
            "clock", "engine", "policy", "port", "rotation", "schedule", "secret",
        ],
    ),
    (
        "alert",
        &[
            "clock", "engine", "port", "random", "rotation", "schedule", "secret",
        ],
    ),
    ("sandbox", &[]),
    ("lifecycle", &["app", "cli", "daemon", "engine", "policy"]),
    (
        "daemon",
        &[
            "alert", "app", "cli", "clock", "engine", "journal", "policy", "port", "random", "secret",
        ],
    ),
    (
        "app",
        &[
            "alert",
            "cli",
            "clock",
            "doctor",
            "document",
            "engine",
            "policy",
            "port",
            "random",
            "rotation",
            "salesforce",
            "secret",
            "store",
        ],
    ),
    (
        "cli",
        &[
            "alert",
            "api",
            "app",
            "clock",
            "daemon",
            "doctor",
            "document",
            "engine",
            "journal",
            "lifecycle",
            "policy",
            "port",
            "random",
            "rotation",
            "schedule",
            "secret",
            "telemetry",
        ],
    ),
];

/// Only these commands know the simulated org.
const KNOW_THE_SANDBOX: &[&str] = &["src/cli/demo/", "src/cli/sandbox.rs"];

/// What a pure room may not so much as mention.
const IMPURE: &[&str] = &[
    "tokio",
    "reqwest",
    "sqlx",
    "tracing",
    "async ",
    "std::fs",
    "std::env",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "SystemTime",
    "Instant",
];
const PURE: &[&str] = &["doctor", "policy", "schedule", "rotation"];

fn sources() -> BTreeMap<String, String> {
    fn walk(directory: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(&path, into),
                false => into.push(path),
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join("src"), &mut paths);
    let rust = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"));
    rust.map(|path| {
        (
            path.strip_prefix(root).unwrap().display().to_string(),
            code(&fs::read_to_string(&path).unwrap()),
        )
    })
    .collect()
}

/// The text without comments.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines
        .map(|line| line.split(" // ").next().unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

fn room(path: &str) -> &str {
    let rest = path.strip_prefix("src/").unwrap();
    rest.split(['/', '.']).next().unwrap()
}

fn named(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let group = after
            .strip_prefix('{')
            .map(|inner| inner.split('}').next().unwrap_or(inner));
        let names = group.map_or_else(|| vec![after], |group| group.split(',').collect());
        for name in names {
            let word = name
                .trim()
                .split(|c: char| !c.is_ascii_lowercase() && c != '_')
                .next()
                .unwrap_or_default();
            if !word.is_empty() {
                found.insert(word.to_owned());
            }
        }
    }
    found
}

#[test]
fn each_room_names_only_the_rooms_it_may() {
    let may: BTreeMap<&str, BTreeSet<&str>> = MAY
        .iter()
        .map(|(room, rooms)| (*room, rooms.iter().copied().collect()))
        .collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, code) in sources() {
        let here = room(&path).to_owned();
        if here == "lib" || here == "main" {
            continue;
        }
        let Some(allowed) = may.get(here.as_str()) else {
            wrong.push(format!("{path}: room {here} is not in the rule"));
            continue;
        };
        seen.insert(here.clone());
        for name in named(&code) {
            let own = name == here || !may.contains_key(name.as_str());
            let sandbox = name == "sandbox" && KNOW_THE_SANDBOX.iter().any(|start| path.starts_with(start));
            if !own && !sandbox && !allowed.contains(name.as_str()) {
                wrong.push(format!("{path}: {here} may not name {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() > 12, "the rule was held against too little: {seen:?}");
}

#[test]
fn the_pure_rooms_know_no_effects() {
    let mut wrong = Vec::new();
    for (path, code) in sources()
        .into_iter()
        .filter(|(path, _)| PURE.contains(&room(path)))
    {
        let code = code.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        wrong.extend(
            IMPURE
                .iter()
                .filter(|word| code.contains(**word))
                .map(|word| format!("{path}: `{word}`")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rule_sees_what_it_is_to_see() {
    let seen = named(
        "use crate::engine::lane;\nuse crate::{port::Store, store::vault};\nlet x = crate::journal::y();",
    );
    let wanted = ["engine", "journal", "port", "store"].map(str::to_owned);
    assert_eq!(seen, wanted.into_iter().collect());
    assert_eq!(
        named(&code(
            "//! crate::engine\n/// crate::store\nlet x = 1; // crate::port"
        )),
        BTreeSet::new()
    );
}

#[test]
fn the_lock_file_holds_one_tls_stack_and_none_of_the_banned() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let count = |name: &str| {
        lock.lines()
            .filter(|line| *line == format!("name = \"{name}\""))
            .count()
    };
    for banned in ["openssl-sys", "openssl", "native-tls", "rsa"] {
        assert_eq!(count(banned), 0, "{banned} is in the lock file");
    }
    for single in ["rustls", "hyper", "reqwest", "tokio", "quick-xml"] {
        assert_eq!(
            count(single),
            1,
            "{single} is there more than once, or not at all"
        );
    }
}
