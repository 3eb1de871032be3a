//! Finds secrets in bytes, whole or in part, in any form, also inside what is compressed.
//!
//! A part is [`PART`] bytes of a form in a row: what cuts a text short leaks as well.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::forms::{forms, unescaped};

/// Shorter than any secret, and long enough that chance finds none in a few megabytes.
const PART: usize = 12;

/// One secret to look for.
#[derive(Clone)]
pub struct Needle {
    pub name: String,
    pub bytes: Vec<u8>,
    /// Only all of it, since parts of it may be said.
    pub whole: bool,
}

impl Needle {
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Needle {
        Needle {
            name: name.into(),
            bytes: bytes.into(),
            whole: false,
        }
    }
}

type Key = [u8; PART];

/// All parts of all forms of all secrets.
pub struct Searcher {
    /// What begins with these bytes: the bytes that must follow, the secret, the form.
    parts: HashMap<Key, Vec<(Vec<u8>, usize, String)>>,
    needles: Vec<Needle>,
}

impl Searcher {
    pub fn new(needles: Vec<Needle>) -> Searcher {
        let mut parts: HashMap<Key, Vec<_>> = HashMap::new();
        for (at, needle) in needles.iter().enumerate() {
            for (form, bytes) in forms(&needle.bytes) {
                assert!(bytes.len() >= PART, "{} is too short to look for", needle.name);
                // Lists of numbers and zeros in between are common; a longer part of them is not.
                let long = if form.starts_with("list") || form.starts_with("UTF-16") {
                    2
                } else {
                    1
                };
                let length = if needle.whole {
                    bytes.len()
                } else {
                    bytes.len().min(PART * long)
                };
                for part in bytes.windows(length) {
                    let (key, rest) = part.split_first_chunk::<PART>().unwrap();
                    let known = parts.entry(*key).or_default();
                    if !known.iter().any(|(other, _, _)| other == rest) {
                        known.push((rest.to_vec(), at, form.clone()));
                    }
                }
            }
        }
        Searcher { parts, needles }
    }

    /// What is found: secret, form and place of each, once per form. As it is, and with its escapes undone twice.
    pub fn search(&self, place: &str, bytes: &[u8]) -> Vec<String> {
        let mut found = self.scan(place, bytes);
        let mut text = bytes.to_vec();
        for times in ["once", "twice"] {
            let plainer = unescaped(&text);
            if plainer == text {
                break;
            }
            found.extend(self.scan(&format!("{place}, unescaped {times},"), &plainer));
            text = plainer;
        }
        found
    }

    fn scan(&self, place: &str, bytes: &[u8]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for at in 0..bytes.len() {
            let Some((key, rest)) = bytes[at..].split_first_chunk::<PART>() else {
                break;
            };
            for (wanted, needle, form) in self.parts.get(key).into_iter().flatten() {
                let text = format!("{place} holds {} ({form})", self.needles[*needle].name);
                if rest.starts_with(wanted) && !found.iter().any(|known| known.starts_with(&text)) {
                    let around = &bytes[at.saturating_sub(80)..bytes.len().min(at + 60)];
                    found.push(format!("{text}: {}", String::from_utf8_lossy(around)));
                }
            }
        }
        found
    }

    /// Searches files, and what unpacks out of them.
    pub fn files(&self, files: &[PathBuf]) -> Vec<String> {
        let unpacked = tempfile::tempdir().unwrap();
        unpack(files, unpacked.path());
        let mut found = Vec::new();
        for file in files.iter().cloned().chain(files_below(unpacked.path())) {
            let bytes = std::fs::read(&file).unwrap();
            found.extend(self.search(&file.display().to_string(), &bytes));
        }
        found
    }
}

/// Every regular file below a directory; links are not followed, so that nothing is read twice.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

/// Writes everything that inflates out of `files` into `into`, with a library that the daemon does not use.
fn unpack(files: &[PathBuf], into: &Path) {
    let mut child = Command::new("python3")
        .args(["-c", include_str!("../tools/unpack.py")])
        .arg(into)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let mut input = child.stdin.take().unwrap();
    input.write_all(names.join("\n").as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success(), "unpack.py failed");
}

impl std::fmt::Display for Searcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: usize = self.parts.values().map(Vec::len).sum();
        write!(f, "{} secrets, {parts} parts of their forms", self.needles.len())
    }
}
