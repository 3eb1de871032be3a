//! The store's own log of who read a value by hand.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::port::Fault;

/// One line.
#[derive(Serialize)]
struct Entry<'a> {
    at: String,
    path: &'a str,
    who: &'a str,
    why: &'a str,
}

/// Appends one line, and returns once it is on the disk. Lines of several processes do not mix: each is one write
/// to a file opened for appending.
pub(super) fn record(log: &Path, path: &str, who: &str, why: &str, at: Timestamp) -> Result<(), Fault> {
    let entry = Entry {
        at: at.to_string(),
        path,
        who,
        why,
    };
    let unavailable = |why: &dyn std::fmt::Display| {
        Fault::Unavailable(format!(
            "the access log {} cannot be written: {why}",
            log.display()
        ))
    };
    let mut line = serde_json::to_string(&entry).map_err(|fault| unavailable(&fault))?;
    line.push('\n');
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options
        .open(log)
        .and_then(|mut file| file.write_all(line.as_bytes()).and_then(|()| file.sync_data()))
        .map_err(|fault| unavailable(&fault))
}
